//! The table from a scenario.

use std::collections::BTreeMap;

use scenarios::{Goal, Pair, Scenario, Service};

use super::bills;
use super::choices::{self, Parts};
use super::fleet::{self, Fleet};
use super::model::{Joined, Model, Offers};
use super::network::{self, Network};
use super::shared;
use super::ways;
use crate::table::{self, Choice, Hop, Table, Weights};

/// Small weight of power beside another goal: among equals the plan that draws less.
const TIE: f64 = 1e-4;

/// States a scenario as a cost table. Never panics; what cannot be offered is in the result with its reason.
#[must_use]
pub fn build(scenario: &Scenario) -> Model {
    stated(scenario, false, &[])
}

/// The table in which pairs of devices are one device each, with options that others dominate too. What the objective
/// weighs, and what latency is scored against, are those of `base`, the table without: the objectives of both compare.
#[must_use]
pub fn build_joined(scenario: &Scenario, pairs: &[Pair], base: &Model) -> Model {
    let joined = pairs.iter().map(|p| {
        let (lead, partner) = p.devices;
        let processors = shared::matched(&scenario.devices[lead].profile, &scenario.devices[partner].profile);
        Joined { lead, partner, processors }
    });
    let mut model = stated(scenario, true, &joined.collect::<Vec<_>>());
    model.table.weights = base.table.weights;
    for (service, other) in model.table.services.iter_mut().zip(&base.table.services) {
        service.total_ref_s = other.total_ref_s;
    }
    model.dropped.clone_from(&base.dropped);
    model.unusable.clone_from(&base.unusable);
    model
}

/// [`build`] with options that others dominate too: for a plan that was made for a larger fleet.
#[must_use]
pub fn build_all(scenario: &Scenario) -> Model {
    stated(scenario, true, &[])
}

/// What there is to choose from, without what it costs on each device: a small part of [`build`]'s work.
#[must_use]
pub fn offers(scenario: &Scenario) -> Offers {
    let mut dropped = Vec::new();
    let ways: Vec<_> = (0..scenario.services.len()).map(|s| ways::of_service(scenario, s, &mut dropped)).collect();
    let flat: Vec<_> = ways.iter().flatten().cloned().collect();
    let fleet = fleet::of(scenario, &flat, choices::formats(scenario), &[]);
    let nowhere = Network { segments: Vec::new(), hops: Vec::new() };
    let parts = Parts { scenario, fleet: &fleet, network: &nowhere, dominated: false };
    let mut first = 0;
    let mut options = Vec::new();
    for (s, ways) in ways.iter().enumerate() {
        options.push(choices::offered(&parts, s, ways, first, &mut dropped).len());
        first += ways.len();
    }
    dropped.sort_by_key(|d| d.service);
    Offers { options, dropped }
}

fn stated(scenario: &Scenario, dominated: bool, joined: &[Joined]) -> Model {
    let mut dropped = Vec::new();
    let ways: Vec<_> = (0..scenario.services.len()).map(|s| ways::of_service(scenario, s, &mut dropped)).collect();
    let flat: Vec<_> = ways.iter().flatten().cloned().collect();
    let fleet = fleet::of(scenario, &flat, choices::formats(scenario), joined);
    let network = network::of(scenario);
    let mut labels = Vec::new();
    let mut heads = BTreeMap::new();
    let mut services = Vec::new();
    let rate: f64 = scenario.services.iter().map(|s| s.rate.value.get()).sum();
    let mut first = 0;
    for (s, service) in scenario.services.iter().enumerate() {
        let parts = Parts { scenario, fleet: &fleet, network: &network, dominated };
        let options = choices::of_service(&parts, s, &ways[s], first, &mut labels, &mut heads, &mut dropped);
        first += ways[s].len();
        services.push(joined_row(row(scenario, service, options, rate, &fleet), joined));
    }
    dropped.sort_by_key(|d| d.service);
    let limits = &scenario.limits;
    let error = fleet.kinds.iter().flat_map(|k| &k.modes).map(|m| m.error).fold(0.0, f64::max);
    let weights = weights(scenario, &fleet);
    let error = joined.iter().map(|j| uneven(&fleet, j)).fold(error, f64::max);
    let Fleet { mut devices, modes, labels: mode_labels, places, pools, unusable, .. } = fleet;
    for (device, class) in devices.iter_mut().zip(classes(scenario, &network.hops, joined)) {
        device.class = class;
    }
    let mut bills = bills::of(scenario, error);
    for j in joined {
        // Being awake is said of the first alone, and both are.
        bills.iter_mut().for_each(|b| b.awake[j.lead] += std::mem::take(&mut b.awake[j.partner]));
    }
    let table = Table {
        bills,
        devices,
        modes,
        places,
        pools,
        segments: network.segments,
        hops: network.hops,
        services,
        // Lines under-estimate power by at most `error`: with the cap lowered by as much, the true power keeps the true cap.
        power_cap_w: limits.power.as_ref().map_or(f64::INFINITY, |c| c.value.get() * (1.0 - error)),
        latency_cap: limits.latency.as_ref().map_or(f64::INFINITY, |c| c.value.get()),
        inaccuracy_cap: limits.mean_accuracy.as_ref().map_or(f64::INFINITY, |a| 1.0 - a.value.get()),
        underuse_cap: limits.underutilisation.as_ref().map_or(f64::INFINITY, |c| c.value.get()),
        weights,
    };
    let reserve = vec![1.0; table.services.len()];
    Model { table, labels, modes: mode_labels, dropped, unusable, reserve, joined: joined.to_vec(), heads }
}

/// A service's row where pairs are one device: a pin on either is met by both; the first block sees prompts on both.
fn joined_row(mut row: table::Service, joined: &[Joined]) -> table::Service {
    for j in joined {
        let (lead, partner) = (j.lead as u32, j.partner as u32);
        let pins = row.pins.iter_mut().flatten().filter(|d| **d == partner);
        pins.for_each(|d| *d = lead);
        if row.first.contains(&lead) != row.first.contains(&partner) {
            row.first.retain(|&d| d != lead && d != partner);
            // An empty list would let any device have it.
            row.first.push(partner);
        }
    }
    row
}

/// Largest relative error of a joined device's lines: those of both, and the load on the steeper of the two curves.
fn uneven(fleet: &Fleet, joined: &Joined) -> f64 {
    let modes = fleet.devices[joined.lead].modes.clone().map(|m| &fleet.modes[m as usize]);
    let of = |m: &table::Mode| {
        let slopes = || m.curve.iter().map(|l| l.slope);
        let spread = slopes().fold(0.0, f64::max) - slopes().fold(f64::INFINITY, f64::min);
        let base_w = m.power_w(0.0);
        if base_w > 0.0 { (spread * 0.5 * m.dynamic_cap_w / base_w).max(0.0) } else { 0.0 }
    };
    modes.map(of).fold(0.0, f64::max)
}

/// One service's row.
fn row(scenario: &Scenario, service: &Service, options: Vec<Choice>, rate: f64, fleet: &Fleet) -> table::Service {
    let cap = |said: &Option<scenarios::Said<profiles::units::Seconds>>| said.as_ref().map_or(f64::INFINITY, |s| s.value.get());
    let ids = |said: &[scenarios::Said<usize>]| -> Vec<u32> { said.iter().map(|d| d.value as u32).collect() };
    let own = service.rate.value.get();
    table::Service {
        name: service.name.clone(),
        rate_hz: own,
        ttft_cap_s: cap(&service.deadline.ttft),
        tpot_cap_s: cap(&service.deadline.tpot),
        total_cap_s: cap(&service.deadline.total),
        total_ref_s: reference_s(service, &options, fleet),
        share: 1.0 / scenario.services.len() as f64,
        answer_share: if rate > 0.0 { own / rate } else { 1.0 / scenario.services.len() as f64 },
        pins: ids(&service.pins).into_iter().map(|d| vec![d]).collect(),
        first: ids(&service.private_to),
        apart: apart(scenario, service),
        skip_cost: f64::INFINITY,
        options,
    }
}

/// Services that share no device with this one, whichever of the two says so.
fn apart(scenario: &Scenario, service: &Service) -> Vec<u32> {
    let me = scenario.services.iter().position(|s| s.name == service.name);
    let says = |s: &Service, other: Option<usize>| other.is_some_and(|o| s.apart_from.iter().any(|a| a.value == o));
    let pairs = scenario.services.iter().enumerate().filter(|&(i, s)| Some(i) != me && (says(service, Some(i)) || says(s, me)));
    pairs.map(|(i, _)| i as u32).collect()
}

/// What latency is scored against: the total deadline, else that of first and further tokens together,
/// else the fastest total of any option on any single processor, whoever may share.
fn reference_s(service: &Service, options: &[Choice], fleet: &Fleet) -> f64 {
    let d = &service.deadline;
    if let Some(total) = &d.total {
        return total.value.get();
    }
    if let (Some(ttft), Some(tpot)) = (&d.ttft, &d.tpot) {
        return ttft.value.get() + f64::from(service.answer_tokens) * tpot.value.get();
    }
    let whole = |o: &Choice| {
        let alone = o.at.iter().zip(&fleet.places).filter(|(_, p)| !fleet.labels[p.mode as usize].together);
        let times = alone.filter_map(|(at, _)| at.as_ref()).map(|at| at.stage(0, o.blocks).total_s);
        times.filter(|t| *t > 0.0).fold(f64::INFINITY, f64::min)
    };
    let fastest = options.iter().map(whole).fold(f64::INFINITY, f64::min);
    if fastest.is_finite() { fastest } else { 1.0 }
}

/// Weights of the objective. Beside latency and accuracy power has a small weight, in shares of the fleet's
/// power with every device idling in its thirstiest mode.
fn weights(scenario: &Scenario, fleet: &Fleet) -> Weights {
    let idle = |d: &table::Device| {
        d.modes.clone().map(|m| fleet.modes[m as usize].power_w(0.0)).filter(|w| w.is_finite()).fold(0.0, f64::max)
    };
    let reference_w = fleet.devices.iter().map(idle).sum::<f64>().max(1e-3);
    let none = Weights { power: 0.0, latency: 0.0, inaccuracy: 0.0, underuse: 0.0 };
    match scenario.objective.goal {
        Goal::Power | Goal::EnergyPerRequest | Goal::AnswersPerJoule => Weights { power: 1.0, ..none },
        Goal::Latency => Weights { latency: 1.0, power: 10.0 * TIE / reference_w, ..none },
        Goal::Accuracy => Weights { inaccuracy: 1.0, power: TIE / reference_w, ..none },
        // They are what a bill weighs.
        Goal::Cost | Goal::Carbon => none,
    }
}

/// Numbers that are equal for devices that can be exchanged without changing anything.
fn classes(scenario: &Scenario, hops: &[Hop], joined: &[Joined]) -> Vec<u32> {
    let paired = |d: usize| joined.iter().any(|j| j.lead == d || j.partner == d);
    let n = scenario.devices.len();
    let hosts: Vec<bool> = (0..n).map(|d| scenario.devices.iter().any(|o| o.host == Some(d))).collect();
    let named = |d: usize| {
        scenario.services.iter().any(|s| {
            let in_list = |l: &[scenarios::Said<usize>]| l.iter().any(|x| x.value == d);
            s.origin == Some(d) || in_list(&s.pins) || in_list(&s.forbidden) || in_list(&s.private_to)
        })
    };
    let named: Vec<bool> = (0..n).map(named).collect();
    let hop = |a: usize, b: usize| &hops[a * n + b];
    let alike = |a: usize, b: usize| {
        let (x, y) = (&scenario.devices[a], &scenario.devices[b]);
        !(hosts[a] || hosts[b] || named[a] || named[b])
            && (x.site, x.host, x.may_sleep, x.naps, x.may_stream) == (y.site, y.host, y.may_sleep, y.naps, y.may_stream)
            && x.rent.as_ref().map(|r| &r.value) == y.rent.as_ref().map(|r| &r.value)
            && x.together.map(|t| t.terms()) == y.together.map(|t| t.terms())
            && x.ambient == y.ambient
            && x.modes == y.modes
            && x.memory_margin.value == y.memory_margin.value
            && x.power_cap.as_ref().map(|c| c.value) == y.power_cap.as_ref().map(|c| c.value)
            && x.profile == y.profile
            && hop(a, a) == hop(b, b)
            && hop(a, b) == hop(b, a)
            && (0..n).filter(|&o| o != a && o != b).all(|o| hop(a, o) == hop(b, o) && hop(o, a) == hop(o, b))
    };
    let mut leaders: Vec<usize> = Vec::new();
    (0..n)
        .map(|d| {
            let class = leaders.iter().position(|&l| !paired(l) && !paired(d) && alike(l, d)).unwrap_or_else(|| {
                leaders.push(d);
                leaders.len() - 1
            });
            class as u32
        })
        .collect()
}

#[cfg(test)]
mod tests;
