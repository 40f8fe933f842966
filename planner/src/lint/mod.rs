//! The linter: works out every number of a plan again, from the scenario and the profiles alone.
//!
//! Shares no code with the search, the table or its builder: only the primitive formulas of
//! [`crate::physics`] (roofline, leakage, waiting at a percentile, memory pressure, one link's time,
//! coverage, majority, budgets) and its constants. The account of operations and bytes, the cost of a
//! stage, the routes, the steady state of a device and all sums are written again, so that an error on
//! either side shows as a difference.
//!
//! Where it differs on purpose: the true power curve instead of the table's tangents (which are within one
//! part in a thousand), Dijkstra instead of all-pairs routes, the temperature limit without the
//! planner's reserve before thermal runaway. What it cannot know from a plan and takes as given: the
//! latency reference of a service without deadlines (the fastest option there is), and the proof behind
//! the certificate's bound. Factors that telemetry gave a device ([`crate::drift`]) are the plan's word, too: the profile is
//! corrected by them, and each is a warning.
//!
//! Everything that a plan says and that is not so is fatal; what merely looks odd is a warning.

mod account;
mod adapters;
mod cost;
mod experts;
mod fleet;
mod gate;
mod heat;
mod money;
mod note;
mod numbers;
mod quality;
mod route;
mod shared;
mod structure;
mod survive;
mod targets;
#[cfg(test)]
mod tests;
mod together;
mod totals;

pub use note::{Note, Recomputed, Severity, Verdict};

use crate::drift;
use note::Notes;
use protocol::{Fitted, Plan};
use scenarios::Scenario;

/// What a plan says of a device beside its profile.
fn said(fitted: &Fitted) -> String {
    let power = fitted.power.map(|p| format!(", {p} times its power")).unwrap_or_default();
    format!("it is planned with {} times the time of its profile{power}, by {} windows of telemetry", fitted.time, fitted.samples)
}

/// Checks a plan against the scenario that it was made for. Never panics, whatever the plan says.
pub fn lint(scenario: &Scenario, plan: &Plan) -> Verdict {
    let mut notes = Notes::default();
    let factors = drift::of_plan(plan);
    for (name, fitted) in factors.iter().filter(|(_, f)| !drift::is_sound(f)) {
        notes.fatal(
            "fitted",
            name,
            format!("no telemetry gives a factor of {} for time, {:?} for power", fitted.time, fitted.power),
        );
    }
    if notes.0.iter().any(|n| n.code == "fitted") {
        return Verdict { notes: notes.0, totals: None };
    }
    for (name, fitted) in &factors {
        notes.warn("fitted", name, said(fitted));
    }
    let scenario = &*drift::corrected(scenario, &factors);
    let totals = structure::resolve(scenario, plan, &mut notes).and_then(|resolved| {
        resolved.services.iter().for_each(|s| quality::check(s, &mut notes));
        let load = numbers::load(scenario, &resolved, &mut notes)?;
        survive::check(scenario, &resolved, &load, &mut notes);
        let devices_w = fleet::check(scenario, &resolved, &load, &mut notes);
        Some(totals::check(scenario, plan, &resolved, &load, devices_w, &mut notes))
    });
    let mut notes = notes.0;
    notes.sort_by_key(|n| n.severity);
    Verdict { notes, totals }
}
