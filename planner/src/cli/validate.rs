//! `planner validate --measurements TABLE`.

use super::args::{Format, Validate};
use super::exit::{Exit, Failure, Outcome};
use super::files;
use crate::validate;

pub(crate) fn run(args: &Validate) -> Outcome {
    let bytes = files::read(&args.measurements)?;
    let rows = validate::read(&args.measurements.display().to_string(), &bytes).map_err(|all| Failure::input(all.to_string()))?;
    let report = validate::validate(&rows);
    match args.format {
        Format::Human => files::print(&report.to_string()),
        Format::Json => files::print(&format!("{}\n", serde_json::to_string_pretty(&report).map_err(Failure::bug)?)),
    }
    Ok(Exit::Done)
}
