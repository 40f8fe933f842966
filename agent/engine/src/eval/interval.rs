//! How sure a measured share is.

use serde::{Deserialize, Serialize};

/// Normal quantile of a two-sided 95 % interval.
const Z: f64 = 1.959_963_984_540_054;

/// A share with its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    pub share: f64,
    pub low: f64,
    pub high: f64,
}

/// Wilson's score interval of `right` of `n` (Wilson 1927, JASA 22:209); nothing is known of none: 0 to 1.
#[must_use]
pub fn wilson(right: usize, n: usize) -> Interval {
    if n == 0 {
        return Interval { share: 0.0, low: 0.0, high: 1.0 };
    }
    let (p, n) = (right.min(n) as f64 / n as f64, n as f64);
    let z2 = Z * Z / n;
    let centre = (p + z2 / 2.0) / (1.0 + z2);
    let half = Z / (1.0 + z2) * (p * (1.0 - p) / n + z2 / (4.0 * n)).sqrt();
    // At the ends the bound is the share itself, but for rounding.
    Interval { share: p, low: (centre - half).clamp(0.0, p), high: (centre + half).clamp(p, 1.0) }
}

/// A Beta distribution of the chance of success over questions.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Beta {
    pub a: f64,
    pub b: f64,
}

/// Beta of the success chance of a question, from successes of `k` samples on each, by the moments of
/// the beta-binomial distribution. `None` with fewer than two samples or questions, or where all
/// questions went the same way.
///
/// With mean `p` and variance `v` of the successes, the correlation of two samples of a question is
/// `r = (v / (k p (1-p)) - 1) / (k - 1)`, and `a + b = 1/r - 1`. A correlation that is not positive
/// (no more spread than chance) is taken as 0.001: nearly one chance for all questions.
#[must_use]
pub fn beta_of_successes(successes: &[usize], k: usize) -> Option<Beta> {
    if k < 2 || successes.len() < 2 {
        return None;
    }
    let (n, k) = (successes.len() as f64, k as f64);
    let mean = successes.iter().map(|s| *s as f64).sum::<f64>() / n;
    let variance = successes.iter().map(|s| (*s as f64 - mean).powi(2)).sum::<f64>() / (n - 1.0);
    let p = mean / k;
    if p <= 0.0 || p >= 1.0 {
        return None;
    }
    let r = ((variance / (k * p * (1.0 - p)) - 1.0) / (k - 1.0)).clamp(0.001, 0.999);
    let sum = 1.0 / r - 1.0;
    Some(Beta { a: p * sum, b: (1.0 - p) * sum })
}
