//! `planner optimize SCENARIO`: the main job.

use super::args::{Optimize, Stream};
use super::exit::{Exit, Failure, Outcome};
use super::solve::{Solved, effort, scenario, solve, table_unit, with_threads};
use super::{events, files, infeasible, paint, watch};
use crate::baselines::{self, Baseline};
use crate::replan::{Replan, Terms};
use crate::search::{Effort, Silent};
use crate::{explain, lint, present, survive, whatif};
use protocol::Plan;
use scenarios::Scenario;
use std::path::{Path, PathBuf};

pub(crate) fn run(args: &Optimize) -> Outcome {
    let wanted = scenario(&args.scenario)?;
    let parent = args.parent.as_deref().map(files::plan).transpose()?;
    let out = args.out.clone().unwrap_or_else(|| default_folder(&args.scenario));
    with_threads(args.search.threads, || planned(args, &wanted, parent.as_ref(), &out))?
}

fn planned(args: &Optimize, wanted: &Scenario, parent: Option<&Plan>, out: &Path) -> Outcome {
    let effort = effort(&args.search);
    let terms = Terms { horizon_s: args.horizon, hysteresis: args.hysteresis };
    let solved = solve(wanted, &effort, parent.map(|p| (p, terms)), args.show());
    let Some(plan) = &solved.plan else {
        return infeasible::report(wanted, &args.scenario, &solved.solution, args.format);
    };
    let verdict = lint::lint(wanted, plan);
    if verdict.fatal() {
        return Err(Failure::bug(format!("the linter refuses this plan\n{verdict}")));
    }
    for lost in 0..wanted.devices.len() {
        survived(wanted, &solved, lost)?;
    }
    if parent.is_some() {
        eprint!("{}", moves(wanted, solved.replan.as_ref()));
    }
    // Comparisons are extras: Ctrl-C ends the search for the plan, not the wait for the report.
    let little = Effort { front: 0, ..Effort::for_seconds((args.search.time / 40.0).min(0.5)) };
    let baselines = baselines::all(wanted, &Effort { seed: effort.seed, ..little.clone() }, &Silent);
    let why = explain::explain(wanted, &solved.model, plan, &solved.solution);
    let improvements = if watch::interrupted() { Vec::new() } else { whatif::improvements(wanted, solved.objective(), &little) };
    let file = args.scenario.display().to_string();
    let report = present::report(&present::Material {
        scenario: wanted,
        scenario_file: &file,
        model: &solved.model,
        plan,
        solution: &solved.solution,
        baselines: &baselines,
        why: &why,
        improvements: improvements.iter().map(|i| present::improvement(i, table_unit(wanted.objective.goal))).collect(),
    });
    write_all(out, plan, &report)?;
    if let Some(path) = &args.trace {
        files::write(path, reports::trace(&reports::plan_trace(&report)).as_bytes())?;
    }
    match args.format {
        Stream::Json => files::print(&pretty(&json(plan, &baselines, &solved))?),
        Stream::Jsonl => events::print("result", serde_json::json!({ "result": json(plan, &baselines, &solved) })),
        Stream::Human => {
            paint::say(&reports::plan_table(&report, width()));
            eprintln!("\nwrote {} and {}", shown(out, "plan.json"), shown(out, "index.html"));
            paint::tell(&format!(
                "next: planner explain {file} --plan {} · planner what-if {file} --set …",
                shown(out, "plan.json")
            ));
        }
    }
    if args.open {
        show_page(&out.join("index.html"));
    }
    Ok(exit(plan))
}

/// The page in whatever shows pages here. The plan is made: that there is nothing is no failure.
fn show_page(page: &Path) {
    if let Err(why) = open::that_detached(page) {
        eprintln!("warning: no browser took {} ({why})\n  help: open the file yourself", page.display());
    }
}

/// With promises to survive a loss: what is left without a device keeps them. The plan was made so; here it is tried.
fn survived(wanted: &Scenario, solved: &Solved, device: usize) -> Result<(), Failure> {
    let Some((assignment, _)) = solved.solution.best.as_ref().filter(|_| wanted.services.iter().any(|s| s.survives_loss)) else {
        return Ok(());
    };
    survive::after(wanted, &solved.model, assignment, device).map(|_| ()).map_err(Failure::bug)
}

/// What moves, a line a service.
fn moves(wanted: &Scenario, replan: Option<&Replan>) -> String {
    let Some(r) = replan else { return "the running plan does not fit this scenario: all is planned anew\n".into() };
    if r.moves.is_empty() {
        return "nothing moves: the running plan is as good, or nearly\n".into();
    }
    let line = |m: &crate::replan::Move| {
        let n = profiles::units::significant;
        let name = &wanted.services[m.service].name;
        format!("moves {name}: {} MB, {} s, {} J\n", n(m.bytes / 1e6), n(m.seconds), n(m.joules))
    };
    let woken = |w: &crate::replan::Woken| {
        let n = profiles::units::significant;
        format!("wakes {}: {} s, {} J\n", wanted.devices[w.device].name, n(w.seconds), n(w.joules))
    };
    r.moves.iter().map(line).chain(r.woken.iter().map(woken)).collect()
}

/// All files of a run, plan first: a report never stands beside a plan of another run for want of space.
fn write_all(out: &Path, plan: &Plan, report: &reports::Report) -> Result<(), Failure> {
    files::write(&out.join("plan.json"), &protocol::canonical::bytes(plan).map_err(Failure::bug)?)?;
    files::write(&out.join("index.html"), reports::html(report).as_bytes())?;
    files::write(&out.join("report.json"), reports::json(report).map_err(Failure::bug)?.as_bytes())?;
    files::write(&out.join("summary.md"), reports::markdown(report).as_bytes())?;
    for (name, bytes) in
        reports::csv(report).map_err(Failure::bug)?.into_iter().chain(reports::parquet(report).map_err(Failure::bug)?)
    {
        files::write(&out.join(name), &bytes)?;
    }
    Ok(())
}

fn exit(plan: &Plan) -> Exit {
    let missed = plan.services.iter().flat_map(|s| &s.targets).chain(&plan.totals.targets).any(|t| t.margin < -1e-6);
    if watch::interrupted() {
        Exit::Interrupted
    } else if missed {
        Exit::Missed
    } else {
        Exit::Done
    }
}

/// `reports/<scenario>` under the current folder.
pub(crate) fn default_folder(scenario: &Path) -> PathBuf {
    let stem = scenario.file_stem().map_or_else(|| "plan".into(), |s| s.to_string_lossy().into_owned());
    Path::new("reports").join(stem)
}

fn shown(folder: &Path, name: &str) -> String {
    folder.join(name).display().to_string()
}

fn width() -> usize {
    std::env::var("COLUMNS").ok().and_then(|c| c.parse().ok()).unwrap_or(100).clamp(60, 200)
}

/// A plan as `optimize` prints it, without comparisons.
pub(crate) fn table(wanted: &Scenario, file: &Path, solved: &Solved, plan: &Plan) -> String {
    let why = explain::explain(wanted, &solved.model, plan, &solved.solution);
    let report = present::report(&present::Material {
        scenario: wanted,
        scenario_file: &file.display().to_string(),
        model: &solved.model,
        plan,
        solution: &solved.solution,
        baselines: &[],
        why: &why,
        improvements: Vec::new(),
    });
    reports::plan_table(&report, width())
}

/// What scripts read: totals, certificate, each baseline and the plan's ratio to it.
fn json(plan: &Plan, baselines: &[Baseline], solved: &Solved) -> serde_json::Value {
    let metrics = |p: &Plan| {
        let t = &p.totals;
        serde_json::json!({
            "ipw": t.ipw, "ipw_fleet": t.ipw_fleet, "power_w": t.power_w, "answering_power_w": t.answering_power_w,
            "energy_per_request_j": t.energy_per_request_j, "answering_energy_j": answering_energy(p), "latency_s": t.mean_latency_s,
            "accuracy": t.accuracy, "answers_per_kj": t.answers_per_kj, "throttled_devices": t.throttled_devices,
        })
    };
    let against = |b: &Baseline| {
        let Some(other) = &b.plan else { return serde_json::Value::Null };
        let (mine, theirs) = (&plan.totals, &other.totals);
        serde_json::json!({
            "ipw_ratio": mine.ipw.zip(theirs.ipw).map(|(a, b)| a / b),
            "ipw_fleet_ratio": mine.ipw_fleet.zip(theirs.ipw_fleet).map(|(a, b)| a / b),
            "energy_change": mine.energy_per_request_j / theirs.energy_per_request_j - 1.0,
            "answering_energy_change": answering_energy(plan) / answering_energy(other) - 1.0,
            "latency_change": mine.mean_latency_s / theirs.mean_latency_s - 1.0,
        })
    };
    let standard = baselines.iter().find(|b| b.key == "standard").and_then(|b| b.plan.as_ref());
    let versus_standard = |p: &Plan| {
        standard.map(|s| {
            serde_json::json!({
                "ipw_ratio": p.totals.ipw.zip(s.totals.ipw).map(|(a, b)| a / b),
                "energy_change": p.totals.energy_per_request_j / s.totals.energy_per_request_j - 1.0,
                "answering_energy_change": answering_energy(p) / answering_energy(s) - 1.0,
                "latency_change": p.totals.mean_latency_s / s.totals.mean_latency_s - 1.0,
            })
        })
    };
    let rows: Vec<_> = baselines
        .iter()
        .map(|b| {
            serde_json::json!({
                "key": b.key, "name": b.name, "rule": b.rule, "feasible": b.plan.is_some() && b.broken.is_empty(), "broken": b.broken,
                "metrics": b.plan.as_ref().map(&metrics), "plan_against_it": against(b),
                "against_standard": b.plan.as_ref().and_then(&versus_standard),
            })
        })
        .collect();
    serde_json::json!({
        "schema": "wattline.optimize/1", "plan": metrics(plan), "plan_id": plan.id, "certificate": plan.certificate,
        "against_standard": versus_standard(plan), "baselines": rows, "front_points": solved.solution.front.len(), "sources": plan.sources,
    })
}

fn pretty(value: &serde_json::Value) -> Result<String, Failure> {
    Ok(format!("{}\n", serde_json::to_string_pretty(value).map_err(Failure::bug)?))
}

/// Mean over requests of the energy that answers account for: dynamic, network, standing while they run. Joules.
fn answering_energy(plan: &Plan) -> f64 {
    let rate: f64 = plan.services.iter().map(|s| s.rate_hz).sum();
    plan.services.iter().map(|s| s.rate_hz * s.expected.energy_j).sum::<f64>() / rate
}
