//! What several commands share: read a scenario, build its table, search, compose the plan.

use super::args::Search;
use super::exit::Failure;
use super::watch::{Terminal, interrupted};
use super::{files, watch};
use crate::compose::compose;
use crate::explain;
use crate::pairs::{self, Found};
use crate::physics::Model;
use crate::replan::{self, Replan, Terms};
use crate::search::{Effort, Solution, Status};
use crate::table::Assignment;
use profiles::Catalogue;
use protocol::{Certificate, Plan};
use scenarios::{Goal, Scenario};
use std::path::Path;

/// Reads and checks a scenario; prints warnings, returns all errors rendered.
pub(crate) fn scenario(path: &Path) -> Result<Scenario, Failure> {
    let bytes = files::read(path)?;
    let folder = path.parent().map(Path::to_path_buf).unwrap_or_default();
    let open = |name: &str| files::read(&folder.join(name)).map_err(|f| f.message);
    match scenarios::read(path, &bytes, Catalogue::builtin(), &open) {
        Ok(read) => {
            if !read.warnings.is_empty() {
                super::paint::tell(&scenarios::render(&read.warnings, path, &bytes));
            }
            Ok(read.scenario)
        }
        Err(findings) => Err(Failure::input(scenarios::render(&findings, path, &bytes))),
    }
}

/// A pool of the size asked for; the result does not depend on it.
pub(crate) fn with_threads<T: Send>(threads: Option<usize>, work: impl FnOnce() -> T + Send) -> Result<T, Failure> {
    if threads == Some(0) {
        return Err(Failure::input("error: --threads 0\n  help: write 1 or more, or leave it out for all cores"));
    }
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads.unwrap_or(0)).build().map_err(Failure::bug)?;
    Ok(pool.install(work))
}

/// Work for the time asked for.
pub(crate) fn effort(search: &Search) -> Effort {
    Effort { seed: search.seed, gap: search.gap, ..Effort::for_seconds(search.time) }
}

/// A solved scenario.
pub(crate) struct Solved {
    pub(crate) model: Model,
    pub(crate) solution: Solution,
    /// `None`: nothing feasible was found.
    pub(crate) plan: Option<Plan>,
    /// With a running plan: what moves.
    pub(crate) replan: Option<Replan>,
}

impl Solved {
    /// Objective of the best assignment in the table's unit; infinite without one.
    pub(crate) fn objective(&self) -> f64 {
        self.solution.best.as_ref().map_or(f64::INFINITY, |(_, e)| e.objective)
    }
}

/// Builds, searches, composes.
pub(crate) fn solve(scenario: &Scenario, effort: &Effort, parent: Option<(&Plan, Terms)>, show: watch::Show) -> Solved {
    watch::catch_interrupt();
    let terminal = Terminal::new(show, unit(scenario.objective.goal));
    let running = |model: &Model| {
        let running = parent.map(|(plan, _)| explain::running_of(scenario, model, plan));
        running.filter(|r| r.services.iter().any(Option::is_some))
    };
    let starts = |model: &Model| -> Vec<Assignment> {
        running(model).iter().flat_map(|r| [Some(r.clone()), replan::repair(&model.table, r)]).flatten().collect()
    };
    let mut all = pairs::each(scenario, effort, &terminal, &starts);
    terminal.done();
    let outcome = pairs::best(&all);
    let (at, moved) = match parent {
        Some((plan, terms)) => replan::among(scenario, &all, outcome.best, plan, &terms),
        None => (outcome.best, None),
    };
    let stopped = all.iter().any(|f| f.solution.stopped);
    let Found { model, mut solution, ratio, .. } = all.swap_remove(at);
    solution.stopped = stopped;
    (solution.bound, solution.status) = (if ratio.is_none() { outcome.bound } else { solution.bound }, outcome.status);
    let ratio = ratio.map(|(value, _)| (value, outcome.bound));
    if let Some(r) = moved.as_ref().filter(|_| ratio.is_none()) {
        settle(&mut solution, r);
    }
    let plan = solution.best.as_ref().map(|(assignment, evaluation)| {
        let value = pairs::exactly(scenario, &model, assignment, evaluation);
        let (value, bound) = ratio.unwrap_or((value, solution.bound));
        let certificate = certificate(scenario, &solution, value, bound);
        let mut plan = compose(scenario, &model, assignment, certificate, effort.seed);
        if let Some((parent, _)) = parent {
            plan = crate::compose::succeed(plan, parent);
        }
        plan
    });
    Solved { model, solution, plan, replan: moved }
}

/// The mix in place of the best plan: what does not pay is not moved, and the gap says what that leaves.
fn settle(solution: &mut Solution, r: &Replan) {
    let value = r.evaluation.objective;
    let best = (r.assignment.clone(), r.evaluation.clone());
    if !solution.front.contains(&best) {
        solution.front.insert(0, best.clone());
    }
    solution.best = Some(best);
    if solution.status == Status::Optimal && value - solution.bound > 1e-6 * value.abs() {
        solution.status = Status::Gap;
    }
}

/// Names the objective as a user reads it. Where fleet power breaks ties, bound and value contain that small term.
pub(crate) fn objective(goal: Goal) -> &'static str {
    match goal {
        Goal::Power => "fleet power",
        Goal::EnergyPerRequest => "energy per request",
        Goal::Latency => "latency score with its tie-break",
        Goal::Accuracy => "inaccuracy with its tie-break",
        Goal::AnswersPerJoule => "energy per right answer",
        Goal::Cost => "cost of a day",
        Goal::Carbon => "carbon of a day",
    }
}

/// Unit of the objective inside the table.
pub(crate) fn table_unit(goal: Goal) -> &'static str {
    match goal {
        Goal::Power | Goal::EnergyPerRequest | Goal::AnswersPerJoule => "W",
        Goal::Latency | Goal::Accuracy => "",
        Goal::Cost => "a day",
        Goal::Carbon => "g/day",
    }
}

fn unit(goal: Goal) -> &'static str {
    match goal {
        Goal::Power | Goal::EnergyPerRequest => "W",
        Goal::Latency | Goal::Accuracy => "1",
        Goal::AnswersPerJoule => "J",
        Goal::Cost => "a day",
        Goal::Carbon => "g/day",
    }
}

fn certificate(scenario: &Scenario, solution: &Solution, value: f64, bound: f64) -> Certificate {
    let rate: f64 = scenario.services.iter().map(|s| s.rate.value.get()).sum();
    // Energy per request is power over a constant rate: the same optimum, another unit.
    let (scale, unit) = match scenario.objective.goal {
        Goal::EnergyPerRequest if rate > 0.0 => (1.0 / rate, "J"),
        goal => (1.0, unit(goal)),
    };
    let (value, bound) = (value * scale, bound.min(value) * scale);
    let status = match solution.status {
        _ if solution.stopped || interrupted() => "stopped",
        Status::Optimal => "optimal",
        _ => "gap",
    };
    let gap = if value.abs() > 0.0 { ((value - bound) / value.abs()).max(0.0) } else { 0.0 };
    Certificate {
        objective: objective(scenario.objective.goal).into(),
        unit: match (scenario.objective.goal, scenario.currency()) {
            (Goal::Cost, Some(currency)) => format!("{currency}/day"),
            _ => unit.into(),
        },
        value,
        bound,
        gap,
        status: status.into(),
    }
}
