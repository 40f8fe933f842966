//! What several commands share: read a scenario, build its table, search, compose the plan.

use super::args::Search;
use super::exit::Failure;
use super::watch::{Terminal, interrupted};
use super::{files, watch};
use crate::compose::compose;
use crate::physics::{self, Model};
use crate::search::{self, Effort, Solution, Status};
use protocol::{Certificate, Plan};
use profiles::{Catalogue, DeviceProfile, LinkProfile, ModelProfile};
use scenarios::{Goal, Known, Reading, Scenario};
use std::path::Path;

/// The catalogue, and the user's own profile files.
struct Shelf(&'static Catalogue);

impl Known for Shelf {
    fn device(&self, id: &str) -> Option<&DeviceProfile> {
        self.0.device(id)
    }
    fn model(&self, id: &str) -> Option<&ModelProfile> {
        self.0.model(id)
    }
    fn link(&self, id: &str) -> Option<&LinkProfile> {
        self.0.link(id)
    }
    fn device_ids(&self) -> Vec<&str> {
        self.0.device_ids().collect()
    }
    fn model_ids(&self) -> Vec<&str> {
        self.0.model_ids().collect()
    }
    fn link_ids(&self) -> Vec<&str> {
        self.0.link_ids().collect()
    }
    fn profile_file(&self, path: &Path) -> Result<DeviceProfile, String> {
        profiles::read_device_file(path).map_err(|e| e.to_string())
    }
}

/// Reads and checks a scenario; prints warnings, returns all errors rendered.
pub(crate) fn scenario(path: &Path) -> Result<Scenario, Failure> {
    let bytes = files::read(path)?;
    let Reading { scenario, findings } = scenarios::inspect(path, &bytes, &Shelf(Catalogue::builtin()));
    let text = scenarios::render(&findings, path, &String::from_utf8_lossy(&bytes));
    match scenario {
        Some(scenario) => {
            eprint!("{text}");
            Ok(scenario)
        }
        None => Err(Failure::input(text)),
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
}

/// Builds, searches, composes.
pub(crate) fn solve(scenario: &Scenario, effort: &Effort, parent: Option<&Plan>, quiet: bool) -> Solved {
    watch::catch_interrupt();
    let model = physics::build(scenario);
    let terminal = Terminal::new(quiet, unit(scenario.objective.goal));
    let (solution, ratio) = if scenario.objective.goal == Goal::AnswersPerJoule {
        let found = search::ratio::solve(&model.table, effort, &terminal);
        (found.solution, Some((found.value, found.bound)))
    } else {
        (search::solve(&model.table, effort, &terminal), None)
    };
    terminal.done();
    let plan = solution.best.as_ref().map(|(assignment, evaluation)| {
        let (value, bound) = ratio.unwrap_or((evaluation.objective, solution.bound));
        let certificate = certificate(scenario, &solution, value, bound);
        let mut plan = compose(scenario, &model, assignment, certificate, effort.seed);
        if let Some(parent) = parent {
            plan = crate::compose::succeed(plan, parent);
        }
        plan
    });
    Solved { model, solution, plan }
}

/// Names the objective as a user reads it.
pub(crate) fn objective(goal: Goal) -> &'static str {
    match goal {
        Goal::Power => "fleet power",
        Goal::EnergyPerRequest => "energy per request",
        Goal::Latency => "latency score",
        Goal::Accuracy => "inaccuracy",
        Goal::AnswersPerJoule => "energy per right answer",
    }
}

fn unit(goal: Goal) -> &'static str {
    match goal {
        Goal::Power | Goal::EnergyPerRequest => "W",
        Goal::Latency | Goal::Accuracy => "1",
        Goal::AnswersPerJoule => "J",
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
    Certificate { objective: objective(scenario.objective.goal).into(), unit: unit.into(), value, bound, gap, status: status.into() }
}
