//! Parts of plans that say nothing, for tests of other crates that need whole ones.

use crate::{DeviceExpectation, PlannedDevice, Sources, Totals};
use profiles::Quality;

/// A device awake that throttles at so many degrees Celsius.
#[must_use]
pub fn device(name: &str, throttle_c: f64) -> PlannedDevice {
    PlannedDevice {
        name: name.into(),
        profile: "any".into(),
        site: "here".into(),
        awake: true,
        mode: None,
        expected: DeviceExpectation {
            power_w: 1.0,
            dynamic_w: 0.5,
            leakage_w: 0.1,
            temperature_c: 50.0,
            throttle_c,
            phi: 1.0,
            pools: Vec::new(),
            processors: Vec::new(),
            wakes_hz: None,
        },
        fitted: None,
    }
}

/// Sums of one watt and one second.
#[must_use]
pub fn totals() -> Totals {
    Totals {
        power_w: 1.0,
        energy_per_request_j: 1.0,
        mean_latency_s: 1.0,
        accuracy: None,
        answering_power_w: 1.0,
        ipw: None,
        ipw_fleet: None,
        answers_per_kj: None,
        latency_score: 0.0,
        underutilisation: 0.0,
        throttled_devices: 0,
        cost_per_day: None,
        currency: None,
        carbon_g_per_day: None,
        targets: Vec::new(),
    }
}

/// Nothing but assumptions.
#[must_use]
pub fn sources() -> Sources {
    Sources { worst: Quality::Assumed, measured: 0, fitted: 0, datasheet: 0, assumed: 1, assumptions: Vec::new() }
}
