use super::*;

/// Pseudo-normal weights: sums of a fixed sequence.
fn weights(n: usize, seed: u64) -> Vec<f32> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1_u64 << 24) as f32 - 0.5
    };
    (0..n).map(|_| (0..6).map(|_| next()).sum()).collect()
}

fn relative_error(format: Format) -> f64 {
    let w = weights(4096, 7);
    let mut out = Codes::default();
    row(0, &w, format, 4096, &mut out).unwrap();
    let zero = f32::from(1_u16 << format.zero_log2());
    let (mut error, mut power) = (0.0, 0.0);
    for (i, v) in w.iter().enumerate() {
        let back = match format {
            _ if format.code_bits().is_some() => out.scales[i / format.group()].to_f32() * (f32::from(out.codes[i]) - zero),
            _ => out.row_scale * (f32::from(out.codes[i]) - zero),
        };
        error += f64::from(v - back).powi(2);
        power += f64::from(*v).powi(2);
    }
    (error / power).sqrt()
}

#[test]
fn fewer_bits_cost_more_error_and_none_too_much() {
    let mut last = 0.0;
    // Root mean square error over root mean square weight of a normal sample; bounds a little above what was measured.
    for (format, bound) in [
        (Format::W8, 0.008),
        (Format::W6, 0.03),
        (Format::W5, 0.055),
        (Format::W4, 0.095),
        (Format::W3, 0.17),
        (Format::W2, 0.34),
        (Format::Ternary, 0.55),
        (Format::Sherry, 0.65),
    ] {
        let error = relative_error(format);
        assert!(error < bound && error > last, "{format}: {error}, after {last}");
        last = error;
    }
}

/// On average a fine grid of scales fits hardly better; for single blocks the coarse search may miss.
#[test]
fn the_search_comes_near_the_best_scale() {
    for bits in [2_u8, 3, 4, 5] {
        let mut ratios = 0.0_f64;
        for seed in 0..40 {
            let w = weights(16, seed);
            let zero = f32::from(1_u16 << (bits - 1));
            let peak = w.iter().fold(0.0_f32, |m, v| m.max(v.abs()));
            let error = |scale: f32| -> f64 {
                w.iter().map(|v| f64::from(v - scale * (v / scale).round().clamp(-zero, zero - 1.0)).powi(2)).sum()
            };
            let (mut codes, mut scales) = ([0; 16], Vec::new());
            blocks::symmetric(0, &w, 16, bits, &mut codes, &mut scales).unwrap();
            let found = error(scales[0].to_f32());
            let grid = (1..4000).flat_map(|i| [1.0, -1.0].map(|sign| sign * peak * i as f32 * 0.0005));
            ratios += found / grid.map(error).fold(f64::INFINITY, f64::min) / 40.0;
        }
        assert!(ratios < 1.2, "{bits} bits: {ratios}");
    }
}

/// Blocks are searched sixteen at a time: which ones stand beside a block, and how many, changes nothing.
#[test]
fn company_changes_no_block() {
    let w = weights(16 * 37 + 5, 3);
    for (group, bits) in [(16, 2), (16, 3), (32, 4), (32, 5), (32, 6), (32, 8)] {
        let (mut codes, mut scales) = (vec![0; w.len()], Vec::new());
        blocks::symmetric(0, &w, group, bits, &mut codes, &mut scales).unwrap();
        assert_eq!(scales.len(), w.len().div_ceil(group));
        for (b, block) in w.chunks(group).enumerate() {
            let (mut alone, mut scale) = (vec![0; block.len()], Vec::new());
            blocks::symmetric(0, block, group, bits, &mut alone, &mut scale).unwrap();
            assert_eq!((scale[0], &alone[..]), (scales[b], &codes[b * group..][..block.len()]), "{bits} bits, block {b}");
        }
    }
}

#[test]
fn ternary_rows_come_back_exactly() {
    let w: Vec<f32> = (0..200).map(|i| [0.37, 0.0, -0.37, 0.37, -0.37][i % 5]).collect();
    let mut codes = vec![0; 200];
    let scale = ternary(&w, &mut codes);
    assert_eq!(scale.to_bits(), 0.37_f32.to_bits());
    assert!(w.iter().zip(&codes).all(|(v, c)| ((f32::from(*c) - 1.0) * scale - *v).abs() < 1e-30));
    let sparse: Vec<f32> = (0..200).map(|i| if i % 4 == i / 4 % 4 { 0.0 } else { [0.2, -0.2, 0.2][i % 3] }).collect();
    let scale = sherry(&sparse, &mut codes);
    assert!(sparse.iter().zip(&codes).all(|(v, c)| ((f32::from(*c) - 1.0) * scale - *v).abs() < 1e-30));
}

#[test]
fn hostile_rows_are_errors() {
    let mut out = Codes::default();
    let got = row(3, &[1.0, f32::NAN], Format::W4, 64, &mut out);
    assert!(matches!(got, Err(PackError::NotFinite { row: 3, col: 1, .. })));
    for format in [Format::W8, Format::W4, Format::W2] {
        assert!(matches!(row(0, &[f32::MAX, 0.0], format, 64, &mut out), Err(PackError::Range { .. })), "{format}");
    }
}

#[test]
fn zeros_and_subnormals_stay_harmless() {
    for format in Format::ALL {
        let mut out = Codes::default();
        row(0, &[0.0; 40], format, 64, &mut out).unwrap();
        row(0, &[f32::from_bits(1); 40], format, 64, &mut out).unwrap();
        assert!(out.scales.iter().all(|s| s.is_finite()));
    }
}
