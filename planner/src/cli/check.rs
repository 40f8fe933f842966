//! `planner check SCENARIO [--plan PLAN]`: the scenario, the plan, and what the next commands will need.

use super::args::{Check, Format};
use super::exit::{Exit, Failure, Outcome};
use super::{environment, files, paint, solve};
use crate::lint;

pub(crate) fn run(args: &Check) -> Outcome {
    let scenario = solve::scenario(&args.scenario)?;
    let Some(path) = &args.plan else { return summary(&scenario, args) };
    let plan = files::plan(path)?;
    let verdict = lint::lint(&scenario, &plan);
    match args.format {
        Format::Human => paint::say(&verdict.to_string()),
        Format::Json => files::print(&format!("{}\n", serde_json::to_string_pretty(&verdict).map_err(Failure::bug)?)),
    }
    // About the plan alone, unless the fleet is named.
    let probes = if args.fleet.is_some() || args.agent.is_some() { environment::look(args, &scenario) } else { Vec::new() };
    if args.format == Format::Human && !probes.is_empty() {
        paint::say(&format!("environment\n{}", environment::text(&probes)));
    }
    Ok(if verdict.fatal() { Exit::Missed } else { environment::exit(&probes) })
}

/// What was read, and how much there is to choose from.
fn summary(scenario: &scenarios::Scenario, args: &Check) -> Outcome {
    let offers = crate::survive::offers(scenario);
    let probes = environment::look(args, scenario);
    let options: Vec<(&str, usize)> = scenario.services.iter().map(|s| s.name.as_str()).zip(offers.options).collect();
    match args.format {
        Format::Json => {
            let value = serde_json::json!({
                "ok": true, "name": scenario.name, "devices": scenario.devices.len(), "services": scenario.services.len(),
                "options": options.iter().map(|(n, c)| serde_json::json!({"service": n, "options": c})).collect::<Vec<_>>(),
                "dropped": offers.dropped.iter().map(ToString::to_string).collect::<Vec<_>>(), "environment": probes,
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
            if !probes.is_empty() {
                text.push_str(&format!("environment\n{}", environment::text(&probes)));
            }
            paint::say(&text);
        }
    }
    Ok(environment::exit(&probes))
}
