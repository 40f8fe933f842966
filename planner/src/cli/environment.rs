//! What `planner check` looks at beside the scenario: what the next commands will need of this machine, and, only
//! where an agent is named, of the fleet. It writes nothing, and asks no address that was not given.

use super::args::{Check, Fleet};
use super::exit::Exit;
use super::fleet::{enrol, session::Session};
use fleet::enrol::{Owners, Roster};
use scenarios::Scenario;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// How a probe came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum State {
    Ok,
    /// Not there, and not needed yet.
    Absent,
    /// The next commands will fail on it.
    Wrong,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Probe {
    pub(crate) what: String,
    pub(crate) state: State,
    pub(crate) said: String,
    /// What to type.
    pub(crate) help: Option<String>,
    /// How to leave where it is wrong.
    #[serde(skip)]
    exit: Exit,
}

fn probe(what: impl Into<String>, state: State, said: impl Into<String>, help: Option<String>, exit: Exit) -> Probe {
    Probe { what: what.into(), state, said: said.into(), help, exit }
}

fn fine(what: impl Into<String>, said: impl Into<String>) -> Probe {
    probe(what, State::Ok, said, None, Exit::Done)
}

/// Looks at all; nothing with `--no-environment`.
pub(crate) fn look(args: &Check, scenario: &Scenario) -> Vec<Probe> {
    if args.no_environment {
        return Vec::new();
    }
    let mut all = vec![output(&super::optimize::default_folder(&args.scenario))];
    let (folder, named) =
        (args.fleet.clone().unwrap_or_else(|| PathBuf::from("fleet")), args.fleet.is_some() || args.agent.is_some());
    let (keys, is_usable) = keys(&folder, named, scenario);
    all.extend(keys);
    if let Some(agent) = args.agent.as_ref().filter(|_| is_usable) {
        let access = Fleet { fleet: folder, agent: agent.clone(), api_key: args.api_key.clone() };
        all.extend(agents(&access, scenario));
    }
    all
}

/// How the command leaves: with the first thing that is wrong.
pub(crate) fn exit(probes: &[Probe]) -> Exit {
    probes.iter().find(|p| p.state == State::Wrong).map_or(Exit::Done, |p| p.exit)
}

/// As lines beneath the scenario's.
pub(crate) fn text(probes: &[Probe]) -> String {
    let mut out = String::new();
    for p in probes {
        let mark = match p.state {
            State::Ok => "ok",
            State::Absent => "absent",
            State::Wrong => "wrong",
        };
        out.push_str(&format!("  {:<20} {mark:<6}  {}\n", p.what, p.said));
        if let Some(help) = &p.help {
            out.push_str(&format!("  {:<20}         help: {help}\n", ""));
        }
    }
    out
}

/// Whether `optimize` can write there.
fn output(folder: &Path) -> Probe {
    let what = folder.display().to_string();
    let there = folder.ancestors().map(|p| if p.as_os_str().is_empty() { Path::new(".") } else { p }).find(|p| p.exists());
    let writable = there.is_some_and(|p| p.is_dir() && rustix::fs::access(p, rustix::fs::Access::WRITE_OK).is_ok());
    if writable {
        return fine(what, "`planner optimize` can write its report there");
    }
    let why = there.map_or_else(|| "there is no such place".to_owned(), |p| format!("{} cannot be written", p.display()));
    probe(what, State::Wrong, why, Some("planner optimize --out FOLDER writes elsewhere".into()), Exit::Input)
}

/// The fleet's folder; false: the fleet cannot be asked with it.
fn keys(folder: &Path, named: bool, scenario: &Scenario) -> (Vec<Probe>, bool) {
    let what = folder.display().to_string();
    let wrong = |said: String, help: Option<String>| probe(what.clone(), State::Wrong, said, help, Exit::Input);
    // A folder that was not named may be another fleet's, or not be needed.
    let lacking = if named { State::Wrong } else { State::Absent };
    let suffix = if folder == Path::new("fleet") { String::new() } else { format!(" --fleet {what}") };
    if !enrol::roster(folder).exists() {
        let help = Some(format!("planner keygen {}{suffix}", scenario.name));
        let said = "no fleet has its keys there: plans can be made, not applied";
        return (vec![probe(what, lacking, said, help, Exit::Input)], false);
    }
    let list = match Roster::read(&enrol::roster(folder)) {
        Ok(list) => list,
        Err(e) => return (vec![wrong(e.to_string(), None)], false),
    };
    if let Err(e) = Owners::read(&enrol::owner(folder), &enrol::next(folder)) {
        return (vec![wrong(e.to_string(), None)], false);
    }
    if list.fleet.as_str() != scenario.name {
        let said = format!("it is of fleet `{}`, the scenario of `{}`", list.fleet, scenario.name);
        return (vec![probe(what, lacking, said, Some("name the fleet's folder with --fleet".into()), Exit::Input)], false);
    }
    let enrolled: Vec<&str> = list.agents().map(|(n, _)| n.as_str()).collect();
    let mut all = vec![fine(what, format!("roster and key of fleet {}, {} devices enrolled", list.fleet, enrolled.len()))];
    for device in scenario.devices.iter().filter(|d| !enrolled.contains(&d.name.as_str())) {
        let help = Some(format!("planner enroll {}{suffix}", device.name));
        all.push(probe(&device.name, lacking, "not enrolled: a plan that uses it cannot be applied", help, Exit::Input));
    }
    (all, true)
}

/// What the fleet says through one agent.
fn agents(access: &Fleet, scenario: &Scenario) -> Vec<Probe> {
    let remote = |what: &str, said: String, help: Option<String>| probe(what, State::Wrong, said, help, Exit::Remote);
    let asked = Session::open(access, false).and_then(|mut session| session.poll().map(|()| session));
    let session = match asked {
        Ok(session) => session,
        Err(failure) => {
            let text = failure.message.trim_start_matches("error: ");
            let (said, help) = text.split_once("\n  help: ").map_or((text, None), |(s, h)| (s, Some(h.trim_end().to_owned())));
            return vec![remote(&access.agent, said.trim_end().to_owned(), help)];
        }
    };
    let mut all = vec![fine(&access.agent, format!("agent {} answers", session.through))];
    for device in &scenario.devices {
        let Some(status) = session.statuses().find(|s| s.agent.as_str() == device.name) else {
            let help = Some(format!("on {}: agent run --config FILE; agent doctor says what is missing there", device.name));
            all.push(remote(&device.name, "not heard by that agent".into(), help));
            continue;
        };
        if status.reads.iter().any(|s| s == protocol::SCHEMA) {
            let plan = status.active.map_or_else(|| "no plan yet".to_owned(), |p| format!("serves {p}"));
            all.push(fine(&device.name, plan));
        } else {
            let said = format!("does not read plans of the form {}: it reads {}", protocol::SCHEMA, status.reads.join(", "));
            all.push(remote(&device.name, said, Some("install the agent of the planner's version there".into())));
        }
    }
    if let Some(behind) = session.behind_s().filter(|s| *s > 0.0) {
        let said =
            format!("this machine's clock is {} s behind the fleet's newest plan: the next would be refused", behind.ceil());
        all.push(remote("clock", said, Some("set the clock, as by timedatectl set-ntp true".into())));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_cannot_be_written_is_wrong() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(output(&folder.path().join("a/b")).state, State::Ok);
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        let probe = output(&file.join("below"));
        assert_eq!((probe.state, exit(std::slice::from_ref(&probe))), (State::Wrong, Exit::Input));
        assert!(probe.said.ends_with("file cannot be written"), "{probe:?}");
        assert!(text(&[probe]).contains("help: planner optimize --out"));
    }
}
