//! The Pareto front: epsilon-constraints over the column pool, merged with what the search met.

use super::archive::{Archive, covers};
use super::bound::Root;
use super::columns::Pool;
use super::exact::{Incumbent, recombine};
use super::program::{Goal, Rows};
use super::{Effort, Stats};
use crate::table::{Evaluation, Table, Weights};

/// Share of the other objectives when one is minimised alone: breaks ties towards useful points.
const TIE: f64 = 1e-3;

/// Feasible points between the best assignment and the one of least latency (and of least inaccuracy,
/// when services have a choice of accuracies), by caps in equal steps on it (epsilon-constraint method,
/// Haimes et al. 1971). Good points of the pool, not proved ones.
#[must_use]
pub fn walk(
    table: &Table,
    root: &Root,
    pool: &Pool,
    best: Option<&Incumbent>,
    seen: &[Incumbent],
    effort: &Effort,
    stats: &mut Stats,
) -> Vec<Incumbent> {
    let Some(best) = best else { return Vec::new() };
    let small = Effort { columns: effort.columns.min(MOST), nodes: effort.nodes.min(NODES), ..effort.clone() };
    let graded = table.services.iter().any(|s| s.options.iter().any(|o| o.accuracy.total_cmp(&s.options[0].accuracy).is_ne()));
    let axes: &[Axis] = if graded { &[Axis::Latency, Axis::Inaccuracy] } else { &[Axis::Latency] };
    let mut points: Vec<Incumbent> = Vec::new();
    let each = effort.front.div_ceil(axes.len() as u32).max(1);
    let mut solve = |goal: Goal, start: Option<&Incumbent>| {
        let rows = Rows::new(table, goal, 0.0);
        recombine(table, root, &rows, pool, start, &small, stats)
    };
    for axis in axes {
        let lowest = seen.iter().chain([best]).min_by(|a, b| axis.of(&a.1).total_cmp(&axis.of(&b.1)));
        let w = table.weights;
        let billed: f64 = table.bills.iter().map(|b| b.weight).sum();
        let total = (w.power + w.latency + w.inaccuracy + w.underuse + billed).max(1e-9);
        let tie = |v: f64| TIE * v / total;
        let mut weights =
            Weights { power: tie(w.power), latency: tie(w.latency), inaccuracy: tie(w.inaccuracy), underuse: tie(w.underuse) };
        axis.weigh(&mut weights);
        let Some(end) = solve(Goal { weights, bills: TIE / total, ..Goal::of(table) }, lowest) else { continue };
        let (high, low) = (axis.of(&best.1), axis.of(&end.1));
        points.push(end);
        for step in 1..each {
            let cap = high - (high - low) * f64::from(step) / f64::from(each);
            if high - low <= 1e-6 * high.abs() {
                break;
            }
            let start = points
                .iter()
                .chain(seen)
                .filter(|p| axis.of(&p.1) <= cap)
                .min_by(|a, b| a.1.objective.total_cmp(&b.1.objective))
                .cloned();
            let mut goal = Goal::of(table);
            axis.cap(&mut goal, cap);
            points.extend(solve(goal, start.as_ref()));
        }
    }
    points
}

/// Largest program and most nodes of one point.
const MOST: usize = 400;
const NODES: u32 = 10;

/// The objective that is capped.
#[derive(Clone, Copy, Debug)]
enum Axis {
    Latency,
    Inaccuracy,
}

impl Axis {
    fn of(self, e: &Evaluation) -> f64 {
        match self {
            Axis::Latency => e.latency,
            Axis::Inaccuracy => e.inaccuracy,
        }
    }

    fn weigh(self, w: &mut Weights) {
        match self {
            Axis::Latency => w.latency = 1.0,
            Axis::Inaccuracy => w.inaccuracy = 1.0,
        }
    }

    fn cap(self, goal: &mut Goal, cap: f64) {
        match self {
            Axis::Latency => goal.latency_cap = goal.latency_cap.min(cap),
            Axis::Inaccuracy => goal.inaccuracy_cap = goal.inaccuracy_cap.min(cap),
        }
    }
}

/// The four objectives.
fn point(e: &Evaluation) -> [f64; 4] {
    [e.power_w, e.latency, e.inaccuracy, e.underuse]
}

/// Mutually non-dominated assignments, `best` first, then by objective: about `most` of them, spread
/// out, the least of each objective among them; of equal points the first found.
#[must_use]
pub fn filter(best: Option<&Incumbent>, seen: Vec<Incumbent>, most: usize) -> Vec<Incumbent> {
    let mut archive: Archive<Incumbent> = Archive::new(most);
    for x in best.cloned().into_iter().chain(seen) {
        archive.offer(point(&x.1), x.1.objective, || x);
    }
    let mut rest: Vec<Incumbent> = archive.into_members().into_iter().map(|m| m.item).collect();
    rest.sort_by(|a, b| a.1.objective.total_cmp(&b.1.objective));
    // Only with zero weights can another point be as good in all four; the best itself stays.
    let Some(best) = best else { return rest };
    let worse = |x: &Incumbent| !covers(&point(&x.1), &point(&best.1)) && !covers(&point(&best.1), &point(&x.1));
    std::iter::once(best.clone()).chain(rest.iter().filter(|x| worse(x)).cloned()).collect()
}
