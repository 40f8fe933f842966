//! Column generation: the linear relaxation over all columns, and the bound that it proves.

use super::Watch;
use super::columns::{Care, Pool, Pricing, price};
use super::program::{Answer, Goal, Relaxation, Rows};
use crate::table::Table;

/// Where column generation ended.
#[derive(Clone, Debug)]
pub struct Root {
    pub rows: Rows,
    /// Best proved lower bound on any feasible objective, rounding taken off.
    pub bound: f64,
    /// The duals that prove it, and each service's part in it.
    pub duals: Vec<f64>,
    pub least: Vec<f64>,
    /// Value of the last relaxation over the pool: near the bound when it has converged.
    pub value: f64,
    /// The last relaxation: value of each fixed variable, share of each pool column in it, use of artificial variables.
    pub fixed: Vec<f64>,
    pub shares: Vec<(usize, f64)>,
    pub artificial: f64,
    pub rounds: u64,
    /// Cells of backward passes spent.
    pub work: u64,
    /// Rounds in which some walk ran out of steps.
    pub inexact: u64,
    /// HiGHS found the program without solution even with artificial variables: there is no assignment at all.
    pub infeasible: bool,
}

/// Counted limits of column generation.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub rounds: u64,
    /// Columns a service a round.
    pub most: usize,
    /// Walk steps a service a round.
    pub steps: u64,
    /// Cells of backward passes in all rounds together; one full round more may follow.
    pub work: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { rounds: 400, most: 8, steps: 30_000, work: u64::MAX }
    }
}

/// Share of the best duals in the prices of a round (Wentges smoothing): raw duals jump about.
const SMOOTHING: f64 = 0.5;

/// Generates columns into the pool until none helps, the bound meets `best` within `gap`, or a limit is reached.
/// `observe` sees the bound of every round.
#[must_use]
pub fn root(
    table: &Table,
    pricing: &Pricing,
    rows: Rows,
    pool: &mut Pool,
    best: f64,
    gap: f64,
    limits: Limits,
    watch: &dyn Watch,
    observe: &mut dyn FnMut(f64),
) -> Option<Root> {
    let mut relaxation = Relaxation::new(&rows)?;
    // Pool numbers of the relaxation's columns.
    let mut inside: Vec<usize> = Vec::new();
    for (i, c) in pool.columns().iter().enumerate().filter(|(_, c)| rows.admits(table, c)) {
        relaxation.add(&rows, table, c);
        inside.push(i);
    }
    let mut root = Root {
        duals: vec![0.0; rows.lower.len()],
        least: vec![0.0; table.services.len()],
        bound: f64::NEG_INFINITY,
        value: f64::INFINITY,
        fixed: Vec::new(),
        shares: Vec::new(),
        artificial: 0.0,
        rounds: 0,
        work: 0,
        inexact: 0,
        infeasible: false,
        rows,
    };
    // Cheap rounds while they find columns; a full one when they do not, and last.
    let mut care = Care::Partial;
    while root.rounds < limits.rounds && !watch.stop() {
        if root.work >= limits.work {
            care = Care::Full;
        }
        let solved = match relaxation.solve(&root.rows) {
            Answer::Solved(solved) => solved,
            Answer::Infeasible => {
                root.infeasible = true;
                root.bound = f64::INFINITY;
                break;
            }
            Answer::Failed => break,
        };
        root.value = solved.value;
        root.artificial = solved.artificial;
        root.fixed = solved.fixed;
        root.shares = inside.iter().copied().zip(solved.columns).collect();
        let raw = root.rows.clean(table, &solved.duals);
        let mut grown = false;
        for weight in [SMOOTHING, 0.0] {
            if weight > 0.0 && root.bound == f64::NEG_INFINITY {
                continue;
            }
            let mixed: Vec<f64> = raw.iter().zip(&root.duals).map(|(&u, &b)| u + weight * (b - u)).collect();
            let duals = root.rows.clean(table, &mixed);
            let prices = root.rows.prices(table, &duals);
            let found = price(table, pricing, &prices, limits.most, limits.steps, care);
            root.rounds += 1;
            root.work += found.iter().map(|f| f.work).sum::<u64>();
            root.inexact += u64::from(found.iter().any(|f| !f.exact));
            let least: Vec<f64> = found.iter().map(|f| f.least).collect();
            let bound = root.rows.bound(&duals, &least);
            observe(bound);
            if bound > root.bound {
                (root.bound, root.duals, root.least) = (bound, duals, least);
            }
            for (_, c) in found.into_iter().flat_map(|f| f.columns) {
                if !pool.knows(c.service, c.option, &c.chain) {
                    grown |= relaxation.add(&root.rows, table, &c);
                    inside.push(pool.columns().len());
                    pool.add(c);
                }
            }
            if grown {
                break;
            }
        }
        if !grown && care == Care::Partial {
            care = Care::Full;
            continue;
        }
        if care == Care::Full && root.work >= limits.work {
            break;
        }
        care = Care::Partial;
        let size = 1e-9 + root.value.abs().max(root.bound.abs());
        if !grown || root.value - root.bound <= 1e-8 * size || best - root.bound <= gap * best.abs() {
            break;
        }
    }
    Some(root)
}

/// The program of the table's own goal, its artificial cost above that of serving anything, but not by
/// orders of magnitude.
#[must_use]
pub fn rows(table: &Table, best: f64) -> Rows {
    let artificial = if best.is_finite() { 1.0 + 2.0 * best.abs() } else { dearest(table) };
    Rows::new(table, Goal::of(table), artificial)
}

fn dearest(table: &Table) -> f64 {
    let w = &table.weights;
    let awake: f64 = table
        .devices
        .iter()
        .enumerate()
        .map(|(i, d)| {
            let rent: f64 = table.bills.iter().map(|b| b.weight * b.awake[i]).sum();
            let watts = |m: u32| {
                let mode = &table.modes[m as usize];
                let dynamic = if mode.dynamic_cap_w.is_finite() { mode.dynamic_cap_w } else { 100.0 };
                if mode.curve.is_empty() { 0.0 } else { mode.power_w(dynamic) }
            };
            table.watt(i) * d.modes.clone().map(watts).fold(d.sleep_w, f64::max) + rent
        })
        .sum();
    1.0 + 2.0 * (awake + 10.0 * w.latency + w.inaccuracy + w.underuse)
}
