//! Whether any assignment keeps all limits: the question of the search for conflicts.

use super::bound::{Limits, root, rows};
use super::branch::{Shared, Tree};
use super::columns::{Pool, Pricing};
use super::exact::{Incumbent, serves};
use super::{Effort, Silent, Stats, Watch, greedy, presolve};
use crate::table::{Assignment, Table, Weights, evaluate};

/// Answer with its witness.
#[derive(Clone, Debug, PartialEq)]
pub enum Feasibility {
    /// This assignment keeps all limits.
    Yes(Assignment),
    /// Proved: none does.
    No,
    /// Neither was found within the effort.
    Unknown,
}

/// Greedy assignments tried before anything is proved.
const GREEDY: u32 = 6;

/// Decides feasibility. A first assignment that works answers at once; else the services left unserved
/// are minimised, and any bound above zero on them is a proof, as they are whole.
#[must_use]
pub fn feasible(table: &Table, effort: &Effort) -> Feasibility {
    for variant in 0..GREEDY {
        let a = greedy::construct(table, variant, effort.seed);
        if serves(&evaluate(table, &a)) {
            return Feasibility::Yes(a);
        }
    }
    prove(table, effort, &Silent, &mut Stats::default())
}

/// The exact part of [`feasible`].
pub(super) fn prove(table: &Table, effort: &Effort, watch: &dyn Watch, stats: &mut Stats) -> Feasibility {
    let mut relaxed = table.clone();
    relaxed.weights = Weights { power: 0.0, latency: 0.0, inaccuracy: 0.0, underuse: 0.0 };
    relaxed.bills.iter_mut().for_each(|b| b.weight = 0.0);
    for s in &mut relaxed.services {
        s.skip_cost = if s.skip_cost.is_finite() { 0.0 } else { 1.0 };
    }
    let pricing = Pricing::new(&relaxed, &presolve::options(&relaxed));
    let must = |s: &usize| table.services[*s].skip_cost == f64::INFINITY;
    if (0..table.services.len()).filter(must).any(|s| pricing.lattices[s].is_empty()) {
        return Feasibility::No;
    }
    let mut pool = Pool::default();
    for variant in 0..GREEDY {
        pool.add_assignment(&relaxed, &greedy::construct(&relaxed, variant, effort.seed));
    }
    let program = rows(&relaxed, f64::INFINITY);
    let Some(r) = root(
        &relaxed,
        &pricing,
        program,
        &mut pool,
        f64::INFINITY,
        0.0,
        Limits { work: effort.work, ..Limits::default() },
        watch,
        &mut |_| (),
    ) else {
        return Feasibility::Unknown;
    };
    stats.pricing_rounds += r.rounds;
    stats.work += r.work;
    if r.bound > LEFT_OUT {
        return Feasibility::No;
    }
    // Only assignments that leave nobody out are of interest.
    let shared = Shared { table: &relaxed, pricing: &pricing, effort, watch, aim: LEFT_OUT };
    let mut tree = Tree::new(r.clone());
    let branches = effort.branches.saturating_mul(effort.rounds.max(1));
    let mut best: Option<Incumbent> = None;
    for _ in 0..branches {
        best = tree.grow(&shared, &r, &mut pool, best, 1, stats);
        if let Some((a, _)) = best.as_ref().filter(|(_, e)| e.objective < 0.5) {
            // The table's own limits are the same; its skip costs and weights are not.
            return if serves(&evaluate(table, a)) { Feasibility::Yes(a.clone()) } else { Feasibility::Unknown };
        }
        if tree.done() {
            return if tree.bound() >= LEFT_OUT * 0.99 { Feasibility::No } else { Feasibility::Unknown };
        }
    }
    Feasibility::Unknown
}

/// A bound on the number of services left out that is above this proves that one is.
const LEFT_OUT: f64 = 1e-6;
