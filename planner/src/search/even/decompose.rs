//! A sharper bound: every service chooses among whole sets of stages (Dantzig and Wolfe 1960).
//!
//! The program over classes lets a service hold parts of stages: it then pays parts of their hops and of
//! their memory. Here its deployments are columns with whole stages, chosen by [`Pricer`], which is exact
//! up to fractions of layers. Branching is on devices awake alone. The bound is Lagrange's at the prices of
//! the master program, worked out by hand: any prices give one.

use highs::{HighsModelStatus, RowProblem, Sense};

use super::fleet::Goal;
use super::priced::{Column, Pricer, Prices};
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
}

/// What a part came to.
struct Answer {
    bound: f64,
    /// Devices awake in the master's solution.
    awake: Vec<f64>,
}

/// Column generation.
pub(super) struct Decomposition<'e> {
    even: &'e Even,
    goal: Goal,
    columns: Vec<Column>,
    /// Rows that keep a service off classes that are asleep, where they were broken: stream and class.
    touch: Vec<(usize, usize)>,
    pricer: Pricer,
    pivots: u64,
}

/// Multisets that cost as much as one row of a pivot.
const CHEAP: u64 = 4;
/// Nearer to a whole number than this is whole.
const WHOLE: f64 = 1e-6;
/// Rounds in one part.
const ROUNDS: u32 = 40;
/// Relative distance of master and bound at which a part is done.
const CLOSE: f64 = 2e-5;
/// Of all that is summed up: the pricer tells kinks apart by a billionth.
const ROUNDING: f64 = 1e-8;
/// Share of the newest prices in those that are asked, so that they do not swing (Wentges 1997).
const SMOOTH: f64 = 0.7;

impl<'e> Decomposition<'e> {
    pub(super) fn new(even: &'e Even, goal: Goal) -> Self {
        Decomposition { even, goal, columns: Vec::new(), touch: Vec::new(), pricer: Pricer::default(), pivots: 0 }
    }

    fn work(&self) -> u64 {
        self.pivots + self.pricer.work / CHEAP
    }

    /// The least bound over parts that cover all plans, after so much work; `start` are prices to begin with.
    pub(super) fn bound(&mut self, parts: Vec<Part>, start: &[[f64; LIMITS]], work: u64, watch: &dyn Watch) -> f64 {
        let classes = self.even.classes.len();
        let start = Prices { capacity: start.to_vec(), touch: vec![0.0; self.even.streams.len() * classes] };
        let mut open = parts;
        let mut settled = f64::INFINITY;
        let least = |open: &[Part], settled: f64| open.iter().map(|p| p.bound).fold(settled, f64::min);
        while self.work() < work && !watch.stop() {
            let Some(at) = (0..open.len()).min_by(|&a, &b| open[a].bound.total_cmp(&open[b].bound)) else { break };
            if open[at].bound >= settled {
                break;
            }
            let part = open.swap_remove(at);
            let answer = self.part(&part, &start, work, watch);
            let bound = answer.bound.max(part.bound);
            if std::env::var_os("DBG").is_some() { eprintln!("part {:.4} -> {:.4} fixed {} of {classes}", part.bound, answer.bound, (0..classes).filter(|&c| part.least[c]==part.most[c]).count()); }
            let split = (0..classes)
                .map(|c| (c, answer.awake[c], (answer.awake[c] - answer.awake[c].floor() - 0.5).abs()))
                .filter(|&(c, z, off)| off < 0.5 - WHOLE && z > part.least[c] && z < part.most[c])
                .min_by(|a, b| (a.2 - wake(self.even, a.0)).total_cmp(&(b.2 - wake(self.even, b.0))));
            match split {
                Some((c, z, _)) => {
                    let (mut low, mut high) = (Part { bound, ..part.clone() }, Part { bound, ..part });
                    low.most[c] = z.floor();
                    high.least[c] = z.ceil();
                    open.extend([low, high]);
                }
                // Whole, or out of work: it keeps its bound.
                None => settled = settled.min(bound),
            }
            watch.progress(Progress { phase: "bound", best: f64::INFINITY, bound: least(&open, settled) });
        }
        least(&open, settled)
    }

    /// Column generation within a part.
    fn part(&mut self, part: &Part, start: &Prices, work: u64, watch: &dyn Watch) -> Answer {
        let mut answer = Answer { bound: f64::NEG_INFINITY, awake: part.most.clone() };
        let mut stable = start.clone();
        let mut ask = self.columns.is_empty().then(|| start.clone());
        for _ in 0..ROUNDS {
            let (prices, value) = match ask.take() {
                Some(prices) => (prices, f64::INFINITY),
                None => {
                    let Some((prices, value, awake)) = self.master(part) else { break };
                    answer.awake = awake;
                    (prices, value)
                }
            };
            if value.is_finite() && value - answer.bound <= CLOSE * value.abs() {
                break;
            }
            let mixed = if value.is_finite() { mix(&stable, &prices, SMOOTH) } else { prices.clone() };
            let (mut bound, mut news) = self.ask(part, &mixed);
            if std::env::var_os("DBG").is_some() { eprintln!("  master {value:.4} lagrange {bound:.4} news {news} cols {} touch {} work {} {}", self.columns.len(), self.touch.len(), self.pivots, self.pricer.work); }
            if bound > answer.bound {
                (answer.bound, stable) = (bound, mixed);
            }
            if news == 0 && value.is_finite() {
                // The smoothed prices misled: the master's own.
                (bound, news) = self.ask(part, &prices);
                if bound > answer.bound {
                    (answer.bound, stable) = (bound, prices);
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
        let classes = even.classes.len();
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
        for (c, class) in even.classes.iter().enumerate() {
            let worth: f64 = prices.capacity[c].iter().sum::<f64>() * (1.0 + TOLERANCE)
                + (0..even.streams.len()).map(|j| prices.touch[j * classes + c]).sum::<f64>();
            let each = self.goal.power * class.wake_w - worth;
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
