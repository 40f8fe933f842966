//! A scenario with some of its demands dropped.

use profiles::units::Ratio;
use scenarios::Scenario;

use super::Demand;
use crate::whatif::drop_service;

/// Share of a processor's time or of a link's rate that counts as "no limit": physics needs a
/// booked share below one, where waiting becomes endless.
pub(super) const WHOLE: f64 = 0.99;

/// Drops demands. Dropping [`Demand::Served`] removes the service with all that it asks for.
#[must_use]
pub fn without(scenario: &Scenario, dropped: &[Demand]) -> Scenario {
    let mut s = scenario.clone();
    let mut dropped = dropped.to_vec();
    // From the back, so that removing one element moves none that is still to be removed.
    dropped.sort_unstable();
    dropped.dedup();
    for demand in dropped.iter().rev() {
        if !matches!(demand, Demand::Served(_)) {
            drop_one(&mut s, demand);
        }
    }
    for demand in dropped.iter().rev() {
        if let Demand::Served(i) = *demand {
            drop_service(&mut s, i);
        }
    }
    s
}

fn drop_one(s: &mut Scenario, demand: &Demand) {
    match *demand {
        Demand::Served(_) => {}
        Demand::Ttft(i) => s.services[i].deadline.ttft = None,
        Demand::Tpot(i) => s.services[i].deadline.tpot = None,
        Demand::Total(i) => s.services[i].deadline.total = None,
        Demand::Accuracy(i) => s.services[i].accuracy = None,
        Demand::Pin(i, p) => drop(s.services[i].pins.remove(p)),
        Demand::Forbidden(i, p) => drop(s.services[i].forbidden.remove(p)),
        Demand::Private(i) => s.services[i].private_to.clear(),
        Demand::Apart(i, p) => drop(s.services[i].apart_from.remove(p)),
        Demand::PowerCap(d) => s.devices[d].power_cap = None,
        Demand::MemoryMargin(d) => s.devices[d].memory_margin.value = Ratio(0.0),
        Demand::Modes(d) => s.devices[d].modes.clear(),
        Demand::FleetPower => s.limits.power = None,
        Demand::BookedTime => s.limits.booked_time.value = s.limits.booked_time.value.max(Ratio(WHOLE)),
        Demand::BookedLink => s.limits.booked_link.value = s.limits.booked_link.value.max(Ratio(WHOLE)),
        Demand::FleetLatency => s.limits.latency = None,
        Demand::FleetUnderuse => s.limits.underutilisation = None,
        Demand::FleetAccuracy => s.limits.mean_accuracy = None,
        Demand::FleetCost => s.limits.cost = None,
        Demand::FleetCarbon => s.limits.carbon = None,
    }
}
