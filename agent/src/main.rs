//! The binary `agent`: one device. By itself it fetches models, generates, chats, measures; in a fleet it runs plans.
//!
//! Data on stdout, the rest on stderr; `--format human|json`; exit codes in [`exit`]. Nothing is decided
//! here: what to run, at which precision, with how many samples is said on the command line.

#![expect(clippy::print_stderr, reason = "printing is a command line's job")]

mod args;
mod bench;
mod cache;
mod chat;
mod clock;
mod completions;
mod doctor;
mod eval;
mod exit;
mod generate;
mod interrupt;
mod learn;
mod load;
mod man;
mod power;
mod print;
mod probe;
mod pull;
mod registry;
mod run;
mod spread;

use args::{Cli, Command};
use clap::Parser;
use exit::Failure;
use std::process::ExitCode;

fn main() -> ExitCode {
    exit::own_up();
    let cli = Cli::parse();
    let done = match cli.command {
        Command::Pull(a) => pull::run(&a),
        Command::Generate(a) => generate::run(&a),
        Command::Chat(a) => chat::run(&a),
        Command::Bench(a) => bench::run(&a),
        Command::Eval(a) => eval::run(&a),
        Command::Learn(a) => learn::run(&a),
        Command::Probe(a) => probe::run(&a),
        Command::Doctor(a) => doctor::run(&a),
        Command::Run(a) => run::run(&a),
        Command::Completions(a) => completions::run(&a),
        Command::Man(a) => man::run(&a),
    };
    match done {
        Ok(exit) => exit.into(),
        Err(Failure { exit, message }) => {
            eprintln!("{}", message.trim_end());
            exit.into()
        }
    }
}
