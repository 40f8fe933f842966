//! Developer tasks: `cargo xtask TASK`. No dependencies, so that the first command on a fresh
//! machine starts in a second.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool")]

mod aarch64;
mod asan;
mod book;
mod curves;
mod demo;
mod docs;
mod instructions;
mod links;
mod model;
mod package;
mod packages;
mod run;
mod supply;
mod test;
mod tidy;
mod transcripts;
mod wheels;
mod yardstick;

use std::process::ExitCode;

const HELP: &str = "\
cargo xtask TASK

  demo          install what is missing, build, plan scenarios/fleet.yaml, write reports/fleet/index.html
  test          install what is missing, then all checks and tests (what CI runs)
  examples      plan every example scenario and check that a seed gives the same bytes twice
  aarch64       build for aarch64 and run tests of the agent's crates under emulation, kernels on three CPU models
  instructions  instructions per weight of the kernels, counted under emulation or by single steps, as a table
  asan          tests of the code that reads hostile or raw memory, under AddressSanitizer
  tidy          what ARCHITECTURE.md promises: arrows, sizes, bans
  yardstick     the planner's target table: every instance in the folder named, and more of its generator's
  docs          write the reference and the console blocks of docs/ anew from the programs
  book          the pages of docs/ as a book: target/book
  package       Debian packages of the agent for amd64 and arm64: target/package
  reproduce     build the agent of a package twice, in two folders, and compare the bytes
  supply        licences, sources and bans of deny.toml
  sbom          bills of materials of both programs: target/sbom
  curves        scaling curves and ablation, measured anew, with plots: docs/scaling.md, docs/ablation.md
  fetch-model   the real model that tests read, checked by its digest
  setup         only install missing system packages
";

fn main() -> ExitCode {
    let task = std::env::args().nth(1).unwrap_or_default();
    let done = match task.as_str() {
        "demo" => demo::demo(),
        "test" => test::test(),
        "examples" => demo::examples(),
        "aarch64" => aarch64::aarch64(),
        "instructions" => instructions::count(),
        "asan" => asan::asan(),
        "tidy" => tidy::tidy(),
        "docs" => docs::docs(),
        "book" => book::book(),
        "package" => package::package(),
        "reproduce" => package::reproduce(),
        "supply" => supply::supply(),
        "sbom" => supply::sboms(),
        "curves" => curves::curves(),
        "yardstick" => yardstick::yardstick(),
        "fetch-model" => model::fetch(),
        "setup" => packages::install(),
        _ => {
            print!("{HELP}");
            return ExitCode::from(if matches!(task.as_str(), "help" | "--help" | "-h") { 0 } else { 2 });
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("xtask {task}: {why}");
            ExitCode::FAILURE
        }
    }
}
