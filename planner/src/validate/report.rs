//! What `validate` says: errors by quantity and kind of profile, rows that were skipped and why, the worst.

use serde::Serialize;
use std::collections::BTreeMap;

/// How many of the worst rows are named.
pub const WORST: usize = 12;

/// A row that was not scored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Skipped {
    pub row_id: String,
    pub reason: String,
}

/// Errors of one quantity under one kind of profile, as fractions: `|predicted / measured - 1|`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Errors {
    /// `None` where nothing was scored.
    pub median: Option<f64>,
    pub p90: Option<f64>,
    pub n: usize,
    /// Spearman's rank correlation of predicted and measured; `None` below three rows.
    pub rank_correlation: Option<f64>,
}

/// The kinds of profile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Kinds {
    pub zero_shot: Errors,
    pub few_shot: Errors,
    pub fitted: Errors,
    /// The catalogue's own profile; of the numbers that it predicts.
    pub profile: Errors,
}

/// A prediction that missed by much, zero-shot.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Miss {
    pub row_id: String,
    pub line: u64,
    pub device: String,
    pub model: String,
    pub quantity: &'static str,
    pub measured: f64,
    pub predicted: f64,
    /// As a fraction.
    pub error: f64,
}

/// One scored number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Score {
    /// Index of the row in its table.
    pub row: usize,
    pub quantity: &'static str,
    pub measured: f64,
    pub zero_shot: f64,
    /// `None` for rows that the few-shot profile was fitted to.
    pub few_shot: Option<f64>,
    pub fitted: f64,
    /// By the catalogue's own profile; `None` where it says nothing.
    pub profile: Option<f64>,
}

/// The whole result.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// Rows of the table, those marked calibratable, and those scored in at least one quantity.
    pub rows: usize,
    pub calibratable: usize,
    pub scored: usize,
    pub skipped: Vec<Skipped>,
    /// Rows that are scored, but of which the catalogue's own profile says nothing.
    pub unprofiled: Vec<Skipped>,
    pub groups: BTreeMap<&'static str, Kinds>,
    pub worst: Vec<Miss>,
}

/// `|predicted / measured - 1|`.
#[must_use]
pub(crate) fn relative(predicted: f64, measured: f64) -> f64 {
    (predicted / measured - 1.0).abs()
}

/// Quantile by linear interpolation between order statistics; `None` for no values.
#[must_use]
pub fn quantile(values: &[f64], q: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = q * (sorted.len().checked_sub(1)?) as f64;
    let (low, high) = (sorted[at.floor() as usize], sorted[at.ceil() as usize]);
    Some(low + (high - low) * at.fract())
}

/// Ranks from 1, equal values sharing their mean rank.
fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut ranks = vec![0.0; values.len()];
    let mut i = 0;
    while i < order.len() {
        let same = order[i..].iter().take_while(|&&j| values[j].total_cmp(&values[order[i]]).is_eq()).count();
        for &j in &order[i..i + same] {
            ranks[j] = i as f64 + (same as f64 + 1.0) / 2.0;
        }
        i += same;
    }
    ranks
}

/// Spearman's rank correlation; `None` below three pairs or where one side does not vary.
#[must_use]
pub fn spearman(pairs: &[(f64, f64)]) -> Option<f64> {
    if pairs.len() < 3 {
        return None;
    }
    let a = ranks(&pairs.iter().map(|p| p.0).collect::<Vec<_>>());
    let b = ranks(&pairs.iter().map(|p| p.1).collect::<Vec<_>>());
    let mean = (a.len() as f64 + 1.0) / 2.0;
    let product = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| (x - mean) * (y - mean)).sum::<f64>();
    let scale = (product(&a, &a) * product(&b, &b)).sqrt();
    (scale > 0.0).then(|| product(&a, &b) / scale)
}

/// Kendall's rank correlation, ties counted (tau-b); `None` below three pairs or where one side does not vary.
#[must_use]
pub fn kendall(pairs: &[(f64, f64)]) -> Option<f64> {
    if pairs.len() < 3 {
        return None;
    }
    let (mut agree, mut first, mut second) = (0.0, 0.0, 0.0);
    for (i, a) in pairs.iter().enumerate() {
        for b in &pairs[..i] {
            let sign = |x: f64, y: f64| f64::from(x.total_cmp(&y) as i8);
            let (x, y) = (sign(a.0, b.0), sign(a.1, b.1));
            agree += x * y;
            first += x * x;
            second += y * y;
        }
    }
    let scale = f64::sqrt(first * second);
    (scale > 0.0).then(|| agree / scale)
}

/// Errors of pairs of predicted and measured.
#[must_use]
pub fn errors(pairs: &[(f64, f64)]) -> Errors {
    let all: Vec<f64> = pairs.iter().map(|&(p, m)| relative(p, m)).collect();
    Errors { median: quantile(&all, 0.5), p90: quantile(&all, 0.9), n: all.len(), rank_correlation: spearman(pairs) }
}

/// Errors of one quantity by kind.
#[must_use]
pub(super) fn kinds(scores: &[Score], quantity: &str) -> Kinds {
    let of = |predicted: &dyn Fn(&Score) -> Option<f64>| {
        let pairs: Vec<(f64, f64)> =
            scores.iter().filter(|s| s.quantity == quantity).filter_map(|s| Some((predicted(s)?, s.measured))).collect();
        errors(&pairs)
    };
    Kinds {
        zero_shot: of(&|s| Some(s.zero_shot)),
        few_shot: of(&|s| s.few_shot),
        fitted: of(&|s| Some(s.fitted)),
        profile: of(&|s| s.profile),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_and_ranks_of_known_values() {
        assert_eq!(quantile(&[], 0.5), None);
        assert!((quantile(&[3.0, 1.0, 2.0, 4.0], 0.5).unwrap() - 2.5).abs() < 1e-12);
        assert!((quantile(&[0.0, 10.0], 0.9).unwrap() - 9.0).abs() < 1e-12);
        assert!((spearman(&[(1.0, 10.0), (2.0, 20.0), (3.0, 30.0)]).unwrap() - 1.0).abs() < 1e-12);
        assert!((spearman(&[(1.0, 3.0), (2.0, 2.0), (3.0, 1.0)]).unwrap() + 1.0).abs() < 1e-12);
        // Ties share a rank: ranks 1.5 1.5 3 and 1 2 3.
        let r = spearman(&[(5.0, 1.0), (5.0, 2.0), (6.0, 3.0)]).unwrap();
        assert!((r - 0.75f64.sqrt()).abs() < 1e-12, "{r}");
        assert_eq!(spearman(&[(1.0, 1.0), (1.0, 2.0), (1.0, 3.0)]), None);
        // Of six pairs five agree: (5 - 1) / 6.
        let tau = kendall(&[(1.0, 1.0), (2.0, 2.0), (3.0, 4.0), (4.0, 3.0)]).unwrap();
        assert!((tau - 4.0 / 6.0).abs() < 1e-12, "{tau}");
        assert_eq!(kendall(&[(1.0, 1.0), (1.0, 2.0), (1.0, 3.0)]), None);
        // One tie on one side: 2 / sqrt(2 * 3).
        let tied = kendall(&[(5.0, 1.0), (5.0, 2.0), (6.0, 3.0)]).unwrap();
        assert!((tied - 2.0 / 6.0f64.sqrt()).abs() < 1e-12, "{tied}");
    }
}
