//! From a running plan to the next: every move has a price, and only moves that pay are made.
//!
//! A service that goes elsewhere brings its weights there: bytes over the device's best link, seconds in
//! which it is not served as planned, joules. What is already on a device for the same model and precision
//! is not sent again; a device that sleeps in the running plan is woken first, once, with the seconds and joules of its
//! profile. Between the running plan and the one that search found, each service may stay or go;
//! the mix is chosen whose objective, with the joules spread over a horizon, is least. The same is tried with
//! the running plan mended by greedy rules ([`repair`]): after a device is lost that is often all that need
//! move. A gain below the hysteresis changes nothing, so that plans do not flutter.

mod among;
mod held;
mod repair;
#[cfg(test)]
mod tests;

pub use among::among;
pub use repair::repair;

use held::held;
use scenarios::Scenario;

use crate::physics::{Adapters, ExpertCache, Gate, Model, work};
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
    let woken = woken(scenario, &mixes.awake, &awake_under(scenario, model, &evaluation));
    Replan { assignment, evaluation, moves, woken, running: stay }
}

/// All that differs moves, whatever it costs.
#[must_use]
pub fn every(scenario: &Scenario, model: &Model, running: &Assignment, wanted: &Assignment) -> Replan {
    let mixes = Mixes::new(scenario, model, running, wanted, &Terms::default());
    let (_, assignment, evaluation) = mixes.mix(&vec![true; mixes.prices.len()]);
    let woken = woken(scenario, &mixes.awake, &awake_under(scenario, model, &evaluation));
    Replan { assignment, evaluation, moves: mixes.prices, woken, running: cost(&evaluate(&model.table, running)) }
}

/// The objective; infinite where limits are broken or a service is not served.
fn cost(e: &Evaluation) -> f64 {
    if e.feasible() { e.objective } else { f64::INFINITY }
}

/// By device of the scenario: awake in an evaluation.
fn awake_under(scenario: &Scenario, model: &Model, e: &Evaluation) -> Vec<bool> {
    (0..scenario.devices.len()).map(|d| e.modes[model.stands_for(d)].is_some()).collect()
}

/// What is awake and was not before.
fn woken(scenario: &Scenario, before: &[bool], after: &[bool]) -> Vec<Woken> {
    let new = |&d: &usize| after[d] && !before[d];
    let wake = |device: usize| {
        let sleep = &scenario.devices[device].profile.sleep;
        Woken { device, seconds: sleep.wake_time.value.get(), joules: sleep.wake_energy.value.get() }
    };
    (0..before.len()).filter(new).map(wake).collect()
}

/// Mixes of two assignments, service by service.
struct Mixes<'a> {
    scenario: &'a Scenario,
    model: &'a Model,
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
    fn new(scenario: &'a Scenario, model: &'a Model, running: &'a Assignment, wanted: &'a Assignment, terms: &Terms) -> Self {
        let differ = (0..wanted.services.len()).filter(|&s| running.services.get(s) != wanted.services.get(s));
        let prices = differ.map(|s| price(scenario, (model, running), (model, wanted), s)).collect();
        let table = &model.table;
        let horizon_s = terms.horizon_s.max(1.0);
        let billed: f64 = table.bills.iter().map(|b| b.weight * b.network_per_w).sum();
        Mixes {
            scenario,
            model,
            table,
            running,
            wanted,
            prices,
            awake: awake(scenario, model, running),
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
        let after = awake_under(self.scenario, self.model, &e);
        let woken = (0..self.awake.len()).filter(|&d| after[d] && !self.awake[d]);
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
fn awake(scenario: &Scenario, model: &Model, a: &Assignment) -> Vec<bool> {
    awake_under(scenario, model, &evaluate(&model.table, a))
}

/// The price of moving service `s` from where it runs to where it is wanted, each in the terms of its own model.
fn price(scenario: &Scenario, from: (&Model, &Assignment), (model, wanted): (&Model, &Assignment), s: usize) -> Move {
    let mut m = Move { service: s, bytes: 0.0, seconds: 0.0, joules: 0.0 };
    let Some(next) = &wanted.services[s] else { return m };
    let table = &model.table;
    let asleep: Vec<bool> = awake(scenario, from.0, from.1).into_iter().map(|a| !a).collect();
    let before = from.1.services.get(s).and_then(Option::as_ref).filter(|d| same_weights((from.0, d), (model, next), s));
    let label = &model.labels[table.services[s].options[next.option as usize].label as usize];
    let own = &scenario.services[s].models[label.model].value;
    let filter = match label.gate {
        Gate::Filter(f) => scenario.services[s].prefilters.get(f),
        _ => None,
    };
    // A filter is one block of the chain: each of its blocks is where it is.
    let lead = u32::from(filter.is_some());
    let chain: Vec<(u32, &profiles::Block)> =
        filter.iter().flat_map(|f| f.model.chain()).map(|b| (0, b)).chain((lead..).zip(own.chain())).collect();
    let cache = label.experts.and_then(|i| ExpertCache::of(&scenario.services[s], i));
    let adapters = label.adapters.and_then(|kept| Adapters::of(&scenario.services[s], kept, own));
    for (d, device) in scenario.devices.iter().enumerate() {
        let new = |&(at, block): &(u32, &profiles::Block)| {
            let own = held(scenario, model, s, next, d, at, block)?;
            let there = before.and_then(|b| held(scenario, from.0, s, b, d, at, block));
            let resident = if at < lead { 1.0 } else { label.resident_share };
            // Of a mixture with a cache the experts that are kept; the others are on the storage already, as all weights are.
            let resident = match cache.filter(|_| at >= lead) {
                Some(c) => c.resident(block, label.precision) / work::weight_bytes(block, label.precision).max(1.0),
                None => resident,
            };
            // All adapters come along: those that are not in memory are on its storage.
            let beside = adapters.filter(|_| at >= lead && there.is_none());
            let beside = beside.map_or(0.0, |a| f64::from(a.count) * a.beside(block));
            Some(own.beside(block, there.as_ref()) * resident + beside)
        };
        let parts: Vec<f64> = chain.iter().filter_map(new).collect();
        let bytes: f64 = parts.iter().sum();
        if !parts.is_empty() && asleep[d] {
            m.seconds = m.seconds.max(device.profile.sleep.wake_time.value.get());
        }
        let others = (0..table.devices.len() as u32).filter(|&o| o as usize != d).map(|o| table.hop(o, d as u32));
        let link = others.filter(|h| h.latency_s.is_finite()).min_by(|a, b| a.s_per_byte.total_cmp(&b.s_per_byte));
        m.bytes += bytes;
        if let Some(link) = link.filter(|_| bytes > 0.0) {
            let wake_s = if asleep[d] { device.profile.sleep.wake_time.value.get() } else { 0.0 };
            m.seconds = m.seconds.max(wake_s + link.latency_s + bytes * link.s_per_byte);
            m.joules += bytes * link.j_per_byte;
        }
    }
    m
}

/// Whether two deployments of a service may share weights: the same model behind the same filter, if any, the same share of
/// it or of its experts resident.
fn same_weights((of_a, a): (&Model, &Deployment), (of_b, b): (&Model, &Deployment), s: usize) -> bool {
    fn label<'m>(model: &'m Model, s: usize, d: &Deployment) -> &'m crate::physics::Label {
        &model.labels[model.table.services[s].options[d.option as usize].label as usize]
    }
    let (a, b) = (label(of_a, s, a), label(of_b, s, b));
    let filter = |l: &crate::physics::Label| if let Gate::Filter(f) = l.gate { Some(f) } else { None };
    a.model == b.model && a.experts == b.experts && filter(a) == filter(b) && (a.resident_share - b.resident_share).abs() < 1e-12
}
