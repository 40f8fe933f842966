//! `planner yardstick`: plans an instance of the planning yardstick.

use super::args::{Target, Yardstick};
use super::exit::{Exit, Failure, Outcome};
use super::files;
use super::solve::with_threads;
use super::watch::{self, Show, Terminal};
use crate::search::{self, Effort, Progress, Solution, Status, Watch};
use crate::yardstick::{self, Instance, InstanceError, Problem};
use std::path::Path;
use std::sync::Mutex;

/// Points of a front that are written.
const POINTS: u32 = 200;

pub(crate) fn run(args: &Yardstick) -> Outcome {
    let bytes = files::read(&args.instance)?;
    let failed = |path: &Path, e: &InstanceError| {
        let help = "instances are written by the yardstick's generator, plans by --out";
        Failure::input(format!("error: {}: {e}\n  help: {help}", path.display()))
    };
    let instance = yardstick::read(&bytes).map_err(|e| failed(&args.instance, &e))?;
    let problem = yardstick::problem(&instance).map_err(|e| failed(&args.instance, &e))?;
    let starts = match &args.start {
        Some(path) => yardstick::read_plans(&problem, &files::read(path)?).map_err(|e| failed(path, &e))?,
        None => Vec::new(),
    };
    let front = if args.objective == Target::Front { POINTS } else { 0 };
    let effort = Effort { seed: args.seed, gap: 0.0, front, ..Effort::for_seconds(args.time) };
    watch::catch_interrupt();
    let listener =
        Listener { terminal: Terminal::new(if args.verbose { Show::Lines } else { Show::Nothing }, "W"), best: Mutex::default() };
    let solution = with_threads(args.threads, || search::improve(&problem.table, &starts, &effort, &listener))?;
    listener.terminal.done();
    let found: Vec<_> = solution.front.iter().map(|(a, _)| a).collect();
    let plans = yardstick::plans(&problem, found);
    files::write(&args.out, format!("{}\n", serde_json::to_string(&plans).map_err(Failure::bug)?).as_bytes())?;
    eprintln!("{}", summary(&instance, &problem, args, &solution));
    Ok(match solution.best {
        _ if watch::interrupted() => Exit::Interrupted,
        None => Exit::Missed,
        Some(_) => Exit::Done,
    })
}

/// Best and bound come from two threads; a line of progress shows the last of both.
struct Listener {
    terminal: Terminal,
    best: Mutex<Option<(f64, f64)>>,
}

impl Watch for Listener {
    fn progress(&self, p: Progress) {
        let mut last = self.best.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let (best, bound) = last.unwrap_or((f64::INFINITY, f64::NEG_INFINITY));
        let (best, bound) = (best.min(p.best), bound.max(p.bound));
        *last = Some((best, bound));
        self.terminal.progress(Progress { best, bound, ..p });
    }

    fn stop(&self) -> bool {
        watch::interrupted()
    }
}

/// What was found and how good it is at least, as one line of JSON.
fn summary(instance: &Instance, problem: &Problem, args: &Yardstick, solution: &Solution) -> serde_json::Value {
    let finite = |v: f64| v.is_finite().then_some(v);
    let power = solution.best.as_ref().map(|(_, e)| e.power_w);
    let points = solution.front.iter().map(|(_, e)| (e.power_w, e.latency));
    let status = match solution.status {
        Status::Optimal => "optimal",
        Status::Gap => "gap",
        Status::Infeasible => "infeasible",
        Status::Unknown => "unknown",
    };
    serde_json::json!({
        "schema": "wattline.yardstick/1",
        "instance": instance.name,
        "devices": problem.table.devices.len(),
        "services": problem.table.services.len(),
        "objective": if args.objective == Target::Front { "front" } else { "power" },
        "seed": args.seed,
        "status": status,
        "power_w": power,
        "latency": solution.best.as_ref().map(|(_, e)| e.latency),
        "bound_w": finite(solution.bound),
        "gap": power.and_then(|p| finite((p - solution.bound) / p)).map(|g| g.max(0.0)),
        "plans": solution.front.len(),
        "hypervolume": yardstick::hypervolume(&instance.reference, points),
        "moves": solution.stats.moves,
        "stopped": solution.stopped,
    })
}
