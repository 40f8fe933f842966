//! Accuracy at an answer-token budget: between measured points, never beyond them.

/// Monotone interpolation of measured `(tokens, accuracy)` points; `None` outside the measured range.
/// Points may come in any order; a point below an earlier one counts as the earlier one.
#[must_use]
pub fn accuracy(points: &[(u32, f64)], tokens: u32) -> Option<f64> {
    let mut points = points.to_vec();
    points.sort_by_key(|p| p.0);
    let mut best = f64::NEG_INFINITY;
    for p in &mut points {
        best = best.max(p.1);
        p.1 = best;
    }
    let after = points.iter().position(|p| p.0 >= tokens)?;
    let (right, value) = points[after];
    if right == tokens {
        return Some(value);
    }
    let (left, from) = *points.get(after.checked_sub(1)?)?;
    Some(from + (value - from) * f64::from(tokens - left) / f64::from(right - left))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const POINTS: [(u32, f64); 3] = [(32, 0.3), (64, 0.45), (256, 0.55)];

    #[test]
    fn known_values() {
        assert_eq!(accuracy(&POINTS, 31), None);
        assert_eq!(accuracy(&POINTS, 257), None);
        assert_eq!(accuracy(&[], 1), None);
        assert!((accuracy(&POINTS, 32).unwrap() - 0.3).abs() < 1e-12);
        assert!((accuracy(&POINTS, 48).unwrap() - 0.375).abs() < 1e-12);
        assert!((accuracy(&[(10, 0.5), (20, 0.4)], 20).unwrap() - 0.5).abs() < 1e-12);
    }

    proptest! {
        #[test]
        fn never_falls(t in 32u32..255, more in 0u32..50) {
            let u = (t + more).min(256);
            prop_assert!(accuracy(&POINTS, u).unwrap() >= accuracy(&POINTS, t).unwrap());
        }
    }
}
