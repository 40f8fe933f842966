use super::*;
use crate::{Wait, matmul};

/// Columns of the effective matrix through the product itself, so that backbone, bypass and gate all count.
fn columns(m: &Matrix, pool: &Pool) -> Vec<f32> {
    let (rows, cols) = (m.rows(), m.cols());
    let mut all = vec![0.0; rows * cols];
    let mut scratch = Scratch::new();
    for c in 0..cols {
        let mut x = vec![0.0; cols];
        x[c] = 1.0;
        let mut y = vec![0.0; rows];
        matmul(pool, &x, 1, &[m], &mut [&mut y], &mut scratch);
        y.iter().enumerate().for_each(|(r, y)| all[r * cols + c] = *y);
    }
    all
}

/// Ternary plus a matrix of rank 2.
fn weights(rows: usize, cols: usize) -> Vec<f32> {
    let one = |i: usize| {
        let (r, c) = ((i / cols) as f32, (i % cols) as f32);
        (i * 7 % 3) as f32 - 1.0 + 0.3 * (r * 0.2).sin() * (c * 0.3).cos() + 0.2 * (r * 0.5).cos()
    };
    (0..rows * cols).map(one).collect()
}

fn distance(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2)).sum()
}

#[test]
fn the_correction_takes_back_what_rank_allows() {
    let (rows, cols) = (48, 64);
    let w = weights(rows, cols);
    let source = Dense::new(&w, rows, cols).unwrap();
    let pool = Pool::new(1, Wait::Park);
    for format in [Format::Ternary, Format::Ternary167, Format::Sherry, Format::W2] {
        let loss = |rank| {
            let m = Matrix::corrected(&source, format, rank, 5, Kernel::Scalar, &pool).unwrap();
            assert_eq!(m.rank(), rank);
            distance(&columns(&m, &pool), &w)
        };
        let (none, two, full) = (loss(0), loss(2), loss(48));
        // Sherry's loss is no matrix of rank 2, W2's is small.
        let most = if matches!(format, Format::Ternary | Format::Ternary167) { 0.5 } else { 0.98 };
        assert!(two < most * none, "{format}: {none} {two}");
        assert!(full < 1e-3 * none, "{format}: {none} {full}");
    }
}

#[test]
fn rows_bytes_and_batches_count_the_correction() {
    let (rows, cols, rank) = (48, 64, 3);
    let w = weights(rows, cols);
    let source = Dense::new(&w, rows, cols).unwrap();
    let pool = Pool::new(2, Wait::default());
    for kernel in Kernel::available() {
        let plain = Matrix::pack(&source, Format::Ternary, kernel, &pool).unwrap();
        let m = Matrix::corrected(&source, Format::Ternary, rank, 5, kernel, &pool).unwrap();
        let mut row = vec![0.0; cols];
        let all: Vec<f32> = (0..rows)
            .flat_map(|r| {
                m.row(r, &mut row);
                row.clone()
            })
            .collect();
        assert!(distance(&all, &w) < 0.6 * distance(&columns(&plain, &pool), &w));
        assert!(distance(&all, &columns(&m, &pool)) < 1e-2, "{kernel}: what a row says is what is multiplied");
        assert!(m.bytes() >= plain.bytes() + 2 * rank * (rows + cols));
        assert_eq!(m.multiplications(), (rows * cols + rank * (rows + cols)) as u64);
        // Beside others and in batches as alone.
        let x: Vec<f32> = (0..3 * cols).map(|i| (i % 13) as f32 - 6.0).collect();
        let (mut a, mut b) = (vec![0.0; 3 * rows], vec![0.0; 3 * rows]);
        matmul(&pool, &x, 3, &[&plain, &m], &mut [&mut a, &mut b], &mut Scratch::new());
        for t in 0..3 {
            let mut alone = vec![0.0; rows];
            matmul(&pool, &x[t * cols..][..cols], 1, &[&m], &mut [&mut alone], &mut Scratch::new());
            assert!(distance(&alone, &b[t * rows..][..rows]) < 1e-3, "{kernel} token {t}");
        }
        assert!(distance(&a, &b) > 1.0);
    }
}

#[test]
fn the_same_seed_gives_the_same_matrix_on_any_threads() {
    let w = weights(48, 64);
    let source = Dense::new(&w, 48, 64).unwrap();
    let fit = |threads| {
        let pool = Pool::new(threads, Wait::Park);
        columns(&Matrix::corrected(&source, Format::Sherry, 4, 9, Kernel::Scalar, &pool).unwrap(), &pool)
    };
    assert_eq!(fit(1), fit(3));
}

#[test]
fn gates_are_near_one_and_closed_where_nothing_is_lost() {
    let pool = Pool::new(1, Wait::Park);
    let w = weights(48, 64);
    let gate = |w: &[f32], format| {
        let source = Dense::new(w, 48, 64).unwrap();
        Matrix::corrected(&source, format, 2, 1, Kernel::Scalar, &pool).unwrap().gate().unwrap()
    };
    assert!((gate(&w, Format::Ternary) - 1.0).abs() < 1e-2);
    let ternary: Vec<f32> = (0..48 * 64).map(|i| (i * 7 % 3) as f32 - 1.0).collect();
    assert_eq!(gate(&ternary, Format::Ternary).to_bits(), 0.0_f32.to_bits());
}

#[test]
fn shapes_are_checked() {
    let pool = Pool::new(1, Wait::Park);
    let w = vec![1.0; 12];
    let pack = |rows, cols, format| Matrix::pack(&Dense::new(&w, rows, cols).unwrap(), format, Kernel::Scalar, &pool).unwrap();
    let base = || pack(3, 4, Format::Ternary);
    assert!(base().with_correction(pack(3, 4, Format::F16), pack(4, 3, Format::F16), 0.5).is_err());
    assert!(base().with_correction(pack(3, 4, Format::F16), pack(3, 4, Format::W8), 0.5).is_err());
    assert!(base().with_correction(pack(3, 4, Format::F16), pack(4, 3, Format::F16), 0.5).is_err());
    let square = Matrix::pack(&Dense::new(&w[..9], 3, 3).unwrap(), Format::F16, Kernel::Scalar, &pool).unwrap();
    assert!(base().with_correction(pack(3, 4, Format::F16), square, 0.5).is_ok());
}
