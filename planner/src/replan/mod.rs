//! From a running plan to the next: every move has a price, and only moves that pay are made.
//!
//! A service that goes elsewhere brings its weights there: bytes over the device's best link, seconds in
//! which it is not served as planned, joules. What is already on a device for the same model and precision
//! is not sent again; a device that sleeps in the running plan is woken first, once, with the seconds and joules of its
//! profile. Between the running plan and the one that search found, each service may stay or go;
//! the mix is chosen whose objective, with the joules spread over a horizon, is least. The same is tried with
//! the running plan mended by greedy rules ([`repair`]): after a device is lost that is often all that need
//! move. A gain below the hysteresis changes nothing, so that plans do not flutter.

mod repair;
#[cfg(test)]
mod tests;

pub use repair::repair;

use scenarios::Scenario;

use crate::physics::{Model, work};
use crate::table::{Assignment, Deployment, Evaluation, Table, evaluate};

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
    /// Until the last device is awake and has its part; devices load at the same time, links are taken one message at a time.
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
    /// Devices that the running plan has asleep and this one awake, with their seconds and joules to wake.
    pub woken: Vec<Woken>,
    /// What the running plan costs under the same scenario; infinite where it breaks limits now.
    pub running: f64,
}

/// A device that a change wakes.
#[derive(Clone, Debug, PartialEq)]
pub struct Woken {
    /// Index of the device.
    pub device: usize,
    pub seconds: f64,
    pub joules: f64,
}

/// Services up to which every mix of stay and go is tried.
const ALL_MIXES: usize = 12;

/// Chooses what moves. `wanted` must keep all limits; `running` need not, and may leave services unserved.
#[must_use]
pub fn replan(scenario: &Scenario, model: &Model, running: &Assignment, wanted: &Assignment, terms: &Terms) -> Replan {
    let stay = cost(&evaluate(&model.table, running));
    let mended = if stay.is_finite() { None } else { repair(&model.table, running) };
    let mut mixes = Mixes::new(scenario, model, running, wanted, terms);
    let mut best = mixes.best();
    if let Some(mended) = &mended {
        let others = Mixes::new(scenario, model, running, mended, terms);
        let other = others.best();
        if other.better(&best) {
            (mixes, best) = (others, other);
        }
    }
    if stay.is_finite() && stay - best.total < terms.hysteresis * stay.abs() {
        best.goes.fill(false);
    }
    let (_, assignment, evaluation) = mixes.mix(&best.goes);
    let moves = mixes.prices.iter().zip(&best.goes).filter(|(_, go)| **go).map(|(m, _)| m.clone()).collect();
    let woken = woken(scenario, &mixes.awake, &evaluation);
    Replan { assignment, evaluation, moves, woken, running: stay }
}

/// All that differs moves, whatever it costs.
#[must_use]
pub fn every(scenario: &Scenario, model: &Model, running: &Assignment, wanted: &Assignment) -> Replan {
    let mixes = Mixes::new(scenario, model, running, wanted, &Terms::default());
    let (_, assignment, evaluation) = mixes.mix(&vec![true; mixes.prices.len()]);
    let woken = woken(scenario, &mixes.awake, &evaluation);
    Replan { assignment, evaluation, moves: mixes.prices, woken, running: cost(&evaluate(&model.table, running)) }
}

/// The objective; infinite where limits are broken or a service is not served.
fn cost(e: &Evaluation) -> f64 {
    if e.feasible() { e.objective } else { f64::INFINITY }
}

/// What is awake in an evaluation and was not before.
fn woken(scenario: &Scenario, before: &[bool], after: &Evaluation) -> Vec<Woken> {
    let new = |&d: &usize| after.modes[d].is_some() && !before[d];
    let wake = |device: usize| {
        let sleep = &scenario.devices[device].profile.sleep;
        Woken { device, seconds: sleep.wake_time.value.get(), joules: sleep.wake_energy.value.get() }
    };
    (0..before.len()).filter(new).map(wake).collect()
}

/// Mixes of two assignments, service by service.
struct Mixes<'a> {
    table: &'a Table,
    running: &'a Assignment,
    wanted: &'a Assignment,
    /// The price of each service that they have in different places.
    prices: Vec<Move>,
    /// By device: awake in the running plan.
    awake: Vec<bool>,
    /// By device: joules to wake it.
    wake_j: Vec<f64>,
    /// Objective of a joule of messages, and of each device.
    per_joule: f64,
    per_joule_of: Vec<f64>,
}

/// A mix, by what goes of [`Mixes::prices`].
#[derive(Clone, Debug)]
struct Mix {
    total: f64,
    goes: Vec<bool>,
}

impl Mix {
    /// Cheaper, or as cheap and moving fewer.
    fn better(&self, other: &Mix) -> bool {
        let moved = |m: &Mix| m.goes.iter().filter(|g| **g).count();
        self.total < other.total - 1e-12 * other.total.abs().min(1e300) || self.total <= other.total && moved(self) < moved(other)
    }
}

impl<'a> Mixes<'a> {
    fn new(scenario: &Scenario, model: &'a Model, running: &'a Assignment, wanted: &'a Assignment, terms: &Terms) -> Self {
        let differ = (0..wanted.services.len()).filter(|&s| running.services.get(s) != wanted.services.get(s));
        let prices = differ.map(|s| price(scenario, model, running, wanted, s)).collect();
        let table = &model.table;
        let horizon_s = terms.horizon_s.max(1.0);
        let billed: f64 = table.bills.iter().map(|b| b.weight * b.network_per_w).sum();
        Mixes {
            table,
            running,
            wanted,
            prices,
            awake: awake(table, running),
            wake_j: scenario.devices.iter().map(|d| d.profile.sleep.wake_energy.value.get()).collect(),
            per_joule: (table.weights.power + billed) / horizon_s,
            per_joule_of: (0..table.devices.len()).map(|d| table.watt(d) / horizon_s).collect(),
        }
    }

    /// Objective with the joules of the moves, and the plan.
    fn mix(&self, goes: &[bool]) -> (f64, Assignment, Evaluation) {
        let mut a = self.running.clone();
        let mut joules = 0.0;
        for (m, _) in self.prices.iter().zip(goes).filter(|(_, go)| **go) {
            a.services[m.service].clone_from(&self.wanted.services[m.service]);
            joules += m.joules;
        }
        let e = evaluate(self.table, &a);
        let woken = (0..self.awake.len()).filter(|&d| e.modes[d].is_some() && !self.awake[d]);
        let waking: f64 = woken.map(|d| self.per_joule_of[d] * self.wake_j[d]).sum();
        (cost(&e) + self.per_joule * joules + waking, a, e)
    }

    fn with(&self, goes: Vec<bool>) -> Mix {
        Mix { total: self.mix(&goes).0, goes }
    }

    /// The cheapest mix; among equals the one that moves fewest.
    fn best(&self) -> Mix {
        let n = self.prices.len();
        let least = |a: Mix, b: Mix| if b.better(&a) { b } else { a };
        if n <= ALL_MIXES {
            let all = (1..1u32 << n).map(|bits| self.with((0..n).map(|i| bits >> i & 1 == 1).collect()));
            return all.fold(self.with(vec![false; n]), least);
        }
        least(self.descend(vec![false; n]), self.descend(vec![true; n]))
    }

    /// One service at a time while that helps.
    fn descend(&self, goes: Vec<bool>) -> Mix {
        let mut at = self.with(goes);
        loop {
            let flipped = |i: usize| {
                let mut goes = at.goes.clone();
                goes[i] = !goes[i];
                self.with(goes)
            };
            let steps = (0..at.goes.len()).map(flipped).filter(|m| m.better(&at));
            let Some(step) = steps.reduce(|a, b| if b.better(&a) { b } else { a }) else { return at };
            at = step;
        }
    }
}

/// By device: awake under an assignment.
fn awake(table: &Table, a: &Assignment) -> Vec<bool> {
    evaluate(table, a).modes.iter().map(Option::is_some).collect()
}

/// The price of moving service `s` to where `wanted` has it.
fn price(scenario: &Scenario, model: &Model, running: &Assignment, wanted: &Assignment, s: usize) -> Move {
    let mut m = Move { service: s, bytes: 0.0, seconds: 0.0, joules: 0.0 };
    let Some(next) = &wanted.services[s] else { return m };
    let table = &model.table;
    let asleep: Vec<bool> = awake(table, running).into_iter().map(|a| !a).collect();
    let held = running.services.get(s).and_then(Option::as_ref).filter(|d| same_weights(model, s, d, next));
    let label = &model.labels[table.services[s].options[next.option as usize].label as usize];
    let chain: Vec<&profiles::Block> = scenario.services[s].models[label.model].value.chain().collect();
    for (d, _) in table.devices.iter().enumerate() {
        // The weight format in which a deployment has a block there.
        let on = |dep: &Deployment, block: u32| {
            let mut stages = dep.chains.iter().flat_map(|c| &c.stages);
            let here = |st: &&crate::table::Stage| {
                table.places[st.place as usize].device as usize == d && (st.start..st.end).contains(&block)
            };
            let place = stages.find(here).map(|st| &table.places[st.place as usize])?;
            let option = &table.services[s].options[dep.option as usize];
            Some(model.labels[option.label as usize].precision_at(place.format))
        };
        let new = |block: u32| {
            let precision = on(next, block)?;
            let there = held.and_then(|h| on(h, block)).is_some_and(|p| p.weights == precision.weights);
            (!there).then(|| work::weight_bytes(chain[block as usize], precision) * label.resident_share)
        };
        let bytes: f64 = (0..chain.len() as u32).filter_map(new).sum();
        let used = (0..chain.len() as u32).any(|block| on(next, block).is_some());
        if used && asleep[d] {
            m.seconds = m.seconds.max(scenario.devices[d].profile.sleep.wake_time.value.get());
        }
        let others = (0..table.devices.len() as u32).filter(|&o| o as usize != d).map(|o| table.hop(o, d as u32));
        let link = others.filter(|h| h.latency_s.is_finite()).min_by(|a, b| a.s_per_byte.total_cmp(&b.s_per_byte));
        m.bytes += bytes;
        if let Some(link) = link.filter(|_| bytes > 0.0) {
            let wake_s = if asleep[d] { scenario.devices[d].profile.sleep.wake_time.value.get() } else { 0.0 };
            m.seconds = m.seconds.max(wake_s + link.latency_s + bytes * link.s_per_byte);
            m.joules += bytes * link.j_per_byte;
        }
    }
    m
}

/// Whether two deployments of a service may share weights: the same model, the same share of it resident.
fn same_weights(model: &Model, s: usize, a: &Deployment, b: &Deployment) -> bool {
    let label = |d: &Deployment| &model.labels[model.table.services[s].options[d.option as usize].label as usize];
    let (a, b) = (label(a), label(b));
    a.model == b.model && (a.resident_share - b.resident_share).abs() < 1e-12
}
