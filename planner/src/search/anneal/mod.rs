//! PGSAM: Pareto-guided simulated annealing with momentum, several chains in parallel.
//!
//! Chains share nothing while they run and are merged in their order, so the same seed gives the
//! same result on any number of threads.

mod accept;
mod best;
mod columns;
mod momentum;
mod moves;
mod pgsam;
mod rebuild;
mod schedule;

#[cfg(test)]
mod tests;

pub use columns::Column;

use std::collections::BTreeSet;

use argmin::core::Executor;
use rayon::prelude::*;

use super::archive::Archive;
use super::state::Context;
use super::{Effort, Watch, greedy};
use crate::table::{Assignment, Evaluation, Table, evaluate};
use pgsam::{Pgsam, Planning, Setup};

/// Members of the archive when no front is asked for.
const ARCHIVE: usize = 64;
/// Later rounds start from good assignments and need less heat.
const LATER: f64 = 0.3;

/// What annealing found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Annealed {
    /// Feasible and mutually non-dominated, best objective first.
    pub archive: Vec<(Assignment, Evaluation)>,
    /// Best feasible assignment by the scalar objective.
    pub best: Option<(Assignment, Evaluation)>,
    /// Distinct deployment chains met, at most `Effort::columns` and those of the archive and of
    /// `best` in any case: theirs first, then the newest of each chain of annealing in turn.
    pub columns: Vec<Column>,
    pub moves: u64,
    pub accepted: u64,
}

/// Anneals from `starts` in turn, greedy ones when there are none. `round` numbers the calls of one
/// search: each draws other random numbers, later ones heat less.
#[must_use]
pub fn run(table: &Table, effort: &Effort, round: u32, starts: &[Assignment], watch: &dyn Watch) -> Annealed {
    if table.services.is_empty() {
        let nothing = Assignment { services: Vec::new() };
        let e = evaluate(table, &nothing);
        let found = e.feasible().then_some((nothing, e));
        return Annealed { archive: found.iter().cloned().collect(), best: found, ..Annealed::default() };
    }
    let context = Context::new(table);
    let chains: Vec<Pgsam<'_>> = (0..effort.chains.max(1))
        .into_par_iter()
        .map(|i| {
            let built;
            let start = if starts.is_empty() {
                built = greedy::construct_with(table, &context, i, effort.seed);
                &built
            } else {
                &starts[i as usize % starts.len()]
            };
            chain(table, &context, effort, round, i, start, watch)
        })
        .collect();
    merge(table, effort, starts, chains)
}

fn chain<'a>(
    table: &'a Table,
    context: &'a Context,
    effort: &Effort,
    round: u32,
    i: u32,
    start: &Assignment,
    watch: &'a dyn Watch,
) -> Pgsam<'a> {
    let setup = Setup {
        seed: mix(effort.seed, round, i),
        moves: effort.moves,
        momentum: effort.parts.momentum,
        pareto: effort.parts.archive && effort.front > 0 && (i % 2 == 1 || effort.chains < 2 && round % 2 == 1),
        collect: effort.front > 0,
        heat: if round == 0 { 1.0 } else { LATER },
        archive: archive_limit(effort),
        columns: effort.columns,
    };
    let solver = Pgsam::new(table, context, start, setup, watch);
    let steps = solver.steps();
    // The caller owns the keyboard and the clock: no handler for Ctrl-C, no timer.
    let run = Executor::new(Planning, solver).configure(|state| state.max_iters(steps)).ctrlc(false).timer(false).run();
    run.expect("the solver returns no error, and nothing else may").solver
}

fn archive_limit(effort: &Effort) -> usize {
    (2 * effort.front as usize).clamp(ARCHIVE, 4 * ARCHIVE)
}

/// SplitMix64 of seed, round and chain: streams that share nothing.
fn mix(seed: u64, round: u32, chain: u32) -> u64 {
    let mut z = seed ^ ((u64::from(round) << 32 | u64::from(chain)) + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Puts the chains' findings together in their order, every number from `table::evaluate`.
fn merge(table: &Table, effort: &Effort, starts: &[Assignment], chains: Vec<Pgsam<'_>>) -> Annealed {
    let mut out = Annealed::default();
    let mut archive = Archive::new(archive_limit(effort));
    let mut columns = Vec::new();
    let mut offer = |assignment: Assignment, out: &mut Annealed| {
        let e = evaluate(table, &assignment);
        if !e.feasible() || !e.objective.is_finite() {
            return;
        }
        if out.best.as_ref().is_none_or(|(_, b)| e.objective < b.objective) {
            out.best = Some((assignment.clone(), e.clone()));
        }
        let point = [e.power_w, e.latency, e.inaccuracy, e.underuse];
        archive.offer(point, e.objective, || (assignment, e));
    };
    starts.iter().for_each(|start| offer(start.clone(), &mut out));
    for chain in chains {
        out.moves += chain.moves;
        out.accepted += chain.accepted;
        chain.best.assignment().into_iter().for_each(|a| offer(a, &mut out));
        chain.archive.into_members().into_iter().for_each(|m| offer(m.item, &mut out));
        columns.push(chain.columns.into_newest());
    }
    out.archive = archive.into_members().into_iter().map(|m| m.item).collect();
    out.archive.sort_by(|a, b| a.1.objective.total_cmp(&b.1.objective));
    out.columns = gather(effort.columns, &out, columns);
    out
}

/// Columns of the best and of the archive, then the chains' newest in turn.
fn gather(limit: usize, found: &Annealed, chains: Vec<impl Iterator<Item = Column>>) -> Vec<Column> {
    let mut seen = BTreeSet::new();
    let mut list = Vec::new();
    let mut add = |column: Column, list: &mut Vec<Column>| {
        if seen.insert(column.clone()) {
            list.push(column);
        }
    };
    for (assignment, _) in found.best.iter().chain(&found.archive) {
        for (s, deployment) in assignment.services.iter().enumerate() {
            for (d, chain) in deployment.iter().flat_map(|d| d.chains.iter().map(move |c| (d, c))) {
                add((s as u32, d.option, chain.clone()), &mut list);
            }
        }
    }
    let mut chains = chains;
    while list.len() < limit {
        let mut dry = true;
        for chain in &mut chains {
            if let Some(column) = chain.next() {
                dry = false;
                add(column, &mut list);
            }
        }
        if dry {
            break;
        }
    }
    list
}
