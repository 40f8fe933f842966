//! `planner what-if --sweep PATH=FROM..TO:POINTS`: the scenario solved at each value, as a table, as CSV and as a chart.

mod chart;

use crate::cli::args::{Format, WhatIf};
use crate::cli::exit::{Exit, Failure, Outcome};
use crate::cli::solve::{effort, solve, with_threads};
use crate::cli::{files, paint, watch};
use crate::whatif;
use protocol::Plan;
use scenarios::Scenario;
use serde_json::json;
use std::fmt::Write as _;
use std::path::PathBuf;

/// Most points of all sweeps together.
const POINTS: usize = 200;

/// What is varied, and over which values, as `--set` takes them.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sweep {
    path: String,
    values: Vec<String>,
}

impl Sweep {
    /// `orin-a.power_cap=10W..25W:4`, `chat.rate=1/h..10/h:5`, `chat.max_stages=1,2,3`.
    pub(super) fn read(text: &str) -> Result<Self, Failure> {
        let wrong = |why: String| {
            Failure::input(format!(
                "error: --sweep {text}: {why}\n  help: write PATH=FROM..TO:POINTS as orin-a.power_cap=10W..25W:4, or PATH=ONE,OTHER"
            ))
        };
        let (path, values) = text.split_once('=').ok_or_else(|| wrong("no `=`".into()))?;
        let values = match values.split_once("..") {
            None => values.split(',').map(|v| v.trim().to_owned()).collect(),
            Some((from, rest)) => {
                let (to, points) =
                    rest.rsplit_once(':').ok_or_else(|| wrong("how many points? none is said after a `:`".into()))?;
                let points: usize = points
                    .trim()
                    .parse()
                    .ok()
                    .filter(|n| (2..=POINTS).contains(n))
                    .ok_or_else(|| wrong(format!("2 to {POINTS} points, not `{points}`")))?;
                between(from, to, points).map_err(wrong)?
            }
        };
        Ok(Self { path: path.trim().to_owned(), values })
    }
}

/// A number and what follows it.
fn split(text: &str) -> Option<(f64, &str)> {
    let text = text.trim();
    let end = text.find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | '-' | '+'))).unwrap_or(text.len());
    Some((text[..end].parse().ok()?, text[end..].trim()))
}

/// Evenly spaced values in the unit of both ends.
fn between(from: &str, to: &str, points: usize) -> Result<Vec<String>, String> {
    let (low, unit) = split(from).ok_or_else(|| format!("`{from}` is no number"))?;
    let (high, other) = split(to).ok_or_else(|| format!("`{to}` is no number"))?;
    // `1..10/h` means the same unit at both ends.
    if !unit.is_empty() && unit != other {
        return Err(format!("`{unit}` and `{other}`: one unit for both ends"));
    }
    let step = (high - low) / (points - 1) as f64;
    let value = |i: usize| low + step * i as f64;
    // As many digits as tell the values apart, not the noise of their sums.
    Ok((0..points).map(|i| format!("{}{other}", (value(i) * 1e6).round() / 1e6)).collect())
}

/// One point.
struct Row {
    /// A value for each sweep.
    at: Vec<String>,
    plan: Option<Plan>,
}

pub(super) fn run(args: &WhatIf, wanted: &Scenario, sweeps: &[Sweep]) -> Outcome {
    let count: usize = sweeps.iter().map(|s| s.values.len()).product();
    if count > POINTS {
        return Err(Failure::input(format!(
            "error: {count} points, at most {POINTS} are solved\n  help: fewer points in each --sweep"
        )));
    }
    // Said before the searches, not after them.
    let outs: Vec<&PathBuf> = args.csv.iter().chain(&args.svg).collect();
    if let Some(path) = outs.iter().find(|path| path.exists()) {
        return Err(files::exists(path));
    }
    let show = if args.format == Format::Human { watch::Show::Bar } else { watch::Show::Nothing };
    let mut rows = Vec::new();
    // A mistake in the last value shall not cost the searches before it.
    let mut points = Vec::new();
    for i in 0..count {
        let at = values(sweeps, i);
        let set: Vec<String> = sweeps.iter().zip(&at).map(|(s, v)| format!("{}={v}", s.path)).collect();
        let set: Vec<String> = args.set.iter().cloned().chain(set).collect();
        let changed = whatif::apply(wanted, &set, &args.drop, &args.add).map_err(|all| Failure::input(all.to_string()))?;
        points.push((at, changed));
    }
    for (at, changed) in points {
        let solved = with_threads(args.search.threads, || solve(&changed, &effort(&args.search), None, show))?;
        if watch::interrupted() {
            eprintln!("interrupted: {} of {count} points were solved", rows.len());
            break;
        }
        rows.push(Row { at, plan: solved.plan });
    }
    if let Some(path) = &args.csv {
        files::create(path, csv(sweeps, &rows).as_bytes())?;
    }
    if let Some(path) = &args.svg {
        files::create(path, chart::svg(wanted, sweeps, &rows).as_bytes())?;
    }
    match args.format {
        Format::Human => {
            paint::say(&table(sweeps, &rows));
            if !outs.is_empty() {
                eprintln!("\nwrote {}", outs.iter().map(|p| p.display().to_string()).collect::<Vec<_>>().join(" and "));
            }
        }
        Format::Json => {
            let rows: Vec<_> = rows
                .iter()
                .map(|r| json!({ "at": at(sweeps, r), "feasible": r.plan.is_some(), "plan": r.plan.as_ref().map(figures) }))
                .collect();
            let value = json!({ "schema": "wattline.sweep/1", "scenario": args.scenario.display().to_string(), "rows": rows });
            files::print(&format!("{}\n", serde_json::to_string_pretty(&value).map_err(Failure::bug)?));
        }
    }
    Ok(match rows.len() {
        n if n < count => Exit::Interrupted,
        _ if rows.iter().all(|r| r.plan.is_none()) => Exit::Missed,
        _ => Exit::Done,
    })
}

/// The values of a point; the last sweep runs fastest.
fn values(sweeps: &[Sweep], mut i: usize) -> Vec<String> {
    let mut at: Vec<String> = Vec::new();
    for s in sweeps.iter().rev() {
        at.push(s.values[i % s.values.len()].clone());
        i /= s.values.len();
    }
    at.reverse();
    at
}

fn at(sweeps: &[Sweep], row: &Row) -> serde_json::Value {
    sweeps.iter().zip(&row.at).map(|(s, v)| (s.path.clone(), json!(v))).collect::<serde_json::Map<_, _>>().into()
}

/// Models with their precision and devices, a service after the other.
fn placed(plan: &Plan) -> String {
    let one = |s: &protocol::PlannedService| {
        let stages = s.replicas.iter().flat_map(|r| &r.stages);
        let mut on: Vec<&str> = stages
            .flat_map(|st| [Some(&st.device), st.partner.as_ref().map(|p| &p.device)])
            .flatten()
            .map(String::as_str)
            .collect();
        on.dedup();
        format!("{}: {} {} on {}", s.name, s.model, s.precision, on.join("+"))
    };
    plan.services.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn figures(plan: &Plan) -> serde_json::Value {
    let (t, c) = (&plan.totals, &plan.certificate);
    json!({
        "objective": c.objective, "unit": c.unit, "value": c.value, "bound": c.bound, "gap": c.gap,
        "power_w": t.power_w, "energy_per_request_j": t.energy_per_request_j, "mean_latency_s": t.mean_latency_s,
        "accuracy": t.accuracy, "answers_per_kj": t.answers_per_kj, "placed": placed(plan),
    })
}

fn table(sweeps: &[Sweep], rows: &[Row]) -> String {
    let n = profiles::units::significant;
    let mut lines: Vec<Vec<String>> = vec![sweeps.iter().map(|s| s.path.clone()).collect()];
    lines[0].extend(["power", "J/request", "latency", "accuracy", "gap", "plan"].map(str::to_owned));
    for row in rows {
        let mut line = row.at.clone();
        match &row.plan {
            None => line.extend(["-", "-", "-", "-", "-", "infeasible"].map(str::to_owned)),
            Some(p) => {
                let t = &p.totals;
                let accuracy = t.accuracy.map_or_else(|| "-".into(), |a| format!("{} %", n(100.0 * a)));
                line.extend([format!("{} W", n(t.power_w)), format!("{} J", n(t.energy_per_request_j))]);
                line.extend([
                    format!("{} s", n(t.mean_latency_s)),
                    accuracy,
                    format!("{:.1} %", 100.0 * p.certificate.gap),
                    placed(p),
                ]);
            }
        }
        lines.push(line);
    }
    let columns = lines[0].len();
    let width = |c: usize| lines.iter().map(|l| l[c].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut out = String::new();
    for line in &lines {
        for (c, cell) in line.iter().enumerate() {
            // Numbers to the right; the plan is last and as long as it is.
            let _ = if c + 1 < columns { write!(out, "{cell:>w$}  ", w = widths[c]) } else { writeln!(out, "{cell}") };
        }
    }
    out
}

/// The same with exact numbers (RFC 4180).
fn csv(sweeps: &[Sweep], rows: &[Row]) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let names = ["feasible", "power_w", "energy_per_request_j", "mean_latency_s", "accuracy", "value", "bound", "unit", "placed"];
    let head: Vec<&str> = sweeps.iter().map(|s| s.path.as_str()).chain(names).collect();
    // Writing into memory does not fail.
    let _ = writer.write_record(&head);
    for row in rows {
        let mut record = row.at.clone();
        record.push(row.plan.is_some().to_string());
        match &row.plan {
            None => record.resize(head.len(), String::new()),
            Some(p) => {
                let (t, c) = (&p.totals, &p.certificate);
                let accuracy = t.accuracy.map_or_else(String::new, |a| a.to_string());
                record.extend([
                    t.power_w.to_string(),
                    t.energy_per_request_j.to_string(),
                    t.mean_latency_s.to_string(),
                    accuracy,
                ]);
                record.extend([c.value.to_string(), c.bound.to_string(), c.unit.clone(), placed(p)]);
            }
        }
        let _ = writer.write_record(&record);
    }
    String::from_utf8(writer.into_inner().unwrap_or_default()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sweep(path: &str, values: &[&str]) -> Sweep {
        Sweep { path: path.into(), values: values.iter().map(|v| (*v).to_owned()).collect() }
    }

    #[test]
    fn ranges_and_lists_are_read() {
        assert_eq!(Sweep::read("a.power_cap=10W..25W:4").unwrap(), sweep("a.power_cap", &["10W", "15W", "20W", "25W"]));
        assert_eq!(Sweep::read("chat.rate=1..2/h:3").unwrap(), sweep("chat.rate", &["1/h", "1.5/h", "2/h"]));
        assert_eq!(Sweep::read("chat.rate=0.1/s..0.4/s:4").unwrap().values, ["0.1/s", "0.2/s", "0.3/s", "0.4/s"]);
        assert_eq!(Sweep::read("chat.max_stages=1, 3").unwrap(), sweep("chat.max_stages", &["1", "3"]));
        for (wrong, why) in [
            ("chat.rate", "no `=`"),
            ("chat.rate=1..2/h", "how many points"),
            ("chat.rate=1..2/h:1", "2 to 200"),
            ("a.b=1W..2J:3", "one unit"),
            ("a.b=x..2J:3", "no number"),
        ] {
            let message = Sweep::read(wrong).unwrap_err().message;
            assert!(message.contains(why) && message.contains("help: write PATH="), "{message}");
        }
    }

    #[test]
    fn all_points_of_two_sweeps() {
        let sweeps = [sweep("a", &["1", "2"]), sweep("b", &["x", "y", "z"])];
        let all: Vec<String> = (0..6).map(|i| values(&sweeps, i).join("")).collect();
        assert_eq!(all, ["1x", "1y", "1z", "2x", "2y", "2z"]);
    }
}
