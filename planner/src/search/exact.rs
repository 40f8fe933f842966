//! From columns to a plan and its proof: enumeration of all columns that can matter, then the integer program.

use super::bound::Root;
use super::columns::{Column, Pool, Pricing, assignment, enumerate};
use super::program::{Rows, integer};
use super::{Effort, Stats};
use crate::table::{Assignment, Evaluation, Table, evaluate};

/// A feasible assignment with its cost.
pub type Incumbent = (Assignment, Evaluation);

/// What an attempt to close the gap gave.
#[derive(Clone, Debug)]
pub struct Closed {
    /// Better than before, or as before.
    pub best: Option<Incumbent>,
    /// No feasible assignment's objective is below this; infinite when none exists.
    pub bound: f64,
}

/// Walk steps of one service's enumeration per column allowed.
const STEPS_PER_COLUMN: u64 = 20;

/// Solves the integer program over all columns that an assignment better than `best` may use; `None` when
/// those are too many. Only assignments below `aim` count as better.
#[must_use]
pub fn close(
    table: &Table,
    pricing: &Pricing,
    root: &Root,
    best: Option<&Incumbent>,
    aim: f64,
    effort: &Effort,
    stats: &mut Stats,
) -> Option<Closed> {
    let value = best.map_or(f64::INFINITY, |(_, e)| e.objective).min(aim);
    let columns = complete(table, pricing, root, value, effort.columns)?;
    let (found, bound) = choose(table, &root.rows, columns, best, effort.nodes, 0.0, stats);
    let best = better(best.cloned(), found);
    let value = best.as_ref().map_or(f64::INFINITY, |(_, e)| e.objective).min(aim);
    Some(Closed { best, bound: root.bound.max(bound.min(value)) })
}

/// Solves a program over the pool, its columns chosen by the root's duals: a good assignment, no bound.
#[must_use]
pub fn recombine(
    table: &Table,
    root: &Root,
    rows: &Rows,
    pool: &Pool,
    best: Option<&Incumbent>,
    effort: &Effort,
    stats: &mut Stats,
) -> Option<Incumbent> {
    let columns = promising(table, root, pool, effort.columns);
    let (found, _) = choose(table, rows, columns, best, effort.nodes, GAP, stats);
    better(best.cloned(), found)
}

/// One integer program, from `best` when no decision rules it out.
fn choose(
    table: &Table,
    rows: &Rows,
    mut columns: Vec<Column>,
    best: Option<&Incumbent>,
    nodes: u32,
    gap: f64,
    stats: &mut Stats,
) -> (Option<Incumbent>, f64) {
    let start = best.and_then(|(a, _)| place(table, rows, a, &mut columns));
    stats.columns = stats.columns.max(columns.len() as u64);
    solve(table, rows, &columns, start, nodes, gap, stats)
}

/// True when all limits are kept and nobody who must be served is left out.
#[must_use]
pub fn serves(e: &Evaluation) -> bool {
    e.feasible() && e.objective.is_finite()
}

/// The better of two feasible assignments, the first when equal.
#[must_use]
pub fn better(a: Option<Incumbent>, b: Option<Incumbent>) -> Option<Incumbent> {
    match (a, b) {
        (Some(a), Some(b)) => Some(if b.1.objective < a.1.objective { b } else { a }),
        (a, b) => a.or(b),
    }
}

/// All columns that an assignment below `value` may use, or `None` when there are more than `most`.
fn complete(table: &Table, pricing: &Pricing, root: &Root, value: f64, most: usize) -> Option<Vec<Column>> {
    // Room for rounding, so that the incumbent's own columns stay inside.
    let slack = value - root.bound + 1e-7 * (1.0 + value.abs());
    let prices = root.rows.prices(table, &root.duals);
    let mut columns: Vec<Column> = Vec::new();
    for (s, lattices) in pricing.lattices.iter().enumerate() {
        let room = most - columns.len();
        let steps = STEPS_PER_COLUMN * room as u64;
        columns.extend(enumerate(table, lattices, &prices, root.least[s], slack, room, steps)?);
    }
    Some(columns)
}

/// The pool's columns of least reduced cost, at most `most`, in pool order.
fn promising(table: &Table, root: &Root, pool: &Pool, most: usize) -> Vec<Column> {
    let all = pool.columns();
    let mut order: Vec<(f64, usize)> = all
        .iter()
        .enumerate()
        .filter(|(_, c)| root.rows.admits(table, c))
        .map(|(i, c)| {
            let duals: f64 = root.rows.entries(table, c).iter().map(|&(r, a)| a * root.duals[r as usize]).sum();
            (f64::from(c.replicas) * (root.rows.cost(table, c) - duals), i)
        })
        .collect();
    order.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    order.truncate(most);
    order.sort_by_key(|o| o.1);
    order.into_iter().map(|(_, i)| all[i].clone()).collect()
}

/// Numbers of an assignment's columns, added where missing.
fn place(table: &Table, rows: &Rows, a: &Assignment, columns: &mut Vec<Column>) -> Option<Vec<usize>> {
    let mut numbers = Vec::new();
    for (s, d) in a.services.iter().enumerate() {
        let Some(d) = d else { continue };
        for chain in &d.chains {
            let same = |c: &Column| (c.service, c.option, &c.chain) == (s as u32, d.option, chain);
            let at = match columns.iter().position(same) {
                Some(i) => i,
                None => {
                    let column = Column::new(table, s as u32, d.option, chain)?;
                    if !rows.admits(table, &column) {
                        return None;
                    }
                    columns.push(column);
                    columns.len() - 1
                }
            };
            numbers.push(at);
        }
    }
    numbers.sort_unstable();
    Some(numbers)
}

/// Choices that meet every row but not the evaluation, by a rounding error, are cut off this often.
const CUTS: usize = 8;

/// Relative gap of programs that only look for assignments.
const GAP: f64 = 1e-4;

/// Best choice among columns and a bound on all choices among them.
fn solve(
    table: &Table,
    rows: &Rows,
    columns: &[Column],
    start: Option<Vec<usize>>,
    nodes: u32,
    gap: f64,
    stats: &mut Stats,
) -> (Option<Incumbent>, f64) {
    let mut cuts: Vec<Vec<usize>> = Vec::new();
    let mut last = f64::NEG_INFINITY;
    while cuts.len() <= CUTS {
        let Some(outcome) = integer(rows, table, columns, start.as_deref(), &cuts, nodes, gap) else { break };
        stats.integer_programs += 1;
        stats.nodes += outcome.nodes;
        last = outcome.bound;
        let Some(chosen) = outcome.chosen else { break };
        let a = assignment(table, columns, &chosen);
        let e = evaluate(table, &a);
        if serves(&e) {
            return (Some((a, e)), last);
        }
        cuts.push(chosen);
    }
    (None, last)
}
