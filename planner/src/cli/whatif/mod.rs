//! `planner what-if SCENARIO --set … --drop … --add … --sweep …`.

mod sweep;

use super::args::{Format, WhatIf};
use super::exit::{Exit, Failure, Outcome};
use super::solve::{effort, scenario, solve, with_threads};
use super::{files, infeasible};
use crate::{diff, whatif};
use sweep::Sweep;

pub(crate) fn run(args: &WhatIf) -> Outcome {
    let wanted = scenario(&args.scenario)?;
    let sweeps = args.sweep.iter().map(|s| Sweep::read(s)).collect::<Result<Vec<_>, _>>()?;
    if !sweeps.is_empty() {
        return sweep::run(args, &wanted, &sweeps);
    }
    if args.set.is_empty() && args.drop.is_empty() && args.add.is_empty() {
        return Err(Failure::input(
            "error: nothing to change\n  help: add --set chat.deadline.ttft=1200ms, --drop pi5-1 --add orin-nano-8gb-super or --sweep chat.rate=1/h..10/h:4",
        ));
    }
    let changed = whatif::apply(&wanted, &args.set, &args.drop, &args.add).map_err(|all| Failure::input(all.to_string()))?;
    with_threads(args.search.threads, || {
        let effort = effort(&args.search);
        let show = if args.format == Format::Json { super::watch::Show::Nothing } else { super::watch::Show::Bar };
        let before = solve(&wanted, &effort, None, show);
        let after = solve(&changed, &effort, None, show);
        match (&before.plan, &after.plan) {
            (_, None) => {
                eprintln!("with these changes no plan keeps all limits");
                infeasible::report(&changed, &args.scenario, &after.solution, args.format)
            }
            (None, Some(plan)) => {
                eprintln!("feasible with these changes; it was not without them");
                match args.format {
                    Format::Human => super::paint::say(&super::optimize::table(&changed, &args.scenario, &after, plan)),
                    Format::Json => {
                        files::print(&String::from_utf8_lossy(&protocol::canonical::bytes(plan).map_err(Failure::bug)?));
                    }
                }
                Ok(Exit::Done)
            }
            (Some(old), Some(new)) => {
                let d = diff::diff(old, new);
                match args.format {
                    Format::Human => super::paint::say(&d.to_string()),
                    Format::Json => files::print(&format!("{}\n", serde_json::to_string_pretty(&d).map_err(Failure::bug)?)),
                }
                Ok(Exit::Done)
            }
        }
    })?
}
