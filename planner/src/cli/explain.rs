//! `planner explain SCENARIO [--plan PLAN] [--why-not DEVICE:MODEL]`, and `planner explain CODE`.

use super::args::{Explain, Format};
use super::exit::{Exit, Failure, Outcome};
use super::solve::{effort, scenario, solve, with_threads};
use super::{files, infeasible};
use crate::{drift, explain};
use std::path::Path;

pub(crate) fn run(args: &Explain) -> Outcome {
    if let Some(text) = scenarios::explain(&args.what) {
        files::print(&format!("{}\n", text.trim_end()));
        return Ok(Exit::Done);
    }
    if args.what.starts_with("EDGE-") {
        return Err(Failure::input(format!(
            "error: there is no error code `{}`\n  help: codes are printed with each error, as EDGE-0007",
            args.what
        )));
    }
    let path = Path::new(&args.what);
    let written = scenario(path)?;
    let given = args.plan.as_deref().map(files::plan).transpose()?;
    // A plan that counts with what telemetry said of its devices is explained by that.
    let wanted = drift::corrected(&written, &given.as_ref().map(drift::of_plan).unwrap_or_default());
    with_threads(args.search.threads, || {
        let solved = solve(
            &wanted,
            &effort(&args.search),
            None,
            if args.format == Format::Json { super::watch::Show::Nothing } else { super::watch::Show::Bar },
        );
        let Some(mut plan) = solved.plan.clone() else {
            return infeasible::report(&wanted, path, &solved.solution, args.format);
        };
        let mut solution = solved.solution;
        if let Some(given) = given {
            let Some(assignment) = explain::assignment_of(&wanted, &solved.model, &given) else {
                return Err(Failure::input(format!(
                    "error: that plan does not fit {}\n  help: `planner check {} --plan …` lists every violation",
                    args.what, args.what
                )));
            };
            let evaluation = crate::table::evaluate(&solved.model.table, &assignment);
            solution.best = Some((assignment, evaluation));
            plan = given;
        }
        if let Some(asked) = &args.why_not {
            let answer = explain::why_not(&wanted, &solved.model, &solution, asked).map_err(Failure::input)?;
            return print(&answer, args.format);
        }
        print(&explain::explain(&wanted, &solved.model, &plan, &solution), args.format)
    })?
}

fn print<T: std::fmt::Display + serde::Serialize>(value: &T, format: Format) -> Outcome {
    match format {
        Format::Human => files::print(&value.to_string()),
        Format::Json => files::print(&format!("{}\n", serde_json::to_string_pretty(value).map_err(Failure::bug)?)),
    }
    Ok(Exit::Done)
}
