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
//! the certificate's bound.
//!
//! Everything that a plan says and that is not so is fatal; what merely looks odd is a warning.

mod account;
mod cost;
mod fleet;
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
mod totals;

pub use note::{Note, Recomputed, Severity, Verdict};

use note::Notes;
use protocol::Plan;
use scenarios::Scenario;

/// Checks a plan against the scenario that it was made for. Never panics, whatever the plan says.
pub fn lint(scenario: &Scenario, plan: &Plan) -> Verdict {
    let mut notes = Notes::default();
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
