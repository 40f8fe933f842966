//! A sharper bound: every service chooses among whole sets of stages (Dantzig and Wolfe 1960).
//!
//! The program over classes lets a service hold parts of stages: it then pays parts of their hops and of
//! their memory. Here its deployments are columns with whole stages, chosen by [`Pricer`], which is exact
//! up to fractions of layers. Branching is on devices awake, and where their numbers are whole on what a service
//! takes: an option, a class. The bound is Lagrange's at the prices of the master program, worked out by hand: any
//! prices give one.

use std::sync::Arc;

use super::advice::Take;
use super::close::Fixing;
use super::fleet::Goal;
use super::master::{Master, Solved, Stated};
use super::part::{Part, SHARE, WHOLE, decided, fraction, halves};
use super::priced::{Pricer, Prices, Rule};
use super::tree::{Leaf, Until};
use super::view::{Even, LIMITS};
use crate::search::{Progress, Watch};
use crate::table::TOLERANCE;

/// What a part came to.
struct Answer {
    bound: f64,
    /// The master's last solution.
    solved: Option<Solved>,
    /// Prices that the bound is from.
    stable: Prices,
}

/// Column generation under way.
pub(super) struct Decomposition<'e> {
    even: &'e Even,
    goal: Goal,
    master: Master<'e>,
    pricer: Pricer,
    /// Whether parts are split by what services take.
    deep: bool,
    /// Prices to begin a part with.
    start: Prices,
    open: Vec<Part>,
    /// Parts that are whole keep their bounds.
    settled: f64,
    closed: Vec<Part>,
}

/// Rounds in one part.
const ROUNDS: u32 = 40;
/// Relative distance of master and bound at which a part is done.
const CLOSE: f64 = 1e-4;
/// Of all that is summed up: the pricer tells kinks apart by a billionth.
const ROUNDING: f64 = 1e-8;
/// Share of the newest prices in those that are asked, so that they do not swing (Wentges 1997).
const SMOOTH: f64 = 0.7;

impl<'e> Decomposition<'e> {
    /// Of parts that cover all plans; `prices` of capacities are to begin with, and nothing but a hint.
    pub(super) fn new(even: &'e Even, goal: Goal, parts: Vec<Part>, prices: &[[f64; LIMITS]]) -> Self {
        Decomposition {
            even,
            goal,
            master: Master::new(even, goal),
            pricer: Pricer::default(),
            deep: false,
            start: Prices::first(even, prices),
            open: parts,
            settled: f64::INFINITY,
            closed: Vec::new(),
        }
    }

    /// Another one over all plans of a table with the same costs, from the columns that are known.
    pub(super) fn again<'o>(&self, even: &'o Even, prices: &[[f64; LIMITS]]) -> Decomposition<'o> {
        let mut other = Decomposition::new(even, self.goal, vec![Part::whole(even)], prices);
        other.master.columns = self.master.columns.clone();
        other
    }

    /// From here on parts with whole numbers awake are split further, by what services take.
    pub(super) fn deepen(&mut self) {
        self.deep = self.even.classes.len() <= Rule::BITS;
        if self.deep {
            self.open.append(&mut self.closed);
            self.settled = f64::INFINITY;
        }
    }

    /// Work done: pivots, each as costly as there are rows, and multisets looked at.
    pub(super) fn work(&self) -> u64 {
        self.master.work + self.pricer.work
    }

    /// No plan within the parts costs less.
    pub(super) fn bound(&self) -> f64 {
        self.open.iter().map(|p| p.bound).fold(self.settled, f64::min)
    }

    /// The relaxed plans so far with whole numbers of devices awake, one for each of these, the least first.
    pub(super) fn leaves(&self) -> Vec<Leaf> {
        let mut parts: Vec<&Part> = self.open.iter().chain(&self.closed).filter(|p| p.bound < f64::INFINITY).collect();
        parts.sort_by(|a, b| a.bound.total_cmp(&b.bound));
        let mut leaves: Vec<Leaf> = Vec::new();
        for part in parts {
            if let Some(leaf) = part.leaf.as_deref().filter(|leaf| leaves.iter().all(|l| l.awake != leaf.awake)) {
                leaves.push(Leaf { bound: part.bound, ..leaf.clone() });
            }
        }
        leaves
    }

    /// Branches until so much work is done in all. Every better bound is told to `watch`.
    pub(super) fn grow(&mut self, work: u64, until: Until, watch: &dyn Watch) {
        let mut stated = None;
        while self.work() < work && !watch.stop() {
            let Some(at) = (0..self.open.len()).min_by(|&a, &b| self.open[a].bound.total_cmp(&self.open[b].bound)) else { break };
            let enough = match until {
                Until::Below(value) => value,
                _ => self.settled,
            };
            if self.open[at].bound >= enough {
                break;
            }
            let part = self.open.swap_remove(at);
            let answer = self.part(&mut stated, &part, work, watch);
            let bound = answer.bound.max(part.bound);
            let awake = answer.solved.as_ref().and_then(|s| fraction(self.even, &part, &s.awake));
            let whole = awake.is_none();
            let leaf = answer.solved.as_ref().filter(|_| whole).map(|solved| Arc::new(self.leaf_of(bound, solved)));
            let part = Part { bound, prices: Some(Arc::new(answer.stable)), leaf, ..part };
            let halves = match (awake, &answer.solved) {
                (Some((c, z)), _) => Some(halves(&part, c, z)),
                (None, Some(solved)) if self.deep && bound < f64::INFINITY => {
                    decided(self.even, &part, &self.master.columns, solved)
                }
                _ => None,
            };
            match halves {
                Some(halves) => self.open.extend(halves),
                // Whole, or out of work: it keeps its bound.
                None => {
                    self.settled = self.settled.min(bound);
                    self.closed.push(part);
                }
            }
            watch.progress(Progress { phase: "bound", best: f64::INFINITY, bound: self.bound() });
            if whole && bound < f64::INFINITY && bound <= self.bound() && until == Until::Awake {
                break;
            }
        }
    }

    /// Its parts, whole or not, that may hold a plan below `value`.
    pub(super) fn below(&self, value: f64) -> Vec<Part> {
        self.open.iter().chain(&self.closed).filter(|p| p.bound < value).cloned().collect()
    }

    /// The least bound of the other parts.
    pub(super) fn rest(&self, value: f64) -> f64 {
        self.open.iter().chain(&self.closed).map(|p| p.bound).filter(|b| *b >= value).fold(f64::INFINITY, f64::min)
    }

    /// What of a part may still be in a plan below `cutoff`, by its prices; `None`: it has none yet.
    pub(super) fn fixed(&mut self, part: &Part, cutoff: f64) -> Option<Fixing> {
        let (even, goal) = (self.even, self.goal);
        let classes = even.classes.len();
        let prices = part.prices.clone()?;
        let streams = even.streams.len();
        let least: Vec<f64> =
            (0..streams).map(|j| self.pricer.least(even, &goal, &prices, &part.most, (j, part.rule(j))).0).collect();
        let (ends, standing) = self.ends(&prices);
        let bound = goal.power * even.standing_w
            + standing
            + least.iter().sum::<f64>()
            + ends.iter().enumerate().map(|(c, e)| (e * part.least[c]).min(e * part.most[c])).sum::<f64>();
        let size = goal.power * even.standing_w + least.iter().map(|v| v.abs()).sum::<f64>();
        // What rounding may hide counts as room.
        let room = cutoff - bound + 2.0 * ROUNDING * size;
        let mut seats = vec![false; even.ways.len() * classes];
        let whole = |v: f64| v.round() as u32;
        if room < 0.0 {
            // Nothing may: a program without seats has no solution.
            let least: Vec<u32> = part.least.iter().map(|z| whole(*z)).collect();
            return Some(Fixing { most: least.clone(), least, seats });
        }
        let span = |c: usize| {
            let (low, high, end) = (part.least[c], part.most[c], ends[c]);
            let reach = room / end.abs().max(1e-12);
            if end > 0.0 {
                (low, high.min((low + reach + WHOLE).floor()))
            } else {
                (low.max((high - reach - WHOLE).ceil()), high)
            }
        };
        let spans: Vec<(f64, f64)> = (0..classes).map(span).collect();
        let most: Vec<f64> = spans.iter().map(|s| s.1).collect();
        for (j, own) in least.iter().enumerate() {
            let limit = own + room;
            for way in even.streams[j].ways.clone() {
                for c in (0..classes).filter(|&c| even.cell(way, c).fit > 0 && most[c] > 0.5) {
                    seats[way * classes + c] = self.pricer.within(even, &goal, &prices, &most, (j, way, c), limit);
                }
            }
        }
        Some(Fixing { least: spans.iter().map(|s| whole(s.0)).collect(), most: most.into_iter().map(whole).collect(), seats })
    }

    /// What devices add to the bound: each one awake, by class, beside its price; and all there are, whoever is awake.
    fn ends(&self, prices: &Prices) -> (Vec<f64>, f64) {
        let (classes, streams) = (self.even.classes.len(), self.even.streams.len());
        let (mut at, mut standing) = (prices.lines.iter(), 0.0);
        let each = self.even.classes.iter().enumerate().map(|(c, class)| {
            let mut worth: f64 = (0..streams).map(|j| prices.touch[j * classes + c]).sum();
            for (line, price) in class.lines.iter().flatten().zip(at.by_ref()) {
                worth += price * line.slope * (1.0 + TOLERANCE);
                standing -= price * line.offset * (1.0 + TOLERANCE);
            }
            self.goal.power * class.wake_w - worth
        });
        (each.collect(), standing)
    }

    /// What the columns so far cost with given numbers awake: no bound, but near one.
    pub(super) fn with_awake(&mut self, stated: &mut Option<Stated>, awake: &[f64]) -> Option<Leaf> {
        let (least, most) = (awake.to_vec(), awake.to_vec());
        let solved = self.master.solve(stated, &Part { least, most, ..Part::whole(self.even) })?;
        Some(self.leaf_of(solved.value, &solved))
    }

    fn leaf_of(&self, bound: f64, solved: &Solved) -> Leaf {
        let awake = solved.awake.iter().map(|z| z.round()).collect();
        Leaf { bound, awake, prices: solved.prices.capacity.clone(), takes: self.takes(solved) }
    }

    /// What services take in a solution of the master; nothing where classes have no bits.
    fn takes(&self, solved: &Solved) -> Vec<Vec<Take>> {
        if self.even.classes.len() > Rule::BITS {
            return Vec::new();
        }
        let mut takes = vec![Vec::new(); self.even.streams.len()];
        for (column, &share) in self.master.columns.iter().zip(&solved.shares).filter(|(_, share)| **share > SHARE) {
            let classes = column.uses.iter().fold(0, |all, u| all | 1 << u.0);
            takes[column.stream].push(Take { way: column.way as u32, classes, share });
        }
        takes
    }

    /// Column generation within a part.
    fn part(&mut self, stated: &mut Option<Stated>, part: &Part, work: u64, watch: &dyn Watch) -> Answer {
        let stable = part.prices.as_deref().unwrap_or(&self.start).clone();
        let mut ask = self.master.columns.is_empty().then(|| stable.clone());
        let mut answer = Answer { bound: f64::NEG_INFINITY, solved: None, stable };
        for _ in 0..ROUNDS {
            let (prices, value) = match ask.take() {
                Some(prices) => (prices, f64::INFINITY),
                None => {
                    let Some(solved) = self.master.solve(stated, part) else { break };
                    let known = (solved.prices.clone(), solved.value);
                    answer.solved = Some(solved);
                    known
                }
            };
            if value.is_finite() && value - answer.bound <= CLOSE * value.abs() {
                break;
            }
            let mixed = if value.is_finite() { mix(self.even, &answer.stable, &prices, SMOOTH) } else { prices.clone() };
            let (mut bound, mut news) = self.ask(part, &mixed);
            if bound > answer.bound {
                (answer.bound, answer.stable) = (bound, mixed);
            }
            if news == 0 && value.is_finite() {
                // The smoothed prices misled: the master's own.
                (bound, news) = self.ask(part, &prices);
                if bound > answer.bound {
                    (answer.bound, answer.stable) = (bound, prices);
                }
                if news == 0 {
                    break;
                }
            }
            if answer.bound == f64::INFINITY || self.work() >= work || watch.stop() {
                break;
            }
        }
        answer
    }

    /// Lagrange's bound at prices; columns that were not known are added, and counted.
    fn ask(&mut self, part: &Part, prices: &Prices) -> (f64, usize) {
        let even = self.even;
        let (mut sum, mut size, mut news) = (self.goal.power * even.standing_w, 0.0, 0);
        for j in 0..even.streams.len() {
            let (value, column) = self.pricer.least(even, &self.goal, prices, &part.most, (j, part.rule(j)));
            sum += value;
            size += value.abs();
            news += usize::from(column.is_some_and(|c| self.master.add(c)));
        }
        let (ends, standing) = self.ends(prices);
        sum += standing;
        size += standing.abs();
        for (c, each) in ends.into_iter().enumerate() {
            let end = (each * part.least[c]).min(each * part.most[c]);
            sum += end;
            size += end.abs();
        }
        (sum - ROUNDING * size, news)
    }
}

fn mix(even: &Even, old: &Prices, new: &Prices, share: f64) -> Prices {
    let all = |old: &[f64], new: &[f64]| old.iter().zip(new).map(|(a, b)| a + share * (b - a)).collect();
    Prices::of(even, all(&old.lines, &new.lines), all(&old.touch, &new.touch))
}
