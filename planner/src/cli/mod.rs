//! The command line: reads files, calls the layers, prints. The only place that touches the outside.
//!
//! Data on stdout, the rest on stderr; `--format human|json`, and `jsonl` where something happens over time; exit
//! codes in [`exit`].

#![expect(clippy::print_stderr, reason = "printing is this module's job")]

mod args;
mod calibrate;
mod check;
mod completions;
mod device;
mod diff;
mod environment;
mod events;
mod exit;
mod explain;
mod files;
mod fleet;
mod infeasible;
mod lab;
mod literature;
mod man;
mod optimize;
mod paint;
mod schema;
mod solve;
mod test;
mod validate;
mod watch;
mod whatif;
mod yardstick;

pub use args::Cli;

use args::Command;
use clap::{CommandFactory as _, FromArgMatches as _};
use std::process::ExitCode;

/// Runs the command line and returns its exit code.
#[must_use]
pub fn main() -> ExitCode {
    exit::own_up();
    let colours = paint::When::among(std::env::args()).choose();
    let cli = Cli::from_arg_matches(&Cli::command().color(colours).get_matches()).unwrap_or_else(|e| e.exit());
    cli.color.choose();
    let done = match cli.command {
        Command::Optimize(a) => optimize::run(&a),
        Command::Check(a) => check::run(&a),
        Command::Explain(a) => explain::run(&a),
        Command::Diff(a) => diff::run(&a),
        Command::WhatIf(a) => whatif::run(&a),
        Command::Test(a) => test::run(&a),
        Command::Validate(a) => validate::run(&a),
        Command::Literature(a) => literature::run(&a),
        Command::Calibrate(a) => calibrate::run(&a),
        Command::Yardstick(a) => yardstick::run(&a),
        Command::Keygen(a) => fleet::keygen(&a),
        Command::Enroll(a) => fleet::enroll(&a),
        Command::Rotate(a) => fleet::rotate(&a),
        Command::Model(a) => fleet::model(&a),
        Command::Apply(a) => fleet::apply(&a),
        Command::Status(a) => fleet::status(&a),
        Command::Rollback(a) => fleet::rollback(&a),
        Command::History(a) => fleet::history(&a),
        Command::Watch(a) => fleet::watch(&a),
        Command::Lab(a) => lab::run(&a),
        Command::Schema(a) => schema::run(&a),
        Command::Completions(a) => completions::run(&a),
        Command::Man(a) => man::run(&a),
    };
    match done {
        Ok(exit) => exit.into(),
        Err(failure) => failure.tell().into(),
    }
}
