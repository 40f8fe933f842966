//! Even tables: the order of stages does not matter, only how many layers each device holds.
//!
//! Found by looking at the numbers ([`view`] says what qualifies), never by asking where they came from.
//! There the best place of one service beside all others is a small knapsack, solved almost exactly in
//! microseconds, and a hundred thousand rebuildings fit where the general search does thousands. The
//! bound is that of the program over device classes.

mod advice;
mod chain;
mod close;
mod decompose;
mod fleet;
mod insert;
mod priced;
mod program;
mod staircase;
mod sweep;
#[cfg(test)]
mod tests;
mod tree;
mod unpack;
mod view;

use super::exact::{Incumbent, serves};
use super::{Effort, Progress, Solution, Stats, Status, Watch};
use crate::table::{Assignment, Table, evaluate};
use advice::{Advice, Guide};
use chain::Walk;
use decompose::Decomposition;
use fleet::{Goal, Post};
use program::Program;
use rayon::prelude::*;
use staircase::Staircase;
use tree::{Tree, Until};
use view::Even;

/// Temperatures over the mean watts of a device in use, first and last.
const HOT: f64 = 0.1;
const COLD: f64 = 2e-3;
/// Seats a service that allow for so much heat, and the least share of it when there are fewer.
const AMPLE: f64 = 5e5;
const HASTE: f64 = 0.1;
/// Factor on the work of a walk while some service has no place.
const PATIENCE: u64 = 8;
/// Steps between looks at the work done.
const BATCH: u32 = 64;

/// Share of the seats that each idea of which devices to wake gets, before the best goes on with the rest.
const RACE: f64 = 0.1;
/// Share of the seats for ideas without a plan that promise at least so much of the best.
const CHASE: f64 = 0.5;
const WORTH: f64 = 0.01;
/// Ideas that are gone on with where any device may wake, and the share of the seats of each.
const LIFTED: usize = 2;
const LIFT: f64 = 0.1;
/// Part of the pivots that goes into advice at most.
const ADVICE: u64 = 3;
/// Factor on the first temperature of what goes on from a race.
const AGAIN: f64 = 0.5;

/// Solves an even table; `None` when the table is not even.
pub(super) fn solve(table: &Table, starts: &[Assignment], effort: &Effort, watch: &dyn Watch) -> Option<Solution> {
    let even = Even::of(table)?;
    if !effort.parts.programs {
        let found = search(table, &even, starts, &[], effort, watch);
        return Some(finish(table, effort, watch, found, f64::NEG_INFINITY));
    }
    let (layers, stages) = advice::programs(&even, &goal(&even));
    let Guide { tree, decomposition, advice } = Guide::new(&layers, &even, goal(&even), effort.pivots / ADVICE, watch);
    let few = table.devices.len() <= CLOSED && effort.front == 0 && decomposition.is_some();
    let walks = Effort { seats: if few { effort.seats / WALKS } else { effort.seats }, ..effort.clone() };
    let search = || search(table, &even, starts, &advice, &walks, watch);
    let prove = || prove(tree, decomposition, stages.as_ref(), &even, effort, watch);
    let (mut found, (mut bound, proof, decomposition)) = rayon::join(search, prove);
    // A relaxed plan that happens to be whole is a plan.
    found
        .plans
        .extend(proof.map(|posts| even.assignment(&posts)).map(|a| (a.clone(), evaluate(table, &a))).filter(|(_, e)| serves(e)));
    let least = |plans: &[Incumbent]| plans.iter().map(|p| p.1.objective).fold(f64::INFINITY, f64::min);
    let value = least(&found.plans);
    if let Some(mut d) = decomposition.filter(|_| few && bound < value && value.is_finite()) {
        // What is left to prove: parts below the best plan. As much work again as the rest, so it may take twice the time.
        d.grow(d.work() + effort.pivots / PARTS, Until::Below(value), watch);
        let check = |a: &Assignment| Some(evaluate(table, a)).filter(serves).map(|e| e.objective);
        let closed = close::close(&even, &goal(&even), &mut d, value, effort.pivots, watch, &check);
        bound = bound.max(closed.bound);
        found.plans.extend(closed.found.into_iter().map(|a| (a.clone(), evaluate(table, &a))));
    }
    Some(finish(table, effort, watch, found, bound))
}

/// Devices up to which the proof is finished by exact programs.
const CLOSED: usize = 24;
/// Part of the pivots for what precedes them.
const PARTS: u64 = 8;
/// Part of the seats that walks get there: programs find what they miss.
const WALKS: u64 = 2;

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

fn search(table: &Table, even: &Even, starts: &[Assignment], advice: &[Advice], effort: &Effort, watch: &dyn Watch) -> Found {
    let tell = |walk: &Walk<'_>| {
        let best = if walk.best.iter().all(Post::served) { walk.best_cost } else { f64::INFINITY };
        watch.progress(Progress { phase: "ruin", best, bound: f64::NEG_INFINITY });
    };
    let first = if effort.front > 0 { effort.seats * 3 / 10 } else { effort.seats };
    let (mut walk, mut stats) = race(even, advice, first, effort, watch, &tell);
    let spent = stats.work;
    let given: Vec<Incumbent> = starts.iter().map(|a| (a.clone(), evaluate(table, a))).filter(|(_, e)| serves(e)).collect();
    for (a, e) in &given {
        if e.objective < walk.best_cost {
            walk.advice.most.clear();
            walk.restart(&even.posts(a));
        }
    }
    let mut stairs = Staircase::new(2 * effort.front as usize);
    let left = |whole: u64, walk: &Walk<'_>| walk.work() + whole.saturating_sub(spent);
    let heat = if advice.is_empty() { 1.0 } else { AGAIN };
    let cooling = Cooling { work: left(first, &walk), heat, patience: PATIENCE, annealing: effort.parts.annealing };
    cool(&mut walk, &cooling, watch, (effort.front > 0).then_some(&mut stairs), &tell);
    let mut posts = vec![walk.best.clone()];
    if effort.front > 0 {
        walk.advice.most.clear();
        let until = walk.work() + effort.seats.saturating_sub(first);
        sweep::follow(&mut walk, until, watch, &mut stairs);
        posts.extend(stairs.steps().iter().map(|s| s.posts.clone()));
    }
    stats.moves += walk.moves;
    stats.accepted += walk.accepted;
    stats.work += walk.work();
    let plans = posts.iter().map(|posts| even.assignment(posts)).map(|a| (evaluate(table, &a), a));
    let found = plans.filter(|(e, _)| serves(e)).map(|(e, a)| (a, e));
    Found { plans: found.chain(given).collect(), stats }
}

/// Short walks, one for each idea of which devices to wake; the best is to go on. Without advice there is
/// one idea, and nothing is walked yet.
fn race<'e>(
    even: &'e Even,
    advice: &[Advice],
    seats: u64,
    effort: &Effort,
    watch: &dyn Watch,
    tell: &(dyn Fn(&Walk<'e>) + Sync),
) -> (Walk<'e>, Stats) {
    let goal = goal(even);
    if advice.is_empty() {
        return (Walk::new(even, goal, Advice::default(), effort.seed), Stats::default());
    }
    let free = Advice { most: Vec::new(), ..advice[0].clone() };
    let ideas: Vec<&Advice> = std::iter::once(&free).chain(advice).collect();
    let run = |(i, idea): (usize, &&Advice)| {
        let mut walk = Walk::new(even, goal, (*idea).clone(), effort.seed.wrapping_add(i as u64));
        let cooling = Cooling {
            work: (seats as f64 * RACE) as u64,
            heat: 1.0,
            // Only where all devices may wake is there a plan to wait for.
            patience: if i == 0 { PATIENCE } else { 1 },
            annealing: effort.parts.annealing,
        };
        cool(&mut walk, &cooling, watch, None, &|_| ());
        walk
    };
    let mut walks: Vec<Walk<'e>> = ideas.par_iter().enumerate().map(run).collect();
    chase(&mut walks, seats, effort, watch);
    let lifted = lift(&walks, &free, seats, effort, watch);
    walks.extend(lifted);
    let stats = Stats {
        moves: walks.iter().map(|w| w.moves).sum(),
        accepted: walks.iter().map(|w| w.accepted).sum(),
        work: walks.iter().map(Walk::work).sum(),
        ..Stats::default()
    };
    let mut best: Option<Walk<'e>> = None;
    for walk in walks {
        if best.as_ref().is_none_or(|b| walk.best_cost < b.best_cost - 1e-9) {
            best = Some(walk);
        }
    }
    let mut walk = best.unwrap_or_else(|| Walk::new(even, goal, Advice::default(), effort.seed));
    tell(&walk);
    // What it did so far is counted already.
    let posts = walk.best.clone();
    let advice = walk.advice.clone();
    walk = Walk::at(even, goal, advice, effort.seed, &posts);
    (walk, stats)
}

/// Goes on with ideas that promise much and have no plan yet, the most promising first, until one has.
fn chase(walks: &mut [Walk<'_>], seats: u64, effort: &Effort, watch: &dyn Watch) {
    let out = |walk: &Walk<'_>| walk.best.iter().any(|p| !p.served());
    let value = walks.iter().map(|w| w.best_cost).fold(f64::INFINITY, f64::min);
    let promises = |w: &Walk<'_>| out(w) && !w.advice.most.is_empty() && w.advice.cost < value * (1.0 - WORTH);
    let mut order: Vec<usize> = (0..walks.len()).filter(|&i| promises(&walks[i])).collect();
    order.sort_by(|&a, &b| walks[a].advice.cost.total_cmp(&walks[b].advice.cost));
    let mut left = (seats as f64 * CHASE) as u64;
    let slice = (seats as f64 * RACE) as u64;
    while let Some(&i) = order.first().filter(|_| left > 0 && !watch.stop()) {
        let walk = &mut walks[i];
        let from = walk.work();
        let cooling = Cooling { work: from + slice.min(left), heat: 1.0, patience: 1, annealing: effort.parts.annealing };
        cool(walk, &cooling, watch, None, &|_| ());
        left = left.saturating_sub((walk.work() - from).max(1));
        if !out(walk) {
            break;
        }
        order.rotate_left(1);
    }
}

/// Ideas that promise much and came to no plan, gone on with where any device may wake: who has no place gets one, and
/// the rest is still what the relaxation wanted. The most promising ones.
fn lift<'e>(walks: &[Walk<'e>], free: &Advice, seats: u64, effort: &Effort, watch: &dyn Watch) -> Vec<Walk<'e>> {
    let value = walks.iter().map(|w| w.best_cost).fold(f64::INFINITY, f64::min);
    let out = |w: &Walk<'_>| w.best.iter().any(|p| !p.served());
    let mut order: Vec<&Walk<'e>> =
        walks.iter().filter(|w| out(w) && !w.advice.most.is_empty() && w.advice.cost < value * (1.0 - WORTH)).collect();
    order.sort_by(|a, b| a.advice.cost.total_cmp(&b.advice.cost));
    let go_on = |(i, from): (usize, &&Walk<'e>)| {
        let seed = effort.seed.wrapping_add((walks.len() + i) as u64);
        let advice = Advice { cost: from.advice.cost, prices: from.advice.prices.clone(), ..free.clone() };
        let mut walk = Walk::at(from.fleet.even, from.goal, advice, seed, &from.best);
        let work = (seats as f64 * LIFT) as u64;
        let cooling = Cooling { work, heat: AGAIN, patience: 1, annealing: effort.parts.annealing };
        cool(&mut walk, &cooling, watch, None, &|_| ());
        walk
    };
    order.truncate(LIFTED);
    order.par_iter().enumerate().map(go_on).collect()
}

/// Mean watts of a device in use, the unit of temperatures.
fn unit_w(walk: &Walk<'_>) -> f64 {
    let awake = walk.fleet.awake.len().max(1) as f64;
    ((walk.fleet.sums().power_w - walk.fleet.even.standing_w) / awake).max(1e-6)
}

/// How to anneal.
struct Cooling {
    /// Work at the end, what the walk did before included.
    work: u64,
    /// Factor on the first temperature.
    heat: f64,
    /// Factor on the work while some service has no place.
    patience: u64,
    /// Without, only what is no worse is accepted.
    annealing: bool,
}

/// Anneals until so much work is done.
fn cool(walk: &mut Walk<'_>, cooling: &Cooling, watch: &dyn Watch, mut stairs: Option<&mut Staircase>, tell: &dyn Fn(&Walk<'_>)) {
    let unit = unit_w(walk) * walk.goal.power + 1e-3 * walk.goal.latency;
    let from = walk.work();
    let work = cooling.work.saturating_sub(from);
    let each = work as f64 / walk.fleet.posts.len().max(1) as f64;
    let hot = (HOT * cooling.heat * (each / AMPLE).clamp(HASTE, 1.0)).max(COLD);
    let mut told = f64::INFINITY;
    // Without any plan yet it goes on for longer.
    let due = |walk: &Walk<'_>| {
        let done = walk.work() - from;
        done < work || walk.fleet.sums().absent > 0 && done < cooling.patience * work
    };
    while due(walk) && !watch.stop() {
        let x = (walk.work() - from) as f64 / work.max(1) as f64;
        let temperature = if cooling.annealing { unit * hot * (COLD / hot).powf(x) } else { 0.0 };
        for _ in 0..BATCH {
            walk.step(temperature, stairs.as_deref_mut());
        }
        if walk.best_cost < told {
            told = walk.best_cost;
            tell(walk);
        }
    }
}

/// The best bound that the effort buys, by the tree or the decomposition so far or the program with stages; and
/// the plan that the latter's least whole node stands for, if real devices hold it; and the decomposition to go on with.
fn prove<'a>(
    mut tree: Tree<'_>,
    mut decomposition: Option<Decomposition<'a>>,
    stages: Option<&Program>,
    even: &Even,
    effort: &Effort,
    watch: &dyn Watch,
) -> (f64, Option<Vec<Post>>, Option<Decomposition<'a>>) {
    let work = effort.pivots - effort.pivots / ADVICE;
    let mut proof = (f64::NEG_INFINITY, None);
    if let Some(program) = stages {
        let mut full = Tree::new(program);
        full.grow(work / 2, Until::Closed, watch);
        proof = (full.bound(), full.whole().and_then(|x| unpack::posts(even, program, x)));
        if full.closed() {
            return (proof.0, proof.1, None);
        }
    }
    let work = if stages.is_some() { work - work / 2 } else { work };
    let bound = match &mut decomposition {
        Some(d) => {
            d.grow(d.work() + work, Until::Closed, watch);
            d.bound()
        }
        None => {
            tree.grow(work, Until::Closed, watch);
            f64::NEG_INFINITY
        }
    };
    (proof.0.max(tree.bound()).max(bound), proof.1, decomposition)
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
