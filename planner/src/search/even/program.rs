//! A lower bound: the program over device classes, relaxed.
//!
//! Identical devices are merged, as in the relaxation an optimum exists in which they carry equal loads.
//! Variables: devices awake by class, the way of each service, its stages and layers by class. Every
//! capacity is multiplied by the number awake, and a service has at most one stage on a device: without
//! these ties published formulations have gaps of thousands of per cent. Duals are turned into a bound
//! by hand, so that no tolerance of the solver's is in it.

use highs::{Col, HighsModelStatus, Model, RowProblem, Sense};

use super::fleet::Goal;
use super::view::{Even, LIMITS, WATTS};
use crate::search::program::quiet;
use crate::table::TOLERANCE;

/// A row of a [`Program`].
#[derive(Clone, Debug)]
struct Row {
    lower: f64,
    upper: f64,
    terms: Vec<(usize, f64)>,
}

/// Least `constant + cost x` within rows; every variable from 0 to its upper bound.
#[derive(Clone, Debug, Default)]
pub(super) struct Program {
    constant: f64,
    cost: Vec<f64>,
    upper: Vec<f64>,
    rows: Vec<Row>,
    /// What is to be whole: devices awake, ways taken, stages; and layers, which nearly follow by themselves.
    pub whole: Vec<usize>,
    /// How many of them, the first, are devices awake.
    pub awake: usize,
    pub layers: Vec<usize>,
    /// With [`Detail::Stages`]: by way its variable, and by way and class those of stages and layers.
    pub ways: Vec<(usize, usize)>,
    pub seats: Vec<Seat>,
    /// By class: the rows of its capacities, one a line.
    capacity: Vec<[Vec<usize>; LIMITS]>,
}

/// Variables of a way on a class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seat {
    pub way: usize,
    pub class: usize,
    pub stages: usize,
    pub layers: usize,
}

/// How much a [`Program`] says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Detail {
    /// A variable for the stages of every way and class, to be branched on: proves optima of small fleets.
    Stages,
    /// Stages are layers over the most that fit: the same relaxation but for roundings, with a quarter of the rows.
    Layers,
}

/// Terms of the rows that all ways of a service share.
struct Shared {
    one: Vec<(usize, f64)>,
    stages: Vec<(usize, f64)>,
    /// Most stages of any way.
    most: u32,
    seconds: Vec<(usize, f64)>,
    /// By class.
    touch: Vec<Vec<(usize, f64)>>,
}

impl Shared {
    fn new(awake: &[usize]) -> Self {
        let touch = awake.iter().map(|&z| vec![(z, -1.0)]).collect();
        Self { one: Vec::new(), stages: Vec::new(), most: 0, seconds: Vec::new(), touch }
    }
}

impl Program {
    /// States the program of a goal.
    pub(super) fn new(even: &Even, goal: &Goal, detail: Detail) -> Program {
        let mut p = Program { constant: goal.power * even.standing_w, ..Program::default() };
        let mut capacity: Vec<[Vec<(usize, f64)>; LIMITS]> = Vec::new();
        let awake: Vec<usize> = even
            .classes
            .iter()
            .map(|class| {
                let z = p.variable(goal.power * class.wake_w, class.members.len() as f64);
                p.whole.push(z);
                capacity.push(std::array::from_fn(|_| Vec::new()));
                z
            })
            .collect();
        p.awake = p.whole.len();
        for stream in &even.streams {
            match detail {
                Detail::Stages => p.stream(even, goal, stream, &awake, &mut capacity),
                Detail::Layers => p.layered(even, goal, stream, &awake, &mut capacity),
            }
        }
        for ((class, &z), uses) in even.classes.iter().zip(&awake).zip(capacity) {
            let mut rows: [Vec<usize>; LIMITS] = Default::default();
            for ((lines, terms), rows) in class.lines.iter().zip(&uses).zip(&mut rows).filter(|((_, terms), _)| !terms.is_empty())
            {
                for line in lines {
                    let held = std::iter::once((z, -line.slope * (1.0 + TOLERANCE)));
                    p.row(f64::NEG_INFINITY, line.offset * (1.0 + TOLERANCE), held.chain(terms.iter().copied()).collect());
                    rows.push(p.rows.len() - 1);
                }
            }
            p.capacity.push(rows);
        }
        p
    }

    /// A service without variables for its stages: `k` layers are `k / fit` stages at least.
    fn layered(
        &mut self,
        even: &Even,
        goal: &Goal,
        stream: &super::view::Stream,
        awake: &[usize],
        capacity: &mut [[Vec<(usize, f64)>; LIMITS]],
    ) {
        let second = goal.latency * stream.per_s;
        let mut shared = Shared::new(awake);
        for way in stream.ways.clone() {
            let w = &even.ways[way];
            shared.most = shared.most.max(w.stages);
            let y = self.variable(goal.inaccuracy * w.inaccuracy, 1.0);
            self.whole.push(y);
            shared.one.push((y, 1.0));
            let mut layers = vec![(y, -f64::from(w.layers))];
            for (c, class) in even.classes.iter().enumerate() {
                let cell = even.cell(way, c);
                if cell.fit == 0 {
                    continue;
                }
                let copies = f64::from(w.stages).min(class.members.len() as f64);
                let fit = f64::from(cell.fit.min(w.layers));
                let once = goal.power * cell.stage[WATTS] + second * cell.stage_s;
                let each = goal.power * cell.layer[WATTS] + second * cell.layer_s + once / fit;
                let k = self.variable(each, (fit * copies).min(f64::from(w.layers)));
                self.layers.push(k);
                if fit * copies < f64::from(w.layers) {
                    self.row(f64::NEG_INFINITY, 0.0, vec![(k, 1.0), (y, -fit * copies)]);
                }
                layers.push((k, 1.0));
                shared.stages.push((k, 1.0 / fit));
                shared.seconds.push((k, cell.layer_s + cell.stage_s / fit));
                shared.touch[c].push((k, 1.0 / fit));
                for (i, terms) in capacity[c].iter_mut().enumerate() {
                    terms.push((k, cell.layer[i] + cell.stage[i] / fit));
                }
            }
            self.row(0.0, 0.0, layers);
        }
        self.close(shared, stream.cap_s);
    }

    /// The rows that all ways of a service share: one is taken, no more stages than it allows, its seconds within
    /// its limit, and stages on devices that are awake alone.
    fn close(&mut self, mut shared: Shared, cap_s: f64) {
        self.row(1.0, 1.0, shared.one);
        self.row(f64::NEG_INFINITY, f64::from(shared.most), shared.stages);
        if cap_s.is_finite() {
            shared.seconds.iter_mut().for_each(|t| t.1 /= cap_s);
            self.row(f64::NEG_INFINITY, 1.0, shared.seconds);
        }
        for terms in shared.touch.into_iter().filter(|t| t.len() > 1) {
            self.row(f64::NEG_INFINITY, 0.0, terms);
        }
    }

    /// What a whole device's share of each capacity is worth under given duals, by class.
    fn prices(&self, duals: &[f64]) -> Vec<[f64; LIMITS]> {
        let price = |rows: &Vec<usize>| rows.iter().map(|r| (-duals[*r]).max(0.0)).sum::<f64>();
        self.capacity.iter().map(|rows| std::array::from_fn(|i| price(&rows[i]))).collect()
    }

    fn stream(
        &mut self,
        even: &Even,
        goal: &Goal,
        stream: &super::view::Stream,
        awake: &[usize],
        capacity: &mut [[Vec<(usize, f64)>; LIMITS]],
    ) {
        let second = goal.latency * stream.per_s;
        let mut shared = Shared::new(awake);
        for way in stream.ways.clone() {
            let w = &even.ways[way];
            shared.most = shared.most.max(w.stages);
            let y = self.variable(goal.inaccuracy * w.inaccuracy, 1.0);
            self.whole.push(y);
            self.ways.push((way, y));
            shared.one.push((y, 1.0));
            let mut layers = vec![(y, -f64::from(w.layers))];
            let mut held = vec![(y, 0.0)];
            let largest = (0..even.classes.len()).map(|c| even.cell(way, c).fit).max().unwrap_or(0);
            for (c, class) in even.classes.iter().enumerate() {
                let cell = even.cell(way, c);
                if cell.fit == 0 {
                    continue;
                }
                let copies = f64::from(w.stages).min(class.members.len() as f64);
                let fit = f64::from(cell.fit.min(w.layers));
                let u = self.variable(goal.power * cell.stage[WATTS] + second * cell.stage_s, copies);
                let k = self
                    .variable(goal.power * cell.layer[WATTS] + second * cell.layer_s, (fit * copies).min(f64::from(w.layers)));
                self.whole.push(u);
                self.seats.push(Seat { way, class: c, stages: u, layers: k });
                self.layers.push(k);
                self.row(f64::NEG_INFINITY, 0.0, vec![(k, 1.0), (u, -fit)]);
                self.row(f64::NEG_INFINITY, 0.0, vec![(u, 1.0), (y, -copies)]);
                layers.push((k, 1.0));
                held.push((u, 1.0));
                shared.stages.push((u, 1.0));
                shared.seconds.extend([(k, cell.layer_s), (u, cell.stage_s)]);
                shared.touch[c].push((u, 1.0));
                for (i, terms) in capacity[c].iter_mut().enumerate() {
                    terms.extend([(k, cell.layer[i]), (u, cell.stage[i])]);
                }
            }
            self.row(0.0, 0.0, layers);
            // So many stages at least, whatever the devices.
            let few = if largest > 0 { w.layers.div_ceil(largest) } else { w.stages + 1 };
            held[0].1 = -f64::from(few);
            self.row(0.0, f64::INFINITY, held);
        }
        self.close(shared, stream.cap_s);
    }

    /// Number of its variables.
    pub(super) fn variables(&self) -> usize {
        self.cost.len()
    }

    pub(super) fn constant(&self) -> f64 {
        self.constant
    }

    /// Its rows: range and terms.
    pub(super) fn stated(&self) -> impl Iterator<Item = ((f64, f64), &[(usize, f64)])> {
        self.rows.iter().map(|row| ((row.lower, row.upper), &row.terms[..]))
    }

    pub(super) fn upper(&self, variable: usize) -> f64 {
        self.upper[variable]
    }

    pub(super) fn cost(&self, variable: usize) -> f64 {
        self.cost[variable]
    }

    fn variable(&mut self, cost: f64, upper: f64) -> usize {
        self.cost.push(cost);
        self.upper.push(upper);
        self.cost.len() - 1
    }

    fn row(&mut self, lower: f64, upper: f64, mut terms: Vec<(usize, f64)>) {
        terms.retain(|t| t.1 != 0.0);
        self.rows.push(Row { lower, upper, terms });
    }

    /// The relaxation, ready to be solved again and again under other bounds.
    pub(super) fn relaxation(&self) -> Option<Relaxation<'_>> {
        let mut problem = RowProblem::new();
        let columns: Vec<Col> = self.cost.iter().zip(&self.upper).map(|(&c, &u)| problem.add_column(c, 0.0..=u)).collect();
        for row in &self.rows {
            problem.add_row(row.lower..=row.upper, row.terms.iter().map(|&(i, a)| (columns[i], a)).collect::<Vec<_>>());
        }
        let mut model = problem.try_optimise(Sense::Minimise).ok()?;
        quiet(&mut model).ok()?;
        Some(Relaxation { program: self, model: Some(model), columns, changed: Vec::new(), pivots: 0 })
    }

    /// The bound of any duals: each row's earns its tighter side, each variable takes its cheaper end.
    fn bound(&self, duals: &[f64], changed: &[Range]) -> f64 {
        let mut reduced = self.cost.clone();
        let (mut sum, mut size) = (self.constant, self.constant.abs());
        for (row, &raw) in self.rows.iter().zip(duals) {
            let side = if raw > 0.0 { row.lower } else { row.upper };
            if raw == 0.0 || !raw.is_finite() || !side.is_finite() {
                continue;
            }
            sum += raw * side;
            size += (raw * side).abs();
            row.terms.iter().for_each(|&(i, a)| reduced[i] -= raw * a);
        }
        let mut add = |end: f64| {
            sum += end;
            size += end.abs();
        };
        for c in changed {
            add((reduced[c.variable] * c.lower).min(reduced[c.variable] * c.upper));
            reduced[c.variable] = 0.0;
        }
        for (r, u) in reduced.iter().zip(&self.upper) {
            add((r * u).min(0.0));
        }
        sum - 1e-12 * size
    }
}

/// A variable kept within other bounds than the program's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Range {
    pub variable: usize,
    pub lower: f64,
    pub upper: f64,
}

/// What a relaxation gave.
#[derive(Clone, Debug)]
pub(super) enum Answer {
    /// No plan within the ranges costs less; the relaxed plan; and what capacities are worth there.
    Bound(f64, Vec<f64>, Vec<[f64; LIMITS]>),
    /// No plan is within the ranges.
    Empty,
    Failed,
}

/// The program in HiGHS. It starts each solve from the last one's basis.
pub(super) struct Relaxation<'p> {
    program: &'p Program,
    model: Option<Model>,
    columns: Vec<Col>,
    changed: Vec<usize>,
    /// Simplex pivots so far, and the [`OVERHEAD`].
    pivots: u64,
}

/// Pivots that a solve without any costs: bounds in, solution out, duals cleaned.
const OVERHEAD: u64 = 20;

impl Relaxation<'_> {
    /// Work done: pivots, each as costly as there are rows.
    pub(super) fn work(&self) -> u64 {
        self.pivots * self.program.rows.len() as u64
    }

    /// Solves within ranges, at most one for a variable.
    pub(super) fn solve(&mut self, ranges: &[Range]) -> Answer {
        let Some(mut model) = self.model.take() else { return Answer::Failed };
        for i in self.changed.drain(..) {
            model.change_column_bounds(self.columns[i], 0.0..=self.program.upper[i]);
        }
        for r in ranges {
            model.change_column_bounds(self.columns[r.variable], r.lower..=r.upper);
            self.changed.push(r.variable);
        }
        let Ok(solved) = model.try_solve() else { return Answer::Failed };
        self.pivots += OVERHEAD + u64::try_from(solved.int_info_value(c"simplex_iteration_count").unwrap_or(0)).unwrap_or(0);
        let answer = match solved.status() {
            HighsModelStatus::Optimal => {
                let solution = solved.get_solution();
                let duals = solution.dual_rows();
                let bound = self.program.bound(duals, ranges);
                Answer::Bound(bound, solution.columns().to_vec(), self.program.prices(duals))
            }
            HighsModelStatus::Infeasible => Answer::Empty,
            _ => Answer::Failed,
        };
        self.model = Some(Model::from(solved));
        answer
    }
}
