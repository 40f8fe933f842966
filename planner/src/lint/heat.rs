//! The linter's own steady state of a device: Newton's method from the cold side, where the planner bisects.

use profiles::DeviceProfile;

use crate::physics::power::Leakage;

/// A device at rest under a mean load.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Steady {
    pub(super) temperature_c: f64,
    pub(super) leakage_w: f64,
    pub(super) power_w: f64,
    /// Share of power that is not leakage.
    pub(super) phi: f64,
}

/// Steady state at `idle` watts without work; `None` where temperature runs away.
///
/// `f(T) = T_ambient + R (P_idle + P_dyn + P_leak(T)) - T` is convex and positive at ambient temperature, so
/// Newton's steps from there never pass its first root.
pub(super) fn steady(profile: &DeviceProfile, idle: f64, ambient_c: f64, dynamic_w: f64) -> Option<Steady> {
    let leak = Leakage::of(&profile.thermal);
    let r = profile.thermal.resistance.value.get().max(1e-9);
    let mut t = ambient_c;
    for _ in 0..100 {
        let f = ambient_c + r * (idle + dynamic_w + leak.watts(t)) - t;
        let slope = r * leak.per_kelvin(t) - 1.0;
        if slope >= 0.0 || !f.is_finite() {
            return None;
        }
        let step = f / -slope;
        t += step;
        if step.abs() <= 1e-10 * t.abs().max(1.0) {
            let leakage_w = leak.watts(t);
            let power_w = idle + dynamic_w + leakage_w;
            let phi = if power_w > 0.0 { (idle + dynamic_w) / power_w } else { 1.0 };
            return Some(Steady { temperature_c: t, leakage_w, power_w, phi });
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::physics::thermal::Body;
    use crate::testing::{board, card};
    use profiles::units::{Celsius, KelvinPerWatt};

    #[test]
    fn agrees_with_the_planners_bisection() {
        for (profile, ambient, dynamic) in [(board(), 25.0, 4.0), (card(), 35.0, 12.0), (board(), -10.0, 0.0)] {
            let body = Body::of(&profile.thermal, Celsius(ambient));
            let idle = profile.modes[0].idle.value.get();
            let own = steady(&profile, idle, ambient, dynamic).unwrap();
            let theirs = body.steady_c(idle, dynamic).unwrap();
            assert!((own.temperature_c - theirs).abs() < 1e-6, "{own:?} {theirs}");
        }
    }

    #[test]
    fn runaway_has_no_steady_state() {
        let mut profile = board();
        profile.thermal.resistance.value = KelvinPerWatt(40.0);
        assert_eq!(steady(&profile, profile.modes[0].idle.value.get(), 25.0, 5.0), None);
    }
}
