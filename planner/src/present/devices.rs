//! Devices under the plan.

use super::{Material, finite};

pub(super) fn all(m: &Material<'_>) -> Vec<reports::Device> {
    m.plan.devices.iter().map(|d| one(m, d)).collect()
}

/// What a device does, one phrase a stage.
pub(super) fn does(m: &Material<'_>, device: &str) -> Vec<String> {
    let mut does = Vec::new();
    for s in &m.plan.services {
        for stage in s.replicas.iter().flat_map(|r| &r.stages) {
            let with = match &stage.partner {
                Some(p) if stage.device == device && p.device == device => {
                    format!(", {} with {}", stage.processor, p.processor)
                }
                Some(p) if stage.device == device => format!(", with {}", p.device),
                Some(p) if p.device == device => format!(", with {}", stage.device),
                _ if stage.device == device => String::new(),
                _ => continue,
            };
            let own = stage.weights.unwrap_or(s.precision.weights);
            let own = s.filter.as_ref().filter(|_| stage.filters && stage.end == 0).map_or(own, |f| f.weights);
            let weights = super::services::weights(own);
            does.push(format!("{} {} ({weights}{with})", s.name, super::services::blocks(stage)));
        }
    }
    does
}

fn one(m: &Material<'_>, d: &protocol::PlannedDevice) -> reports::Device {
    let e = &d.expected;
    reports::Device {
        name: d.name.clone(),
        profile: d.profile.clone(),
        site: d.site.clone(),
        awake: d.awake,
        mode: d.mode.as_ref().map(|m| if m.naps { format!("{}, naps", m.id) } else { m.id.clone() }),
        clock: d.mode.as_ref().map_or(1.0, |m| m.clock),
        throttled: d.mode.as_ref().is_some_and(|m| m.throttled),
        power_w: e.power_w,
        idle_w: if d.awake { (e.power_w - e.dynamic_w - e.leakage_w).max(0.0) } else { 0.0 },
        dynamic_w: e.dynamic_w,
        leakage_w: e.leakage_w,
        temperature_c: finite(e.temperature_c),
        throttle_c: finite(e.throttle_c),
        phi: finite(e.phi),
        pools: e
            .pools
            .iter()
            .map(|p| reports::Pool {
                name: p.pool.clone(),
                resident_bytes: p.resident_bytes,
                usable_bytes: p.usable_bytes,
                limit_bytes: p.limit_bytes,
                cpq: p.cpq,
            })
            .collect(),
        processors: e
            .processors
            .iter()
            .map(|p| reports::Processor {
                name: p.processor.clone(),
                booked: p.booked,
                booked_cap: d.mode.as_ref().map_or(0.0, |m| m.booked_cap),
            })
            .collect(),
        does: does(m, &d.name).join(", "),
        why: m.why.device_line(&d.name),
        quality: reports::Quality::Modelled,
    }
}
