use super::*;

#[test]
fn every_code_comes_back_from_every_layout() {
    for format in Format::ALL.into_iter().filter(|f| *f != Format::F16) {
        for lanes in [1, 4, 8, 16] {
            let scalings = match format {
                Format::W8A8 | Format::Ternary167 | Format::Sherry => vec![Scaling::Row],
                _ => vec![Scaling::Row, Scaling::Block { group: 32, affine: false }, Scaling::Block { group: 16, affine: true }],
            };
            for scaling in scalings {
                // Four lanes are NEON's and eight AVX2's, which have their own order of Sherry's patterns.
                let kernel = [(4, Kernel::Neon), (8, Kernel::Avx2)].into_iter().find(|(n, _)| *n == lanes);
                let kernel = kernel.map_or(Kernel::Scalar, |(_, kernel)| kernel);
                let layout = Layout::new(format, scaling, lanes, lanes, 200).unwrap().for_kernel(kernel);
                let levels = match format {
                    Format::Ternary | Format::Ternary167 => 3,
                    Format::W8A8 => 256,
                    Format::Sherry => 0,
                    _ => 1_u32 << format.code_bits().unwrap(),
                };
                let mut tile = vec![0; layout.tile()];
                let row = |r: usize| -> Vec<u8> {
                    (0..layout.padded())
                        .map(|k| {
                            let n = (k * 31 + r * 7 + k * k) as u32;
                            if levels == 0 { sherry::trits(((k / 4 * 5 + r * 3) % 32) as u8)[k % 4] } else { (n % levels) as u8 }
                        })
                        .collect()
                };
                for r in 0..lanes {
                    layout.put_row(&mut tile, r, &row(r));
                }
                for r in 0..lanes {
                    let back: Vec<u8> = (0..layout.padded()).map(|k| layout.code(&tile, r, k)).collect();
                    assert_eq!(back, row(r), "{format} lanes {lanes} {scaling:?} row {r}");
                }
            }
        }
    }
}

#[test]
fn scales_and_minima_do_not_overlap_codes() {
    let layout = Layout::new(Format::W6, Scaling::Block { group: 16, affine: true }, 16, 16, 128).unwrap();
    assert_eq!(layout.chunk, 2 * 6 * 64 + 4 * 32 + 4 * 32);
    assert_eq!(layout.scale(0, 0), 768);
    assert_eq!(layout.scale(3, 5), layout.chunk + 768 + 32 + 6);
    assert_eq!(layout.min(15, 3) + 2, layout.chunk);
}

#[test]
fn sherry_patterns_are_llama_cpp_s_codebook() {
    // Two bits a lane, lane 0 lowest: the codebook of STQ1_0 (qeil.md, section 6.5).
    let published = [
        0xA9, 0x89, 0x29, 0x09, 0xA6, 0x86, 0x26, 0x06, 0x9A, 0x92, 0x1A, 0x12, 0x6A, 0x62, 0x4A, 0x42, 0x01, 0x21, 0x81, 0xA1,
        0x04, 0x24, 0x84, 0xA4, 0x10, 0x18, 0x90, 0x98, 0x40, 0x48, 0x60, 0x68,
    ];
    for (p, byte) in published.into_iter().enumerate() {
        let codes = sherry::trits(p as u8);
        assert_eq!(codes.iter().rev().fold(0, |acc, c| acc << 2 | c), byte, "pattern {p}");
        assert_eq!(sherry::pattern(codes), p as u8);
    }
}

#[test]
fn true_bits_per_weight() {
    let bits = |format, scaling| {
        let layout = Layout::new(format, scaling, 16, 16, 640).unwrap();
        layout.bytes() as f64 * 8.0 / (16.0 * 640.0)
    };
    let block = Scaling::Block { group: 32, affine: false };
    for (format, scaling, expected) in [
        (Format::W8, block, 8.5),
        (Format::W4, block, 4.5),
        (Format::W4, Scaling::Block { group: 32, affine: true }, 5.0),
        (Format::Ternary, Scaling::Row, 2.0),
        (Format::Ternary167, Scaling::Row, 1.6),
        (Format::Sherry, Scaling::Row, 1.25),
    ] {
        assert!((bits(format, scaling) - expected).abs() < 1e-12, "{format}");
    }
}
