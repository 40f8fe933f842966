use super::*;

fn close(a: f32, b: f64, tolerance: f64) {
    assert!((f64::from(a) - b).abs() <= tolerance * b.abs().max(1e-3), "{a} against {b}");
}

fn wave(n: usize) -> Vec<f32> {
    (0..n).map(|i| ((i * 7919 % 1000) as f32 - 500.0) * 0.013).collect()
}

#[test]
fn exp_agrees_with_f64_over_its_range() {
    for i in -8_650..8_870 {
        let x = i as f32 * 0.01;
        let mut one = [x];
        exp_sum(&mut one, 0.0);
        let exact = f64::from(x).exp();
        assert!((f64::from(one[0]) - exact).abs() <= exact * 2.5e-7, "{x}: {} against {exact}", one[0]);
    }
    let mut ends = [f32::NEG_INFINITY, -1e30, 200.0, f32::NAN];
    exp_sum(&mut ends, 0.0);
    assert_eq!(ends[0].to_bits() | ends[1].to_bits(), 0);
    assert!(ends[2].is_infinite() && ends[3].is_nan());
}

#[test]
fn norm_of_rows_and_heads() {
    for n in [1, 5, 16, 33, 576] {
        let (x, w) = (wave(3 * n), wave(n));
        let mut out = vec![0.0; 3 * n];
        rms_norm(&x, &w, 1e-5, &mut out);
        for (r, row) in x.chunks(n).enumerate() {
            let mean = row.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>() / n as f64;
            for i in 0..n {
                close(out[r * n + i], f64::from(row[i]) * f64::from(w[i]) / (mean + 1e-5).sqrt(), 1e-5);
            }
        }
        let mut again = x.clone();
        rms_norm_in_place(&mut again, &w, 1e-5);
        assert_eq!(again, out);
    }
}

#[test]
fn activations_agree_with_f64() {
    let (gate, up) = (wave(100), wave(100));
    let mut silu = gate.clone();
    silu_mul(&mut silu, &up);
    let mut gelu = gate.clone();
    gelu_mul(&mut gelu, &up);
    let mut capped = gate.clone();
    soft_cap(&mut capped, 5.0);
    for i in 0..100 {
        let (g, u) = (f64::from(gate[i]), f64::from(up[i]));
        close(silu[i], g / (1.0 + (-g).exp()) * u, 1e-5);
        let z = (2.0 / std::f64::consts::PI).sqrt() * (g + 0.044715 * g.powi(3));
        close(gelu[i], 0.5 * g * (1.0 + z.tanh()) * u, 2e-5);
        close(capped[i], 5.0 * (g / 5.0).tanh(), 1e-5);
    }
}

#[test]
fn rope_turns_pairs_and_keeps_the_rest() {
    let frequencies = rope_frequencies(10_000.0, 8);
    close(frequencies[1], 0.1, 1e-6);
    let rotation = Rotation::new(11, &frequencies);
    let x = wave(24);
    for layout in [RopeLayout::Interleaved, RopeLayout::HalfSplit] {
        let mut y = x.clone();
        rope(&mut y, 12, layout, &rotation);
        for head in [0, 12] {
            for (i, frequency) in frequencies.iter().enumerate() {
                let (a, b) = if layout == RopeLayout::Interleaved { (2 * i, 2 * i + 1) } else { (i, i + 4) };
                let (s, c) = (11.0 * f64::from(*frequency)).sin_cos();
                let (xa, xb) = (f64::from(x[head + a]), f64::from(x[head + b]));
                close(y[head + a], xa * c - xb * s, 1e-5);
                close(y[head + b], xa * s + xb * c, 1e-5);
            }
            assert_eq!(y[head + 8..head + 12], x[head + 8..head + 12]);
        }
    }
}

#[test]
fn softmax_sums_to_one() {
    for n in [0, 1, 15, 16, 100] {
        let mut x = wave(n);
        softmax(&mut x);
        assert!(n == 0 || (x.iter().sum::<f32>() - 1.0).abs() < 1e-5);
    }
}
