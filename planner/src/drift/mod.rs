//! How far devices are from their profiles, by what they say while they serve, and plans that count with it.
//!
//! An agent's telemetry says how long a step of each of its stages takes, and what the device draws. Over what the
//! profile predicts for the same step ([`expect`]) that is a *factor*, a median over windows ([`fit`]). Factors are put
//! into the profiles of a scenario ([`corrected`]) before it is planned again; the file and its digest stay what the
//! user wrote, and the plan says beside each device which factor was used ([`mark`]).

mod expect;
mod fit;
mod hear;
#[cfg(test)]
mod tests;

pub use expect::{drawn_w, step_s};
pub use fit::Drift;

use crate::compose;
use profiles::units::{BytesPerSecond, JoulesPerByte, JoulesPerOp, OpsPerSecond, Seconds, Watts};
use profiles::{DeviceProfile, Processor, Quality, Sourced};
use protocol::{Fitted, Plan};
use scenarios::Scenario;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// A factor lies between these; what is further off is no drift of this device, but another machine or another model.
pub const LEAST: f64 = 1.0 / 16.0;
pub const MOST: f64 = 16.0;

/// Factors by device.
pub type Factors = BTreeMap<String, Fitted>;

/// Whether a factor is one that [`Drift`] could have found.
#[must_use]
pub fn is_sound(fitted: &Fitted) -> bool {
    let within = |x: f64| (LEAST..=MOST).contains(&x);
    within(fitted.time) && fitted.power.is_none_or(within) && fitted.quality >= Quality::Fitted
}

/// The factors that a plan was made with.
#[must_use]
pub fn of_plan(plan: &Plan) -> Factors {
    plan.devices.iter().filter_map(|d| Some((d.name.clone(), d.fitted?))).collect()
}

/// The scenario with corrected profiles, and its own digest.
#[must_use]
pub fn corrected<'s>(scenario: &'s Scenario, factors: &Factors) -> Cow<'s, Scenario> {
    let mut scenario = Cow::Borrowed(scenario);
    for (name, fitted) in factors {
        if let Some(at) = scenario.devices.iter().position(|d| d.name == *name) {
            correct(&mut scenario.to_mut().devices[at].profile, fitted);
        }
    }
    scenario
}

/// A plan of a corrected scenario, which says so.
#[must_use]
pub fn mark(mut plan: Plan, factors: &Factors) -> Plan {
    for device in &mut plan.devices {
        device.fitted = factors.get(&device.name).copied();
    }
    compose::seal(plan)
}

/// Divides rates and multiplies times by the one factor, watts and joules by the other. Storage is left as it is, since
/// no step that reads it is counted; so is sleep, in which nothing is measured.
pub fn correct(profile: &mut DeviceProfile, fitted: &Fitted) {
    let by = Scale { time: fitted.time, power: fitted.power.unwrap_or(1.0), samples: fitted.samples };
    profile.processors.iter_mut().for_each(|p| by.processor(p));
    for mode in &mut profile.modes {
        by.put(&mut mode.idle, by.power, |w, k| Watts(w.get() * k));
    }
    by.put(&mut profile.thermal.leakage, by.power, |w, k| Watts(w.get() * k));
}

struct Scale {
    time: f64,
    power: f64,
    samples: u32,
}

impl Scale {
    /// Changes a number, and says where it is from now.
    fn put<T: Copy>(&self, number: &mut Sourced<T>, factor: f64, times: impl Fn(T, f64) -> T) {
        if (factor - 1.0).abs() > f64::EPSILON {
            number.value = times(number.value, factor);
            number.quality = Quality::Fitted;
            number.source = format!("telemetry of {} windows: {factor} times ({})", self.samples, number.source);
        }
    }

    fn processor(&self, p: &mut Processor) {
        let ops = |n: &mut Sourced<OpsPerSecond>| self.put(n, 1.0 / self.time, |r, k| OpsPerSecond(r.get() * k));
        let bytes = |n: &mut Sourced<BytesPerSecond>| self.put(n, 1.0 / self.time, |r, k| BytesPerSecond(r.get() * k));
        let seconds = |n: &mut Sourced<Seconds>| self.put(n, self.time, |s, k| Seconds(s.get() * k));
        bytes(&mut p.bandwidth);
        p.reading.iter_mut().for_each(|r| bytes(&mut r.rate));
        p.attention.iter_mut().for_each(ops);
        for k in p.kernels.values_mut() {
            ops(&mut k.peak);
            k.vector.iter_mut().chain(&mut k.sample).for_each(ops);
            self.put(&mut k.joules_per_op, self.power, |j, k| JoulesPerOp(j.get() * k));
        }
        seconds(&mut p.launch);
        seconds(&mut p.pass_overhead);
        p.element.iter_mut().for_each(seconds);
        self.put(&mut p.joules_per_byte, self.power, |j, k| JoulesPerByte(j.get() * k));
    }
}
