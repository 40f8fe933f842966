//! Majority voting: accuracy of the most frequent of `k` answers.
//!
//! Known are the accuracy of one sample, `A`, and the ceiling `C`, the share of questions whose most
//! likely answer is right. Between them
//!
//! ```text
//! accuracy(k) = A + (C - A) r(k)        r(1) = 0, r grows with k, r(infinity) = 1
//! ```
//!
//! Where the Beta(a, b) of the success probability was fitted and `a > b`, `r` is that of its binary
//! majority, `r(k) = (M_k - M_1) / (M_inf - M_1)`, with `M_k` the chance that more than half of `k` samples
//! are right and `M_inf = P(p > 1/2)`. Otherwise `r(k) = 1 - k^(-1/2)`: votes err only on questions whose two
//! best answers are within about `k^(-1/2)` of each other, and their share is in proportion to that width.
//! An even `k` counts as `k - 1`: with ties broken by chance the last vote changes nothing.

/// Accuracy of a majority vote. `beta` are the parameters where they were fitted. Never below `single`.
#[must_use]
pub fn accuracy(single: f64, ceiling: f64, beta: Option<(f64, f64)>, k: u32) -> f64 {
    single + (ceiling - single).max(0.0) * reached(beta, k)
}

/// `r(k)`, 0..1.
fn reached(beta: Option<(f64, f64)>, k: u32) -> f64 {
    let odd = if k.is_multiple_of(2) { k.saturating_sub(1) } else { k }.max(1);
    if let Some((a, b)) = beta
        && a > b
        && b > 0.0
    {
        let mean = a / (a + b);
        let whole = majority_limit(a, b) - mean;
        if whole > 1e-4 {
            return ((majority(a, b, odd) - mean) / whole).clamp(0.0, 1.0);
        }
    }
    1.0 - f64::from(odd).powf(-0.5)
}

/// `M_k` for odd `k`: the Beta mean of the chance that more than half of `k` samples are right.
///
/// By the identity `M_{2m+1} - M_{2m-1} = C(2m-1, m) E[(p(1-p))^m (2p - 1)]`
/// `= C(2m-1, m) B(a+m, b+m) / B(a, b) (a - b) / (a + b + 2m)`.
#[must_use]
pub fn majority(a: f64, b: f64, k: u32) -> f64 {
    let mut value = a / (a + b);
    // choose * B(a+m, b+m) / B(a, b), built up factor by factor so that nothing overflows.
    let mut weight = 1.0;
    for m in 1..=(k.saturating_sub(1) / 2) {
        let m = f64::from(m);
        // C(2m-1, m) / C(2m-3, m-1) = 2 (2m-1) / m for m > 1; 1 for m = 1.
        let choose = if m > 1.0 { 2.0 * (2.0 * m - 1.0) / m } else { 1.0 };
        let i = m - 1.0;
        weight *= choose * (a + i) * (b + i) / ((a + b + 2.0 * i) * (a + b + 2.0 * i + 1.0));
        value += weight * (a - b) / (a + b + 2.0 * m);
    }
    value
}

/// `M_inf = P(p > 1/2) = 1 - I_{1/2}(a, b)`.
#[must_use]
pub fn majority_limit(a: f64, b: f64) -> f64 {
    1.0 - incomplete_beta(a, b, 0.5)
}

/// Regularised incomplete beta function `I_x(a, b)`, by its continued fraction (DLMF 8.17.22, modified Lentz).
fn incomplete_beta(a: f64, b: f64, x: f64) -> f64 {
    if x > (a + 1.0) / (a + b + 2.0) {
        return 1.0 - incomplete_beta(b, a, 1.0 - x);
    }
    let front = (ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b) + a * x.ln() + b * (1.0 - x).ln()).exp() / a;
    let tiny = 1e-300;
    let clear = |v: f64| if v.abs() < tiny { tiny } else { v };
    let (mut c, mut d) = (1.0, 1.0 / clear(1.0 - (a + b) * x / (a + 1.0)));
    let mut value = d;
    for m in 1..500 {
        let m = f64::from(m);
        for term in [
            m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0)),
        ] {
            d = 1.0 / clear(1.0 + term * d);
            c = clear(1.0 + term / c);
            value *= c * d;
        }
        if (c * d - 1.0).abs() < 1e-15 {
            break;
        }
    }
    front * value
}

/// Logarithm of the gamma function for positive `x`: Stirling's series after shifting `x` above 10 (DLMF 5.11.1).
fn ln_gamma(x: f64) -> f64 {
    let (mut x, mut shift) = (x, 0.0);
    while x < 10.0 {
        shift += x.ln();
        x += 1.0;
    }
    let (i, i2) = (1.0 / x, 1.0 / (x * x));
    let series = i * (1.0 / 12.0 - i2 * (1.0 / 360.0 - i2 * (1.0 / 1260.0 - i2 / 1680.0)));
    (x - 0.5) * x.ln() - x + 0.5 * (2.0 * std::f64::consts::PI).ln() + series - shift
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn special_functions() {
        assert!((ln_gamma(5.0) - 24.0f64.ln()).abs() < 1e-10);
        assert!((ln_gamma(0.5) - std::f64::consts::PI.sqrt().ln()).abs() < 1e-10);
        assert!((incomplete_beta(2.0, 2.0, 0.5) - 0.5).abs() < 1e-12);
        // Beta(2, 1) has distribution function x^2.
        assert!((incomplete_beta(2.0, 1.0, 0.5) - 0.25).abs() < 1e-10);
    }

    #[test]
    fn known_values() {
        // E[3p^2 - 2p^3] under Beta(2, 1): 3/2 - 4/5 = 0.7.
        assert!((majority(2.0, 1.0, 3) - 0.7).abs() < 1e-12);
        assert!((majority_limit(2.0, 1.0) - 0.75).abs() < 1e-10);
        // r(3) = (0.7 - 2/3) / (3/4 - 2/3) = 0.4.
        assert!((accuracy(0.6, 0.8, Some((2.0, 1.0)), 3) - 0.68).abs() < 1e-9);
        // Without a Beta: 1 - 1/2 at k = 4 counted as 3.
        assert!((accuracy(0.5, 0.7, None, 4) - (0.5 + 0.2 * (1.0 - 3.0f64.powf(-0.5)))).abs() < 1e-12);
        assert!((accuracy(0.5, 0.4, None, 9) - 0.5).abs() < 1e-12, "a ceiling below one sample is none");
    }

    #[test]
    fn many_votes_reach_the_limit() {
        assert!((majority(3.0, 1.5, 20_001) - majority_limit(3.0, 1.5)).abs() < 1e-4);
    }

    proptest! {
        #[test]
        fn grows_to_the_ceiling(a in 0.1..8.0f64, b in 0.1..8.0f64, single in 0.1..0.6f64, gain in 0.0..0.3f64, k in 1u32..40) {
            for beta in [None, Some((a, b))] {
                let now = accuracy(single, single + gain, beta, k);
                let more = accuracy(single, single + gain, beta, k + 1);
                prop_assert!(more >= now - 1e-12 && now >= single && more <= single + gain + 1e-12);
            }
        }
    }
}
