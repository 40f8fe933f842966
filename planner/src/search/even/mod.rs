//! Even tables: the order of stages does not matter, only how many layers each device holds.
//!
//! Found by looking at the numbers ([`view`] says what qualifies), never by asking where they came from.
//! There the best place of one service beside all others is a small knapsack, solved almost exactly in
//! microseconds, and a hundred thousand rebuildings fit where the general search does thousands. The
//! bound is that of the program over device classes.

mod advice;
#[cfg(test)]
mod bound_tests;
mod chain;
mod close;
mod decompose;
mod fleet;
mod insert;
mod master;
mod merge;
mod part;
mod priced;
mod program;
mod race;
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
use merge::Merged;
use program::Program;
use race::{AGAIN, Cooling, PATIENCE, cool, race};
use staircase::Staircase;
use tree::{Tree, Until};
use view::{Even, Stream, WATTS};

/// Part of the pivots that goes into advice at most.
const ADVICE: u64 = 3;
/// Solves an even table; `None` when the table is not even.
pub(super) fn solve(table: &Table, starts: &[Assignment], effort: &Effort, watch: &dyn Watch) -> Option<Solution> {
    let even = Even::of(table)?;
    // Who has no option anywhere, as where all devices are lost, is out in every plan.
    if even.streams.iter().any(|s| s.ways.is_empty()) {
        return Some(finish(table, effort, watch, Found { plans: Vec::new(), stats: Stats::default() }, f64::INFINITY));
    }
    if !effort.parts.programs {
        let found = search(table, &even, starts, &[], effort, watch);
        return Some(finish(table, effort, watch, found, f64::NEG_INFINITY));
    }
    // Exact programs end the proof of few devices, by all their classes.
    let few = table.devices.len() <= CLOSED && effort.front == 0;
    let merged = (!few).then(|| Merged::of(&even));
    let classed = merged.as_ref().map_or(&even, |m| &m.even);
    let (layers, stages) = advice::programs(classed, &goal(&even));
    let Guide { tree, decomposition, mut advice } =
        Guide::new(&layers, classed, goal(&even), !few, effort.pivots / ADVICE, watch);
    let few = few && decomposition.is_some();
    if let Some(merged) = &merged {
        advice = advice.iter().map(|advice| merged.advice(advice)).collect();
    }
    let walks = Effort { seats: if few { effort.seats / WALKS } else { effort.seats }, ..effort.clone() };
    let search = || search(table, &even, starts, &advice, &walks, watch);
    let prove = || prove(tree, decomposition, stages.as_ref(), classed, effort, watch);
    let (mut found, (mut bound, proof, decomposition)) = rayon::join(search, prove);
    // A relaxed plan that happens to be whole is a plan.
    found.plans.extend(
        proof.map(|posts| classed.assignment(&posts)).map(|a| (a.clone(), evaluate(table, &a))).filter(|(_, e)| serves(e)),
    );
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
    // Where not serving someone is cheaper than any plan, there is none.
    if found.plans.is_empty() && bound > dearest(&even, &goal(&even)) * (1.0 + 1e-9) {
        bound = f64::INFINITY;
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

/// No plan that serves everyone costs more.
fn dearest(even: &Even, goal: &Goal) -> f64 {
    let most = |of: &dyn Fn(usize) -> f64| (0..even.classes.len()).map(of).fold(0.0, f64::max);
    let way = |w: usize| {
        let (layers, stages) = (f64::from(even.ways[w].layers), f64::from(even.ways[w].stages));
        let (each, once) = (most(&|c| even.cell(w, c).layer[WATTS]), most(&|c| even.cell(w, c).stage[WATTS]));
        goal.power * (layers * each + stages * once) + goal.inaccuracy * even.ways[w].inaccuracy
    };
    let stream = |s: &Stream| s.ways.clone().map(way).fold(0.0, f64::max) + goal.latency * s.per_s * s.cap_s;
    let wake: f64 = even.classes.iter().map(|c| c.wake_w * c.members.len() as f64).sum();
    goal.power * (even.standing_w + wake) + even.streams.iter().map(stream).sum::<f64>()
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
