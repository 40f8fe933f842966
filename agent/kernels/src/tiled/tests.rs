use super::*;
use crate::matmul::product_by;
use crate::pack::pack_lanes;
use crate::plain::Plain;
use crate::{Dense, Format, Kernel, Pool, Scratch, Wait};

#[test]
fn averages_give_every_digit() {
    for value in 0..243_u16 {
        let byte = !((value * 256).div_ceil(243) as u8);
        let vector = [byte; 16];
        // SAFETY: 16 bytes, plain Rust.
        let digits = unsafe { codes::base3::<Plain>(vector.as_ptr()) };
        let got = digits.iter().fold(0, |acc, d| acc * 3 + (d[0] & 255) as u16);
        assert_eq!(got, value);
    }
}

fn plain(call: &Call<'_>, range: Range<usize>, work: &mut Workspace) {
    // SAFETY: plain Rust, and the matrices of this test are packed for its lanes.
    unsafe { tiles::<Plain>(call, range, work) }
}

/// The generic loops without any vector instruction, in tiles of four: what a new instruction set starts from.
#[test]
fn plain_lanes_agree_with_the_specification() {
    let pool = Pool::new(2, Wait::default());
    for format in Format::ALL {
        for (rows, cols, n) in [(9, 200, 1), (9, 200, 2), (4, 64, 7), (5, 33, 5), (0, 10, 3), (3, 0, 2), (17, 1500, 9)] {
            let w: Vec<f32> = (0..rows * cols).map(|i| ((i * 7919 % 2003) as f32 / 1000.0 - 1.0) * 0.3).collect();
            let x: Vec<f32> = (0..n * cols).map(|i| (i * 6007 % 1009) as f32 / 500.0 - 1.0).collect();
            let source = Dense::new(&w, rows, cols).unwrap();
            let m = pack_lanes(&source, format, Kernel::Scalar, Plain::ROWS, &pool).unwrap();
            let (mut got, mut expected) = (vec![f32::NAN; n * rows], vec![f32::NAN; n * rows]);
            product_by(plain, &pool, &x, n, &[&m], None, &mut [&mut got], &mut Scratch::new());
            crate::matmul(&pool, &x, n, &[&m], &mut [&mut expected], &mut Scratch::new());
            for (a, b) in got.iter().zip(&expected) {
                assert!((a - b).abs() <= 2e-5 * (1.0 + b.abs()), "{format} {rows} x {cols} n {n}: {a} {b}");
            }
        }
    }
}
