//! The fetched model and texts, where they are.

use std::path::{Path, PathBuf};
use std::process::Command;

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// The program, run in the repository's root with one thread.
pub(crate) fn agent(args: &[&str]) -> Command {
    let mut command = program();
    command.args(args).current_dir(root()).env("NO_COLOR", "1").env("COLUMNS", "100");
    command
}

/// The program itself; under the emulator that runs these tests, where one does.
fn program() -> Command {
    let binary = env!("CARGO_BIN_EXE_agent");
    let runner = std::env::var("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER").ok().filter(|_| cfg!(target_arch = "aarch64"));
    let Some(runner) = runner else { return Command::new(binary) };
    let mut words = runner.split_whitespace();
    let mut command = Command::new(words.next().unwrap_or(binary));
    command.args(words).arg(binary);
    command
}

/// True where `agent pull smollm2-135m` was done; says so otherwise.
pub(crate) fn smollm2(test: &str) -> bool {
    let there = agent(&["pull", "--list", "--format", "json"]).output().unwrap();
    let list: serde_json::Value = serde_json::from_slice(&there.stdout).unwrap();
    let cached = list.as_array().unwrap().iter().any(|m| m["id"] == "smollm2-135m" && m["cached"] == true);
    if !cached {
        println!("SKIPPED {test}: no model in the cache (agent pull smollm2-135m)");
    }
    cached
}

/// Where `agent pull smollm2-135m` has put the model; says so where it was not done.
pub(crate) fn smollm2_file(test: &str) -> Option<PathBuf> {
    let there = smollm2(test).then(|| agent(&["pull", "--list", "--format", "json"]).output().unwrap())?;
    let list: serde_json::Value = serde_json::from_slice(&there.stdout).unwrap();
    list.as_array().unwrap().iter().find(|m| m["id"] == "smollm2-135m").map(|m| PathBuf::from(m["path"].as_str().unwrap()))
}

/// Folder of evaluation texts, where `WATTLINE_EVAL` names one.
pub(crate) fn texts(test: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("WATTLINE_EVAL").map(PathBuf::from).filter(|f| f.join("wikitext-2-raw-test.txt").is_file());
    if folder.is_none() {
        println!("SKIPPED {test}: WATTLINE_EVAL names no folder with wikitext-2-raw-test.txt");
    }
    folder
}
