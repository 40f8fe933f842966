//! Exponent of the smooth roofline, `t = (t_alu^p + t_mem^p)^(1/p)`, and the share of the read rate that kernels
//! reach, from products whose arithmetic and reading are known each for itself.

use super::search::least;
use serde::{Deserialize, Serialize};

/// Beyond this the roofline is the larger of the two times within half a per cent.
pub const MOST: f64 = 16.0;

/// Caches may serve weights faster than memory, by this much at most.
const SHARE_MOST: f64 = 3.0;

/// One product: what arithmetic alone and reading alone would take, and what it took, s.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    pub arithmetic_s: f64,
    pub reading_s: f64,
    pub took_s: f64,
}

/// The fit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Overlap {
    /// `p`, 1 to [`MOST`].
    pub exponent: f64,
    /// Share of the read rate; above 1 where a cache kept weights.
    pub share: f64,
    /// Median of the relative errors of the points' times.
    pub residual: f64,
    pub points: usize,
}

fn time(p: &Point, exponent: f64, share: f64) -> f64 {
    let (a, m) = (p.arithmetic_s, p.reading_s / share);
    let longer = a.max(m);
    longer * (1.0 + (a.min(m) / longer).powf(exponent)).powf(1.0 / exponent)
}

/// Fits both to points; relative errors count alike for fast and slow ones, and absolute values keep one odd point
/// from ruling. `None` without points that are positive numbers.
#[must_use]
pub fn fit(points: &[Point]) -> Option<Overlap> {
    let good = |p: &&Point| [p.arithmetic_s, p.reading_s, p.took_s].iter().all(|v| v.is_finite() && *v > 0.0);
    let points: Vec<Point> = points.iter().filter(good).copied().collect();
    if points.is_empty() {
        return None;
    }
    let errors = |exponent: f64, share: f64| -> Vec<f64> {
        points.iter().map(|p| (time(p, exponent, share) / p.took_s).ln().abs()).collect()
    };
    let sum = |exponent: f64, share: f64| errors(exponent, share).iter().sum::<f64>();
    let share_of = |exponent: f64| least(0.2, SHARE_MOST, 40, |share| sum(exponent, share));
    let exponent = least(1.0, MOST, 60, |p| sum(p, share_of(p)));
    let share = share_of(exponent);
    let residual = crate::runs::median(&errors(exponent, share))?.exp() - 1.0;
    Some(Overlap { exponent, share, residual, points: points.len() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(30))]
        #[test]
        fn a_known_roofline_comes_back(exponent in 1.2..6.0f64, share in 0.6..0.99f64) {
            let points: Vec<Point> = (1..9).map(|i| {
                let mut p = Point { arithmetic_s: 1.0, reading_s: 0.3 * f64::from(i), took_s: 0.0 };
                p.took_s = time(&p, exponent, share);
                p
            }).collect();
            let fit = fit(&points).expect("points");
            prop_assert!((fit.exponent / exponent - 1.0).abs() < 0.03 && (fit.share / share - 1.0).abs() < 0.03, "{fit:?}");
            prop_assert!(fit.residual < 0.005);
        }
    }

    #[test]
    fn no_points_no_fit() {
        assert_eq!(fit(&[]), None);
        assert_eq!(fit(&[Point { arithmetic_s: 0.0, reading_s: 1.0, took_s: 1.0 }]), None);
    }
}
