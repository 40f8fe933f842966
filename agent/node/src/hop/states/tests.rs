use super::*;
use proptest::prelude::*;

#[test]
fn what_is_not_finite_is_refused_on_both_sides() {
    for bits in WIDTHS {
        assert_eq!(pack(&[1.0, f32::NAN], 2, bits), None);
        assert_eq!(pack(&[f32::INFINITY, 0.0], 2, bits), None);
        assert_eq!(unpack(&[0; 7], 1, 2, bits), None, "no whole row");
    }
    assert_eq!(unpack(&f16::INFINITY.to_le_bytes(), 1, 1, 16), None);
    assert_eq!(unpack(&[&f32::NAN.to_le_bytes()[..], &[1]].concat(), 1, 1, 8), None);
}

#[test]
fn extremes_stay_finite() {
    for row in [[0.0f32, 0.0], [f32::MIN_POSITIVE / 8.0, 0.0], [f32::MAX, -1.0], [65_536.0, -65_536.0]] {
        for bits in WIDTHS {
            let back = unpack(&pack(&row, 2, bits).expect("finite"), 1, 2, bits).expect("finite");
            assert_eq!(back.len(), 2, "{row:?} at {bits}");
        }
    }
}

proptest! {
    /// Half precision: 11 significant bits. 8 bits: half a step of the row's largest.
    #[test]
    fn the_error_has_a_bound(row in prop::collection::vec(-1e4f32..1e4, 1..64)) {
        let most = row.iter().fold(0f32, |m, x| m.max(x.abs()));
        for (bits, bound) in [(16u8, most / 2048.0 + 1e-7), (8, most / 254.0 * 1.001 + 1e-7)] {
            let packed = pack(&row, row.len(), bits).expect("finite");
            let size = packed.len() as u32;
            prop_assert_eq!((size, size), bytes(bits, 1, row.len() as u32));
            let back = unpack(&packed, 1, row.len(), bits).expect("finite");
            for (a, b) in row.iter().zip(&back) {
                prop_assert!((a - b).abs() <= bound, "{a} became {b} at {bits} bits");
            }
        }
    }
}
