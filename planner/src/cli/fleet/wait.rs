//! Waiting until a fleet serves a plan, or until it is clear that it will not.

use super::log::{Entry, SERVED};
use super::session::{Session, unreached};
use super::show;
use crate::cli::args::Happening;
use crate::cli::exit::{Exit, Failure, Outcome};
use crate::cli::{events, files};
use protocol::PlanRef;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

/// Looks that a second has.
const LOOKS_PER_S: f64 = 5.0;

/// Waits, and prints the fleet; or, a line each, what its agents do meanwhile.
pub(crate) fn until_served(session: &mut Session, issued: PlanRef, within_s: f64, format: Happening) -> Outcome {
    if format == Happening::Human {
        let served = served(session, issued, within_s, &mut |_| Ok(()))?;
        files::print(&format!("{issued} is served by all {served} of its devices\n{}", show::status(session)));
        return Ok(Exit::Done);
    }
    events::print("issued", json!({ "plan": issued }));
    let mut phases = BTreeMap::new();
    let mut look = |session: &Session| {
        for s in session.statuses() {
            let now = (s.phase, s.active, s.note.clone());
            if phases.get(&s.agent) != Some(&now) {
                events::print("agent", json!({ "agent": s.agent, "phase": s.phase, "serves": s.active, "note": s.note }));
                phases.insert(s.agent.clone(), now);
            }
        }
        Ok(())
    };
    let done = served(session, issued, within_s, &mut look);
    look(session)?;
    match &done {
        Ok(devices) => events::print("served", json!({ "plan": issued, "devices": devices })),
        Err(failure) => events::print("failed", json!({ "plan": issued, "why": failure.message.lines().next() })),
    }
    done.map(|_| Exit::Done)
}

/// How many devices serve the plan, once all do. `look` sees each look at the fleet, and may end the wait.
pub(crate) fn served(
    session: &mut Session,
    issued: PlanRef,
    within_s: f64,
    look: &mut dyn FnMut(&Session) -> Result<(), Failure>,
) -> Result<usize, Failure> {
    let looks = (within_s * LOOKS_PER_S).ceil() as u64;
    for _ in 0..looks {
        look(session)?;
        session.step()?;
        // Refused outright by the agent that it was handed to: no other will take it.
        if let Some(error) = session.refused().filter(|e| matches!(e, super::http::HttpError::Refused { .. })) {
            ended(session, issued, &error.to_string())?;
            return Err(unreached(&error));
        }
        let users: BTreeSet<_> =
            session.layout().map(|l| l.pipelines.iter().flat_map(|p| p.members.clone()).collect()).unwrap_or_default();
        // The one whose fault it was says why; the others say that they follow.
        let follows = |s: &protocol::Status| s.note.as_ref().is_none_or(|n| n.starts_with("given up by"));
        let gave_up = session.statuses().filter(|s| s.condemned.contains(&issued.id)).min_by_key(|s| follows(s));
        let gave_up = gave_up.map(|s| (s.agent.clone(), s.note.clone()));
        if let Some((agent, note)) = gave_up {
            let why = format!("{agent} gave it up{}", note.map(|n| format!(": {n}")).unwrap_or_default());
            ended(session, issued, &why)?;
            let table = show::status(session);
            return Err(Failure::remote(format!(
                "error: {issued} failed: {why}\n{table}  help: the agents go back to their last good plan by themselves"
            )));
        }
        let served = session.statuses().filter(|s| s.active == Some(issued)).filter(|s| users.contains(&s.agent)).count();
        if !users.is_empty() && served == users.len() {
            ended(session, issued, SERVED)?;
            return Ok(served);
        }
    }
    ended(session, issued, "not served in time")?;
    let table = show::status(session);
    let help = "the plan stays the desired one: agents that come later take it; --wait 5min waits longer";
    Err(Failure::remote(format!("error: {issued} is not served by all its devices within {within_s} s\n{table}  help: {help}")))
}

fn ended(session: &mut Session, plan: PlanRef, outcome: &str) -> Result<(), Failure> {
    let Some(entry) = session.log.entry(plan.generation).cloned() else { return Ok(()) };
    session.log.add(Entry { outcome: outcome.into(), ..entry })
}
