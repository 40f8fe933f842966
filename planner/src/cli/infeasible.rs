//! What is printed when no plan keeps all limits.

use super::args::{Format, Stream};
use super::exit::{Exit, Failure, Outcome};
use super::{events, files, paint};
use crate::conflict;
use crate::search::{Solution, Status};
use scenarios::Scenario;
use std::path::Path;

/// Names the smallest conflicting set and the cheapest relaxations; exit code 1.
pub(crate) fn report(scenario: &Scenario, path: &Path, solution: &Solution, format: impl Into<Stream>) -> Outcome {
    if super::watch::interrupted() {
        return Err(Failure {
            exit: Exit::Interrupted,
            message: "interrupted before a plan was found; nothing was written".into(),
        });
    }
    let found = conflict::find(scenario);
    let file = path.display().to_string();
    let value = |c| serde_json::json!({ "schema": "wattline.infeasible/1", "scenario": file, "conflict": c });
    match (found, format.into()) {
        (Some(c), Stream::Human) => {
            let alone = if scenario.pairs.is_empty() { "" } else { "no pair shares layers in what was tried here\n" };
            paint::tell(&format!("{}{alone}", c.render(&file)));
        }
        (Some(c), Stream::Jsonl) => events::print("infeasible", serde_json::json!({ "result": value(c) })),
        (Some(c), Stream::Json) => {
            let value = value(c);
            files::print(&format!("{}\n", serde_json::to_string_pretty(&value).map_err(Failure::bug)?));
        }
        (None, _) => {
            let proved = if solution.status == Status::Infeasible {
                "it is proved that there is none"
            } else {
                "it is not proved that there is none; a longer --time may find one"
            };
            return Err(Failure { exit: Exit::Missed, message: format!("no plan for {file} was found; {proved}") });
        }
    }
    Ok(Exit::Missed)
}

impl From<Format> for Stream {
    fn from(format: Format) -> Self {
        match format {
            Format::Human => Self::Human,
            Format::Json => Self::Json,
        }
    }
}
