//! Power modes: what the plan asks of this device, set by the commands that its owner names for them.
//!
//! A mode is set with rights that an agent has not (`nvpmodel`, sysfs), and the same mode is called differently from
//! board to board; so the configuration says which command sets which of the plan's modes. A command that fails is run
//! again after a while, and said meanwhile: in the status, in `/metrics`. The plan goes on; whether it is fast enough
//! as it is, its health says.

use crate::shared::{Shared, lock};
use fleet::agent::Agent;
use protocol::{Name, PlannedMode};
use sensors::{Deadline, Missing, Runner, SystemRunner};
use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// Command by the mode that it sets: program and arguments, of which `{clock}` stands for the clock's factor.
pub type Commands = BTreeMap<String, Vec<String>>;

/// What stands for the plan's clock factor in a command.
pub(crate) const CLOCK: &str = "{clock}";
/// `nvpmodel` starts programs again and may take seconds; assumed.
const LIMIT: Duration = Duration::from_secs(30);
/// A command that failed is run again after this.
const AGAIN: Duration = Duration::from_secs(30);

/// A mode of a plan: its id in the profile, and the clock factor on top of it, (0, 1].
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Wanted {
    pub(crate) id: String,
    pub(crate) clock: f64,
}

impl From<&PlannedMode> for Wanted {
    fn from(mode: &PlannedMode) -> Self {
        Self { id: mode.id.clone(), clock: mode.clock }
    }
}

#[derive(Debug, Default)]
struct State {
    wanted: Option<Wanted>,
    /// The last that a command set, since the agent started.
    set: Option<Wanted>,
    /// Why what is wanted is not set.
    why: Option<String>,
    end: bool,
}

/// The mode that the plan in force wants here, and what came of it.
#[derive(Debug, Default)]
pub(crate) struct Modes {
    state: Mutex<State>,
    bell: Condvar,
}

impl Modes {
    /// The plan in force wants this mode from now on; none while the device sleeps or no plan is in force.
    pub(crate) fn want(&self, wanted: Option<Wanted>) {
        let mut state = lock(&self.state);
        if state.wanted != wanted {
            (state.wanted, state.why) = (wanted, None);
            self.bell.notify_all();
        }
    }

    /// What is wanted, and whether it is set.
    pub(crate) fn now(&self) -> Option<(Wanted, bool)> {
        let state = lock(&self.state);
        state.wanted.clone().map(|w| (w.clone(), state.set == Some(w)))
    }

    /// Why what is wanted is not set, for people; none where it is, or is about to be.
    pub(crate) fn complaint(&self) -> Option<String> {
        lock(&self.state).why.clone()
    }

    pub(crate) fn end(&self) {
        lock(&self.state).end = true;
        self.bell.notify_all();
    }

    /// Waits until a mode is wanted that is not set, a failed one for a while; none at the end.
    fn next(&self) -> Option<Wanted> {
        let mut state = lock(&self.state);
        loop {
            if state.end {
                return None;
            }
            let open = state.wanted.clone().filter(|w| state.set.as_ref() != Some(w));
            match (open, state.why.is_some()) {
                (Some(wanted), false) => return Some(wanted),
                (Some(wanted), true) => {
                    let waited = self.bell.wait_timeout(state, AGAIN).unwrap_or_else(PoisonError::into_inner);
                    if waited.1.timed_out() {
                        return Some(wanted);
                    }
                    state = waited.0;
                }
                (None, _) => state = self.bell.wait(state).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    fn done(&self, wanted: Wanted, outcome: Result<(), String>) {
        let mut state = lock(&self.state);
        let still = state.wanted.as_ref() == Some(&wanted);
        match outcome {
            Ok(()) => state.set = Some(wanted),
            // Half of it may be set: nothing is believed.
            Err(_) => state.set = None,
        }
        if still {
            state.why = outcome.err();
        }
    }
}

/// The mode that the current plan of a core wants of its device.
pub(crate) fn of(core: &Agent, me: &Name) -> Option<Wanted> {
    let layout = core.plan(core.ledger().current?.id)?;
    let device = layout.signed.plan.devices.iter().find(|d| d.name == me.as_str())?;
    device.awake.then_some(device.mode.as_ref()).flatten().map(Wanted::from)
}

/// The command that sets a mode.
fn command(commands: &Commands, wanted: &Wanted) -> Result<Vec<String>, String> {
    let Some(command) = commands.get(&wanted.id) else {
        let known: Vec<&str> = commands.keys().map(String::as_str).collect();
        let (id, known) = (&wanted.id, known.join(", "));
        return Err(format!("the plan wants power mode `{id}`, for which power_modes has no command (it has {known})"));
    };
    if wanted.clock < 1.0 && !command.iter().any(|part| part.contains(CLOCK)) {
        let (id, clock) = (&wanted.id, wanted.clock);
        return Err(format!("the plan wants {clock} of the clock in power mode `{id}`, whose command does not take {CLOCK}"));
    }
    Ok(command.iter().map(|part| part.replace(CLOCK, &wanted.clock.to_string())).collect())
}

fn set(runner: &dyn Runner, commands: &Commands, wanted: &Wanted) -> Result<(), String> {
    let command = command(commands, wanted)?;
    let parts: Vec<&str> = command.iter().map(String::as_str).collect();
    let said = |missing: Missing| format!("power mode `{}`: {missing}", wanted.id);
    runner.run(&parts).map(drop).map_err(said)
}

/// Runs until the node ends.
pub(crate) fn keep(shared: &Shared, commands: &Commands) {
    let runner = SystemRunner::new(LIMIT, Deadline::default());
    while let Some(wanted) = shared.modes.next() {
        let outcome = set(&runner, commands, &wanted);
        let said = match &outcome {
            Ok(()) => format!("power mode `{}`, clock {}: set", wanted.id, wanted.clock),
            Err(why) => why.clone(),
        };
        shared.metrics.note(said);
        shared.modes.done(wanted, outcome);
    }
}

#[cfg(test)]
mod tests;
