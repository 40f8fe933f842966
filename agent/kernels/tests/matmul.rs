//! Every kernel against f64 products of the dequantised rows, within the error that the activations' quantisation allows.

use crate::support::{Random, Stored, cases, pairs};
use kernels::{Dense, Format, Gate, Kernel, Matrix, PackError, Pool, Scratch, Wait, matmul, matmul_gated};

/// |y − Σ w·x| is at most half a step of every activation times its weight, plus f32 rounding.
fn check(m: &Matrix, x: &[f32], n: usize, y: &[f32], what: &str) {
    let (rows, cols) = (m.rows(), m.cols());
    let mut w = vec![0.0; cols];
    for r in 0..rows {
        m.row(r, &mut w);
        for t in 0..n {
            let x = &x[t * cols..][..cols];
            let (mut exact, mut size, mut slack) = (0.0_f64, 0.0_f64, 0.0_f64);
            let step = |x: &[f32]| f64::from(x.iter().fold(0.0_f32, |m, v| m.max(v.abs()))) / 127.0;
            for (b, (xs, ws)) in x.chunks(32).zip(w.chunks(32)).enumerate() {
                let step = match m.format() {
                    Format::F16 => 0.0,
                    _ if m.is_row_scaled() => step(x),
                    _ => step(&x[b * 32..][..xs.len()]),
                };
                for (x, w) in xs.iter().zip(ws) {
                    exact += f64::from(*x) * f64::from(*w);
                    size += (f64::from(*x) * f64::from(*w)).abs();
                    slack += f64::from(w.abs()) * step * 0.51;
                    // An affine block multiplies code and minimum apart, both may be larger than their sum.
                    size += step * 127.0 * f64::from(w.abs()).max(1e-3);
                }
            }
            let (got, bound) = (f64::from(y[t * rows + r]), slack + 1e-5 * size + 1e-30);
            assert!((got - exact).abs() <= bound, "{what}: row {r}, token {t}: {got} against {exact}, allowed {bound}");
        }
    }
}

/// What the specification gives for the same weights: the same bits where a row is one integer sum, else the same
/// integer sums in floats that are associated otherwise.
fn check_scalar(m: &Matrix, reference: &Matrix, x: &[f32], y: &[f32], n: usize, what: &str) {
    let mut expected = vec![f32::NAN; y.len()];
    matmul(&Pool::new(1, Wait::Park), x, n, &[reference], &mut [&mut expected], &mut Scratch::new());
    let (mut w, mut v) = (vec![0.0; m.cols()], vec![0.0; m.cols()]);
    for row in 0..m.rows() {
        m.row(row, &mut w);
        reference.row(row, &mut v);
        assert_eq!(w, v, "{what}: row {row} is packed the same");
        for t in 0..n {
            let (got, wanted) = (y[t * m.rows() + row], expected[t * m.rows() + row]);
            if m.is_row_scaled() || wanted.is_nan() {
                assert!(got.to_bits() == wanted.to_bits() || got.is_nan() && wanted.is_nan(), "{what}: {got} {wanted}");
                continue;
            }
            let x = &x[t * m.cols()..][..m.cols()];
            let top = x.iter().fold(0.0_f32, |m, v| m.max(v.abs()));
            let size: f32 = w.iter().zip(x).map(|(w, x)| w.abs() * (x.abs() + top)).sum();
            assert!((got - wanted).abs() <= 1e-5 * (size + top) + 1e-30, "{what}: row {row}, token {t}: {got} {wanted}");
        }
    }
}

fn one_case(r: &mut Random, kernel: Kernel, format: Format, pool: &Pool, scratch: &mut Scratch) {
    let (rows, cols, n) = (r.size().min(80), r.size(), [0, 1, 1, 2, 3, 5, 7, 8, 13][r.below(9)]);
    let magnitude = [1.0, 1e-3, 1e3, 1e-30, 1e-40, 0.0][r.below(6)];
    // Half precision holds down to 6e-8: smaller weights are zeros, which are tested too.
    let weights: Vec<f32> = r.floats(rows * cols).into_iter().map(|w| w * [1.0, 0.02, 30.0][r.below(3)]).collect();
    let source = Dense::new(&weights, rows, cols).unwrap();
    let matrix = Matrix::pack(&source, format, kernel, pool).unwrap();
    // A misaligned slice: kernels may assume nothing about `x` and `y`.
    let shift = r.below(4);
    let mut x = r.floats(n * cols + shift);
    x.iter_mut().for_each(|v| *v *= magnitude);
    let mut y = vec![f32::NAN; n * rows + shift];
    matmul(pool, &x[shift..], n, &[&matrix], &mut [&mut y[shift..]], scratch);
    let what = format!("{kernel} {format} {rows}x{cols} n {n}");
    check(&matrix, &x[shift..], n, &y[shift..], &what);
    let reference = Matrix::pack(&source, format, Kernel::Scalar, pool).unwrap();
    check_scalar(&matrix, &reference, &x[shift..], &y[shift..], n, &what);
    scratch.apart(true);
    let mut apart = vec![f32::NAN; n * rows];
    matmul(pool, &x[shift..], n, &[&matrix], &mut [&mut apart], scratch);
    scratch.apart(false);
    let bits = |y: &[f32]| y.iter().map(|y| y.to_bits()).collect::<Vec<_>>();
    for t in 0..n {
        let mut alone = vec![f32::NAN; rows];
        matmul(pool, &x[shift + t * cols..][..cols], 1, &[&matrix], &mut [&mut alone], scratch);
        assert_eq!(bits(&apart[t * rows..][..rows]), bits(&alone), "{what}: token {t} apart from the others");
    }
    if n * cols > 0 && r.below(8) == 0 {
        x[shift + r.below(n * cols)] = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY][r.below(3)];
        matmul(pool, &x[shift..], n, &[&matrix], &mut [&mut y[shift..]], scratch);
        // Half precision multiplies what it is given: infinity times zero, or minus infinity, is for f32 to say.
        if format != Format::F16 {
            check_scalar(&matrix, &reference, &x[shift..], &y[shift..], n, &what);
        }
    }
}

/// `count` cases for every kernel, spread over the formats.
fn random_cases(count: usize) {
    let pool = Pool::new(2, Wait::default());
    let mut scratch = Scratch::new();
    for (kernel, format) in pairs() {
        let mut r = Random(0x5eed ^ format as u64);
        for _ in 0..count.div_ceil(Format::ALL.len()) {
            one_case(&mut r, kernel, format, &pool, &mut scratch);
        }
    }
}

#[test]
fn every_kernel_agrees_with_f64_and_the_specification() {
    random_cases(cases(440));
}

#[test]
fn quantised_rows_are_near_what_was_packed() {
    let pool = Pool::new(2, Wait::default());
    let mut r = Random(3);
    for (kernel, format) in pairs() {
        let (rows, cols) = (19, 640);
        let w = r.floats(rows * cols);
        let m = Matrix::pack(&Dense::new(&w, rows, cols).unwrap(), format, kernel, &pool).unwrap();
        let mut back = vec![0.0; cols];
        let (mut error, mut power) = (0.0, 0.0);
        for row in 0..rows {
            m.row(row, &mut back);
            for (a, b) in w[row * cols..].iter().zip(&back) {
                error += f64::from(a - b).powi(2);
                power += f64::from(*a).powi(2);
            }
        }
        let bound = match format {
            Format::F16 => 0.0005,
            Format::W8 | Format::W8A8 => 0.006,
            Format::W6 => 0.025,
            Format::W5 => 0.05,
            Format::W4 => 0.08,
            Format::W3 => 0.15,
            Format::W2 => 0.33,
            Format::Ternary | Format::Ternary167 => 0.5,
            Format::Sherry => 0.6,
        };
        assert!((error / power).sqrt() < bound, "{kernel} {format}: {}", (error / power).sqrt());
        // 19 rows in tiles of 16 and half precision of 640 columns: padding is counted.
        assert!(m.bits_per_weight() > 0.0 && m.bytes() as f64 * 8.0 / (rows * cols) as f64 == m.bits_per_weight());
    }
}

#[test]
fn several_matrices_in_one_call_are_the_same_as_apart() {
    let pool = Pool::new(2, Wait::default());
    let mut r = Random(11);
    for kernel in Kernel::available() {
        let cols = 192;
        let matrices: Vec<Matrix> =
            [(Format::W4, 33), (Format::Ternary, 16), (Format::F16, 7), (Format::W8, 0), (Format::W6, 70)]
                .into_iter()
                .map(|(format, rows)| {
                    Matrix::pack(&Dense::new(&r.floats(rows * cols), rows, cols).unwrap(), format, kernel, &pool).unwrap()
                })
                .collect();
        for n in [1, 4, 9] {
            let x = r.floats(n * cols);
            let mut together: Vec<Vec<f32>> = matrices.iter().map(|m| vec![0.0; n * m.rows()]).collect();
            let mut apart = together.clone();
            let weights: Vec<&Matrix> = matrices.iter().collect();
            let mut outs: Vec<&mut [f32]> = together.iter_mut().map(Vec::as_mut_slice).collect();
            matmul(&pool, &x, n, &weights, &mut outs, &mut Scratch::new());
            let alone = Pool::new(1, Wait::Park);
            for (m, y) in matrices.iter().zip(&mut apart) {
                matmul(&alone, &x, n, &[m], &mut [y], &mut Scratch::new());
            }
            assert_eq!(together, apart, "{kernel} n {n}: threads and company change nothing");
        }
    }
}

#[test]
fn gated_products_are_the_same_as_their_parts() {
    let pool = Pool::new(2, Wait::default());
    let mut r = Random(15);
    let mut scratch = Scratch::new();
    for (kernel, format) in pairs() {
        for (rows, cols, n) in [(1, 64, 2), (16, 100, 3), (33, 64, 1), (70, 300, 7), (96, 1600, 13), (0, 32, 2), (20, 0, 2)] {
            let pack = |r: &mut Random| {
                Matrix::pack(&Dense::new(&r.floats(rows * cols), rows, cols).unwrap(), format, kernel, &pool).unwrap()
            };
            let both = [pack(&mut r), pack(&mut r)];
            let x = r.floats(n * cols);
            for f in [Gate::Silu, Gate::Gelu] {
                let (mut gate, mut up, mut got) = (vec![0.0; n * rows], vec![0.0; n * rows], vec![f32::NAN; n * rows]);
                matmul(&pool, &x, n, &[&both[0], &both[1]], &mut [&mut gate, &mut up], &mut scratch);
                f.apply(&mut gate, &up);
                matmul_gated(&pool, &x, n, [&both[0], &both[1]], f, &mut got, &mut scratch);
                assert_eq!(got, gate, "{kernel} {format} {rows} x {cols} n {n} {f:?}");
            }
        }
    }
}

#[test]
fn what_is_not_finite_poisons_its_token_alone() {
    let pool = Pool::new(2, Wait::default());
    let mut r = Random(12);
    for (kernel, format) in pairs() {
        let (rows, cols, n) = (20, 128, 3);
        let m = Matrix::pack(&Dense::new(&r.floats(rows * cols), rows, cols).unwrap(), format, kernel, &pool).unwrap();
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut x = r.floats(n * cols);
            x[cols + 77] = bad;
            let mut y = vec![0.0; n * rows];
            matmul(&pool, &x, n, &[&m], &mut [&mut y], &mut Scratch::new());
            for (t, y) in y.chunks(rows).enumerate() {
                assert!(y.iter().all(|v| v.is_finite() != (t == 1)), "{kernel} {format} token {t}: {y:?}");
            }
        }
        let mut tiny = vec![f32::from_bits(3); n * cols];
        tiny[5] = -f32::MIN_POSITIVE / 2.0;
        let mut y = vec![1.0; n * rows];
        matmul(&pool, &tiny, n, &[&m], &mut [&mut y], &mut Scratch::new());
        assert!(y.iter().all(|v| v.abs() < 1e-35), "{kernel} {format}: subnormal activations");
    }
}

#[test]
fn stored_blocks_are_kept() {
    let pool = Pool::new(2, Wait::default());
    let mut r = Random(13);
    for kernel in Kernel::available() {
        for (format, bits) in Format::ALL.into_iter().filter_map(|f| Some((f, f.code_bits()?))) {
            for (block, symmetric) in [(16, true), (16, false), (32, true), (32, false)] {
                let stored = Stored::random(&mut r, 21, 5, bits, block, symmetric, false);
                let m = Matrix::pack(&stored, format, kernel, &pool).unwrap();
                let (mut got, mut expected) = (vec![0.0; stored.cols], vec![0.0; stored.cols]);
                for row in 0..21 {
                    m.row(row, &mut got);
                    kernels::Source::row(&stored, row, &mut expected);
                    // Scales are half-precision numbers: nothing is rounded, but the symmetric form sums otherwise.
                    for (a, b) in got.iter().zip(&expected) {
                        assert!((a - b).abs() <= 1e-6 * (1.0 + b.abs()), "{kernel} {format} block {block}: {a} {b}");
                    }
                }
                let n = 3;
                let x = r.floats(n * stored.cols);
                let mut y = vec![0.0; n * 21];
                matmul(&pool, &x, n, &[&m], &mut [&mut y], &mut Scratch::new());
                check(&m, &x, n, &y, &format!("{kernel} {format} block {block} symmetric {symmetric}"));
            }
        }
    }
}

/// Fewer stored bits in a wider format: nothing is lost, symmetric or not.
#[test]
fn fewer_stored_bits_are_kept_by_wider_formats() {
    let pool = Pool::new(2, Wait::default());
    let mut r = Random(15);
    for kernel in Kernel::available() {
        for (format, wide) in [Format::W8, Format::W6, Format::W5, Format::W4, Format::W3].map(|f| (f, f.code_bits().unwrap())) {
            for (bits, block, symmetric) in (2..wide).flat_map(|b| [(b, 16, true), (b, 32, true), (b, 16, false), (b, 32, false)])
            {
                let stored = Stored::random(&mut r, 21, 6, bits, block, symmetric, false);
                let m = Matrix::pack(&stored, format, kernel, &pool).unwrap();
                let (mut got, mut expected) = (vec![0.0; stored.cols], vec![0.0; stored.cols]);
                let (mut worst, mut top) = (0.0_f32, 0.0_f32);
                for row in 0..21 {
                    m.row(row, &mut got);
                    kernels::Source::row(&stored, row, &mut expected);
                    let off = |a: &f32, b: &f32| (a - b).abs() / (1.0 + b.abs());
                    worst = got.iter().zip(&expected).map(|(a, b)| off(a, b)).fold(worst, f32::max);
                    top = expected.iter().fold(top, |m, v| m.max(v.abs()));
                }
                // Eight bits of other blocks are quantised: half a step of the largest weight.
                let kept = format != Format::W8 || (symmetric && block == 32);
                let bound = if kept { 1e-6 } else { top / 127.0 * 0.51 };
                assert!(worst <= bound, "{kernel} {format} of {bits} bits, block {block}, symmetric {symmetric}: {worst}");
                let x = r.floats(2 * stored.cols);
                let mut y = vec![0.0; 2 * 21];
                matmul(&pool, &x, 2, &[&m], &mut [&mut y], &mut Scratch::new());
                check(&m, &x, 2, &y, &format!("{kernel} {format} of {bits} bits, block {block} symmetric {symmetric}"));
            }
        }
    }
}

#[test]
fn wrong_sources_are_errors() {
    let pool = Pool::new(1, Wait::Park);
    let mut r = Random(14);
    let mut stored = Stored::random(&mut r, 2, 2, 4, 32, true, true);
    stored.codes[70] = 16;
    let got = Matrix::pack(&stored, Format::W4, Kernel::Scalar, &pool);
    assert!(matches!(got, Err(PackError::Code { row: 1, code: 16, bits: 4 })));
    stored.stored.block = 24;
    assert!(matches!(Matrix::pack(&stored, Format::W4, Kernel::Scalar, &pool), Err(PackError::Blocks { block: 24, .. })));
    let wide = vec![0.0; (1 << 17) + 1];
    let dense = Dense::new(&wide, 1, wide.len()).unwrap();
    assert!(matches!(Matrix::pack(&dense, Format::W8A8, Kernel::Scalar, &pool), Err(PackError::TooWide { .. })));
    assert!(Matrix::pack(&dense, Format::W8, Kernel::Scalar, &pool).is_ok());
    assert!(Dense::new(&wide, 3, 5).is_none());
}

#[test]
fn the_chosen_kernel_can_run() {
    for format in Format::ALL {
        let best = Kernel::best_for(format);
        assert!(best.is_available());
        assert_eq!(best, Kernel::best_for(format), "remembered");
    }
}
