//! Whether the machine is slowed down, and by what.

#[cfg(test)]
mod tests;

use crate::clock::Stamp;
use crate::interface::Interface;
use crate::reading::{Quantity, Reading};
use serde::Serialize;
use std::collections::BTreeMap;

/// Why a machine slows down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    Thermal,
    Electrical,
    PowerCap,
}

/// What slows the machine down.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Throttle {
    /// Now: cause and the sensor that says so.
    pub active: Vec<(Cause, String)>,
    /// Since the watch began: events by sensor, and flags seen at least once (as 1).
    pub since_start: BTreeMap<String, f64>,
}

/// Counters run since boot: only what is added while somebody watches means anything.
#[derive(Clone, Debug, Default)]
pub struct ThrottleWatch {
    base: BTreeMap<String, f64>,
    last: BTreeMap<String, f64>,
    seen: BTreeMap<String, f64>,
}

impl ThrottleWatch {
    /// Takes the readings of one sweep; the first one sets the base of the counters.
    pub fn observe(&mut self, readings: &[Reading]) -> Throttle {
        let mut active = Vec::new();
        for reading in readings {
            let (Some(cause), Some(value)) = (cause(reading), reading.value()) else { continue };
            let name = reading.name.clone();
            if reading.quantity == Quantity::Flag {
                if value > 0.0 {
                    self.seen.insert(name.clone(), 1.0);
                    // What was seen earlier is history.
                    if !name.ends_with(" seen") {
                        active.push((cause, name));
                    }
                }
                continue;
            }
            let base = *self.base.entry(name.clone()).or_insert(value);
            let last = self.last.insert(name.clone(), value).unwrap_or(value);
            // A counter that fell started anew, with its device.
            if value < last {
                self.base.insert(name.clone(), value - (last - base).max(0.0));
            } else if value > last {
                active.push((cause, name.clone()));
            }
            let total = value - self.base.get(&name).copied().unwrap_or(value);
            if total > 0.0 {
                self.seen.insert(name, total);
            }
        }
        Throttle { active, since_start: self.seen.clone() }
    }
}

fn cause(reading: &Reading) -> Option<Cause> {
    let name = reading.name.as_str();
    match (reading.interface, reading.quantity) {
        (Interface::JetsonThrottle, Quantity::Flag) | (Interface::CpuThrottle, Quantity::Events) => Some(Cause::Thermal),
        (Interface::OverCurrent, Quantity::Events) | (Interface::PiVolt, Quantity::Flag) => Some(Cause::Electrical),
        (Interface::PiThrottled, Quantity::Flag) if name.starts_with("soft temperature") => Some(Cause::Thermal),
        // The firmware caps the clock for the voltage and throttles for the temperature.
        (Interface::PiThrottled, Quantity::Flag) if name.starts_with("throttled") => Some(Cause::Thermal),
        (Interface::PiThrottled, Quantity::Flag) => Some(Cause::Electrical),
        (Interface::Nvml, Quantity::Flag) if name.ends_with("thermal slowdown") => Some(Cause::Thermal),
        (Interface::Nvml, Quantity::Flag) if name.ends_with("power cap") => Some(Cause::PowerCap),
        (Interface::Nvml, Quantity::Flag) => Some(Cause::Electrical),
        _ => None,
    }
}

/// Slowness that no flag tells of: busy, and the clock far below what it was at calibration. Pi 4, AMD and many
/// ARM boards have no flag.
#[derive(Clone, Debug)]
pub struct Slowdown {
    reference_hz: f64,
    slow_since: Option<Stamp>,
    fast_since: Option<Stamp>,
    active: bool,
}

/// Below this share of the reference clock, for so long, it is slowed down; it is over after so long above.
const SLOW_SHARE: f64 = 0.85;
const SLOW_S: f64 = 5.0;
const OVER_S: f64 = 30.0;
/// An idle machine's clock is low by choice.
const BUSY: f64 = 0.8;

impl Slowdown {
    /// `reference_hz` is the clock under load at the last calibration.
    #[must_use]
    pub const fn new(reference_hz: f64) -> Self {
        Self { reference_hz, slow_since: None, fast_since: None, active: false }
    }

    /// Takes load (0..1) and clock (Hz) of a moment; true while the machine is slowed down.
    pub fn observe(&mut self, at: Stamp, load: f64, clock_hz: f64) -> bool {
        if load < BUSY {
            // An idle moment says nothing in either direction.
            (self.slow_since, self.fast_since) = (None, None);
            return self.active;
        }
        let slow = clock_hz < SLOW_SHARE * self.reference_hz;
        let (running, other) =
            if slow { (&mut self.slow_since, &mut self.fast_since) } else { (&mut self.fast_since, &mut self.slow_since) };
        *other = None;
        let seconds = at.since_s(*running.get_or_insert(at));
        if seconds >= if slow { SLOW_S } else { OVER_S } {
            self.active = slow;
        }
        self.active
    }
}
