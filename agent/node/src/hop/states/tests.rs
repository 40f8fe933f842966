use super::*;
use half::f16;
use proptest::prelude::*;

fn packed(states: &[f32], cols: usize, bits: u8) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    pack(states, cols, bits, &mut out).map(|()| out)
}

fn unpacked(payload: &[u8], rows: usize, cols: usize, bits: u8) -> Option<Vec<f32>> {
    // What was there before is not seen.
    let mut out = vec![f32::NAN; 3];
    unpack(payload, rows, cols, bits, &mut out).map(|()| out)
}

#[test]
fn what_is_not_finite_is_refused_on_both_sides() {
    for bits in WIDTHS {
        assert_eq!(packed(&[1.0, f32::NAN], 2, bits), None);
        assert_eq!(packed(&[f32::INFINITY, 0.0], 2, bits), None);
        assert_eq!(unpacked(&[0; 7], 1, 2, bits), None, "no whole row");
    }
    assert_eq!(unpacked(&f16::INFINITY.to_le_bytes(), 1, 1, 16), None);
    assert_eq!(unpacked(&[&f32::NAN.to_le_bytes()[..], &[1]].concat(), 1, 1, 8), None);
}

#[test]
fn extremes_stay_finite() {
    for row in [[0.0f32, 0.0], [f32::MIN_POSITIVE / 8.0, 0.0], [f32::MAX, -1.0], [65_536.0, -65_536.0]] {
        for bits in WIDTHS {
            let back = unpacked(&packed(&row, 2, bits).expect("finite"), 1, 2, bits).expect("finite");
            assert_eq!(back.len(), 2, "{row:?} at {bits}");
        }
    }
}

/// Partial sums: what is left here is what the other side reads, exactly where a half is too narrow.
#[test]
fn sums_are_left_as_they_are_read() {
    for (mut numbers, bits) in [(vec![0.1f32, -3.25, 1e-9, 65_504.0], 16), (vec![0.1, 65_505.0, -1e30, 0.0], 32)] {
        let before = numbers.clone();
        assert_eq!(sum_bits(&numbers), bits);
        let mut payload = Vec::new();
        pack_rounding(&mut numbers, 4, bits, &mut payload).expect("finite");
        assert_eq!(payload.len() as u32, bytes(bits, 1, 4).0);
        assert_eq!(unpacked(&payload, 1, 4, bits).as_ref(), Some(&numbers));
        assert_eq!(bits == 32, numbers == before, "single precision is not rounded");
    }
    for bits in SUMS {
        assert_eq!(pack_rounding(&mut [f32::NAN, 0.0], 2, bits, &mut Vec::new()), None);
    }
    assert_eq!(unpacked(&f32::INFINITY.to_le_bytes(), 1, 1, 32), None);
    assert_eq!(unpacked(&[0; 7], 1, 2, 32), None, "no whole row");
}

proptest! {
    /// Half precision: 11 significant bits. 8 bits: half a step of the row's largest.
    #[test]
    fn the_error_has_a_bound(row in prop::collection::vec(-1e4f32..1e4, 1..64)) {
        let most = row.iter().fold(0f32, |m, x| m.max(x.abs()));
        for (bits, bound) in [(16u8, most / 2048.0 + 1e-7), (8, most / 254.0 * 1.001 + 1e-7)] {
            let packed = packed(&row, row.len(), bits).expect("finite");
            let size = packed.len() as u32;
            prop_assert_eq!((size, size), bytes(bits, 1, row.len() as u32));
            let back = unpacked(&packed, 1, row.len(), bits).expect("finite");
            for (a, b) in row.iter().zip(&back) {
                prop_assert!((a - b).abs() <= bound, "{a} became {b} at {bits} bits");
            }
        }
    }
}
