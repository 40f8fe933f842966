//! A sharper bound: every service chooses among whole sets of stages (Dantzig and Wolfe 1960).
//!
//! The program over classes lets a service hold parts of stages: it then pays parts of their hops and of
//! their memory. Here its deployments are columns with whole stages, chosen by [`Pricer`], which is exact
//! up to fractions of layers. Branching is on devices awake alone. The bound is Lagrange's at the prices of
//! the master program, worked out by hand: any prices give one.

use std::sync::Arc;

use highs::{HighsModelStatus, RowProblem, Sense};

use super::close::Fixing;
use super::fleet::Goal;
use super::priced::{Column, Pricer, Prices};
use super::tree::{Leaf, Until};
use super::view::{Even, LIMITS};
use crate::search::program::quiet;
use crate::search::{Progress, Watch};
use crate::table::TOLERANCE;

/// A part of the plans: so many devices awake at least and at most, by class.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Part {
    pub bound: f64,
    pub least: Vec<f64>,
    pub most: Vec<f64>,
    /// Good prices of the part that it was split from.
    pub prices: Option<Arc<Prices>>,
}

/// What a part came to.
struct Answer {
    bound: f64,
    /// Devices awake in the master's solution, and what capacities are worth there.
    awake: Vec<f64>,
    prices: Prices,
    /// Prices that the bound is from.
    stable: Prices,
}

/// Column generation under way.
pub(super) struct Decomposition<'e> {
    even: &'e Even,
    goal: Goal,
    columns: Vec<Column>,
    /// Rows that keep a service off classes that are asleep, where they were broken: stream and class.
    touch: Vec<(usize, usize)>,
    pricer: Pricer,
    pivots: u64,
    /// Prices to begin a part with.
    start: Prices,
    open: Vec<Part>,
    /// Parts that are whole keep their bounds.
    settled: f64,
    closed: Vec<Part>,
    leaf: Option<Leaf>,
}

/// What a row of a pivot costs here against one of the plain program's, or a multiset: programs are built anew.
const DEAR: u64 = 2;
/// Nearer to a whole number than this is whole.
const WHOLE: f64 = 1e-6;
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
        let touch = vec![0.0; even.streams.len() * even.classes.len()];
        Decomposition {
            even,
            goal,
            columns: Vec::new(),
            touch: Vec::new(),
            pricer: Pricer::default(),
            pivots: 0,
            start: Prices { capacity: prices.to_vec(), touch },
            open: parts,
            settled: f64::INFINITY,
            closed: Vec::new(),
            leaf: None,
        }
    }

    /// Work done: pivots, each as costly as there are rows, and multisets looked at.
    pub(super) fn work(&self) -> u64 {
        self.pivots * DEAR + self.pricer.work
    }

    /// No plan within the parts costs less.
    pub(super) fn bound(&self) -> f64 {
        self.open.iter().map(|p| p.bound).fold(self.settled, f64::min)
    }

    /// The least relaxed plan so far with whole numbers of devices awake.
    pub(super) fn leaf(&self) -> Option<&Leaf> {
        self.leaf.as_ref()
    }

    /// Branches until so much work is done in all. Every better bound is told to `watch`.
    pub(super) fn grow(&mut self, work: u64, until: Until, watch: &dyn Watch) {
        let classes = self.even.classes.len();
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
            let answer = self.part(&part, work, watch);
            let bound = answer.bound.max(part.bound);
            let split = (0..classes)
                .map(|c| (c, answer.awake[c], (answer.awake[c] - answer.awake[c].floor() - 0.5).abs()))
                .filter(|&(c, z, off)| off < 0.5 - WHOLE && z > part.least[c] && z < part.most[c])
                .min_by(|a, b| (a.2 - wake(self.even, a.0)).total_cmp(&(b.2 - wake(self.even, b.0))));
            let done = split.is_none();
            match split {
                Some((c, z, _)) => {
                    let prices = Some(Arc::new(answer.stable));
                    let mut low = Part { bound, prices, ..part };
                    let mut high = low.clone();
                    low.most[c] = z.floor();
                    high.least[c] = z.ceil();
                    self.open.extend([low, high]);
                }
                // Whole, or out of work: it keeps its bound.
                None => {
                    self.settled = self.settled.min(bound);
                    self.closed.push(Part { bound, prices: Some(Arc::new(answer.stable)), ..part });
                    if self.leaf.as_ref().is_none_or(|l| bound < l.bound) {
                        let awake = answer.awake.iter().map(|z| z.round()).collect();
                        self.leaf = Some(Leaf { bound, awake, prices: answer.prices.capacity });
                    }
                }
            }
            watch.progress(Progress { phase: "bound", best: f64::INFINITY, bound: self.bound() });
            if done && until == Until::Awake {
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
        let least: Vec<f64> = (0..streams).map(|j| self.pricer.least(even, &goal, &prices, &part.most, j).0).collect();
        let ends: Vec<f64> = (0..classes).map(|c| self.end(&prices, c)).collect();
        let bound = goal.power * even.standing_w
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

    /// What a device awake adds to the bound beside its price.
    fn end(&self, prices: &Prices, c: usize) -> f64 {
        let classes = self.even.classes.len();
        let worth: f64 = prices.capacity[c].iter().sum::<f64>() * (1.0 + TOLERANCE)
            + (0..self.even.streams.len()).map(|j| prices.touch[j * classes + c]).sum::<f64>();
        self.goal.power * self.even.classes[c].wake_w - worth
    }

    /// What the columns so far cost with given numbers awake: no bound, but near one.
    pub(super) fn with_awake(&mut self, awake: &[f64]) -> Option<Leaf> {
        let part = Part { bound: f64::NEG_INFINITY, least: awake.to_vec(), most: awake.to_vec(), prices: None };
        let (prices, value, _) = self.master(&part)?;
        Some(Leaf { bound: value, awake: awake.to_vec(), prices: prices.capacity })
    }

    /// Column generation within a part.
    fn part(&mut self, part: &Part, work: u64, watch: &dyn Watch) -> Answer {
        let stable = part.prices.as_deref().unwrap_or(&self.start).clone();
        let mut ask = self.columns.is_empty().then(|| stable.clone());
        let mut answer = Answer { bound: f64::NEG_INFINITY, awake: part.most.clone(), prices: stable.clone(), stable };
        for _ in 0..ROUNDS {
            let (prices, value) = match ask.take() {
                Some(prices) => (prices, f64::INFINITY),
                None => {
                    let Some((prices, value, awake)) = self.master(part) else { break };
                    (answer.awake, answer.prices) = (awake, prices.clone());
                    (prices, value)
                }
            };
            if value.is_finite() && value - answer.bound <= CLOSE * value.abs() {
                break;
            }
            let mixed = if value.is_finite() { mix(&answer.stable, &prices, SMOOTH) } else { prices.clone() };
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
            let (value, column) = self.pricer.least(even, &self.goal, prices, &part.most, j);
            sum += value;
            size += value.abs();
            if let Some(column) = column.filter(|c| !self.columns.contains(c)) {
                self.columns.push(column);
                news += 1;
            }
        }
        for c in 0..even.classes.len() {
            let each = self.end(prices, c);
            let end = (each * part.least[c]).min(each * part.most[c]);
            sum += end;
            size += end.abs();
        }
        (sum - ROUNDING * size, news)
    }

    /// The master program over the columns: prices, value, devices awake. Who has no column pays dearly.
    fn master(&mut self, part: &Part) -> Option<(Prices, f64, Vec<f64>)> {
        let even = self.even;
        let (classes, streams) = (even.classes.len(), even.streams.len());
        loop {
            let mut p = RowProblem::new();
            let z: Vec<_> = (0..classes)
                .map(|c| p.add_column(self.goal.power * even.classes[c].wake_w, part.least[c]..=part.most[c]))
                .collect();
            let fits = |column: &Column| column.uses.iter().all(|u| u.1 <= part.most[u.0] + 0.5);
            let mut rows: Vec<Vec<(highs::Col, f64)>> =
                z.iter().flat_map(|&z| std::iter::repeat_n(vec![(z, -1.0 - TOLERANCE)], LIMITS)).collect();
            let mut one: Vec<Vec<(highs::Col, f64)>> =
                (0..streams).map(|_| vec![(p.add_column(self.goal.absence, 0.0..), 1.0)]).collect();
            let mut touch: Vec<Vec<(highs::Col, f64)>> = self.touch.iter().map(|t| vec![(z[t.1], -1.0)]).collect();
            let mut kept = Vec::new();
            for column in self.columns.iter().filter(|c| fits(c)) {
                let x = p.add_column(column.cost, 0.0..);
                kept.push(column);
                one[column.stream].push((x, 1.0));
                for (class, stages, shares) in &column.uses {
                    for (i, share) in shares.iter().enumerate().filter(|s| *s.1 != 0.0) {
                        rows[class * LIMITS + i].push((x, *share));
                    }
                    if let Some(t) = self.touch.iter().position(|t| *t == (column.stream, *class)) {
                        touch[t].push((x, *stages));
                    }
                }
            }
            let count = rows.len() + one.len() + touch.len();
            rows.into_iter().for_each(|r| p.add_row(..=0.0, r));
            one.into_iter().for_each(|r| p.add_row(1.0..=1.0, r));
            touch.into_iter().for_each(|r| p.add_row(..=0.0, r));
            let mut model = p.try_optimise(Sense::Minimise).ok()?;
            quiet(&mut model).ok()?;
            let solved = model.try_solve().ok()?;
            let pivots = u64::try_from(solved.int_info_value(c"simplex_iteration_count").unwrap_or(0)).unwrap_or(0);
            self.pivots += (20 + pivots) * count as u64;
            if solved.status() != HighsModelStatus::Optimal {
                return None;
            }
            let solution = solved.get_solution();
            let (x, duals) = (solution.columns(), solution.dual_rows());
            let broken = self.broken(&kept, x);
            if !broken.is_empty() {
                self.touch.extend(broken);
                continue;
            }
            let price = |row: usize| (-duals[row]).max(0.0);
            let capacity = (0..classes).map(|c| std::array::from_fn(|i| price(c * LIMITS + i))).collect();
            let mut prices = Prices { capacity, touch: vec![0.0; streams * classes] };
            for (n, &(j, c)) in self.touch.iter().enumerate() {
                prices.touch[j * classes + c] = price(classes * LIMITS + streams + n);
            }
            let cost = |i: usize| match i {
                i if i < classes => self.goal.power * even.classes[i].wake_w,
                i if i < classes + streams => self.goal.absence,
                i => kept[i - classes - streams].cost,
            };
            let value = self.goal.power * even.standing_w + x.iter().enumerate().map(|(i, x)| x * cost(i)).sum::<f64>();
            return Some((prices, value, x[..classes].to_vec()));
        }
    }

    /// Services with more stages on a class than devices awake, where no row says so yet.
    fn broken(&self, kept: &[&Column], x: &[f64]) -> Vec<(usize, usize)> {
        let (classes, streams) = (self.even.classes.len(), self.even.streams.len());
        let mut stages = vec![0.0; streams * classes];
        for (column, share) in kept.iter().zip(&x[classes + streams..]) {
            column.uses.iter().for_each(|u| stages[column.stream * classes + u.0] += share * u.1);
        }
        let over = |&(n, used): &(usize, &f64)| *used > x[n % classes] + 1e-6;
        let pairs = stages.iter().enumerate().filter(over).map(|(n, _)| (n / classes, n % classes));
        pairs.filter(|pair| !self.touch.contains(pair)).collect()
    }
}

/// A little more for classes that are dear to wake, less than one part of the distance to a half.
fn wake(even: &Even, class: usize) -> f64 {
    let most = even.classes.iter().map(|c| c.wake_w).fold(1e-9, f64::max);
    0.3 * even.classes[class].wake_w / most
}

fn mix(old: &Prices, new: &Prices, share: f64) -> Prices {
    let blend = |a: f64, b: f64| a + share * (b - a);
    Prices {
        capacity: old.capacity.iter().zip(&new.capacity).map(|(a, b)| std::array::from_fn(|i| blend(a[i], b[i]))).collect(),
        touch: old.touch.iter().zip(&new.touch).map(|(a, b)| blend(*a, *b)).collect(),
    }
}
