//! Integer sums, bit for bit: scales are powers of two and activations integers, so that the float parts are exact too.

use crate::support::{Random, Stored, cases};
use kernels::{Dense, Format, Kernel, Matrix, Pool, Scratch, Source, Wait, matmul};

/// Integers in [−127, 127] with a ±127 in every block of 32: their scale is exactly one.
fn integers(r: &mut Random, n: usize, cols: usize) -> Vec<f32> {
    let mut x: Vec<f32> = (0..n * cols).map(|_| r.below(255) as f32 - 127.0).collect();
    for token in x.chunks_mut(cols.max(1)) {
        for block in token.chunks_mut(32) {
            let at = r.below(block.len());
            block[at] = if r.below(2) == 0 { 127.0 } else { -127.0 };
        }
    }
    x
}

fn product(source: &dyn Source, format: Format, kernel: Kernel, x: &[f32], n: usize, pool: &Pool) -> Vec<f32> {
    let m = Matrix::pack(source, format, kernel, pool).unwrap();
    let mut y = vec![f32::NAN; n * m.rows()];
    matmul(pool, x, n, &[&m], &mut [&mut y], &mut Scratch::new());
    y
}

/// The definition, in 64-bit integers and exact doubles.
fn definition(source: &dyn Source, x: &[f32], n: usize) -> Vec<f32> {
    let (rows, cols) = (source.rows(), source.cols());
    let mut w = vec![0.0; cols];
    let mut y = vec![0.0; n * rows];
    for r in 0..rows {
        source.row(r, &mut w);
        for t in 0..n {
            y[t * rows + r] = w.iter().zip(&x[t * cols..]).map(|(w, x)| f64::from(*w) * f64::from(*x)).sum::<f64>() as f32;
        }
    }
    y
}

#[test]
fn block_sums_are_exact_on_every_kernel() {
    block_cases(cases(200));
}

/// `count` cases for every kernel.
fn block_cases(count: usize) {
    let pool = Pool::new(2, Wait::default());
    for kernel in Kernel::available() {
        let mut r = Random(21);
        for _ in 0..count {
            let formats = [Format::W8, Format::W6, Format::W5, Format::W4, Format::W3, Format::W2];
            let format = formats[r.below(6)];
            let (rows, blocks, n) = (r.below(50), r.below(14), [1, 1, 2, 6, 9][r.below(5)]);
            let (block, symmetric) = ([16, 32][r.below(2)], r.below(2) == 0);
            let stored = Stored::random(&mut r, rows, blocks, format.code_bits().unwrap(), block, symmetric, true);
            let x = integers(&mut r, n, stored.cols);
            let got = product(&stored, format, kernel, &x, n, &pool);
            assert_eq!(
                got,
                definition(&stored, &x, n),
                "{kernel} {format} {rows} x {blocks}·{block} n {n} symmetric {symmetric}"
            );
        }
    }
}

#[test]
fn row_sums_are_exact_on_every_kernel() {
    row_cases(cases(200));
}

/// `count` cases for every kernel.
fn row_cases(count: usize) {
    let pool = Pool::new(2, Wait::default());
    for kernel in Kernel::available() {
        let mut r = Random(22);
        for _ in 0..count {
            let format = [Format::W8A8, Format::Ternary, Format::Ternary167, Format::Sherry][r.below(4)];
            let (rows, cols, n) = (r.below(50), r.size(), [1, 1, 2, 6, 9][r.below(5)]);
            let mut w = vec![0.0_f32; rows * cols];
            for row in w.chunks_mut(cols.max(1)) {
                let scale = [1.0, 0.5, -2.0][r.below(3)];
                if format == Format::W8A8 {
                    row.iter_mut().for_each(|w| *w = (r.below(255) as f32 - 127.0) * scale);
                    let at = r.below(row.len());
                    row[at] = 127.0 * scale;
                    continue;
                }
                for four in row.chunks_mut(4) {
                    let zero = r.below(4);
                    for (lane, w) in four.iter_mut().enumerate() {
                        let free = [-1.0, 0.0, 1.0][r.below(3)];
                        let signed = [-1.0, 1.0][r.below(2)];
                        *w = scale * if format == Format::Sherry { if lane == zero { 0.0 } else { signed } } else { free };
                    }
                    // A short four needs its zero inside the row.
                    if format == Format::Sherry && four.len() < 4 && zero >= four.len() {
                        four[0] = 0.0;
                    }
                }
            }
            let source = Dense::new(&w, rows, cols).unwrap();
            let x = integers(&mut r, n, cols);
            let got = product(&source, format, kernel, &x, n, &pool);
            assert_eq!(got, definition(&source, &x, n), "{kernel} {format} {rows} x {cols} n {n}");
        }
    }
}

#[test]
fn kernels_agree_bit_for_bit_where_a_row_is_one_integer() {
    let pool = Pool::new(2, Wait::default());
    let mut r = Random(23);
    for format in [Format::W8A8, Format::Ternary, Format::Ternary167, Format::Sherry] {
        for (rows, cols, n) in [(37, 300, 1), (16, 2048, 7), (5, 131_072, 1), (1, 20, 3)] {
            let w = r.floats(rows * cols);
            let x = r.floats(n * cols);
            let source = Dense::new(&w, rows, cols).unwrap();
            let expected = product(&source, format, Kernel::Scalar, &x, n, &pool);
            for kernel in Kernel::available() {
                let bits = |y: Vec<f32>| y.into_iter().map(f32::to_bits).collect::<Vec<_>>();
                assert_eq!(bits(product(&source, format, kernel, &x, n, &pool)), bits(expected.clone()), "{kernel} {format}");
            }
        }
    }
}

#[test]
fn ternary_blocks_with_differing_scales_keep_them() {
    let pool = Pool::new(1, Wait::Park);
    let mut r = Random(24);
    for kernel in Kernel::available() {
        for uniform in [true, false] {
            let mut stored = Stored::random(&mut r, 18, 4, 2, 32, true, true);
            stored.codes.iter_mut().for_each(|c| *c = (*c).min(2));
            for (i, (s, m)) in stored.scales.iter_mut().zip(&mut stored.mins).enumerate() {
                *s = if uniform { 0.5 } else { [0.5, 2.0, 1.0, 0.0][i % 4] };
                *m = -*s;
            }
            let m = Matrix::pack(&stored, Format::Ternary, kernel, &pool).unwrap();
            assert_eq!(m.is_row_scaled(), uniform);
            let x = integers(&mut r, 2, stored.cols);
            assert_eq!(
                product(&stored, Format::Ternary, kernel, &x, 2, &pool),
                definition(&stored, &x, 2),
                "{kernel} uniform {uniform}"
            );
        }
    }
}
