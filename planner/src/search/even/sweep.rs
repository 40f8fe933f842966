//! The front: the weight moves from power to latency bit by bit and the walk follows; then the widest
//! gaps of the staircase are searched from their ends, with the weights of their own slope.

use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use super::absence;
use super::chain::Walk;
use super::fleet::Goal;
use super::race::{BATCH, unit_w};
use super::staircase::Staircase;
use crate::search::Watch;

/// Temperature, over the mean of a device in use and of a service.
const WARM: f64 = 0.01;
/// Share of the work that goes into the first pass.
const FIRST: f64 = 0.5;
/// Steps in one gap.
const STAY: u32 = 256;

/// Follows the front from where the walk stands, until so much work is done in all.
pub(super) fn follow(walk: &mut Walk<'_>, work: u64, watch: &dyn Watch, stairs: &mut Staircase) {
    let best = walk.best.clone();
    walk.restart(&best);
    let (from, scale) = (walk.work(), Scale::of(walk));
    let until = from + ((work.saturating_sub(from)) as f64 * FIRST) as u64;
    while walk.work() < until && !watch.stop() {
        let x = (walk.work() - from) as f64 / (until - from) as f64;
        aim(walk, 1.0 - x, x * scale.watts_per_latency);
        warm(walk, &scale, BATCH, stairs);
    }
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(walk.moves);
    while walk.work() < work && !watch.stop() {
        let Some((start, slope)) = gap(stairs, &mut rng) else { break };
        let posts = stairs.steps()[start].posts.clone();
        walk.restart(&posts);
        let share = slope / (slope + scale.watts_per_latency);
        aim(walk, 1.0 - share, share * scale.watts_per_latency);
        warm(walk, &scale, STAY, stairs);
    }
}

/// What a watt and a unit of latency are worth to each other, roughly.
struct Scale {
    watts_per_latency: f64,
    per_service: f64,
}

impl Scale {
    fn of(walk: &Walk<'_>) -> Scale {
        let s = walk.fleet.sums();
        Scale {
            watts_per_latency: s.power_w / s.latency.max(1e-9),
            per_service: s.latency / walk.fleet.posts.len().max(1) as f64,
        }
    }
}

fn aim(walk: &mut Walk<'_>, power: f64, latency: f64) {
    let absence = absence(walk.fleet.even, power, latency);
    walk.aim(Goal { power, latency, absence, ..walk.goal });
}

fn warm(walk: &mut Walk<'_>, scale: &Scale, steps: u32, stairs: &mut Staircase) {
    let unit = walk.goal.power * unit_w(walk) + walk.goal.latency * scale.per_service;
    for _ in 0..steps {
        walk.step(unit * WARM, Some(stairs));
    }
}

/// One end of a gap drawn by its area, and its slope in watts per unit of latency.
fn gap(stairs: &Staircase, rng: &mut Xoshiro256PlusPlus) -> Option<(usize, f64)> {
    let steps = stairs.steps();
    let sides = |i: usize| (steps[i + 1].power_w - steps[i].power_w, steps[i].latency - steps[i + 1].latency);
    let area = |i: usize| sides(i).0 * sides(i).1;
    let total: f64 = (0..steps.len().saturating_sub(1)).map(area).sum();
    if steps.len() < 2 || total <= 0.0 {
        return None;
    }
    let mut left = rng.random::<f64>() * total;
    let mut i = 0;
    while i + 2 < steps.len() && left >= area(i) {
        left -= area(i);
        i += 1;
    }
    let (watts, latency) = sides(i);
    Some((i + usize::from(rng.random_bool(0.5)), watts / latency))
}
