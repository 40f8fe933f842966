//! One chain of Pareto-guided simulated annealing with momentum, as a solver of argmin.
//!
//! An iteration is one temperature: a few hundred moves. The executor sees the best feasible
//! assignment and its objective; the state, the archive and the momentum live in the solver.

use argmin::core::{Error, IterState, KV, Problem, Solver, TerminationReason, TerminationStatus};
use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use super::accept::{Energy, judge, metropolis};
use super::best::Best;
use super::columns::Columns;
use super::momentum::Momentum;
use super::moves::MOVES;
use super::rebuild::Rebuild;
use super::schedule::Schedule;
use crate::search::archive::{Archive, Point};
use crate::search::state::{Change, Context, Score, State};
use crate::search::{Progress, Watch};
use crate::table::{Assignment, Table};

/// Moves at one temperature; a ruin and recreate, counted as one more move, ends it.
pub(super) const BATCH: u64 = 256;
/// Reheats and the first cooling.
const CYCLES: u64 = 4;
/// Moves tried to learn how far uphill the hills are.
const SOUNDINGS: u32 = 200;
/// First temperature over the median uphill step, and its bounds relative to the objective.
const HOT: f64 = 0.5;
const HOT_BOUNDS: (f64, f64) = (1e-6, 0.05);
/// First temperature of a Pareto-guided cycle, in amounts of domination.
const HOT_PARETO: f64 = 0.1;
/// Bounds of the price on violation, relative to the objective.
const PENALTY: (f64, f64) = (0.1, 300.0);

/// What is being searched: nothing but the table; argmin wants a problem.
pub(super) struct Planning;

/// How a chain searches.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Setup {
    pub seed: u64,
    pub moves: u64,
    /// False: moves and services are drawn evenly.
    pub momentum: bool,
    /// False: only the scalar objective counts.
    pub pareto: bool,
    /// True: every feasible state met is offered to the archive.
    pub collect: bool,
    /// Factor on the first temperature.
    pub heat: f64,
    pub archive: usize,
    pub columns: usize,
}

/// What a phase descends.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Phase {
    Scalar,
    Pareto,
}

/// The chain.
pub(super) struct Pgsam<'a> {
    setup: Setup,
    schedule: Schedule,
    watch: &'a dyn Watch,
    state: State<'a>,
    rng: Xoshiro256PlusPlus,
    momentum: Momentum,
    pub archive: Archive<Assignment>,
    pub columns: Columns,
    pub best: Best,
    start: Assignment,
    change: Change,
    rebuild: Rebuild,
    phase: Phase,
    energy: Energy,
    /// Reference that makes the objective relative.
    scale: f64,
    hot: f64,
    pub moves: u64,
    pub accepted: u64,
    reported: f64,
}

impl<'a> Pgsam<'a> {
    pub(super) fn new(table: &'a Table, context: &'a Context, start: &Assignment, setup: Setup, watch: &'a dyn Watch) -> Self {
        let (state, _) = State::load(table, context, start);
        let services = state.services();
        let scale = state.score().objective.abs().max(1e-9);
        let mut chain = Pgsam {
            setup,
            schedule: Schedule::new(setup.moves.div_ceil(BATCH), CYCLES),
            watch,
            state,
            rng: Xoshiro256PlusPlus::seed_from_u64(setup.seed),
            momentum: Momentum::new(MOVES.len(), services as usize),
            archive: Archive::new(setup.archive),
            columns: Columns::new(setup.columns),
            best: Best::new(services),
            start: start.clone(),
            change: Change::default(),
            rebuild: Rebuild::new(!setup.seed),
            phase: Phase::Scalar,
            energy: Energy { weights: [0.0; 4], skip: 0.0, penalty: 3.0 },
            scale,
            hot: 0.0,
            moves: 0,
            accepted: 0,
            reported: f64::INFINITY,
        };
        chain.aim(None);
        chain.meet();
        chain
    }

    /// Steps in all.
    pub(super) fn steps(&self) -> u64 {
        self.setup.moves.div_ceil(BATCH)
    }

    /// Sets what scalar phases descend: the table's weights, or a direction over the archive's ranges.
    fn aim(&mut self, direction: Option<Point>) {
        let w = &self.state.table.weights;
        let penalty = self.energy.penalty;
        self.energy = match direction {
            None => Energy {
                weights: [w.power, w.latency, w.inaccuracy, w.underuse].map(|w| w / self.scale),
                skip: 1.0 / self.scale,
                penalty,
            },
            Some(share) => {
                let range = self.archive.range(&[]);
                let weights = std::array::from_fn(|i| if range[i] > 0.0 { share[i] / range[i] } else { 0.0 });
                Energy { weights, skip: 1.0 / self.scale, penalty }
            }
        };
    }

    /// Notes the present state: best, archive.
    fn meet(&mut self) {
        let score = self.state.score();
        if !score.feasible() {
            return;
        }
        if score.objective < self.best.objective - 1e-12 * self.scale {
            self.best.take(&self.state, score.objective);
        }
        if self.setup.collect {
            let state = &self.state;
            self.archive.offer(score.values, score.objective, || state.assignment());
        }
    }

    /// Median uphill step from here under the present energy, of moves that break nothing new.
    fn sound(&mut self) -> f64 {
        let base = self.state.score();
        let from = self.energy.of(&base);
        let mut hills = Vec::new();
        for _ in 0..SOUNDINGS {
            let (kind, s) =
                (self.rng.random_range(0..MOVES.len() as u32) as usize, self.rng.random_range(0..self.state.services()));
            self.change.clear();
            if MOVES[kind].propose(&self.state, s, &mut self.rng, &mut self.change) && self.state.apply(&mut self.change) {
                let score = self.state.score();
                let up = self.energy.of(&score) - from;
                if up > 0.0 && score.violation <= base.violation {
                    hills.push(up);
                }
                self.state.undo(&mut self.change);
            }
        }
        hills.sort_by(f64::total_cmp);
        let median = hills.get(hills.len() / 2).copied().unwrap_or(HOT_BOUNDS.1);
        (HOT * median).clamp(HOT_BOUNDS.0, HOT_BOUNDS.1)
    }

    /// Starts a cycle: chooses what to descend and where from.
    fn begin(&mut self, cycle: u32) {
        let wanted = if !self.setup.pareto {
            Phase::Scalar
        } else if cycle.is_multiple_of(2) {
            Phase::Pareto
        } else {
            Phase::Scalar
        };
        self.phase = wanted;
        let from = if self.setup.pareto && cycle > 0 { self.lonely() } else { None };
        if cycle > 0 {
            let from = from.or_else(|| self.best.assignment());
            let from = from.as_ref().unwrap_or(&self.start);
            self.state.reload(from);
            self.best.touch_all();
        }
        let direction = (self.setup.pareto && self.archive.members().len() > 1).then(|| {
            let draw: Point = std::array::from_fn(|_| -(1.0 - self.rng.random::<f64>()).ln());
            let sum: f64 = draw.iter().sum();
            draw.map(|d| d / sum)
        });
        self.aim(direction);
        self.hot = self.setup.heat
            * match self.phase {
                Phase::Scalar => self.sound(),
                Phase::Pareto => HOT_PARETO,
            };
    }

    /// A member of the archive with much room around it: the lonelier of two drawn.
    fn lonely(&mut self) -> Option<Assignment> {
        let n = self.archive.members().len() as u32;
        if n == 0 {
            return None;
        }
        let distance = self.archive.crowding();
        let (a, b) = (self.rng.random_range(0..n) as usize, self.rng.random_range(0..n) as usize);
        let pick = if distance[a] >= distance[b] { a } else { b };
        Some(self.archive.members()[pick].item.clone())
    }

    /// One temperature.
    fn batch(&mut self, temperature: f64) {
        let mut infeasible = 0;
        let mut current = self.state.score();
        let mut at = self.energy.of(&current);
        for _ in 0..BATCH.min(self.setup.moves - self.moves.min(self.setup.moves)) {
            self.moves += 1;
            let (kind, s) = self.momentum.draw(&mut self.rng);
            self.change.clear();
            let proposed = MOVES[kind].propose(&self.state, s, &mut self.rng, &mut self.change);
            let mut gain = 0.0;
            if proposed && self.state.apply(&mut self.change) {
                let score = self.state.score();
                let (accept, brought) = self.decide(&score, &current, at, temperature);
                if accept {
                    gain = brought;
                    (current, at) = (score, self.energy.of(&score));
                    self.accept(&current);
                } else {
                    self.state.undo(&mut self.change);
                }
            }
            if self.setup.momentum {
                self.momentum.learn(kind, s, gain);
            }
            infeasible += u64::from(!current.feasible());
        }
        self.ruin(temperature);
        // Cross infeasible ground, but do not settle there.
        let share = infeasible as f64 / BATCH as f64;
        let factor = if share > 0.6 {
            1.2
        } else if share < 0.2 {
            0.95
        } else {
            1.0
        };
        self.energy.penalty = (self.energy.penalty * factor).clamp(PENALTY.0, PENALTY.1);
    }

    /// One ruin and recreate.
    fn ruin(&mut self, temperature: f64) {
        let before = self.state.score();
        if !self.rebuild.apply(&mut self.state, &mut self.rng) {
            return;
        }
        self.moves += 1;
        let score = self.state.score();
        let (accept, _) = self.decide(&score, &before, self.energy.of(&before), temperature);
        if !accept {
            self.rebuild.undo(&mut self.state);
            return;
        }
        self.accepted += 1;
        for &s in &self.rebuild.services {
            self.best.touch(s);
            let row = self.state.row(s);
            if row.within_limits() {
                self.columns.meet(s, row);
            }
        }
        self.meet();
    }

    fn decide(&mut self, new: &Score, current: &Score, at: f64, temperature: f64) -> (bool, f64) {
        match self.phase {
            Phase::Scalar => {
                let delta = self.energy.of(new) - at;
                (metropolis(delta, temperature, &mut self.rng), (-delta).max(0.0))
            }
            Phase::Pareto => {
                let verdict = judge(new, current, &self.archive, self.energy.penalty, temperature);
                (verdict.chance >= 1.0 || self.rng.random::<f64>() < verdict.chance, verdict.gain)
            }
        }
    }

    fn accept(&mut self, score: &Score) {
        self.accepted += 1;
        for &s in self.change.services() {
            self.best.touch(s);
            let row = self.state.row(s);
            if row.within_limits() {
                self.columns.meet(s, row);
            }
        }
        if score.feasible() {
            self.meet();
        }
    }
}

type Iteration = IterState<Assignment, (), (), (), (), f64>;

impl Solver<Planning, Iteration> for Pgsam<'_> {
    fn name(&self) -> &str {
        "Pareto-guided simulated annealing with momentum"
    }

    fn next_iter(&mut self, _: &mut Problem<Planning>, state: Iteration) -> Result<(Iteration, Option<KV>), Error> {
        let step = self.schedule.at(state.iter);
        if step.first {
            self.begin(step.cycle);
        }
        self.batch(self.hot * step.heat);
        if self.best.objective >= self.reported {
            return Ok((state, None));
        }
        self.reported = self.best.objective;
        self.watch.progress(Progress { phase: "anneal", best: self.reported, bound: f64::NEG_INFINITY });
        let found = self.best.assignment();
        Ok((if let Some(best) = found { state.param(best).cost(self.reported) } else { state }, None))
    }

    fn terminate(&mut self, _: &Iteration) -> TerminationStatus {
        if self.watch.stop() {
            return TerminationStatus::Terminated(TerminationReason::Interrupt);
        }
        TerminationStatus::NotTerminated
    }
}
