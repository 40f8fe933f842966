//! Right answers per joule: a ratio of two linear objectives, by Dinkelbach's method.
//!
//! With fleet power `P`, request rate `R` and mean inaccuracy `e`, energy per right answer is
//! `P / (R (1 - e))`. For a price `q` in joules per right answer, `F(q) = min P - q R (1 - e)` is the
//! ordinary objective with weight 1 on power and `q R` on inaccuracy, less the constant `q R`. The best
//! ratio is the root of `F` (Dinkelbach 1967): each solve's own ratio is the next price.
//!
//! Bound: `P >= q R (1 - e) + F(q)` for every plan. With `f` a lower bound on `F(q)`, every ratio is at
//! least `q + f / (R (1 - e))`, hence at least `q + f / (R a)`, where `a` is the least accuracy that any
//! plan can have when `f` is negative, and the most when it is positive.

use super::{Effort, Solution, Status, Watch, solve as linear};
use crate::table::{Table, Weights, evaluate};

/// What [`solve`] found.
#[must_use]
#[derive(Clone, Debug, PartialEq)]
pub struct Ratio {
    /// Best assignment and front, evaluated under the table's own weights; its `bound` is one on the ratio's
    /// last linear problem, see `bound` for the ratio's.
    pub solution: Solution,
    /// Joules per right answer of the best assignment; infinite when there is none.
    pub value: f64,
    /// No assignment's joules per right answer are below this.
    pub bound: f64,
}

/// Most prices tried; the method converges faster than linearly, so few are needed.
const PRICES: u32 = 8;

/// Least joules per right answer over all plans of a table.
pub fn solve(table: &Table, effort: &Effort, watch: &dyn Watch) -> Ratio {
    let rate: f64 = table.services.iter().map(|s| s.rate_hz).sum();
    let extreme = |pick: fn(f64, f64) -> f64, from: f64| -> f64 {
        table.services.iter().map(|s| s.answer_share * s.options.iter().map(|o| o.accuracy).fold(from, pick)).sum()
    };
    let (least, most) = (extreme(f64::min, 1.0), extreme(f64::max, 0.0));
    let ratio = |a: &crate::table::Assignment| {
        let e = evaluate(table, a);
        let right = rate * (1.0 - e.inaccuracy);
        if right > 0.0 { e.power_w / right } else { f64::INFINITY }
    };
    let mut priced = table.clone();
    let (mut price, mut bound) = (0.0, 0.0);
    let mut best: Option<Ratio> = None;
    // Each price's search is a part of the effort; only the last makes a front.
    let part = Effort { rounds: effort.rounds.div_ceil(2), front: 0, ..effort.clone() };
    for _ in 0..PRICES {
        priced.weights = Weights { power: 1.0, latency: 0.0, inaccuracy: price * rate, underuse: 0.0 };
        let found = linear(&priced, &part, watch);
        let gap = found.bound - price * rate;
        let accuracy = if gap < 0.0 { least } else { most };
        if found.bound.is_finite() && accuracy > 0.0 {
            bound = f64::max(bound, price + gap / (rate * accuracy));
        } else if found.status == Status::Infeasible {
            bound = f64::INFINITY;
        }
        let value = found.best.as_ref().map_or(f64::INFINITY, |(a, _)| ratio(a));
        let done = found.best.is_none() || found.stopped;
        let gained = best.as_ref().is_none_or(|b| value < b.value * (1.0 - 1e-12));
        if gained {
            best = Some(Ratio { solution: found, value, bound });
        }
        let settled = value.min(best.as_ref().map_or(value, |b| b.value)) * (1.0 - effort.gap.max(1e-9)) <= bound;
        if done || settled || (!gained && price > 0.0) {
            break;
        }
        price = value;
    }
    let mut best = best.unwrap_or_else(|| {
        let solution = linear(&priced, &part, watch);
        Ratio { solution, value: f64::INFINITY, bound }
    });
    best.bound = bound.min(best.value);
    finish(table, effort, watch, &mut best);
    best
}

/// Puts the solution under the table's own weights and adds the front.
fn finish(table: &Table, effort: &Effort, watch: &dyn Watch, ratio: &mut Ratio) {
    let own = |(a, _): &(crate::table::Assignment, crate::table::Evaluation)| (a.clone(), evaluate(table, a));
    let solution = &mut ratio.solution;
    solution.best = solution.best.as_ref().map(own);
    let mut points: Vec<_> = solution.front.iter().map(own).collect();
    if effort.front > 0 && solution.best.is_some() && !watch.stop() {
        points.extend(linear(table, &Effort { rounds: 1, ..effort.clone() }, watch).front);
    }
    solution.front = super::front::filter(solution.best.as_ref(), points, 2 * effort.front as usize);
    solution.status = match solution.status {
        Status::Infeasible | Status::Unknown => solution.status,
        _ if ratio.value - ratio.bound <= 1e-6 * ratio.value => Status::Optimal,
        _ => Status::Gap,
    };
}
