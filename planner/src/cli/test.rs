//! `planner test SCENARIO…`: solves each and checks what its `expect:` says.

use super::args::{Format, Test};
use super::exit::{Exit, Failure, Outcome};
use super::solve::{effort, scenario, solve, with_threads};
use super::{files, paint, watch};
use crate::expect::{self, Outcome as Found};
use serde_json::json;

pub(crate) fn run(args: &Test) -> Outcome {
    // All are read first, so that a mistake in the last one costs no search.
    let mut wanted = Vec::new();
    for path in &args.scenarios {
        let read = scenario(path)?;
        if read.expect.is_empty() {
            let message = format!("error: {} expects nothing: it has no `expect:`", path.display());
            return Err(Failure::input(format!(
                "{message}\n  help: add for example\n    expect:\n      - feasible\n      - gap < 5 %"
            )));
        }
        wanted.push((path.display().to_string(), read));
    }
    let mut all: Vec<(String, Vec<Found>)> = Vec::new();
    for (file, scenario) in wanted {
        let show = if args.format == Format::Human { watch::Show::Bar } else { watch::Show::Nothing };
        let solved = with_threads(args.search.threads, || solve(&scenario, &effort(&args.search), None, show))?;
        if watch::interrupted() {
            return Err(Failure { exit: Exit::Interrupted, message: format!("interrupted in {file}") });
        }
        let found = expect::check(&scenario.expect, solved.plan.as_ref());
        if args.format == Format::Human {
            paint::say(&text(&file, &found));
        }
        all.push((file, found));
    }
    let failed = all.iter().flat_map(|(_, found)| found).filter(|o| !o.passed).count();
    if args.format == Format::Json {
        let files: Vec<_> = all.iter().map(|(file, found)| json!({ "scenario": file, "expectations": found })).collect();
        let value = json!({ "schema": "wattline.test/1", "failed": failed, "scenarios": files });
        files::print(&format!("{}\n", serde_json::to_string_pretty(&value).map_err(Failure::bug)?));
    }
    Ok(if failed > 0 { Exit::Missed } else { Exit::Done })
}

fn text(file: &str, found: &[Found]) -> String {
    let width = found.iter().map(|o| o.text.chars().count()).max().unwrap_or(0);
    let wide = found.iter().map(|o| o.found.chars().count()).max().unwrap_or(0);
    let mut out = String::new();
    for o in found {
        // The verdict stands last, where it is painted.
        let verdict = if o.passed { "passed" } else { "FAILED" };
        out.push_str(&format!("{file}:{:<4} {:<width$}  {:<wide$}  {verdict}\n", o.line, o.text, o.found));
    }
    let failed = found.iter().filter(|o| !o.passed).count();
    let all = found.len();
    out.push_str(&match failed {
        0 => format!("✓ {file}: all {all} expectations hold\n"),
        n => format!("✗ {file}: {n} of {all} expectations do not hold\n"),
    });
    out
}
