//! Devices of a plan: mode, steady state, memory, booked time.

use protocol::{DeviceExpectation, PlannedDevice, PlannedMode, PoolUse, ProcessorUse};

use super::{Context, service};
use crate::pairs;
use crate::physics::thermal::Body;
use crate::physics::{power, pressure};

pub(super) fn all(c: &Context<'_>) -> Vec<PlannedDevice> {
    (0..c.scenario.devices.len()).map(|d| device(c, d)).collect()
}

fn device(c: &Context<'_>, d: usize) -> PlannedDevice {
    let wanted = &c.scenario.devices[d];
    let mode = c.set(d).and_then(|l| {
        Some(PlannedMode {
            id: wanted.profile.modes.get(l.mode)?.id.clone(),
            clock: l.clock,
            throttled: l.clock < 1.0 && forced(c, d),
            booked_cap: l.level,
            naps: l.naps,
        })
    });
    PlannedDevice {
        name: wanted.name.clone(),
        profile: wanted.profile.id.clone(),
        site: c.scenario.sites.get(wanted.site).map_or_else(String::new, |s| s.name.clone()),
        awake: mode.is_some(),
        mode,
        expected: expected(c, d),
        fitted: None,
    }
}

/// Whether the device's load would pass what its mode sustains if the clock were not lowered.
fn forced(c: &Context<'_>, d: usize) -> bool {
    if let (Some((load, i)), Some(set)) = (c.half(d), c.set(d)) {
        return load.full_clock_w[i] > pairs::sustained_w(&c.scenario.devices[d], set.mode) * (1.0 + 1e-9);
    }
    let table = &c.model.table;
    let Some(lowered) = c.evaluation.modes[d] else { return false };
    let label = c.model.modes[lowered as usize];
    let full = table.devices[d].modes.clone().find(|&m| {
        let other = c.model.modes[m as usize];
        (other.mode, other.clock.to_bits(), other.level.to_bits(), other.naps, other.together)
            == (label.mode, 1f64.to_bits(), label.level.to_bits(), label.naps, label.together)
    });
    let Some(full) = full else { return true };
    let (from, to) = (&table.modes[lowered as usize], &table.modes[full as usize]);
    let mut dynamic_w = 0.0;
    for (service, deployment) in table.services.iter().zip(&c.assignment.services) {
        let Some(deployment) = deployment else { continue };
        let option = &service.options[deployment.option as usize];
        let rate = service.rate_hz / deployment.chains.len() as f64;
        for stage in deployment.chains.iter().flat_map(|chain| &chain.stages).filter(|s| from.places.contains(&s.place)) {
            let twin = to.places.start + (stage.place - from.places.start);
            let Some(costs) = &option.at[twin as usize] else { return true };
            dynamic_w += rate * costs.stage(stage.start, stage.end).dynamic_j;
        }
    }
    dynamic_w > to.dynamic_cap_w * (1.0 + 1e-9)
}

fn expected(c: &Context<'_>, d: usize) -> DeviceExpectation {
    let wanted = &c.scenario.devices[d];
    let profile = &wanted.profile;
    let throttle_c = profile.thermal.throttle.value.get();
    let idle_w = idle_w(c, d);
    let (power_w, dynamic_w, leakage_w, temperature_c, phi) = match idle_w {
        None => (profile.sleep.power.value.get(), 0.0, 0.0, wanted.ambient.get(), 1.0),
        Some(idle_w) => {
            let body = Body::of(&profile.thermal, wanted.ambient);
            let dynamic_w = c.half(d).map_or(c.evaluation.dynamic_w[d], |(load, i)| load.dynamic_w[i]);
            // Without a steady state firmware holds the die at its throttle temperature; a plan that
            // gets there has broken its limits, which its targets say.
            let t = body.steady_c(idle_w, dynamic_w).unwrap_or_else(|| body.limit_c().max(throttle_c));
            let leakage_w = body.leakage.watts(t);
            (power::total_w(idle_w, dynamic_w, leakage_w), dynamic_w, leakage_w, t, power::phi(idle_w, dynamic_w, leakage_w))
        }
    };
    DeviceExpectation {
        power_w,
        dynamic_w,
        leakage_w,
        temperature_c,
        throttle_c,
        phi,
        pools: pools(c, d),
        processors: processors(c, d),
        wakes_hz: c.set(d).filter(|set| set.naps).map(|_| wakes_hz(c, d)),
    }
}

/// Requests a second that wake a device, each stage that they get to one.
fn wakes_hz(c: &Context<'_>, d: usize) -> f64 {
    let table = &c.model.table;
    let of = |(s, (service, deployment)): (usize, (&crate::table::Service, &Option<crate::table::Deployment>))| {
        let Some(deployment) = deployment else { return 0.0 };
        let here = |s: &&crate::table::Stage| table.places[s.place as usize].device as usize == d;
        let gated = service::chosen(c, s)
            .and_then(|chosen| crate::physics::Gated::of(&c.scenario.services[s], chosen.label.gate, chosen.model.kind));
        let comes = |st: &crate::table::Stage| gated.as_ref().map_or(1.0, |g| g.share(st.start));
        let stages: f64 = deployment.chains.iter().flat_map(|chain| &chain.stages).filter(here).map(comes).sum();
        service.rate_hz / deployment.chains.len() as f64 * stages
    };
    table.services.iter().zip(&c.assignment.services).enumerate().map(of).sum()
}

/// Standing power in the device's mode, leakage excluded: idle, or asleep where it sleeps between requests; `None` asleep.
pub(super) fn idle_w(c: &Context<'_>, d: usize) -> Option<f64> {
    let set = c.set(d)?;
    let profile = &c.scenario.devices[d].profile;
    Some(if set.naps { profile.sleep.power.value.get() } else { profile.modes.get(set.mode)?.idle.value.get() })
}

fn pools(c: &Context<'_>, d: usize) -> Vec<PoolUse> {
    let device = &c.scenario.devices[d];
    let table = &c.model.table;
    let used = |name: &str, resident_bytes: f64, limit_bytes: Option<f64>| {
        let usable_bytes = device.profile.memories.get(name).map_or(0.0, |m| m.size.value.get() * m.usable.value.get());
        let limit_bytes = limit_bytes.unwrap_or_else(|| pressure::capacity_bytes(usable_bytes, device.memory_margin.value.get()));
        PoolUse { pool: name.into(), resident_bytes, usable_bytes, limit_bytes, cpq: pressure::cpq(resident_bytes, usable_bytes) }
    };
    if let Some((load, i)) = c.half(d) {
        let bytes = |name: &String| load.bytes[i].get(name).copied().unwrap_or(0.0);
        return device.profile.memories.keys().map(|name| used(name, bytes(name), None)).collect();
    }
    let mine = table.pools.iter().enumerate().filter(|(_, p)| p.device as usize == d);
    mine.map(|(i, pool)| used(&pool.name, c.evaluation.pool_bytes[i], Some(pool.capacity_bytes))).collect()
}

fn processors(c: &Context<'_>, d: usize) -> Vec<ProcessorUse> {
    let table = &c.model.table;
    let pair = c.model.joined_at(d);
    let lead = c.model.stands_for(d);
    let booked = |p: usize| -> f64 {
        // The second of a pair is booked with the processor of the first that it works with.
        let own = pair.filter(|j| j.partner == d).map(|j| j.processors.iter().find(|(_, q)| *q == p).map(|(own, _)| *own));
        let p = match own {
            Some(None) => return 0.0,
            Some(Some(own)) => own,
            None => p,
        };
        // Two processors that share stages keep one queue, which is booked at the first of its places.
        let p = match c.scenario.devices[lead].together.map(|t| t.processors) {
            Some((first, second)) if (p == first || p == second) && c.together(d) => first.min(second),
            _ => p,
        };
        let places = table.places.iter().zip(&c.evaluation.booked);
        // A device uses places of one mode only; those of its other modes are not booked.
        places.filter(|(place, _)| (place.device as usize, place.processor as usize) == (lead, p)).map(|(_, b)| b).sum()
    };
    let profile = &c.scenario.devices[d].profile;
    let of = |(p, processor): (usize, &profiles::Processor)| ProcessorUse { processor: processor.id.clone(), booked: booked(p) };
    profile.processors.iter().enumerate().map(of).collect()
}
