//! The driver: annealing proposes, integer programming disposes, until the gap or the effort is spent.

use super::bound::{Limits, root, rows};
use super::branch::{Shared, Tree};
use super::columns::{Column, Pool, Pricing};
use super::exact::{Incumbent, better, recombine, serves};
use super::feasible::{Feasibility, prove};
use super::order::Order;
use super::{Effort, Progress, Solution, Stats, Status, Watch, anneal, even, front, greedy, parts, presolve};
use crate::table::{Assignment, Table, evaluate};

/// Relative gap at which a plan counts as proved optimal.
pub(super) const OPTIMAL: f64 = 1e-6;
/// First assignments without randomness.
const VARIANTS: u32 = 3;
/// Columns taken from one annealing, and assignments that the next one starts from.
const MET: usize = 500;
const STARTS: usize = 4;

/// Solves a table: the best assignment found, a bound that no assignment is below, and a front.
pub fn solve(table: &Table, effort: &Effort, watch: &dyn Watch) -> Solution {
    improve(table, &[], effort, watch)
}

/// [`solve`], never worse than the best feasible of given assignments.
pub fn improve(table: &Table, starts: &[Assignment], effort: &Effort, watch: &dyn Watch) -> Solution {
    if let Some(solution) = even::solve(table, starts, effort, watch) {
        return solution;
    }
    if let Some(solution) = parts::solve(table, starts, effort, watch) {
        return solution;
    }
    general(table, starts, effort, watch)
}

/// [`improve`] for tables of any form: in an order that the numbers give, so that the order of a file does not matter.
pub(super) fn general(table: &Table, starts: &[Assignment], effort: &Effort, watch: &dyn Watch) -> Solution {
    let order = Order::of(table);
    let starts: Vec<Assignment> = starts.iter().map(|a| order.there(a)).collect();
    let found = ordered(&order.apply(table), &starts, effort, watch);
    let back = |(a, _): Incumbent| {
        let a = order.back(&a);
        let e = evaluate(table, &a);
        (a, e)
    };
    let best = found.best.map(back);
    // Sums in another order may differ in their last digits.
    let bound = best.as_ref().map_or(found.bound, |(_, e)| found.bound.min(e.objective));
    Solution { best, bound, front: found.front.into_iter().map(back).collect(), ..found }
}

fn ordered(table: &Table, starts: &[Assignment], effort: &Effort, watch: &dyn Watch) -> Solution {
    let mut run = Run::new(table, effort, watch);
    starts.iter().for_each(|a| run.offer(a.clone()));
    run.first();
    if run.best.is_none() && !watch.stop() {
        match prove(table, effort, watch, &mut run.stats) {
            Feasibility::No => return run.end(f64::INFINITY, Status::Infeasible),
            Feasibility::Yes(a) => run.offer(a),
            Feasibility::Unknown => {}
        }
    }
    run.improve()
}

/// The best assignment that greedy rules and annealing find, without a bound: cheap, for comparing many tables.
#[must_use]
pub fn sketch(table: &Table, effort: &Effort, watch: &dyn Watch) -> Option<Incumbent> {
    let mut run = Run::new(table, effort, watch);
    run.first();
    run.best
}

/// What any assignment costs at least: each device asleep where it may be, else idle. It holds before anything is proved.
pub(super) fn standing(table: &Table) -> f64 {
    let w = &table.weights;
    if [w.power, w.latency, w.inaccuracy, w.underuse].iter().any(|&w| w < 0.0) || table.services.iter().any(|s| s.skip_cost < 0.0)
    {
        return f64::NEG_INFINITY;
    }
    if table.bills.iter().any(|b| b.weight < 0.0 || b.per_w.iter().chain(&b.awake).any(|v| *v < 0.0)) {
        return f64::NEG_INFINITY;
    }
    let least = |(i, d): (usize, &crate::table::Device)| {
        let idle = d.modes.clone().map(|m| table.modes[m as usize].power_w(0.0)).fold(f64::INFINITY, f64::min);
        let rent: f64 = if d.may_sleep { 0.0 } else { table.bills.iter().map(|b| b.weight * b.awake[i]).sum() };
        table.watt(i) * if d.may_sleep { idle.min(d.sleep_w) } else { idle } + rent
    };
    table.devices.iter().enumerate().map(least).sum::<f64>()
}

/// A search under way.
struct Run<'a> {
    table: &'a Table,
    effort: &'a Effort,
    watch: &'a dyn Watch,
    pool: Pool,
    best: Option<Incumbent>,
    /// Feasible assignments for the front, in the order found.
    seen: Vec<Incumbent>,
    stats: Stats,
}

impl<'a> Run<'a> {
    fn new(table: &'a Table, effort: &'a Effort, watch: &'a dyn Watch) -> Run<'a> {
        Run { table, effort, watch, pool: Pool::default(), best: None, seen: Vec::new(), stats: Stats::default() }
    }

    /// Takes in an assignment: its columns always, itself when feasible.
    fn offer(&mut self, a: Assignment) {
        self.pool.add_assignment(self.table, &a);
        let e = evaluate(self.table, &a);
        if serves(&e) {
            self.seen.push((a.clone(), e.clone()));
            self.best = better(self.best.take(), Some((a, e)));
        }
    }

    fn value(&self) -> f64 {
        self.best.as_ref().map_or(f64::INFINITY, |(_, e)| e.objective)
    }

    /// Greedy assignments, then annealing.
    fn first(&mut self) {
        for variant in 0..VARIANTS {
            self.offer(greedy::construct(self.table, variant, self.effort.seed));
        }
        self.watch.progress(Progress { phase: "greedy", best: self.value(), bound: f64::NEG_INFINITY });
        self.anneal(0);
    }

    /// Anneals from the best assignments so far; takes in all that it met.
    fn anneal(&mut self, round: u32) {
        if !self.effort.parts.annealing {
            return;
        }
        let starts: Vec<Assignment> = match round {
            0 => Vec::new(),
            _ => front::filter(self.best.as_ref(), self.seen.clone(), STARTS).into_iter().map(|(a, _)| a).take(STARTS).collect(),
        };
        let effort = Effort { columns: self.effort.columns.min(MET), ..self.effort.clone() };
        let found = anneal::run(self.table, &effort, round, &starts, self.watch);
        self.stats.moves += found.moves;
        self.stats.accepted += found.accepted;
        found.best.into_iter().chain(found.archive).for_each(|(a, _)| self.offer(a));
        for (s, o, chain) in found.columns {
            if let Some(column) = Column::new(self.table, s, o, &chain) {
                self.pool.add(column);
            }
        }
        self.watch.progress(Progress { phase: "anneal", best: self.value(), bound: f64::NEG_INFINITY });
    }

    /// Column generation, then rounds of branching and annealing.
    fn improve(mut self) -> Solution {
        let (table, effort, watch) = (self.table, self.effort, self.watch);
        if !effort.parts.programs {
            for round in 1..effort.rounds {
                self.anneal(round);
            }
            return self.end(f64::NEG_INFINITY, Status::Gap);
        }
        let pricing = Pricing::new(table, &presolve::options(table));
        let program = rows(table, self.value());
        let (best, gap) = (self.value(), effort.gap);
        let Some(r) = root(
            table,
            &pricing,
            program,
            &mut self.pool,
            best,
            gap,
            Limits { work: effort.work, ..Limits::default() },
            watch,
            &mut |bound| {
                watch.progress(Progress { phase: "bound", best, bound });
            },
        ) else {
            return self.end(f64::NEG_INFINITY, Status::Gap);
        };
        self.stats.pricing_rounds += r.rounds;
        self.stats.work += r.work;
        let shared = Shared { table, pricing: &pricing, effort, watch, aim: f64::INFINITY };
        let mut tree = Tree::new(r.clone());
        for round in 0..effort.rounds {
            if watch.stop() || tree.done() {
                break;
            }
            let before = self.value();
            let best = self.best.take();
            self.best = tree.grow(&shared, &r, &mut self.pool, best, effort.branches, &mut self.stats);
            if self.value() < before {
                self.seen.extend(self.best.clone());
            }
            if !tree.done() && round + 1 < effort.rounds && !watch.stop() {
                self.anneal(round + 1);
                watch.progress(Progress { phase: "recombine", best: self.value(), bound: tree.bound() });
                let best = recombine(table, &r, &r.rows, &self.pool, self.best.as_ref(), effort, &mut self.stats);
                self.best = best;
            }
        }
        if effort.front > 0 && !watch.stop() {
            watch.progress(Progress { phase: "front", best: self.value(), bound: tree.bound() });
            let points = front::walk(table, &r, &self.pool, self.best.as_ref(), &self.seen, effort, &mut self.stats);
            self.seen.extend(points);
        }
        let bound = tree.bound();
        let status = if bound == f64::INFINITY && self.best.is_none() { Status::Infeasible } else { Status::Gap };
        self.end(bound, status)
    }

    fn end(mut self, bound: f64, status: Status) -> Solution {
        let bound = bound.max(standing(self.table));
        // A point of the front may happen to be better.
        for point in &self.seen {
            if point.1.objective < self.value() {
                self.best = Some(point.clone());
            }
        }
        let value = self.value();
        let bound = if self.best.is_some() { bound.min(value) } else { bound };
        let status = match status {
            Status::Infeasible => Status::Infeasible,
            _ if self.best.is_none() => Status::Unknown,
            _ if value - bound <= OPTIMAL * value.abs() => Status::Optimal,
            _ => Status::Gap,
        };
        self.stats.columns = self.stats.columns.max(self.pool.columns().len() as u64);
        self.watch.progress(Progress { phase: "done", best: value, bound });
        let front = if self.effort.front > 0 {
            front::filter(self.best.as_ref(), self.seen, 2 * self.effort.front as usize)
        } else {
            self.best.iter().cloned().collect()
        };
        Solution { status, best: self.best, bound, front, stopped: self.watch.stop(), stats: self.stats }
    }
}
