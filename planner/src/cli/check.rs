//! `planner check SCENARIO [--plan PLAN]`.

use super::args::{Check, Format};
use super::exit::{Exit, Failure, Outcome};
use super::{files, solve};
use crate::lint;

pub(crate) fn run(args: &Check) -> Outcome {
    let scenario = solve::scenario(&args.scenario)?;
    let Some(path) = &args.plan else { return summary(&scenario, args) };
    let plan = files::plan(path)?;
    let verdict = lint::lint(&scenario, &plan);
    match args.format {
        Format::Human => files::print(&verdict.to_string()),
        Format::Json => files::print(&format!("{}\n", serde_json::to_string_pretty(&verdict).map_err(Failure::bug)?)),
    }
    Ok(if verdict.fatal() { Exit::Missed } else { Exit::Done })
}

/// What was read, and how much there is to choose from.
fn summary(scenario: &scenarios::Scenario, args: &Check) -> Outcome {
    let offers = crate::survive::offers(scenario);
    let options: Vec<(&str, usize)> = scenario.services.iter().map(|s| s.name.as_str()).zip(offers.options).collect();
    match args.format {
        Format::Json => {
            let value = serde_json::json!({
                "ok": true, "name": scenario.name, "devices": scenario.devices.len(), "services": scenario.services.len(),
                "options": options.iter().map(|(n, c)| serde_json::json!({"service": n, "options": c})).collect::<Vec<_>>(),
                "dropped": offers.dropped.iter().map(ToString::to_string).collect::<Vec<_>>(),
            });
            files::print(&format!("{}\n", serde_json::to_string_pretty(&value).map_err(Failure::bug)?));
        }
        Format::Human => {
            let mut text = format!(
                "{}: {} devices on {} sites, {} services, no errors\n",
                args.scenario.display(),
                scenario.devices.len(),
                scenario.sites.len(),
                scenario.services.len()
            );
            for (name, count) in options {
                text.push_str(&format!("  {name:<20} {count} options of model, precision, scaling and replicas\n"));
            }
            if !offers.dropped.is_empty() {
                text.push_str(&format!("  {} options dropped; `planner explain` says why\n", offers.dropped.len()));
            }
            files::print(&text);
        }
    }
    Ok(Exit::Done)
}
