//! Branching on the program over classes: on devices awake, ways and stages that the relaxation leaves
//! in fractions. The least bound of the open nodes bounds all plans at any moment.

use super::advice::Take;
use super::part::Part;
use super::program::{Answer, Program, Range, Relaxation};
use super::view::LIMITS;
use crate::search::{Progress, Watch};

/// A part of the plans: those within ranges.
#[derive(Clone, Debug)]
struct Node {
    bound: f64,
    ranges: Vec<Range>,
    /// Variable to branch on and its value in the relaxation.
    branch: (usize, f64),
}

/// A relaxed plan with whole numbers of devices awake.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Leaf {
    pub bound: f64,
    /// By class.
    pub awake: Vec<f64>,
    pub prices: Vec<[f64; LIMITS]>,
    /// By service, what it takes; empty where the program does not say.
    pub takes: Vec<Vec<Take>>,
}

/// When to stop beside the work.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Until {
    /// The least node has whole numbers of devices awake.
    Awake,
    /// All nodes are closed.
    Closed,
    /// No open part is below a plan of this value.
    Below(f64),
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

/// A tree under way.
#[derive(Clone, Debug)]
pub(super) struct Tree<'p> {
    program: &'p Program,
    gains: Vec<Gains>,
    open: Vec<Node>,
    /// Nodes that are whole, or were given up, keep their bounds.
    settled: f64,
    leaf: Option<Leaf>,
    /// The least node that is whole throughout: its bound and its variables.
    whole: Option<(f64, Vec<f64>)>,
    started: bool,
}

impl<'p> Tree<'p> {
    pub(super) fn new(program: &'p Program) -> Tree<'p> {
        let gains = vec![Gains::default(); program.whole.len() + program.layers.len()];
        Tree { program, gains, open: Vec::new(), settled: f64::INFINITY, leaf: None, whole: None, started: false }
    }

    /// No plan costs less.
    pub(super) fn bound(&self) -> f64 {
        if !self.started {
            return f64::NEG_INFINITY;
        }
        self.open.iter().map(|n| n.bound).fold(self.settled, f64::min)
    }

    /// The least relaxed plan so far with whole numbers of devices awake, else the root's, rounded up.
    pub(super) fn leaf(&self) -> Option<&Leaf> {
        self.leaf.as_ref()
    }

    /// Variables of the least node that is whole throughout.
    pub(super) fn whole(&self) -> Option<&[f64]> {
        self.whole.as_ref().map(|(_, x)| &x[..])
    }

    /// Its open nodes as parts of the plans by devices awake; what else was decided in them is forgotten.
    pub(super) fn parts(&self) -> Vec<Part> {
        let whole = &self.program.whole[..self.program.awake];
        let part = |node: &Node| {
            let range = |z: &usize| node.ranges.iter().find(|r| r.variable == *z);
            Part {
                bound: node.bound,
                least: whole.iter().map(|z| range(z).map_or(0.0, |r| r.lower)).collect(),
                most: whole.iter().map(|z| range(z).map_or(self.program.upper(*z), |r| r.upper)).collect(),
                rules: Vec::new(),
                prices: None,
                leaf: None,
            }
        };
        self.open.iter().map(part).collect()
    }

    /// All nodes are closed: the bound is as good as it gets.
    pub(super) fn closed(&self) -> bool {
        self.started && self.open.iter().all(|n| n.bound >= self.settled)
    }

    /// The least bound among nodes that are closed.
    pub(super) fn settled(&self) -> f64 {
        self.settled
    }

    /// Branches until so much work is done, as [`Relaxation::work`] counts it. Every better bound is told to `watch`.
    pub(super) fn grow(&mut self, work: u64, until: Until, watch: &dyn Watch) {
        let Some(mut relaxation) = self.program.relaxation() else { return };
        if !self.started {
            self.started = true;
            match relaxation.solve(&[]) {
                Answer::Bound(bound, x, prices) => {
                    let awake = self.awake(&x).iter().map(|z| (z - WHOLE).ceil().max(0.0)).collect();
                    self.take(bound, bound, Vec::new(), &x, &prices);
                    self.leaf.get_or_insert(Leaf { bound: f64::INFINITY, awake, prices, takes: Vec::new() });
                }
                Answer::Empty => {}
                Answer::Failed => self.settled = f64::NEG_INFINITY,
            }
        }
        let mut last = self.bound();
        let tell = |bound: f64| watch.progress(Progress { phase: "bound", best: f64::INFINITY, bound });
        tell(last);
        while relaxation.work() < work && !watch.stop() {
            let Some(at) = (0..self.open.len()).min_by(|&a, &b| self.open[a].bound.total_cmp(&self.open[b].bound)) else { break };
            let done = until == Until::Awake && self.open[at].branch.0 >= self.program.awake;
            if self.open[at].bound >= self.settled || done {
                break;
            }
            let node = self.open.swap_remove(at);
            self.split(&node, &mut relaxation);
            let least = self.bound();
            if least > last + 1e-6 * last.abs() {
                last = least;
                tell(least);
            }
        }
    }

    /// Solves both sides of a node.
    fn split(&mut self, node: &Node, relaxation: &mut Relaxation<'_>) {
        let (index, value) = node.branch;
        let variable = variable(self.program, index);
        for side in 0..2 {
            let mut ranges = node.ranges.clone();
            let i = ranges.iter().position(|r| r.variable == variable).unwrap_or_else(|| {
                ranges.push(Range { variable, lower: 0.0, upper: self.program.upper(variable) });
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
                Answer::Bound(bound, x, prices) => {
                    self.gains[index].sum[side] += (bound - node.bound).max(0.0) / moved;
                    self.gains[index].count[side] += 1.0;
                    self.take(bound.max(node.bound), bound, ranges, &x, &prices);
                }
                Answer::Empty => {}
                Answer::Failed => self.settled = self.settled.min(node.bound),
            }
        }
    }

    fn awake(&self, x: &[f64]) -> Vec<f64> {
        self.program.whole[..self.program.awake].iter().map(|&z| x[z]).collect()
    }

    /// Takes in a solved node.
    fn take(&mut self, bound: f64, own: f64, ranges: Vec<Range>, x: &[f64], prices: &[[f64; LIMITS]]) {
        let branch = choose(self.program, &self.gains, x);
        let whole = branch.is_none_or(|(index, _)| index >= self.program.awake);
        if whole && self.leaf.as_ref().is_none_or(|l| own < l.bound) {
            self.leaf = Some(Leaf { bound: own, awake: self.awake(x), prices: prices.to_vec(), takes: Vec::new() });
        }
        match branch {
            Some(branch) => self.open.push(Node { bound, ranges, branch }),
            None => {
                self.settled = self.settled.min(bound);
                if self.whole.as_ref().is_none_or(|(b, _)| bound < *b) {
                    self.whole = Some((bound, x.to_vec()));
                }
            }
        }
    }
}

impl Program {
    /// The relaxation with given numbers awake: its bound and what capacities are worth then.
    pub(super) fn with_awake(&self, relaxation: &mut Relaxation<'_>, awake: impl Iterator<Item = f64>) -> Option<(f64, Leaf)> {
        let ranges: Vec<Range> =
            self.whole.iter().zip(awake).map(|(&variable, n)| Range { variable, lower: n, upper: n }).collect();
        let awake = ranges.iter().map(|r| r.upper).collect();
        match relaxation.solve(&ranges) {
            Answer::Bound(bound, _, prices) => Some((bound, Leaf { bound, awake, prices, takes: Vec::new() })),
            Answer::Empty | Answer::Failed => None,
        }
    }
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
