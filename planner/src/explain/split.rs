//! Where the time of a request and the power of the fleet go.

use protocol::Plan;
use serde::Serialize;

use super::Case;
use crate::physics::waiting;
use crate::table::Deployment;

/// Parts of a request's time at the percentile, mean over replicas, seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Milliseconds {
    /// First passes, waiting not included.
    pub prefill_s: f64,
    /// Decode passes, waiting not included.
    pub decode_s: f64,
    /// Messages between stages, from and to the origin.
    pub network_s: f64,
    /// For other requests, at the percentile.
    pub waiting_s: f64,
    /// Their sum.
    pub total_s: f64,
}

/// Parts of the fleet's mean power, watts: joules per second.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Energy {
    pub devices: Vec<DeviceWatts>,
    pub network_w: f64,
    /// Of all devices.
    pub dynamic_w: f64,
    pub idle_w: f64,
    pub leakage_w: f64,
    pub sleep_w: f64,
    pub total_w: f64,
}

/// Parts of one device's mean power, watts.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DeviceWatts {
    pub name: String,
    pub dynamic_w: f64,
    pub idle_w: f64,
    pub leakage_w: f64,
    pub sleep_w: f64,
}

pub(super) fn time(case: &Case<'_>, s: usize, d: &Deployment) -> Milliseconds {
    let option = &case.table().services[s].options[d.option as usize];
    let wanted = &case.scenario.services[s];
    let mut t = Milliseconds::default();
    let share = 1.0 / d.chains.len().max(1) as f64;
    for (chain, whole) in d.chains.iter().zip(&case.evaluation.chains[s]) {
        let mut compute_s = 0.0;
        for stage in &chain.stages {
            let Some(at) = &option.at[stage.place as usize] else { continue };
            let c = at.stage(stage.start, stage.end);
            // Waiting stretches every part of a stage's own time alike, of a request that goes all the way.
            let level = case.model.modes[case.table().places[stage.place as usize].mode as usize].level;
            let stretch = waiting::slowdown(wanted.arrivals, level, wanted.deadline.percentile.get());
            let (prefill, alone) = (c.ttft_s / stretch, c.total_s / stretch);
            t.prefill_s += share * prefill;
            t.decode_s += share * (alone - prefill);
            t.waiting_s += share * (c.total_s - alone);
            compute_s += c.total_s;
        }
        t.network_s += share * (whole.total_s - compute_s);
        t.total_s += share * whole.total_s;
    }
    t.network_s = part(t.network_s, t.total_s);
    t.waiting_s = part(t.waiting_s, t.total_s);
    t
}

/// A part got by taking others from the whole: what rounding leaves is nothing.
fn part(rest: f64, whole: f64) -> f64 {
    if rest <= 1e-9 * whole.abs() { 0.0 } else { rest }
}

pub(super) fn energy(plan: &Plan) -> Energy {
    let of = |d: &protocol::PlannedDevice| {
        let e = &d.expected;
        if d.awake {
            let idle_w = e.power_w - e.dynamic_w - e.leakage_w;
            DeviceWatts { name: d.name.clone(), dynamic_w: e.dynamic_w, idle_w, leakage_w: e.leakage_w, sleep_w: 0.0 }
        } else {
            DeviceWatts { name: d.name.clone(), dynamic_w: 0.0, idle_w: 0.0, leakage_w: 0.0, sleep_w: e.power_w }
        }
    };
    let devices: Vec<DeviceWatts> = plan.devices.iter().map(of).collect();
    let sum = |f: fn(&DeviceWatts) -> f64| devices.iter().map(f).sum::<f64>();
    let (dynamic_w, idle_w, leakage_w, sleep_w) =
        (sum(|d| d.dynamic_w), sum(|d| d.idle_w), sum(|d| d.leakage_w), sum(|d| d.sleep_w));
    let network_w = part(plan.totals.power_w - dynamic_w - idle_w - leakage_w - sleep_w, plan.totals.power_w);
    Energy { network_w, dynamic_w, idle_w, leakage_w, sleep_w, total_w: plan.totals.power_w, devices }
}
