//! Totals of a plan and the fleet's targets.

use protocol::{PlannedDevice, PlannedService, Target, Totals};
use scenarios::At;

use super::Context;
use super::target::target;

pub(super) fn of(c: &Context<'_>, devices: &[PlannedDevice], services: &[PlannedService]) -> Totals {
    let e = &c.evaluation;
    let power_w = devices.iter().map(|d| d.expected.power_w).sum::<f64>() + c.network_w();
    let rate: f64 = services.iter().map(|s| s.rate_hz).sum();
    let weighted = |of: fn(&PlannedService) -> f64| services.iter().map(|s| s.rate_hz * of(s)).sum::<f64>();
    let (energy_w, seconds) = (weighted(|s| s.expected.energy_j), weighted(|s| s.expected.service_s));
    let measured: f64 = services.iter().filter(|s| s.expected.accuracy.is_some()).map(|s| s.rate_hz).sum();
    let right = weighted(|s| s.expected.accuracy.unwrap_or(0.0));
    let accuracy = (measured > 0.0).then(|| right / measured);
    let answering_power_w = if seconds > 0.0 { energy_w / seconds } else { 0.0 };
    let cost = bill(c, devices, "cost");
    let carbon = bill(c, devices, "carbon");
    let per = |watts: f64| accuracy.filter(|_| watts > 0.0).map(|a| a / watts);
    Totals {
        power_w,
        energy_per_request_j: if rate > 0.0 { power_w / rate } else { 0.0 },
        mean_latency_s: if rate > 0.0 { seconds / rate } else { 0.0 },
        accuracy,
        answering_power_w,
        ipw: per(answering_power_w),
        ipw_fleet: per(power_w),
        answers_per_kj: (measured > 0.0 && power_w > 0.0).then(|| 1000.0 * right / power_w),
        latency_score: e.latency,
        underutilisation: underuse(c, devices),
        throttled_devices: devices.iter().filter(|d| d.mode.as_ref().is_some_and(|m| m.throttled)).count() as u32,
        cost_per_day: cost,
        currency: cost.and(c.scenario.currency().map(String::from)),
        carbon_g_per_day: carbon,
        targets: targets(c, devices, power_w, accuracy, (cost, carbon)),
    }
}

/// Sum over awake devices of the share of time not booked, over all devices. A pair is one
/// device in the table, and two here; two processors with one queue are two.
fn underuse(c: &Context<'_>, devices: &[PlannedDevice]) -> f64 {
    if c.model.joined.is_empty() && !(0..devices.len()).any(|d| c.together(d)) {
        return c.evaluation.underuse;
    }
    let idle = |d: &PlannedDevice| {
        let processors = &d.expected.processors;
        1.0 - processors.iter().map(|p| p.booked).sum::<f64>() / processors.len().max(1) as f64
    };
    devices.iter().filter(|d| d.awake).map(idle).sum::<f64>() / devices.len().max(1) as f64
}

/// What stands on a bill of the table, from the devices' own power; `None` where there is no such bill.
fn bill(c: &Context<'_>, devices: &[PlannedDevice], name: &str) -> Option<f64> {
    let b = c.model.table.bills.iter().find(|b| b.name == name)?;
    let of = |(d, planned): (usize, &PlannedDevice)| {
        b.per_w[d] * planned.expected.power_w + if planned.awake { b.awake[d] } else { 0.0 }
    };
    Some(devices.iter().enumerate().map(of).sum::<f64>() + b.network_per_w * c.network_w())
}

/// The fleet's limits, then each awake device's, then links'.
fn targets(
    c: &Context<'_>,
    devices: &[PlannedDevice],
    power_w: f64,
    accuracy: Option<f64>,
    (cost, carbon): (Option<f64>, Option<f64>),
) -> Vec<Target> {
    let limits = &c.scenario.limits;
    let mut all = Vec::new();
    if let Some(cap) = &limits.power {
        all.push(target("power".into(), cap.value.get(), power_w, "W", true, cap.at));
    }
    if let Some(cap) = &limits.latency {
        all.push(target("latency score".into(), cap.value.get(), c.evaluation.latency, "1", true, cap.at));
    }
    if let Some(cap) = &limits.underutilisation {
        all.push(target("underutilisation".into(), cap.value.get(), c.evaluation.underuse, "1", true, cap.at));
    }
    if let (Some(least), Some(accuracy)) = (&limits.mean_accuracy, accuracy) {
        all.push(target("mean accuracy".into(), least.value.get(), accuracy, "1", false, least.at));
    }
    if let (Some(cap), Some(cost)) = (&limits.cost, cost) {
        let unit = format!("{}/day", cap.value.currency);
        all.push(target("cost of a day".into(), cap.value.amount, cost, &unit, true, cap.at));
    }
    if let (Some(cap), Some(carbon)) = (&limits.carbon, carbon) {
        all.push(target("carbon of a day".into(), cap.value.get(), carbon, "g/day", true, cap.at));
    }
    for (wanted, planned) in c.scenario.devices.iter().zip(devices) {
        if planned.awake {
            device(c, wanted, planned, &mut all);
        }
    }
    for (segment, &booked) in c.model.table.segments.iter().zip(&c.evaluation.segment_bytes_s) {
        if booked > 0.0 {
            let at = limits.booked_link.at;
            all.push(target(format!("link {}", segment.name), segment.capacity_bytes_s, booked, "B/s", true, at));
        }
    }
    all
}

fn device(c: &Context<'_>, wanted: &scenarios::Device, planned: &PlannedDevice, all: &mut Vec<Target>) {
    let e = &planned.expected;
    let name = &planned.name;
    all.push(target(format!("temperature {name}"), e.throttle_c, e.temperature_c, "°C", true, At::default()));
    let cap = planned.mode.as_ref().and_then(|m| wanted.profile.modes.iter().find(|p| p.id == m.id)?.cap.as_ref());
    match &wanted.power_cap {
        Some(owner) => all.push(target(format!("power {name}"), owner.value.get(), e.power_w, "W", true, owner.at)),
        None => all.extend(cap.map(|cap| target(format!("power {name}"), cap.value.get(), e.power_w, "W", true, At::default()))),
    }
    for pool in &e.pools {
        if pool.resident_bytes > 0.0 {
            let what = format!("memory {name} {}", pool.pool);
            all.push(target(what, pool.limit_bytes, pool.resident_bytes, "B", true, wanted.memory_margin.at));
        }
    }
    let level = planned.mode.as_ref().map_or(1.0, |m| m.booked_cap);
    for processor in &e.processors {
        if processor.booked > 0.0 {
            let what = format!("booked {name} {}", processor.processor);
            all.push(target(what, level, processor.booked, "1", true, c.scenario.limits.booked_time.at));
        }
    }
}
