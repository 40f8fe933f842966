use super::*;
use crate::{Dense, Scratch, matmul};

fn pool() -> Pool {
    Pool::new(1, Wait::Park)
}

fn encoded(m: &Matrix) -> Vec<u8> {
    let mut bytes = Vec::new();
    m.encode(&mut bytes).unwrap();
    bytes
}

fn product(m: &Matrix) -> Vec<u32> {
    let x: Vec<f32> = (0..m.cols()).map(|i| (i % 11) as f32 - 5.0).collect();
    let mut y = vec![0.0; m.rows()];
    matmul(&pool(), &x, 1, &[m], &mut [&mut y], &mut Scratch::new());
    y.into_iter().map(f32::to_bits).collect()
}

#[test]
fn every_format_and_kernel_comes_back_bit_for_bit() {
    for kernel in Kernel::available() {
        for format in Format::ALL {
            for (rank, stored) in [(0, None), (3, None), (0, Some(Affine { bits: 2, block: 16 }))] {
                let m = Matrix::corrected(&Sample(stored), format, rank, 1, kernel, &pool()).unwrap();
                let bytes = encoded(&m);
                assert!(bytes.len() >= m.bytes() && bytes.len() <= m.bytes() + 320, "{} of {}", bytes.len(), m.bytes());
                let back = Matrix::decode(&bytes).unwrap();
                assert_eq!((back.format(), back.kernel(), back.rank()), (format, kernel, rank));
                assert_eq!(product(&back), product(&m), "{kernel} {format}");
                assert_eq!(encoded(&back), bytes);
            }
        }
    }
}

#[test]
fn empty_matrices_come_back() {
    for (rows, cols) in [(0, 0), (0, 7), (5, 0)] {
        let m = Matrix::pack(&Dense::new(&[], rows, cols).unwrap(), Format::W4, Kernel::Scalar, &pool()).unwrap();
        let back = Matrix::decode(&encoded(&m)).unwrap();
        assert_eq!((back.rows(), back.cols()), (rows, cols));
    }
}

/// Each cut, each byte of the head changed, and bytes too many: an error or a matrix that can be multiplied.
#[test]
fn other_bytes_are_errors_or_harmless() {
    let m = Matrix::corrected(&Sample(None), Format::Ternary, 2, 1, Kernel::available().pop().unwrap(), &pool()).unwrap();
    let bytes = encoded(&m);
    for cut in (0..bytes.len()).step_by(7) {
        assert!(Matrix::decode(&bytes[..cut]).is_err(), "cut at {cut}");
    }
    assert!(matches!(Matrix::decode(&[&bytes[..], &[0]].concat()), Err(KeptError::Length { .. })));
    for at in 0..bytes.len() {
        for value in [0, 1, 0x7f, 0xff] {
            let mut changed = bytes.clone();
            changed[at] = value;
            if let Ok(m) = Matrix::decode(&changed) {
                product(&m);
            }
        }
    }
}

#[test]
fn another_build_or_machine_is_told() {
    let m = Matrix::pack(&Sample(None), Format::W4, Kernel::Scalar, &pool()).unwrap();
    let mut bytes = encoded(&m);
    bytes[2 * NAME] ^= 1;
    assert!(matches!(Matrix::decode(&bytes), Err(KeptError::Build { format: Format::W4, kernel: Kernel::Scalar })));
    let other = Kernel::ALL.into_iter().find(|k| !k.is_available()).unwrap();
    let mut bytes = encoded(&m);
    bytes[NAME..2 * NAME].fill(0);
    bytes[NAME..NAME + other.name().len()].copy_from_slice(other.name().as_bytes());
    assert!(matches!(Matrix::decode(&bytes), Err(KeptError::Unavailable { kernel }) if kernel == other));
    // Formats and kernels are told apart.
    let all: Vec<u64> = Format::ALL.into_iter().map(|f| fingerprint(f, Kernel::Scalar)).collect();
    assert!((1..all.len()).all(|i| !all[..i].contains(&all[i])), "{all:?}");
}
