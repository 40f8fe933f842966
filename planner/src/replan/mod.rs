//! From a running plan to the next: every move has a price, and only moves that pay are made.
//!
//! A service that goes elsewhere brings its weights there: bytes over the device's best link, seconds in
//! which it is not served as planned, joules. What is already on a device for the same model and precision
//! is not sent again. Between the running plan and the one that search found, each service may stay or go;
//! the mix is chosen whose objective, with the joules spread over a horizon, is least. A gain below the
//! hysteresis changes nothing, so that plans do not flutter.

#[cfg(test)]
mod tests;

use scenarios::Scenario;

use crate::physics::{Model, work};
use crate::table::{Assignment, Deployment, Evaluation, evaluate};

/// What a change must pay for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Terms {
    /// Time over which a saving counts against the joules of its moves, seconds.
    pub horizon_s: f64,
    /// Least gain, as a share of the running plan's objective, for which anything moves.
    pub hysteresis: f64,
}

impl Default for Terms {
    /// A day; half a per cent, the order of what predictions of one device are off when loads repeat.
    fn default() -> Self {
        Terms { horizon_s: 86_400.0, hysteresis: 0.005 }
    }
}

/// The price of moving one service.
#[derive(Clone, Debug, PartialEq)]
pub struct Move {
    /// Index of the service.
    pub service: usize,
    /// Weights to send.
    pub bytes: f64,
    /// Until the last device has its part; devices load at the same time, links are taken one message at a time.
    pub seconds: f64,
    /// Of the network, at both ends.
    pub joules: f64,
}

/// What to run next.
#[derive(Clone, Debug, PartialEq)]
pub struct Replan {
    pub assignment: Assignment,
    pub evaluation: Evaluation,
    /// Services that move, in order; empty: the running plan stays.
    pub moves: Vec<Move>,
    /// What the running plan costs under the same scenario; infinite where it breaks limits now.
    pub running: f64,
}

/// Services up to which every mix of stay and go is tried.
const ALL_MIXES: usize = 12;

/// Chooses what moves. `wanted` must keep all limits; `running` need not.
#[must_use]
pub fn replan(scenario: &Scenario, model: &Model, running: &Assignment, wanted: &Assignment, terms: &Terms) -> Replan {
    let table = &model.table;
    let cost = |e: &Evaluation| if e.feasible() { e.objective } else { f64::INFINITY };
    let now = evaluate(table, running);
    let differ: Vec<usize> = (0..wanted.services.len()).filter(|&s| running.services.get(s) != wanted.services.get(s)).collect();
    let prices: Vec<Move> = differ.iter().map(|&s| price(scenario, model, running, wanted, s)).collect();
    let per_joule = table.weights.power / terms.horizon_s.max(1.0);
    let mix = |goes: &[bool]| {
        let mut a = running.clone();
        let mut joules = 0.0;
        for ((&s, m), _) in differ.iter().zip(&prices).zip(goes).filter(|(_, go)| **go) {
            a.services[s].clone_from(&wanted.services[s]);
            joules += m.joules;
        }
        let e = evaluate(table, &a);
        (cost(&e) + per_joule * joules, a, e)
    };
    let mut goes = best_mix(differ.len(), &|goes| mix(goes).0);
    let stay = cost(&now);
    let (total, ..) = mix(&goes);
    if stay.is_finite() && stay - total < terms.hysteresis * stay.abs() {
        goes.fill(false);
    }
    let (_, assignment, evaluation) = mix(&goes);
    let moves = prices.into_iter().zip(&goes).filter(|(_, go)| **go).map(|(m, _)| m).collect();
    Replan { assignment, evaluation, moves, running: stay }
}

/// The cheapest mix; among equals the one that moves fewest.
fn best_mix(n: usize, cost: &dyn Fn(&[bool]) -> f64) -> Vec<bool> {
    let moved = |goes: &[bool]| goes.iter().filter(|g| **g).count();
    let better = |a: (f64, usize), b: (f64, usize)| a.0 < b.0 - 1e-12 * b.0.abs().min(1e300) || a.0 <= b.0 && a.1 < b.1;
    if n <= ALL_MIXES {
        let all = (0..1u32 << n).map(|bits| (0..n).map(|i| bits >> i & 1 == 1).collect::<Vec<bool>>());
        let mut best: Option<((f64, usize), Vec<bool>)> = None;
        for goes in all {
            let key = (cost(&goes), moved(&goes));
            if best.as_ref().is_none_or(|(k, _)| better(key, *k)) {
                best = Some((key, goes));
            }
        }
        return best.map_or_else(Vec::new, |(_, goes)| goes);
    }
    // From both ends, one service at a time while that helps.
    let descend = |mut goes: Vec<bool>| {
        let mut key = (cost(&goes), moved(&goes));
        loop {
            let mut step: Option<((f64, usize), usize)> = None;
            for i in 0..n {
                goes[i] = !goes[i];
                let k = (cost(&goes), moved(&goes));
                goes[i] = !goes[i];
                if better(k, step.map_or(key, |s| s.0)) {
                    step = Some((k, i));
                }
            }
            let Some((k, i)) = step else { return (key, goes) };
            goes[i] = !goes[i];
            key = k;
        }
    };
    let (stay, go) = (descend(vec![false; n]), descend(vec![true; n]));
    if better(go.0, stay.0) { go.1 } else { stay.1 }
}

/// The price of moving service `s` to where `wanted` has it.
fn price(scenario: &Scenario, model: &Model, running: &Assignment, wanted: &Assignment, s: usize) -> Move {
    let mut m = Move { service: s, bytes: 0.0, seconds: 0.0, joules: 0.0 };
    let Some(next) = &wanted.services[s] else { return m };
    let table = &model.table;
    let held = running.services.get(s).and_then(Option::as_ref).filter(|d| same_weights(model, s, d, next));
    let label = &model.labels[table.services[s].options[next.option as usize].label as usize];
    let chain: Vec<f64> = scenario.services[s].models[label.model]
        .value
        .chain()
        .map(|b| work::weight_bytes(b, label.precision) * label.resident_share)
        .collect();
    for (d, _) in table.devices.iter().enumerate() {
        let on = |dep: &Deployment, block: u32| {
            let mut stages = dep.chains.iter().flat_map(|c| &c.stages);
            stages.any(|st| table.places[st.place as usize].device as usize == d && (st.start..st.end).contains(&block))
        };
        let new = |block: &u32| on(next, *block) && !held.is_some_and(|h| on(h, *block));
        let bytes: f64 = (0..chain.len() as u32).filter(new).map(|b| chain[b as usize]).sum();
        let others = (0..table.devices.len() as u32).filter(|&o| o as usize != d).map(|o| table.hop(o, d as u32));
        let link = others.filter(|h| h.latency_s.is_finite()).min_by(|a, b| a.s_per_byte.total_cmp(&b.s_per_byte));
        m.bytes += bytes;
        if let Some(link) = link.filter(|_| bytes > 0.0) {
            m.seconds = m.seconds.max(link.latency_s + bytes * link.s_per_byte);
            m.joules += bytes * link.j_per_byte;
        }
    }
    m
}

/// Whether two deployments of a service use the same weights: model, precision and what of it is resident.
fn same_weights(model: &Model, s: usize, a: &Deployment, b: &Deployment) -> bool {
    let label = |d: &Deployment| &model.labels[model.table.services[s].options[d.option as usize].label as usize];
    let (a, b) = (label(a), label(b));
    a.model == b.model && a.precision.weights == b.precision.weights && (a.resident_share - b.resident_share).abs() < 1e-12
}
