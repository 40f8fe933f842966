use super::*;
use half::f16;

fn narrowed(x: f32) -> u16 {
    let mut out = [0; 2];
    assert!(to_halves(&[x], &mut out), "{x}");
    u16::from_le_bytes(out)
}

/// All 65,536, against the library that files are read with.
#[test]
fn every_half_is_widened_exactly_and_comes_back() {
    for bits in 0..=u16::MAX {
        let mut out = [0.0];
        let finite = from_halves(&bits.to_le_bytes(), &mut out);
        let half = f16::from_bits(bits);
        assert_eq!(finite, half.is_finite(), "{bits:#x}");
        assert_eq!(out[0].is_nan(), half.is_nan(), "{bits:#x}");
        if finite {
            assert_eq!(out[0].to_bits(), half.to_f32().to_bits(), "{bits:#x}");
            assert_eq!(narrowed(out[0]), bits);
        }
    }
}

/// Around each half: itself, the middle to the next, and one bit to both sides of each.
#[test]
fn rounding_is_to_the_nearest_and_ties_to_even() {
    for bits in 0..0x7bffu16 {
        let (low, high) = (f16::from_bits(bits).to_f32(), f16::from_bits(bits + 1).to_f32());
        for about in [low, low + (high - low) / 2.0, high] {
            for x in [about.next_down(), about, about.next_up()] {
                for x in [x, -x] {
                    assert_eq!(narrowed(x), f16::from_f32(x.clamp(-MOST, MOST)).to_bits(), "{x:e}");
                }
            }
        }
    }
}

#[test]
fn any_number_is_narrowed_as_the_library_does_it() {
    // An odd step visits every pattern of 32 bits in the end; these are spread over all exponents.
    for i in 0..200_000u32 {
        let x = f32::from_bits(i.wrapping_mul(0x9e37_79b1));
        if x.is_finite() {
            assert_eq!(narrowed(x), f16::from_f32(x.clamp(-MOST, MOST)).to_bits(), "{x:e}");
        }
    }
    for (x, cut) in [(f32::MAX, MOST), (-1e6, -MOST), (65_520.0, MOST), (f32::MIN_POSITIVE / 4.0, 0.0)] {
        assert_eq!(narrowed(x), f16::from_f32(cut).to_bits(), "{x:e}");
    }
}

/// One bad number at any place of any length is seen, and the others stay right.
#[test]
fn what_is_not_finite_is_seen_anywhere() {
    for length in [1, 7, 16, 33, 100] {
        for at in 0..length {
            for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                let mut x = vec![1.5; length];
                let (mut bytes, mut back) = (vec![0; 2 * length], vec![0.0; length]);
                assert!(all_finite(&x) && to_halves(&x, &mut bytes) && from_halves(&bytes, &mut back));
                assert_eq!(back, x);
                x[at] = bad;
                assert!(!all_finite(&x) && !to_halves(&x, &mut bytes));
                bytes[2 * at..2 * at + 2].copy_from_slice(&f16::from_f32(bad).to_le_bytes());
                assert!(!from_halves(&bytes, &mut back));
            }
        }
    }
}
