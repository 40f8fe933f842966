//! One thermal resistance and one capacitance: steady temperature, runaway, what cooling sustains.
//!
//! ```text
//! C dT/dt = P - (T - T_ambient) / R           P = P_idle + P_dyn + P_leak(T)
//! ```
//!
//! At rest `T = T_ambient + R P`. The dynamic power that holds a temperature at rest is
//! `d(T) = (T - T_ambient) / R - P_idle - P_leak(T)`: concave, because leakage is convex. It grows up to
//! `T*`, where one more kelvin leaks as much as it carries away (`R P_leak'(T*) = 1`), and falls beyond:
//! the part below `T*` is stable, the part above is thermal runaway, and above `d(T*)` nothing is steady.

use profiles::Thermal;
use profiles::units::Celsius;

use super::power::Leakage;

/// A device as a heat source in its surroundings.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Body {
    pub ambient_c: f64,
    /// Die to ambient, kelvin per watt.
    pub resistance: f64,
    /// Joules per kelvin.
    pub capacitance: f64,
    pub leakage: Leakage,
    pub throttle_c: f64,
}

/// Smallest resistance that is told from none, kelvin per watt.
const RESISTANCE_MIN: f64 = 1e-9;

impl Body {
    #[must_use]
    pub fn of(thermal: &Thermal, ambient: Celsius) -> Self {
        Self {
            ambient_c: ambient.get(),
            resistance: thermal.resistance.value.get().max(RESISTANCE_MIN),
            capacitance: thermal.capacitance.value.get(),
            leakage: Leakage::of(thermal),
            throttle_c: thermal.throttle.value.get(),
        }
    }

    /// `T*`: above it temperature runs away. Infinite where leakage does not grow.
    #[must_use]
    pub fn runaway_c(&self) -> f64 {
        let l = &self.leakage;
        if l.constant() {
            return f64::INFINITY;
        }
        // R P_leak0 / slope * exp((T - T0) / slope) = 1
        l.reference_c + l.slope_k * (l.slope_k / (self.resistance * l.at_reference_w)).ln()
    }

    /// Dynamic power that holds a temperature at rest, watts; negative where even idling is hotter.
    #[must_use]
    pub fn dynamic_at(&self, idle_w: f64, temperature_c: f64) -> f64 {
        (temperature_c - self.ambient_c) / self.resistance - idle_w - self.leakage.watts(temperature_c)
    }

    /// Steady temperature at a mean dynamic power; `None` when there is none (thermal runaway).
    #[must_use]
    pub fn steady_c(&self, idle_w: f64, dynamic_w: f64) -> Option<f64> {
        if self.leakage.constant() {
            return Some(self.ambient_c + self.resistance * (idle_w + dynamic_w + self.leakage.at_reference_w));
        }
        let edge = self.runaway_c();
        if edge <= self.ambient_c || self.dynamic_at(idle_w, edge) < dynamic_w {
            return None;
        }
        // Newton's method on the increasing concave d(T): its tangents lie above it, so that steps from the
        // cold side never pass the root. At the edge itself, where the slope is zero, steps halve the distance.
        let mut t = self.ambient_c;
        for _ in 0..100 {
            let slope = 1.0 / self.resistance - self.leakage.per_kelvin(t);
            let step = (dynamic_w - self.dynamic_at(idle_w, t)) / slope;
            if step.is_nan() || step <= 1e-12 * t.abs().max(1.0) {
                break;
            }
            t = (t + step).min(edge);
        }
        Some(t)
    }

    /// Hottest temperature at which to run steadily: the throttle temperature, or a tenth of the leakage slope below runaway.
    #[must_use]
    pub fn limit_c(&self) -> f64 {
        if self.leakage.constant() { self.throttle_c } else { self.throttle_c.min(self.runaway_c() - 0.1 * self.leakage.slope_k) }
    }

    /// Largest mean dynamic power that neither heats beyond [`Body::limit_c`] nor takes total power beyond `cap_w`.
    /// Negative when idling alone does.
    #[must_use]
    pub fn sustained_w(&self, idle_w: f64, cap_w: f64) -> f64 {
        let total = cap_w.min((self.limit_c() - self.ambient_c) / self.resistance);
        total - idle_w - self.leakage.watts(self.ambient_c + self.resistance * total)
    }

    /// Temperature `seconds` after `start_c` under constant dynamic power: the transient of a short burst.
    /// Exact between steps for the linear part, leakage held for a hundredth of the time constant.
    #[must_use]
    pub fn after(&self, start_c: f64, idle_w: f64, dynamic_w: f64, seconds: f64) -> f64 {
        let tau = (self.resistance * self.capacitance).max(1e-6);
        let steps = (seconds / tau * 100.0).ceil().clamp(1.0, 20_000.0);
        let keep = (-seconds / steps / tau).exp();
        let mut t = start_c;
        for _ in 0..steps as u32 {
            let rest = self.ambient_c + self.resistance * (idle_w + dynamic_w + self.leakage.watts(t));
            t = rest + (t - rest) * keep;
            if !t.is_finite() {
                return f64::INFINITY;
            }
        }
        t
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn body(resistance: f64, leak: f64) -> Body {
        Body {
            ambient_c: 25.0,
            resistance,
            capacitance: 40.0,
            leakage: Leakage { at_reference_w: leak, reference_c: 25.0, slope_k: 30.0 },
            throttle_c: 80.0,
        }
    }

    #[test]
    fn without_leakage_it_is_a_resistor() {
        let b = body(4.0, 0.0);
        assert!((b.steady_c(3.0, 7.0).unwrap() - 65.0).abs() < 1e-12);
        // (80 - 25) / 4 - 3 = 10.75 W; under a cap of 8 W, 5 W.
        assert!((b.sustained_w(3.0, f64::INFINITY) - 10.75).abs() < 1e-12);
        assert!((b.sustained_w(3.0, 8.0) - 5.0).abs() < 1e-12);
        assert!(b.runaway_c().is_infinite());
    }

    #[test]
    fn runs_away_where_leakage_outgrows_cooling() {
        // R leak0 / slope = 10 * 1.5 / 30 = 0.5: T* = 25 + 30 ln 2.
        let b = body(10.0, 1.5);
        let star = 25.0 + 30.0 * 2.0f64.ln();
        assert!((b.runaway_c() - star).abs() < 1e-9);
        let most = b.dynamic_at(0.0, star);
        // d(T*) = 30 ln 2 / 10 - 0 - 3 < 0: even idling has no steady state.
        assert!((most - (3.0 * 2.0f64.ln() - 3.0)).abs() < 1e-9);
        assert_eq!(b.steady_c(0.0, 0.0), None);
        assert!(b.after(25.0, 0.0, 0.0, 1e6) > 1e3, "and the transient agrees");
    }

    #[test]
    fn transient_reaches_the_steady_state() {
        let b = body(4.0, 0.3);
        let rest = b.steady_c(3.0, 5.0).unwrap();
        assert!((b.after(25.0, 3.0, 5.0, 160.0 * 40.0) - rest).abs() < 1e-6);
        // After one time constant without leakage: 1 - 1/e of the way.
        let plain = body(4.0, 0.0);
        let expected = 25.0 + 32.0 * (1.0 - (-1.0f64).exp());
        assert!((plain.after(25.0, 3.0, 5.0, 160.0) - expected).abs() < 1e-9);
    }

    proptest! {
        #[test]
        fn steady_is_a_fixed_point_and_grows(idle in 0.0..5.0f64, d in 0.0..6.0f64, more in 0.01..2.0f64) {
            let b = body(3.0, 0.4);
            let t = b.steady_c(idle, d).unwrap();
            let p = idle + d + b.leakage.watts(t);
            prop_assert!((t - (25.0 + 3.0 * p)).abs() < 1e-6);
            prop_assert!(b.steady_c(idle, d + more).unwrap() > t);
        }

        #[test]
        fn sustained_is_the_edge(idle in 0.0..4.0f64, resistance in 0.5..5.0f64, leak in 0.0..1.0f64) {
            let b = body(resistance, leak);
            let most = b.sustained_w(idle, f64::INFINITY);
            prop_assume!(most > 0.0);
            prop_assert!(b.steady_c(idle, most * (1.0 - 1e-9)).unwrap() <= b.limit_c() + 1e-6);
            prop_assert!(b.steady_c(idle, most * 1.01).is_none_or(|t| t > b.limit_c()));
        }
    }
}
