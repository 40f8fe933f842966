//! Manual pages, generated from the one list of flags.

use super::args::{Cli, Man};
use super::exit::{Exit, Failure, Outcome};
use clap::CommandFactory;

pub(crate) fn run(args: &Man) -> Outcome {
    clap_mangen::generate_to(Cli::command(), &args.folder).map_err(|e| {
        Failure::input(format!("error: cannot write into {}: {e}\n  help: name a folder that exists", args.folder.display()))
    })?;
    Ok(Exit::Done)
}
