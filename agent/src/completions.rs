//! Shell completions, generated from the one list of flags.

use crate::args::Cli;
use crate::exit::{Exit, Outcome};
use clap::{Args, CommandFactory};

#[derive(Debug, Args)]
pub(crate) struct Completions {
    #[arg(value_enum)]
    shell: clap_complete::Shell,
}

pub(crate) fn run(args: &Completions) -> Outcome {
    let mut out = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "agent", &mut out);
    crate::print::print(&String::from_utf8_lossy(&out));
    Ok(Exit::Done)
}
