//! Power of a device without leakage, and its leakage: `P = P_load + P_leak0 e^((T − T0) / S)`.
//!
//! The same load draws more when the die is hot; what is more is leakage. For a slope `S` the rest is linear: one
//! power for each load, and the leakage at the reference. The slope itself shows only in the curvature, so it is
//! searched where the temperatures lie far enough apart, and is [`SLOPE_K`] where they do not.

use super::search::least;
use super::{Moment, Unfit, least_squares};
use serde::{Deserialize, Serialize};

/// Rise that multiplies leakage by e where it cannot be told from the trace, kelvin. Assumed: subthreshold leakage
/// doubles about every 20 K (for example Liu et al., DATE 2007), as in the catalogue.
pub const SLOPE_K: f64 = 30.0;
/// Reference temperature, °C: the catalogue's.
pub const REFERENCE_C: f64 = 50.0;
/// Temperatures of one load must lie this far apart to show leakage, and this far to show its slope, kelvin.
pub const RISE_MIN_K: f64 = 6.0;
pub const CURVE_MIN_K: f64 = 25.0;
const MOMENTS_MIN: usize = 20;

/// Standing power and leakage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Leakage {
    /// W without leakage, by load; 0 is idle.
    pub base_w: Vec<f64>,
    /// W at [`REFERENCE_C`].
    pub reference_w: f64,
    pub slope_k: f64,
    /// False where the slope is [`SLOPE_K`].
    pub slope_fitted: bool,
    /// Root of the mean square of what the fit leaves, W.
    pub residual_w: f64,
    /// Largest difference of temperatures under one load, K.
    pub rise_k: f64,
}

/// Fits a trace whose moments name their loads.
///
/// # Errors
/// Too few moments, temperatures too alike, or a leakage below zero.
pub fn fit(trace: &[Moment]) -> Result<Leakage, Unfit> {
    if trace.len() < MOMENTS_MIN {
        return Err(Unfit::Few { moments: trace.len(), needed: MOMENTS_MIN });
    }
    let loads = trace.iter().map(|m| usize::from(m.load) + 1).max().unwrap_or(1);
    let rise = |load: usize| {
        let of = || trace.iter().filter(move |m| usize::from(m.load) == load).map(|m| m.celsius);
        of().fold(f64::NEG_INFINITY, f64::max) - of().fold(f64::INFINITY, f64::min)
    };
    let rise_k = (0..loads).map(rise).fold(f64::NEG_INFINITY, f64::max);
    if rise_k.is_nan() || rise_k < RISE_MIN_K {
        let tenths = |k: f64| (k * 10.0).round() as i64;
        return Err(Unfit::Flat { rise_tenths: tenths(rise_k), needed_tenths: tenths(RISE_MIN_K) });
    }
    let solve = |slope: f64| {
        let row = |m: &Moment| {
            let mut row: Vec<f64> = (0..loads).map(|l| f64::from(u8::from(usize::from(m.load) == l))).collect();
            row.push(((m.celsius - REFERENCE_C) / slope).exp());
            row
        };
        let rows: Vec<Vec<f64>> = trace.iter().map(row).collect();
        least_squares(&rows, &trace.iter().map(|m| m.watts).collect::<Vec<f64>>())
    };
    let slope_fitted = rise_k >= CURVE_MIN_K;
    let slope_k =
        if slope_fitted { least(10.0, 90.0, 60, |s| solve(s).map_or(f64::INFINITY, |(_, rest)| rest)) } else { SLOPE_K };
    let (mut x, residual_w) = solve(slope_k).ok_or(Unfit::Alike)?;
    let reference_w = x.pop().unwrap_or(0.0);
    if reference_w < 0.0 || x[0] < 0.0 {
        let (what, value) = if reference_w < 0.0 { ("the leakage in W", reference_w) } else { ("the idle power in W", x[0]) };
        return Err(Unfit::Absurd { what: what.into(), value: format!("{value:.3}") });
    }
    Ok(Leakage { base_w: x, reference_w, slope_k, slope_fitted, residual_w, rise_k })
}

#[cfg(test)]
mod tests {
    use super::super::thermal::tests::simulate;
    use super::*;

    fn leak(reference: f64, slope: f64) -> impl Fn(f64) -> f64 {
        move |t| reference * ((t - REFERENCE_C) / slope).exp()
    }

    #[test]
    fn a_known_leakage_comes_back() {
        let l = fit(&simulate(3.0, 12.0, 25.0, 2.0, 8.0, leak(0.5, 30.0))).expect("temperatures differ");
        assert!((l.reference_w / 0.5 - 1.0).abs() < 0.1, "{l:?}");
        assert!((l.base_w[0] - 2.0).abs() < 0.05 && (l.base_w[1] - 8.0).abs() < 0.1, "{l:?}");
        assert!(l.residual_w < 0.01, "{l:?}");
    }

    #[test]
    fn a_hot_device_tells_its_slope() {
        let l = fit(&simulate(5.0, 12.0, 25.0, 2.0, 10.0, leak(0.5, 25.0))).expect("temperatures differ");
        assert!(l.slope_fitted && (l.slope_k / 25.0 - 1.0).abs() < 0.1, "{l:?}");
        assert!((l.reference_w / 0.5 - 1.0).abs() < 0.1, "{l:?}");
    }

    #[test]
    fn alike_temperatures_tell_nothing() {
        let cool = simulate(0.5, 12.0, 25.0, 2.0, 8.0, leak(0.5, 30.0));
        assert!(matches!(fit(&cool), Err(Unfit::Flat { .. })), "{:?}", fit(&cool));
    }
}
