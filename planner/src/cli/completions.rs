//! Shell completions, generated from the one list of flags; with the names of a scenario, where one is given.

use super::args::{Cli, Completions};
use super::exit::{Exit, Outcome};
use clap::builder::PossibleValuesParser;
use clap::{Command, CommandFactory};
use profiles::Catalogue;
use scenarios::Scenario;

pub(crate) fn run(args: &Completions) -> Outcome {
    let scenario = args.scenario.as_deref().map(super::solve::scenario).transpose()?;
    let mut out = Vec::new();
    clap_complete::generate(args.shell, &mut named(Cli::command(), scenario.as_ref()), "planner", &mut out);
    super::files::print(&String::from_utf8_lossy(&out));
    Ok(Exit::Done)
}

/// The commands with the values that are known: devices of the catalogue, and names of the scenario.
fn named(command: Command, scenario: Option<&Scenario>) -> Command {
    let catalogue: Vec<String> = Catalogue::builtin().device_ids().map(str::to_owned).collect();
    let command = offer(command, "what-if", "add", &catalogue);
    let command = offer(command, "calibrate", "device", &catalogue);
    let Some(scenario) = scenario else { return command };
    let devices: Vec<String> = scenario.devices.iter().map(|d| d.name.clone()).collect();
    let services = scenario.services.iter().map(|s| s.name.clone());
    let models = scenario.services.iter().flat_map(|s| &s.models).map(|m| m.value.id.clone());
    let mut ways: Vec<String> = models.flat_map(|m| devices.iter().map(move |d| format!("{d}:{m}"))).collect();
    ways.sort();
    ways.dedup();
    let command = offer(command, "what-if", "drop", &devices.iter().cloned().chain(services).collect::<Vec<_>>());
    let command = offer(command, "explain", "why_not", &ways);
    offer(command, "enroll", "name", &devices)
}

/// Values for an argument; the scripts only offer them.
fn offer(command: Command, of: &'static str, argument: &'static str, values: &[String]) -> Command {
    // The list of flags is static; this program ends when it is printed.
    let values: Vec<&'static str> = values.iter().map(|v| &*v.clone().leak()).collect();
    command.mut_subcommand(of, |c| c.mut_arg(argument, |a| a.value_parser(PossibleValuesParser::new(values))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_scenario_and_the_catalogue() {
        let scenario = crate::testing::two_boards_and_a_card();
        let of = |command: &Command, sub: &str, argument: &str| -> Vec<String> {
            let found = command.find_subcommand(sub).and_then(|c| c.get_arguments().find(|a| a.get_id() == argument));
            found.expect("an argument").get_possible_values().iter().map(|v| v.get_name().to_owned()).collect()
        };
        let plain = named(Cli::command(), None);
        assert!(of(&plain, "what-if", "add").contains(&"rpi5-8gb".to_owned()) && of(&plain, "what-if", "drop").is_empty());
        let own = named(Cli::command(), Some(&scenario));
        let (device, service) = (&scenario.devices[0].name, &scenario.services[0]);
        assert!(of(&own, "enroll", "name").contains(device) && of(&own, "what-if", "drop").contains(&service.name));
        assert!(of(&own, "explain", "why_not").contains(&format!("{device}:{}", service.models[0].value.id)));
        own.debug_assert();
    }
}
