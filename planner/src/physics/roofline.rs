//! The smooth roofline: how long arithmetic and memory traffic take together.
//!
//! `t = (t_alu^p + t_mem^p)^(1/p)`: `p = 1` has no overlap, `p = 2` some, a large `p` is the classic
//! maximum (Williams, Waterman, Patterson 2009). The shape is ours; `p` is a number of the profile.

/// Time of one block in one pass, launch not included.
///
/// `alu_s` and `memory_s` are what each unit would need alone; `overlap` is `p`, taken as 1 where it
/// is below 1 or no number, for less than no overlap has no meaning.
#[must_use]
pub fn time_s(alu_s: f64, memory_s: f64, overlap: f64) -> f64 {
    let longer = alu_s.max(memory_s);
    if longer <= 0.0 || !longer.is_finite() {
        return longer.max(0.0);
    }
    let shorter = alu_s.min(memory_s).max(0.0) / longer;
    let p = overlap.max(1.0);
    // Scaled by the longer one, so that no power leaves the range of numbers.
    longer * (1.0 + shorter.powf(p)).powf(1.0 / p)
}

/// DASI (arithmetic saturation) of a stage, 0..1: the share of the reachable arithmetic rate that it uses.
/// With the memory time in the place of `alu_s` it is the memory saturation. 0 for a stage that takes no time.
#[must_use]
pub fn saturation(alu_s: f64, total_s: f64) -> f64 {
    if total_s > 0.0 { (alu_s / total_s).clamp(0.0, 1.0) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_values() {
        assert!((time_s(3.0, 4.0, 2.0) - 5.0).abs() < 1e-12);
        assert!((time_s(3.0, 4.0, 1.0) - 7.0).abs() < 1e-12);
        assert!((time_s(3.0, 4.0, 200.0) - 4.0).abs() < 1e-9);
        assert_eq!(time_s(0.0, 0.0, 2.0).to_bits(), 0.0f64.to_bits());
        assert!((time_s(3.0, 4.0, 0.1) - 7.0).abs() < 1e-12, "below 1 means no overlap");
        assert!((time_s(3.0, 4.0, f64::NAN) - 7.0).abs() < 1e-12);
        assert!((saturation(1.0, 4.0) - 0.25).abs() < 1e-15);
        assert!(saturation(1.0, 0.0).abs() < 1e-15);
    }

    proptest! {
        #[test]
        fn between_the_maximum_and_the_sum(a in 0.0..1e3f64, m in 0.0..1e3f64, p in 1.0..64.0f64) {
            let t = time_s(a, m, p);
            prop_assert!(t >= a.max(m) * (1.0 - 1e-12) && t <= (a + m) * (1.0 + 1e-12));
        }

        #[test]
        fn grows_with_either_and_falls_with_overlap(a in 1e-9..1e3f64, m in 1e-9..1e3f64, p in 1.0..32.0f64, more in 1.0..2.0f64) {
            prop_assert!(time_s(a * more, m, p) >= time_s(a, m, p) * (1.0 - 1e-12));
            prop_assert!(time_s(a, m * more, p) >= time_s(a, m, p) * (1.0 - 1e-12));
            prop_assert!(time_s(a, m, p * more) <= time_s(a, m, p) * (1.0 + 1e-12));
        }
    }
}
