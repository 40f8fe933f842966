//! `planner literature`.

use super::args::{Literature, Page};
use super::exit::{Exit, Failure, Outcome};
use super::files;
use crate::literature;

pub(crate) fn run(args: &Literature) -> Outcome {
    // Everything is built in: what fails here is the program's fault.
    let report = literature::report().map_err(Failure::bug)?;
    match args.format {
        Page::Human => files::print(&report.to_string()),
        Page::Json => files::print(&format!("{}\n", serde_json::to_string_pretty(&report).map_err(Failure::bug)?)),
        Page::Md => files::print(&literature::markdown(&report)),
    }
    Ok(Exit::Done)
}
