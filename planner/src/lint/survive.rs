//! Services that promise to survive the loss of any one device.
//!
//! For each device: some replica of each promised service touches neither it nor its guests, and the
//! processors of those replicas have time for the requests of the lost ones.

use scenarios::Scenario;

use super::note::Notes;
use super::numbers::Load;
use super::structure::{Resolved, Served};

pub(super) fn check(scenario: &Scenario, r: &Resolved<'_>, load: &Load, notes: &mut Notes) {
    let promised: Vec<usize> = (0..r.services.len()).filter(|&s| r.services[s].wanted.survives_loss).collect();
    if promised.is_empty() {
        return;
    }
    for lost in 0..r.devices.len() {
        let gone = |d: usize| d == lost || hosted_by(scenario, d, lost);
        let name = r.devices[lost].wanted.name.as_str();
        let mut booked = load.booked.clone();
        for &s in &promised {
            let service = &r.services[s];
            let left: Vec<usize> = (0..service.replicas.len()).filter(|&i| !touches(service, i, &gone)).collect();
            if left.is_empty() {
                notes.fatal("survives-loss", &service.planned.name, format!("no replica is left when `{name}` is lost"));
                continue;
            }
            let rate = service.wanted.rate.value.get();
            let more = rate / left.len() as f64 - rate / service.replicas.len() as f64;
            let Some(numbers) = load.served.get(s) else { continue };
            for &i in &left {
                for (placed, cost) in service.replicas[i].iter().zip(&numbers.stages[i]) {
                    booked[placed.device][placed.processor] += more * cost.busy_s;
                }
            }
        }
        for (d, site) in r.devices.iter().enumerate().filter(|(d, _)| !gone(*d)) {
            for (share, processor) in booked[d].iter().zip(&site.wanted.profile.processors) {
                let what = format!("the booked time of {} when `{name}` is lost", processor.id);
                notes.at_most("survives-loss", &site.wanted.name, &what, *share, site.booked_cap);
            }
        }
    }
}

fn touches(service: &Served<'_>, replica: usize, gone: &dyn Fn(usize) -> bool) -> bool {
    service.replicas[replica].iter().any(|placed| gone(placed.device))
}

/// Whether a device goes with another: its host, or its host's.
fn hosted_by(scenario: &Scenario, device: usize, other: usize) -> bool {
    let mut at = device;
    for _ in 0..scenario.devices.len() {
        match scenario.devices[at].host {
            Some(host) if host == other => return true,
            Some(host) => at = host,
            None => return false,
        }
    }
    false
}
