//! Which devices to wake: short walks, one for each idea, and the best goes on.

use rayon::prelude::*;

use super::advice::Advice;
use super::chain::Walk;
use super::goal;
use super::staircase::Staircase;
use super::view::Even;
use crate::search::{Effort, Stats, Watch};

/// Temperatures over the mean watts of a device in use, first and last.
const HOT: f64 = 0.1;
const COLD: f64 = 2e-3;
/// Seats a service that allow for so much heat, and the least share of it when there are fewer.
const AMPLE: f64 = 5e5;
const HASTE: f64 = 0.1;
/// Factor on the work of a walk while some service has no place.
pub(super) const PATIENCE: u64 = 8;
/// Steps between looks at the work done.
pub(super) const BATCH: u32 = 64;

/// Share of the seats that each idea of which devices to wake gets, before the best goes on with the rest.
const RACE: f64 = 0.1;
/// Share of the seats for ideas without a plan that promise at least so much of the best.
const CHASE: f64 = 0.5;
const WORTH: f64 = 0.01;
/// Ideas that are gone on with where a device more may wake, how many such at most, and the share of the seats of each.
const LIFTED: usize = 2;
const MORE: usize = 6;
const LIFT: f64 = 0.04;
/// Factor on the first temperature of what goes on from a race.
pub(super) const AGAIN: f64 = 0.5;

/// Short walks, one for each idea of which devices to wake; the best is to go on. Without advice there is
/// one idea, and nothing is walked yet.
pub(super) fn race<'e>(
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
    let lifted = lift(&walks, seats, effort, watch);
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

/// Whether some service has no place.
fn out(walk: &Walk<'_>) -> bool {
    walk.best.iter().any(|p| !p.served())
}

/// Goes on with ideas that promise much and have no plan yet, the most promising first, until one has.
fn chase(walks: &mut [Walk<'_>], seats: u64, effort: &Effort, watch: &dyn Watch) {
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

/// Ideas that promise much and came to no plan, gone on with where one device more may wake, of each class that could hold
/// who has no place; and where any may. The most promising ones.
fn lift<'e>(walks: &[Walk<'e>], seats: u64, effort: &Effort, watch: &dyn Watch) -> Vec<Walk<'e>> {
    let value = walks.iter().map(|w| w.best_cost).fold(f64::INFINITY, f64::min);
    let promises = |cost: f64| cost < value * (1.0 - WORTH);
    let mut order: Vec<&Walk<'e>> =
        walks.iter().filter(|w| out(w) && !w.advice.most.is_empty() && promises(w.advice.cost)).collect();
    order.sort_by(|a, b| a.advice.cost.total_cmp(&b.advice.cost));
    let mut ideas: Vec<(&Walk<'e>, Advice)> = Vec::new();
    for from in order.iter().take(LIFTED) {
        let more = more(from).into_iter().map(|class| {
            let mut advice = from.advice.clone();
            advice.most[class] += 1;
            advice.cost += from.goal.power * from.fleet.even.classes[class].wake_w;
            advice
        });
        ideas.extend(more.filter(|advice| promises(advice.cost)).map(|advice| (*from, advice)));
    }
    ideas.sort_by(|a, b| a.1.cost.total_cmp(&b.1.cost));
    ideas.truncate(MORE);
    if let Some(&from) = order.first() {
        ideas.push((from, Advice { most: Vec::new(), ..from.advice.clone() }));
    }
    let go_on = |(i, (from, advice)): (usize, &(&Walk<'e>, Advice))| {
        let seed = effort.seed.wrapping_add((walks.len() + i) as u64);
        let mut walk = Walk::at(from.fleet.even, from.goal, advice.clone(), seed, &from.best);
        let work = (seats as f64 * LIFT) as u64;
        let cooling = Cooling { work, heat: AGAIN, patience: 1, annealing: effort.parts.annealing };
        cool(&mut walk, &cooling, watch, None, &|_| ());
        walk
    };
    ideas.par_iter().enumerate().map(go_on).collect()
}

/// Of each sort of devices that could hold a stage of who is out, the class with the most room that has one asleep.
fn more(walk: &Walk<'_>) -> Vec<usize> {
    let even = walk.fleet.even;
    let outs: Vec<usize> = (0..walk.best.len()).filter(|&j| !walk.best[j].served()).collect();
    let fit = |c: usize| {
        let ways = outs.iter().flat_map(|&j| even.streams[j].ways.clone());
        ways.map(|way| even.cell(way, c).fit).max().unwrap_or(0)
    };
    let mut classes: Vec<usize> = (0..even.classes.len())
        .filter(|&c| (walk.advice.most[c] as usize) < even.classes[c].members.len() && fit(c) > 0)
        .collect();
    classes.sort_by(|&a, &b| fit(b).cmp(&fit(a)).then(a.cmp(&b)));
    let wakes = |c: usize| even.classes[c].wake_w.to_bits();
    (0..classes.len()).filter(|&i| classes[..i].iter().all(|&c| wakes(c) != wakes(classes[i]))).map(|i| classes[i]).collect()
}

/// Mean watts of a device in use, the unit of temperatures.
pub(super) fn unit_w(walk: &Walk<'_>) -> f64 {
    let awake = walk.fleet.awake.len().max(1) as f64;
    ((walk.fleet.sums().power_w - walk.fleet.even.standing_w) / awake).max(1e-6)
}

/// How to anneal.
pub(super) struct Cooling {
    /// Work at the end, what the walk did before included.
    pub work: u64,
    /// Factor on the first temperature.
    pub heat: f64,
    /// Factor on the work while some service has no place.
    pub patience: u64,
    /// Without, only what is no worse is accepted.
    pub annealing: bool,
}

/// Anneals until so much work is done.
pub(super) fn cool(
    walk: &mut Walk<'_>,
    cooling: &Cooling,
    watch: &dyn Watch,
    mut stairs: Option<&mut Staircase>,
    tell: &dyn Fn(&Walk<'_>),
) {
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
