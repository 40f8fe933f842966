//! Shell completions, generated from the one list of flags.

use super::args::{Cli, Completions};
use super::exit::{Exit, Outcome};
use clap::CommandFactory;

pub(crate) fn run(args: &Completions) -> Outcome {
    let mut out = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "planner", &mut out);
    super::files::print(&String::from_utf8_lossy(&out));
    Ok(Exit::Done)
}
