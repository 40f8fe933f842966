//! A fleet as a table or as JSON.

use super::session::Session;
use crate::cli::exit::Failure;
use protocol::PlanRef;
use serde_json::json;
use std::fmt::Write as _;

fn plan(p: Option<PlanRef>) -> String {
    p.map_or_else(|| "-".into(), |p| p.generation.to_string())
}

pub(crate) fn status(session: &Session) -> String {
    let mut out =
        format!("{:<16}  {:<11}  {:>7}  {:>7}  {:>5}  {:>5}  note\n", "agent", "phase", "newest", "serves", "good", "share");
    for (name, _) in session.roster().agents() {
        let Some(s) = session.statuses().find(|s| s.agent == *name) else {
            let _ = writeln!(out, "{name:<16}  not heard");
            continue;
        };
        let phase = serde_json::to_value(s.phase).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default();
        let (newest, active, good) = (plan(s.newest), plan(s.active), plan(s.last_good));
        let line = format!(
            "{name:<16}  {phase:<11}  {newest:>7}  {active:>7}  {good:>5}  {:>3.0} %  {}",
            s.share * 100.0,
            s.note.as_deref().unwrap_or_default()
        );
        let _ = writeln!(out, "{}", line.trim_end());
    }
    out
}

pub(crate) fn json(session: &Session) -> Result<String, Failure> {
    let agents: Vec<_> = session.statuses().map(|s| &**s).collect();
    let heard = |n: &protocol::Name| agents.iter().any(|s| s.agent == *n);
    let silent: Vec<_> = session.roster().agents().map(|(n, _)| n).filter(|n| !heard(n)).collect();
    let value = json!({
        "fleet": session.roster().fleet,
        "through": session.through,
        "newest": session.newest(),
        "agents": agents,
        "not_heard": silent,
        "notes": session.notes,
    });
    Ok(serde_json::to_string_pretty(&value).map_err(Failure::bug)? + "\n")
}
