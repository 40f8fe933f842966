//! Power and energy: dynamic, leakage, standing; thermal yield Phi.
//!
//! ```text
//! P_dyn  = (eps_op F + eps_byte B) / t        additive: energies do not overlap as times do
//! P_leak = P_leak0 exp((T - T0) / T_slope)
//! P      = P_idle + P_dyn + P_leak(T)
//! Phi    = (P_idle + P_dyn) / P
//! E      = t P = (eps_op F + eps_byte B + P_idle t) / Phi
//! ```
//!
//! The additive form is the energy roofline (Choi, Bedard, Fowler, Vuduc 2013); the exponential leakage
//! is the usual linearisation of subthreshold leakage around a reference temperature.

use profiles::Thermal;

/// Share of the full clock below which voltage no longer falls, so that energy per operation stays. Assumed:
/// mobile parts keep their lowest voltage from about 40 % of the top clock downwards.
pub const VOLTAGE_FLOOR: f64 = 0.4;

/// Share of the full clock below which energy per byte no longer falls. Fitted by eye to decode scans of
/// RTX 3090 cards (github.com/noonghunna/club-3090 docs/HARDWARE.md and docs/img): joules per token are
/// least between 0.68 and 0.75 of the stock clock and rise below.
pub const BYTE_CLOCK_FLOOR: f64 = 0.75;

/// Leakage as a function of temperature.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Leakage {
    /// Watts at the reference temperature.
    pub at_reference_w: f64,
    /// Degrees Celsius.
    pub reference_c: f64,
    /// Rise that multiplies leakage by e, kelvin. Zero or below: leakage does not depend on temperature.
    pub slope_k: f64,
}

impl Leakage {
    #[must_use]
    pub fn of(thermal: &Thermal) -> Self {
        Self {
            at_reference_w: thermal.leakage.value.get().max(0.0),
            reference_c: thermal.reference.value.get(),
            slope_k: thermal.leakage_slope.value.get(),
        }
    }

    /// Watts at a temperature in degrees Celsius.
    #[must_use]
    pub fn watts(&self, temperature_c: f64) -> f64 {
        if self.constant() {
            return self.at_reference_w;
        }
        self.at_reference_w * ((temperature_c - self.reference_c) / self.slope_k).exp()
    }

    /// Growth in watts per kelvin at a temperature.
    #[must_use]
    pub fn per_kelvin(&self, temperature_c: f64) -> f64 {
        if self.constant() { 0.0 } else { self.watts(temperature_c) / self.slope_k }
    }

    /// True when leakage does not depend on temperature.
    #[must_use]
    pub fn constant(&self) -> bool {
        self.at_reference_w <= 0.0 || self.slope_k.is_nan() || self.slope_k <= 0.0
    }
}

/// Dynamic energy of some work, joules.
#[must_use]
pub fn dynamic_j(ops: f64, joules_per_op: f64, bytes: f64, joules_per_byte: f64) -> f64 {
    ops * joules_per_op + bytes * joules_per_byte
}

/// Total power of an awake device, watts.
#[must_use]
pub fn total_w(idle_w: f64, dynamic_w: f64, leakage_w: f64) -> f64 {
    idle_w + dynamic_w + leakage_w
}

/// Thermal yield Phi, 0..1: the share of power that is not leakage. 1 for a device that draws nothing.
#[must_use]
pub fn phi(idle_w: f64, dynamic_w: f64, leakage_w: f64) -> f64 {
    let total = total_w(idle_w, dynamic_w, leakage_w);
    if total > 0.0 { (idle_w + dynamic_w) / total } else { 1.0 }
}

/// Energy of work that runs alone for `time_s` on a device at thermal yield `phi`: `(E_dyn + P_idle t) / Phi`.
#[must_use]
pub fn energy_j(dynamic_j: f64, idle_w: f64, time_s: f64, phi: f64) -> f64 {
    (dynamic_j + idle_w * time_s) / phi
}

/// Factor on energy per operation at a clock factor: `f^2`, for voltage follows frequency down to a floor.
#[must_use]
pub fn energy_factor(clock: f64) -> f64 {
    let volts = clock.max(VOLTAGE_FLOOR);
    volts * volts
}

/// Factor on energy per byte at a clock factor: of the share `s` that the processor's own clock domain
/// spends, voltage follows frequency, `1 - s + s f^2`, down to [`BYTE_CLOCK_FLOOR`].
#[must_use]
pub fn byte_factor(clock: f64, clocked_share: f64) -> f64 {
    let f = clock.clamp(BYTE_CLOCK_FLOOR, 1.0);
    1.0 - clocked_share + clocked_share * f * f
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LEAK: Leakage = Leakage { at_reference_w: 2.0, reference_c: 25.0, slope_k: 30.0 };

    #[test]
    fn known_values() {
        assert!((LEAK.watts(25.0) - 2.0).abs() < 1e-12);
        assert!((LEAK.watts(55.0) - 2.0 * std::f64::consts::E).abs() < 1e-12);
        assert!((LEAK.per_kelvin(25.0) - 2.0 / 30.0).abs() < 1e-12);
        // 1e9 operations at 2 pJ and 1e9 bytes at 100 pJ: 2 mJ + 100 mJ.
        assert!((dynamic_j(1e9, 2e-12, 1e9, 100e-12) - 0.102).abs() < 1e-12);
        assert!((phi(3.0, 5.0, 2.0) - 0.8).abs() < 1e-12);
        assert!((phi(0.0, 0.0, 0.0) - 1.0).abs() < 1e-12);
        assert!((energy_factor(0.5) - 0.25).abs() < 1e-12);
        assert!((energy_factor(0.1) - 0.16).abs() < 1e-12, "voltage has a floor");
        // RTX 5090 by clock lock: 0.562 of the energy per token at 2122 of 2830 MHz, all of it clocked.
        assert!((byte_factor(0.75, 1.0) - 0.5625).abs() < 1e-12 && (byte_factor(0.1, 1.0) - 0.5625).abs() < 1e-12);
        assert!((byte_factor(0.9, 0.5) - 0.905).abs() < 1e-12 && (byte_factor(0.5, 0.0) - 1.0).abs() < 1e-12);
    }

    proptest! {
        #[test]
        fn the_one_line_equals_power_times_time(dynamic in 0.0..50.0f64, idle in 0.1..50.0f64, t in 1e-3..100.0f64, c in 0.0..100.0f64) {
            let leak = LEAK.watts(c);
            let long = t * total_w(idle, dynamic, leak);
            let short = energy_j(dynamic * t, idle, t, phi(idle, dynamic, leak));
            prop_assert!((long - short).abs() <= 1e-9 * long);
        }

        #[test]
        fn phi_falls_and_leakage_grows_with_temperature(dynamic in 0.0..50.0f64, idle in 0.1..50.0f64, c in -20.0..100.0f64, hotter in 0.01..50.0f64) {
            prop_assert!(LEAK.watts(c + hotter) > LEAK.watts(c));
            prop_assert!(phi(idle, dynamic, LEAK.watts(c + hotter)) < phi(idle, dynamic, LEAK.watts(c)));
        }
    }
}
