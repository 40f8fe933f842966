//! Repeated measurements of one thing: what is quoted, how sure it is, and which runs stand out.

use serde::{Deserialize, Serialize};

/// A run is an outlier when it is this many median absolute deviations from the median: ten standard
/// deviations of a normal distribution, as hyperfine counts them (sharkdp/hyperfine, `outlier_detection.rs`).
const OUTLIER: f64 = 14.826;

/// Several runs of a rate, in one number and its spread.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rate {
    /// The rate that nine of ten runs do not exceed: neighbours, interrupts and cold caches only take away,
    /// and a tenth is left for a clock that misread. Of fewer than ten runs, the fastest.
    pub fast: f64,
    pub median: f64,
    /// 95 % interval of the median, from order statistics (normal approximation of the binomial).
    pub low: f64,
    pub high: f64,
    pub runs: usize,
    pub outliers: usize,
}

impl Rate {
    /// `None` without a run that is a positive number.
    #[must_use]
    pub fn of(values: &[f64]) -> Option<Self> {
        let sorted = sorted(values.iter().copied().filter(|v| v.is_finite() && *v > 0.0));
        let n = sorted.len();
        let median = middle(&sorted)?;
        let half = 0.98 * (n as f64).sqrt();
        let rank = |r: f64| sorted[(r.max(0.0) as usize).min(n - 1)];
        let deviations = self::sorted(sorted.iter().map(|v| (v - median).abs()));
        let mad = middle(&deviations)?;
        let outliers = if mad > 0.0 { sorted.iter().filter(|v| (*v - median).abs() > OUTLIER * mad).count() } else { 0 };
        Some(Self {
            fast: sorted[n - 1 - n / 10],
            median,
            low: rank((n as f64 / 2.0 - half).floor()),
            high: rank((n as f64 / 2.0 + half).ceil()),
            runs: n,
            outliers,
        })
    }

    /// The same in other units.
    #[must_use]
    pub fn times(self, k: f64) -> Self {
        Self { fast: self.fast * k, median: self.median * k, low: self.low * k, high: self.high * k, ..self }
    }

    /// How far apart the runs are: the interval's width over the median.
    #[must_use]
    pub fn spread(&self) -> f64 {
        if self.median > 0.0 { (self.high - self.low) / self.median } else { 0.0 }
    }
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut list: Vec<f64> = values.collect();
    list.sort_unstable_by(f64::total_cmp);
    list
}

/// Middle of sorted values; of an even number, the mean of the two.
fn middle(sorted: &[f64]) -> Option<f64> {
    let n = sorted.len();
    (n > 0).then(|| f64::midpoint(sorted[(n - 1) / 2], sorted[n / 2]))
}

/// Median of any values; `None` of none.
#[must_use]
pub fn median(values: &[f64]) -> Option<f64> {
    middle(&sorted(values.iter().copied()))
}

/// The value that a share `q` (0..1) of the values do not exceed, nearest rank; `None` of none.
#[must_use]
pub fn quantile(values: &[f64], q: f64) -> Option<f64> {
    let sorted = sorted(values.iter().copied());
    let last = sorted.len().checked_sub(1)?;
    Some(sorted[((q * sorted.len() as f64).ceil() as usize).saturating_sub(1).min(last)])
}

/// The value of a curve at `bytes`: straight lines over their logarithm, and beyond its ends the nearest.
pub(crate) fn along(curve: &[(f64, f64)], bytes: f64) -> Option<f64> {
    let upper = curve.iter().find(|(at, _)| *at >= bytes).or(curve.last())?;
    let lower = curve.iter().rev().find(|(at, _)| *at < bytes).unwrap_or(upper);
    let (low, high) = (lower.0.ln(), upper.0.ln());
    let part = if high > low { ((bytes.ln() - low) / (high - low)).clamp(0.0, 1.0) } else { 1.0 };
    Some(lower.1 + part * (upper.1 - lower.1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_values() {
        let rate = Rate::of(&[10.0, 9.0, 10.2, 9.9, 10.1, f64::NAN, 0.0]).expect("five runs");
        assert_eq!((rate.runs, rate.outliers), (5, 0));
        assert!((rate.fast - 10.2).abs() < 1e-12 && (rate.median - 10.0).abs() < 1e-12);
        assert_eq!(Rate::of(&[]), None);
        assert_eq!(Rate::of(&[f64::INFINITY, -1.0]), None);
        let hundred: Vec<f64> = (1..=100).map(f64::from).collect();
        let rate = Rate::of(&hundred).expect("runs");
        // A tenth of the runs is faster; the interval of a median of 100 is ranks 41 to 60.
        assert!((rate.fast - 90.0).abs() < 1e-12, "{rate:?}");
        assert!((rate.low - 41.0).abs() < 1.5 && (rate.high - 60.0).abs() < 1.5, "{rate:?}");
        assert_eq!(quantile(&hundred, 0.99), Some(99.0));
        assert_eq!((quantile(&[3.0], 0.99), quantile(&[], 0.5)), (Some(3.0), None));
    }

    #[test]
    fn a_run_far_out_is_named() {
        let mut values = vec![10.0, 10.1, 9.9, 10.05, 9.95, 10.02, 9.98];
        values.push(2.0);
        assert_eq!(Rate::of(&values).map(|r| r.outliers), Some(1));
    }

    proptest! {
        #[test]
        fn the_order_holds(values in prop::collection::vec(1e-3..1e9f64, 1..60)) {
            let r = Rate::of(&values).expect("positive");
            prop_assert!(r.low <= r.median && r.median <= r.high && r.fast >= r.median);
            prop_assert_eq!(r.runs, values.len());
        }
    }
}
