//! Manual pages, generated from the one list of flags.

use crate::args::Cli;
use crate::exit::{Exit, Failure, Outcome};
use clap::{Args, CommandFactory};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct Man {
    /// Folder that exists
    folder: PathBuf,
}

pub(crate) fn run(args: &Man) -> Outcome {
    clap_mangen::generate_to(Cli::command(), &args.folder)
        .map_err(|e| Failure::help(format!("cannot write into {}: {e}", args.folder.display()), "name a folder that exists"))?;
    Ok(Exit::Done)
}
