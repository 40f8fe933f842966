//! What is printed when no plan keeps all limits.

use super::args::Format;
use super::exit::{Exit, Failure, Outcome};
use super::files;
use crate::conflict;
use crate::search::{Solution, Status};
use scenarios::Scenario;
use std::path::Path;

/// Names the smallest conflicting set and the cheapest relaxations; exit code 1.
pub(crate) fn report(scenario: &Scenario, path: &Path, solution: &Solution, format: Format) -> Outcome {
    if super::watch::interrupted() {
        return Err(Failure {
            exit: Exit::Interrupted,
            message: "interrupted before a plan was found; nothing was written".into(),
        });
    }
    let found = conflict::find(scenario);
    let file = path.display().to_string();
    match (found, format) {
        (Some(c), Format::Human) => eprint!("{}", c.render(&file)),
        (Some(c), Format::Json) => {
            let value = serde_json::json!({ "schema": "wattline.infeasible/1", "scenario": file, "conflict": c });
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
