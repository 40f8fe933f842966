use super::*;
use crate::{Dense, Scratch, Window, matmul};

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
                assert!(
                    bytes.len() >= m.bytes() && bytes.len() <= m.bytes() + 3 * HEAD + 2 * LINE,
                    "{} of {}",
                    bytes.len(),
                    m.bytes()
                );
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

/// Read with an outline from a window: the matrix, bit for bit, and it can be filled anew afterwards.
#[test]
fn codes_are_multiplied_where_they_lie() {
    for kernel in Kernel::available() {
        for format in Format::ALL {
            for rank in [0, 3] {
                let m = Matrix::corrected(&Sample(None), format, rank, 1, kernel, &pool()).unwrap();
                let bytes = encoded(&m);
                let outline = outline(&bytes);
                let described = (outline.rows(), outline.cols(), outline.format(), outline.kernel());
                assert_eq!(described, (m.rows(), m.cols(), format, kernel));
                assert_eq!((outline.bytes(), outline.multiplications()), (m.bytes(), m.multiplications()));
                let mut window = Window::new(bytes.len() + 256).unwrap();
                for start in [0, 128] {
                    window.bytes_mut()[start..start + bytes.len()].copy_from_slice(&bytes);
                    let shared = std::sync::Arc::new(window);
                    let over = outline.over(&shared, start).unwrap();
                    assert_eq!((product(&over), over.rank()), (product(&m), rank), "{kernel} {format}");
                    assert!(outline.over(&shared, start + 8).is_err() && outline.over(&shared, usize::MAX - 3).is_err());
                    drop(over);
                    window = Window::reclaimed(shared).unwrap();
                }
            }
        }
    }
}

/// A matrix in parts: each row's product is the whole matrix's.
#[test]
fn parts_of_rows_have_the_products_of_the_whole() {
    let (rows, cols) = (150, 96);
    let weights: Vec<f32> = (0..rows * cols).map(|i| ((i * 37 % 101) as f32 - 50.0) / 64.0).collect();
    let source = Dense::new(&weights, rows, cols).unwrap();
    for kernel in Kernel::available() {
        for format in Format::ALL {
            let m = Matrix::pack(&source, format, kernel, &pool()).unwrap();
            let (bytes, outline) = (encoded(&m), outline(&encoded(&m)));
            let step = outline.step();
            let mut found = Vec::new();
            for start in (0..rows).step_by(step) {
                let (codes, part) = outline.part(start..rows.min(start + step)).unwrap();
                found.extend(product(&part.copied(&bytes[codes]).unwrap()));
            }
            assert_eq!(found, product(&m), "{kernel} {format}");
            assert!(outline.part(0..rows + step).is_none());
            assert!(step == 1 || (outline.part(0..1).is_none() && outline.part(1..rows).is_none()));
        }
    }
    let corrected = Matrix::corrected(&Sample(None), Format::W4, 2, 1, Kernel::Scalar, &pool()).unwrap();
    assert!(outline(&encoded(&corrected)).part(0..9).is_none());
}

fn outline(bytes: &[u8]) -> Outline {
    Outline::read(bytes.len(), &mut |at, len| Ok::<_, KeptError>(bytes[at..at + len].to_vec())).unwrap()
}
