//! Branch and price: the gap that one relaxation leaves is closed by deciding devices, modes, and who uses them.
//!
//! Every node is column generation under its decisions, so every node has a proved bound; the least
//! bound of the open nodes, and the incumbent, bound the whole. A node is closed when its bound meets
//! the incumbent, or when all columns that could still improve on the incumbent fit into one integer
//! program that HiGHS solves.

use std::collections::BTreeMap;

use super::bound::{Limits, Root, root};
use super::columns::{Pool, Pricing, assignment};
use super::exact::{Incumbent, better, close, recombine, serves};
use super::program::Decision;
use super::{Effort, Progress, Stats, Watch};
use crate::search::split::Window;
use crate::table::{Table, evaluate};

/// A search tree that can be left and taken up again.
#[derive(Clone, Debug)]
pub struct Tree {
    open: Vec<Node>,
    /// Least bound of the nodes that were given up with a gap.
    left: f64,
}

#[derive(Clone, Debug)]
struct Node {
    bound: f64,
    decisions: Vec<Decision>,
    /// The root's own relaxation is at hand; others are solved when their turn comes.
    solved: Option<Box<Root>>,
}

/// What all nodes share.
pub struct Shared<'a> {
    pub table: &'a Table,
    pub pricing: &'a Pricing,
    pub effort: &'a Effort,
    pub watch: &'a dyn Watch,
    /// Assignments above this are of no interest; infinite: all are.
    pub aim: f64,
}

impl std::fmt::Debug for Shared<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("effort", self.effort).field("aim", &self.aim).finish_non_exhaustive()
    }
}

impl Shared<'_> {
    /// What a node's bound is compared with.
    fn value(&self, best: Option<&Incumbent>) -> f64 {
        best.map_or(f64::INFINITY, |(_, e)| e.objective).min(self.aim)
    }
}

impl Tree {
    /// A tree of one node.
    #[must_use]
    pub fn new(root: Root) -> Tree {
        let node = Node { bound: root.bound, decisions: Vec::new(), solved: Some(Box::new(root)) };
        Tree { open: vec![node], left: f64::INFINITY }
    }

    /// No feasible assignment but the incumbent is below this.
    #[must_use]
    pub fn bound(&self) -> f64 {
        self.open.iter().map(|n| n.bound).fold(self.left, f64::min)
    }

    /// True when nothing is open.
    #[must_use]
    pub fn done(&self) -> bool {
        self.open.is_empty()
    }

    /// Works on up to `nodes` nodes, best bound first. Returns the better incumbent.
    pub fn grow(
        &mut self,
        shared: &Shared<'_>,
        base: &Root,
        pool: &mut Pool,
        mut best: Option<Incumbent>,
        nodes: u32,
        stats: &mut Stats,
    ) -> Option<Incumbent> {
        for _ in 0..nodes {
            let value = shared.value(best.as_ref());
            let target = target(value, shared.effort.gap);
            // A node that cannot beat the incumbent by the gap asked for keeps its bound and is left.
            let (open, settled): (Vec<Node>, Vec<Node>) =
                std::mem::take(&mut self.open).into_iter().partition(|n| n.bound < target);
            self.open = open;
            self.left = settled.iter().map(|n| n.bound.min(value)).fold(self.left, f64::min);
            if self.open.is_empty() || stats.work >= shared.effort.work || shared.watch.stop() {
                break;
            }
            let mut next = 0;
            for i in 1..self.open.len() {
                if self.open[i].bound < self.open[next].bound {
                    next = i;
                }
            }
            let node = self.open.remove(next);
            best = self.work(shared, base, node, pool, best, stats);
            let value = shared.value(best.as_ref());
            shared.watch.progress(Progress { phase: "branch", best: value, bound: self.bound().min(value) });
        }
        best
    }

    fn work(
        &mut self,
        shared: &Shared<'_>,
        base: &Root,
        node: Node,
        pool: &mut Pool,
        best: Option<Incumbent>,
        stats: &mut Stats,
    ) -> Option<Incumbent> {
        let table = shared.table;
        let value = shared.value(best.as_ref());
        let solved = match node.solved {
            Some(r) => *r,
            None => {
                let mut rows = base.rows.clone();
                node.decisions.iter().for_each(|&d| rows.decide(table, d));
                if !rows.open() {
                    return best;
                }
                let limits = Limits { work: shared.effort.work.saturating_sub(stats.work), ..Limits::default() };
                let gap = shared.effort.gap;
                let Some(r) = root(table, shared.pricing, rows, pool, value, gap, limits, shared.watch, &mut |_| ()) else {
                    self.left = self.left.min(node.bound);
                    return best;
                };
                stats.pricing_rounds += r.rounds;
                stats.work += r.work;
                r
            }
        };
        stats.nodes += 1;
        // A child is inside its parent.
        let bound = solved.bound.max(node.bound);
        if bound >= target(value, shared.effort.gap) {
            self.left = self.left.min(bound.min(value));
            return best;
        }
        if solved.infeasible {
            return best;
        }
        if solved.fixed.is_empty() {
            self.left = self.left.min(bound);
            return best;
        }
        let best = better(best, whole(table, &solved, pool));
        if let Some(closed) = close(table, shared.pricing, &solved, best.as_ref(), shared.aim, shared.effort, stats) {
            let value = shared.value(closed.best.as_ref());
            let bound = bound.max(closed.bound).min(value);
            if bound >= target(value, shared.effort.gap) {
                self.left = self.left.min(bound);
                return closed.best;
            }
            self.split(table, &solved, pool, &node.decisions, bound);
            return closed.best;
        }
        self.split(table, &solved, pool, &node.decisions, bound);
        if stats.nodes % RECOMBINE == 1 {
            return recombine(table, base, &base.rows, pool, best.as_ref(), shared.effort, stats);
        }
        best
    }

    fn split(&mut self, table: &Table, solved: &Root, pool: &Pool, decisions: &[Decision], bound: f64) {
        match choose(table, solved, pool) {
            Some(sides) => {
                for side in sides {
                    self.open.push(Node { bound, decisions: [decisions, &[side]].concat(), solved: None });
                }
            }
            None => self.left = self.left.min(bound),
        }
    }
}

/// Nodes between two integer programs over the whole pool.
const RECOMBINE: u64 = 8;

/// The relaxation's solution when it is whole and feasible.
fn whole(table: &Table, solved: &Root, pool: &Pool) -> Option<Incumbent> {
    let chosen: Vec<usize> = solved.shares.iter().filter(|(_, share)| *share > 1e-6).map(|&(i, _)| i).collect();
    if solved.artificial > 1e-6 || solved.shares.iter().any(|&(_, share)| share > 1e-6 && share < 1.0 - 1e-6) {
        return None;
    }
    let a = assignment(table, pool.columns(), &chosen);
    let e = evaluate(table, &a);
    serves(&e).then_some((a, e))
}

/// Relative gap at which a plan counts as proved optimal, whatever smaller gap was asked for: sums round.
const CLOSED: f64 = 1e-7;

/// A bound from here on leaves nothing to gain on an incumbent of this value.
fn target(value: f64, gap: f64) -> f64 {
    if value.is_finite() { value - gap.max(CLOSED) * value.abs() } else { value }
}

/// The decision whose relaxed value is farthest from whole: devices first, then modes, then services on modes.
fn choose(table: &Table, solved: &Root, pool: &Pool) -> Option<[Decision; 2]> {
    let modes = table.modes.len();
    let awake = table.devices.iter().zip(0..).map(|(device, d)| {
        (device.modes.clone().map(|m| solved.fixed[m as usize]).sum(), [Decision::Wake(d), Decision::Sleep(d)])
    });
    let mode = (0..modes).map(|m| (solved.fixed[m], [Decision::With(m as u32), Decision::Without(m as u32)]));
    let mut touch = vec![0.0; table.services.len() * modes];
    for &(i, share) in &solved.shares {
        let c = &pool.columns()[i];
        c.modes.iter().for_each(|&m| touch[c.service as usize * modes + m as usize] += share);
    }
    let touch = touch.into_iter().enumerate().map(|(i, v)| {
        let (s, m) = ((i / modes) as u32, (i % modes) as u32);
        (v, [Decision::On(s, m), Decision::Off(s, m)])
    });
    farthest(awake)
        .or_else(|| farthest(mode))
        .or_else(|| farthest(touch))
        .or_else(|| farthest(options(solved, pool)))
        .or_else(|| farthest(ranges(solved, pool)))
}

/// Share of each service's requests on each option.
fn options(solved: &Root, pool: &Pool) -> impl Iterator<Item = (f64, [Decision; 2])> {
    let mut use_of: BTreeMap<(u32, u32), f64> = BTreeMap::new();
    for &(i, share) in &solved.shares {
        let c = &pool.columns()[i];
        *use_of.entry((c.service, c.option)).or_default() += share / f64::from(c.replicas);
    }
    use_of.into_iter().map(|((s, o), v)| (v, [Decision::Only(s, o), Decision::Not(s, o)]))
}

/// Where stages of one service on one place start and end, cut at the median. A service has at most one
/// stage on a place, as its chains share no device.
fn ranges(solved: &Root, pool: &Pool) -> impl Iterator<Item = (f64, [Decision; 2])> {
    let mut seen: BTreeMap<(u32, u32, bool), BTreeMap<u32, f64>> = BTreeMap::new();
    for &(i, share) in solved.shares.iter().filter(|(_, share)| *share > 1e-7) {
        let c = &pool.columns()[i];
        for stage in &c.chain.stages {
            *seen.entry((c.service, stage.place, false)).or_default().entry(stage.start).or_default() += share;
            *seen.entry((c.service, stage.place, true)).or_default().entry(stage.end).or_default() += share;
        }
    }
    seen.into_iter().filter(|(_, at)| at.len() > 1).map(|((service, place, end), at)| {
        let total: f64 = at.values().sum();
        let mut below = 0.0;
        let mut cut = 0;
        for (&block, &share) in at.iter().take(at.len() - 1) {
            below += share;
            cut = block;
            if below >= 0.5 * total {
                break;
            }
        }
        let side = |range: (u32, u32)| {
            let open = Window::open(service, place);
            Decision::Within(if end { Window { end: range, ..open } } else { Window { start: range, ..open } })
        };
        // Scaled so that two equal halves count as one half.
        (below / total, [side((0, cut)), side((cut + 1, u32::MAX))])
    })
}

/// The offer whose value is farthest from a whole number, the first of equals; `None` when all are whole.
fn farthest(offers: impl Iterator<Item = (f64, [Decision; 2])>) -> Option<[Decision; 2]> {
    let mut pick: Option<(f64, [Decision; 2])> = None;
    for (v, sides) in offers {
        let split = (v - v.floor()).min(v.ceil() - v);
        if split > pick.map_or(1e-6, |(best, _)| best + 1e-9) {
            pick = Some((split, sides));
        }
    }
    pick.map(|(_, sides)| sides)
}
