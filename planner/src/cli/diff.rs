//! `planner diff OLD NEW`.

use super::args::{Diff, Format};
use super::exit::{Exit, Failure, Outcome};
use super::files;

pub(crate) fn run(args: &Diff) -> Outcome {
    let (old, new) = (files::plan(&args.old)?, files::plan(&args.new)?);
    let diff = crate::diff::diff(&old, &new);
    match args.format {
        Format::Human => super::paint::say(&diff.to_string()),
        Format::Json => files::print(&format!("{}\n", serde_json::to_string_pretty(&diff).map_err(Failure::bug)?)),
    }
    Ok(if args.exit_code && !diff.is_empty() { Exit::Changed } else { Exit::Done })
}
