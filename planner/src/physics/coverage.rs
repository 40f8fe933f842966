//! Coverage: the share of questions that at least one of `k` samples answers right.
//!
//! The success probability of one sample varies over questions as Beta(a, b); the chance that all `k`
//! samples fail is the Beta mean of `(1 - p)^k`, so coverage (pass@k) is `1 - B(a, b + k) / B(a, b)`.
//! It becomes accuracy only with a verifier that knows the right answer when it sees one (unit tests,
//! a checker): an upper bound for best-of-n with any lesser one. Verifying is taken to cost nothing.

/// Coverage of `k` samples; `(a, b)` are positive. `k = 1` gives the mean `a / (a + b)`.
#[must_use]
pub fn coverage(a: f64, b: f64, k: u32) -> f64 {
    // B(a, b + k) / B(a, b) = prod_{i < k} (b + i) / (a + b + i)
    let all_wrong: f64 = (0..k).map(|i| (b + f64::from(i)) / (a + b + f64::from(i))).product();
    1.0 - all_wrong
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_values() {
        // Uniform: 1 - 1 / (k + 1).
        assert!((coverage(1.0, 1.0, 1) - 0.5).abs() < 1e-12);
        assert!((coverage(1.0, 1.0, 9) - 0.9).abs() < 1e-12);
        // Beta(2, 3): 1 - B(2, 5) / B(2, 3) = 1 - (1/30) / (1/12) = 0.6.
        assert!((coverage(2.0, 3.0, 2) - 0.6).abs() < 1e-12);
        assert!(coverage(1.0, 1.0, 0).abs() < 1e-12);
    }

    proptest! {
        #[test]
        fn grows_with_samples(a in 0.05..10.0f64, b in 0.05..10.0f64, k in 1u32..64) {
            let (now, more) = (coverage(a, b, k), coverage(a, b, k + 1));
            prop_assert!(more > now && now > 0.0 && more < 1.0);
        }
    }
}
