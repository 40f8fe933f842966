//! Branching on the program over classes: on devices awake, ways and stages that the relaxation leaves
//! in fractions. The least bound of the open nodes bounds all plans at any moment.

use super::program::{Answer, Program, Range};
use crate::search::{Progress, Watch};

/// A part of the plans: those within ranges.
#[derive(Clone, Debug)]
struct Node {
    bound: f64,
    ranges: Vec<Range>,
    /// Variable to branch on and its value in the relaxation.
    branch: (usize, f64),
}

/// Nearer to a whole number than this is whole.
const WHOLE: f64 = 1e-6;
/// Least gain believed of a branch, so that products of gains compare.
const LITTLE: f64 = 1e-4;

/// Gains of branching by variable and side, a mean per unit that its value moved.
#[derive(Clone, Copy, Debug, Default)]
struct Gains {
    sum: [f64; 2],
    count: [f64; 2],
}

/// The best bound within so much work, as [`super::program::Relaxation::work`] counts it. Every better one is told to `watch`.
pub(super) fn bound(program: &Program, work: u64, watch: &dyn Watch) -> f64 {
    let Some(mut relaxation) = program.relaxation() else { return f64::NEG_INFINITY };
    let mut gains: Vec<Gains> = vec![Gains::default(); program.whole.len() + program.layers.len()];
    let root = match relaxation.solve(&[]) {
        Answer::Bound(bound, x) => (bound, x),
        Answer::Empty => return f64::INFINITY,
        Answer::Failed => return f64::NEG_INFINITY,
    };
    let tell = |bound: f64| watch.progress(Progress { phase: "bound", best: f64::INFINITY, bound });
    tell(root.0);
    // Nodes that are whole, or were given up, keep their bounds.
    let mut settled = f64::INFINITY;
    let mut open: Vec<Node> = Vec::new();
    match choose(program, &gains, &root.1) {
        Some(branch) => open.push(Node { bound: root.0, ranges: Vec::new(), branch }),
        None => settled = root.0,
    }
    let mut last = root.0;
    while relaxation.work() < work && !watch.stop() {
        let Some(at) = (0..open.len()).min_by(|&a, &b| open[a].bound.total_cmp(&open[b].bound)) else { break };
        if open[at].bound >= settled {
            break;
        }
        let node = open.swap_remove(at);
        let (index, value) = node.branch;
        let variable = variable(program, index);
        for side in 0..2 {
            let mut ranges = node.ranges.clone();
            let i = ranges.iter().position(|r| r.variable == variable).unwrap_or_else(|| {
                ranges.push(Range { variable, lower: 0.0, upper: program.upper(variable) });
                ranges.len() - 1
            });
            let moved = if side == 0 {
                ranges[i].upper = value.floor();
                value - value.floor()
            } else {
                ranges[i].lower = value.ceil();
                value.ceil() - value
            };
            match relaxation.solve(&ranges) {
                Answer::Bound(bound, x) => {
                    gains[index].sum[side] += (bound - node.bound).max(0.0) / moved;
                    gains[index].count[side] += 1.0;
                    let bound = bound.max(node.bound);
                    match choose(program, &gains, &x) {
                        Some(branch) => open.push(Node { bound, ranges, branch }),
                        None => settled = settled.min(bound),
                    }
                }
                Answer::Empty => {}
                Answer::Failed => settled = settled.min(node.bound),
            }
        }
        let least = open.iter().map(|n| n.bound).fold(settled, f64::min);
        if least > last + 1e-6 * last.abs() {
            last = least;
            tell(least);
        }
    }
    open.iter().map(|n| n.bound).fold(settled, f64::min)
}

/// Variables in the order of preference: layers last.
fn variable(program: &Program, index: usize) -> usize {
    let first = program.whole.len();
    if index < first { program.whole[index] } else { program.layers[index - first] }
}

/// The variable whose branching promises most, by the product of what both sides are believed to gain;
/// layers only when all else is whole.
fn choose(program: &Program, gains: &[Gains], x: &[f64]) -> Option<(usize, f64)> {
    let first = program.whole.len();
    let of = |range: std::ops::Range<usize>| {
        let mut best: Option<(f64, usize, f64)> = None;
        for index in range {
            let variable = variable(program, index);
            let value = x[variable];
            let (down, up) = (value - value.floor(), value.ceil() - value);
            if down < WHOLE || up < WHOLE {
                continue;
            }
            // What was never tried is believed to cost what its own price says.
            let each = |side: usize| {
                let g = &gains[index];
                if g.count[side] > 0.0 { g.sum[side] / g.count[side] } else { program.cost(variable) }
            };
            let score = (each(0) * down).max(LITTLE) * (each(1) * up).max(LITTLE);
            if best.is_none_or(|(s, ..)| score > s) {
                best = Some((score, index, value));
            }
        }
        best.map(|(_, index, value)| (index, value))
    };
    of(0..program.awake).or_else(|| of(program.awake..first)).or_else(|| of(first..gains.len()))
}
