//! Even tables: the order of stages does not matter, only how many layers each device holds.
//!
//! Found by looking at the numbers ([`view`] says what qualifies), never by asking where they came from.
//! There the best place of one service beside all others is a small knapsack, solved almost exactly in
//! microseconds, and a hundred thousand rebuildings fit where the general search does thousands. The
//! bound is that of the program over device classes.

mod chain;
mod fleet;
mod insert;
mod program;
mod staircase;
mod sweep;
#[cfg(test)]
mod tests;
mod tree;
mod view;

use super::exact::{Incumbent, serves};
use super::{Effort, Progress, Solution, Stats, Status, Watch};
use crate::table::{Assignment, Table, evaluate};
use chain::Walk;
use fleet::{Goal, Post};
use program::Program;
use staircase::Staircase;
use view::Even;

/// Temperatures over the mean watts of a device in use, first and last.
const HOT: f64 = 0.1;
const COLD: f64 = 2e-3;
/// Seats a service that allow for so much heat, and the least share of it when there are fewer.
const AMPLE: f64 = 5e5;
const HASTE: f64 = 0.1;
/// Factor on the work while some service has no place.
const PATIENCE: u64 = 8;
/// Steps between looks at the work done.
const BATCH: u32 = 64;

/// Solves an even table; `None` when the table is not even.
pub(super) fn solve(table: &Table, starts: &[Assignment], effort: &Effort, watch: &dyn Watch) -> Option<Solution> {
    let even = Even::of(table)?;
    let search = || search(table, &even, starts, effort, watch);
    let prove = || prove(&even, effort, watch);
    let (found, bound) = rayon::join(search, prove);
    Some(finish(table, effort, watch, found, bound))
}

/// What the walks found.
struct Found {
    plans: Vec<Incumbent>,
    stats: Stats,
}

fn goal(even: &Even) -> Goal {
    let w = &even.weights;
    Goal { power: w.power, latency: w.latency, inaccuracy: w.inaccuracy, absence: absence(even, w.power, w.latency) }
}

/// A price of not serving someone that no saving makes up for.
fn absence(even: &Even, power: f64, latency: f64) -> f64 {
    let fleet: f64 = even.classes.iter().map(|c| c.wake_w * c.members.len() as f64).sum();
    let dearest = even.ways.iter().map(|w| w.least_w).filter(|w| w.is_finite()).fold(1.0, f64::max);
    10.0 * (power * (even.standing_w + fleet + 10.0 * dearest) + 10.0 * latency + 1.0)
}

fn search(table: &Table, even: &Even, starts: &[Assignment], effort: &Effort, watch: &dyn Watch) -> Found {
    let goal = goal(even);
    let mut walk = Walk::new(even, goal, effort.seed);
    let given: Vec<Incumbent> = starts.iter().map(|a| (a.clone(), evaluate(table, a))).filter(|(_, e)| serves(e)).collect();
    for (a, e) in &given {
        if e.objective < walk.best_cost {
            walk.restart(&even.posts(a));
        }
    }
    let mut stairs = Staircase::new(2 * effort.front as usize);
    let tell = |walk: &Walk<'_>| {
        let best = if walk.best.iter().all(Post::served) { walk.best_cost } else { f64::INFINITY };
        watch.progress(Progress { phase: "ruin", best, bound: f64::NEG_INFINITY });
    };
    let first = if effort.front > 0 { effort.seats * 3 / 10 } else { effort.seats };
    cool(&mut walk, first, watch, (effort.front > 0).then_some(&mut stairs), &tell);
    let mut posts = vec![walk.best.clone()];
    if effort.front > 0 {
        sweep::follow(&mut walk, effort.seats, watch, &mut stairs);
        posts.extend(stairs.steps().iter().map(|s| s.posts.clone()));
    }
    let stats = Stats { moves: walk.moves, accepted: walk.accepted, work: walk.work(), ..Stats::default() };
    let plans = posts.iter().map(|posts| even.assignment(posts)).map(|a| (evaluate(table, &a), a));
    let found = plans.filter(|(e, _)| serves(e)).map(|(e, a)| (a, e));
    Found { plans: found.chain(given).collect(), stats }
}

/// Mean watts of a device in use, the unit of temperatures.
fn unit_w(walk: &Walk<'_>) -> f64 {
    let awake = walk.fleet.awake.len().max(1) as f64;
    ((walk.fleet.sums().power_w - walk.fleet.even.standing_w) / awake).max(1e-6)
}

/// Anneals until so much work is done.
fn cool(walk: &mut Walk<'_>, work: u64, watch: &dyn Watch, mut stairs: Option<&mut Staircase>, tell: &dyn Fn(&Walk<'_>)) {
    let unit = unit_w(walk) * walk.goal.power + 1e-3 * walk.goal.latency;
    let from = walk.work();
    let each = work as f64 / walk.fleet.posts.len().max(1) as f64;
    let hot = HOT * (each / AMPLE).clamp(HASTE, 1.0);
    let mut told = f64::INFINITY;
    // Without any plan yet it goes on for longer.
    let due = |walk: &Walk<'_>| walk.work() < work || walk.fleet.sums().absent > 0 && walk.work() < PATIENCE * work;
    while due(walk) && !watch.stop() {
        let x = (walk.work() - from) as f64 / work.saturating_sub(from).max(1) as f64;
        let temperature = unit * hot * (COLD / hot).powf(x);
        for _ in 0..BATCH {
            walk.step(temperature, stairs.as_deref_mut());
        }
        if walk.best_cost < told {
            told = walk.best_cost;
            tell(walk);
        }
    }
}

/// The best bound that the effort buys.
fn prove(even: &Even, effort: &Effort, watch: &dyn Watch) -> f64 {
    let program = Program::new(even, &goal(even));
    tree::bound(&program, effort.pivots, watch)
}

/// Puts both together.
fn finish(table: &Table, effort: &Effort, watch: &dyn Watch, found: Found, bound: f64) -> Solution {
    let best = found.plans.iter().min_by(|a, b| a.1.objective.total_cmp(&b.1.objective)).cloned();
    let value = best.as_ref().map_or(f64::INFINITY, |(_, e)| e.objective);
    let bound = bound.max(super::driver::standing(table)).min(value);
    let status = match &best {
        None if bound == f64::INFINITY => Status::Infeasible,
        None => Status::Unknown,
        Some(_) if value - bound <= super::driver::OPTIMAL * value.abs() => Status::Optimal,
        Some(_) => Status::Gap,
    };
    watch.progress(Progress { phase: "done", best: value, bound });
    let front = if effort.front > 0 { falling(found.plans) } else { best.iter().cloned().collect() };
    Solution { status, best, bound, front, stopped: watch.stop(), stats: found.stats }
}

/// Plans by rising power and falling latency; those that another covers are left out.
fn falling(mut plans: Vec<Incumbent>) -> Vec<Incumbent> {
    plans.sort_by(|a, b| a.1.power_w.total_cmp(&b.1.power_w).then(a.1.latency.total_cmp(&b.1.latency)));
    let mut fastest = f64::INFINITY;
    plans.retain(|(_, e)| {
        let news = e.latency < fastest;
        fastest = fastest.min(e.latency);
        news
    });
    plans
}
