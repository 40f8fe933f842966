//! One thermal resistance and one capacitance, from a step of power: `C dT/dt = P − (T − T_ambient) / R`.
//!
//! For a time constant `τ = R C` the temperature is linear in what is unknown:
//! `T(t) = T_ambient + R F(t) + D e^(−t/τ)`, where `F` is the power behind a low pass of `τ` that begins at the first
//! power, and `D` what the start was away from rest. So `τ` is searched, and the rest is linear least squares.

use super::search::least;
use super::{Moment, Unfit, least_squares};
use serde::{Deserialize, Serialize};

/// A step must lift the temperature by this much to say anything, kelvin: sensors step by 0.5 to 1 K.
pub const RISE_MIN_K: f64 = 4.0;
const MOMENTS_MIN: usize = 12;

/// A device as one thermal mass.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Thermal {
    /// Die to ambient, K/W.
    pub resistance: f64,
    /// J/K.
    pub capacitance: f64,
    /// °C, as the fit sees it.
    pub ambient_c: f64,
    /// Root of the mean square of what the fit leaves, K.
    pub residual_k: f64,
    /// Highest less lowest temperature of the trace, K.
    pub rise_k: f64,
    pub moments: usize,
}

/// Fits a trace.
///
/// # Errors
/// Too few moments, too little rise, or coefficients that no device has.
pub fn fit(trace: &[Moment]) -> Result<Thermal, Unfit> {
    if trace.len() < MOMENTS_MIN {
        return Err(Unfit::Few { moments: trace.len(), needed: MOMENTS_MIN });
    }
    let temperatures = || trace.iter().map(|m| m.celsius);
    let rise_k = temperatures().fold(f64::NEG_INFINITY, f64::max) - temperatures().fold(f64::INFINITY, f64::min);
    if rise_k.is_nan() || rise_k < RISE_MIN_K {
        let tenths = |k: f64| (k * 10.0).round() as i64;
        return Err(Unfit::Flat { rise_tenths: tenths(rise_k), needed_tenths: tenths(RISE_MIN_K) });
    }
    let length = trace[trace.len() - 1].at_s - trace[0].at_s;
    if !(length.is_finite() && length > 0.0) {
        return Err(Unfit::Alike);
    }
    let left = |tau: f64| solve(trace, tau).map_or(f64::INFINITY, |(_, rest)| rest);
    // A step shorter than a hundredth of the time constant is a straight line: it tells C and not R.
    let tau = least(length / 500.0, length * 100.0, 80, left);
    let (x, residual_k) = solve(trace, tau).ok_or(Unfit::Alike)?;
    let (ambient_c, resistance) = (x[0], x[1]);
    let absurd = |what: &str, value: f64| Err(Unfit::Absurd { what: what.into(), value: format!("{value:.3}") });
    // A bare die in moving air to a fanless box in still air.
    if !(0.005..=200.0).contains(&resistance) {
        return absurd("the thermal resistance in K/W", resistance);
    }
    if !(-60.0..=120.0).contains(&ambient_c) {
        return absurd("the ambient temperature in °C", ambient_c);
    }
    Ok(Thermal { resistance, capacitance: tau / resistance, ambient_c, residual_k, rise_k, moments: trace.len() })
}

/// Ambient, resistance and start for a time constant.
fn solve(trace: &[Moment], tau: f64) -> Option<(Vec<f64>, f64)> {
    let mut filtered = trace[0].watts;
    let mut last = trace[0].at_s;
    let rows: Vec<Vec<f64>> = trace
        .iter()
        .map(|m| {
            // A moment's power held since the moment before.
            filtered = m.watts + (filtered - m.watts) * (-(m.at_s - last) / tau).exp();
            last = m.at_s;
            vec![1.0, filtered, (-(m.at_s - trace[0].at_s) / tau).exp()]
        })
        .collect();
    let temperatures: Vec<f64> = trace.iter().map(|m| m.celsius).collect();
    // A start at rest leaves the third column without a part to play; then two columns are enough.
    least_squares(&rows, &temperatures).or_else(|| {
        let two: Vec<Vec<f64>> = rows.iter().map(|r| r[..2].to_vec()).collect();
        least_squares(&two, &temperatures)
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What a device does: an exact simulation in small steps, leakage included.
    pub(crate) fn simulate(r: f64, c: f64, ambient: f64, idle: f64, load: f64, leak: impl Fn(f64) -> f64) -> Vec<Moment> {
        let mut t = ambient + r * (idle + leak(ambient + r * idle));
        let mut trace = Vec::new();
        for i in 0..400 {
            let busy = (60..260).contains(&i);
            let base = if busy { load } else { idle };
            let mut joules = 0.0;
            for _ in 0..50 {
                let p = base + leak(t);
                joules += p * 0.01;
                t += 0.01 / c * (p - (t - ambient) / r);
            }
            trace.push(Moment { at_s: f64::from(i) * 0.5, watts: joules / 0.5, celsius: t, load: u8::from(busy) });
        }
        trace
    }

    #[test]
    fn a_known_device_comes_back() {
        let t = fit(&simulate(3.0, 12.0, 25.0, 2.4, 8.0, |_| 0.0)).expect("a step");
        assert!((t.resistance / 3.0 - 1.0).abs() < 0.01 && (t.capacitance / 12.0 - 1.0).abs() < 0.02, "{t:?}");
        assert!((t.ambient_c - 25.0).abs() < 0.2 && t.residual_k < 0.05, "{t:?}");
    }

    #[test]
    fn what_a_trace_does_not_tell_is_refused() {
        assert!(matches!(fit(&[]), Err(Unfit::Few { moments: 0, .. })));
        let flat = simulate(0.1, 12.0, 25.0, 2.4, 8.0, |_| 0.0);
        assert!(matches!(fit(&flat), Err(Unfit::Flat { .. })), "{:?}", fit(&flat));
        // The temperature falls when power rises: no device.
        let mut odd = simulate(3.0, 12.0, 25.0, 2.4, 8.0, |_| 0.0);
        odd.iter_mut().for_each(|m| m.celsius = 100.0 - m.celsius);
        assert!(matches!(fit(&odd), Err(Unfit::Absurd { .. })), "{:?}", fit(&odd));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn resistance_and_capacitance_come_back(r in 1.0..8.0f64, c in 3.0..20.0f64, noise in 0.0..0.25f64, seed in 0u64..1000) {
            use rand::{Rng, SeedableRng};
            let mut random = rand_xoshiro::Xoshiro256PlusPlus::seed_from_u64(seed);
            let mut trace = simulate(r, c, 22.0, 2.0, 9.0, |_| 0.0);
            for m in &mut trace {
                // Sensors of half a kelvin with some noise.
                m.celsius = ((m.celsius + noise * random.random_range(-1.0..1.0)) * 2.0).round() / 2.0;
            }
            let t = fit(&trace).expect("a step");
            prop_assert!((t.resistance / r - 1.0).abs() < 0.05, "{t:?}, true {r} K/W {c} J/K");
            prop_assert!((t.capacitance / c - 1.0).abs() < 0.12, "{t:?}, true {r} K/W {c} J/K");
        }
    }
}
