//! The program `planner` at work on a fleet of a test, and killed at it.

use crate::models::agent;
use fleet::controller::follow;
use protocol::{Plan, PlanRef, canonical};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

/// Beside the agent's, as `cargo test --workspace` leaves it.
pub(super) fn program() -> Option<PathBuf> {
    let path = Path::new(agent(&[]).get_program()).with_file_name("planner");
    path.is_file().then_some(path)
}

pub(super) fn command(fleet: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(program().unwrap());
    command.args(words).arg("--fleet").arg(fleet).env("NO_COLOR", "1").stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

pub(super) fn write(folder: &Path, name: &str, plan: &Plan) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, canonical::bytes(plan).unwrap()).unwrap();
    path
}

/// Applies a plan and is killed after so many milliseconds.
pub(super) fn killed(fleet: &Path, plan: &Plan, at: &str, ms: u64) {
    let file = write(fleet, "next.json", plan);
    let mut child = command(fleet, &["apply", &file.display().to_string(), "--yes", "--agent", at]).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(ms));
    child.kill().unwrap();
    child.wait().unwrap();
}

/// The next planner: applies the same content as the successor of what the fleet, or the killed one's ledger, has.
/// Gives the generation that all agents serve then.
pub(super) fn goes_on(fleet: &Path, content: &Plan, at: &str) -> u64 {
    let saved = fleet.join("newest.json");
    let _ = std::fs::remove_file(&saved);
    let told = command(fleet, &["status", "--save", &saved.display().to_string(), "--agent", at]).output().unwrap();
    assert!(told.status.success(), "{}", said(&told));
    let newest: Plan = serde_json::from_slice(&std::fs::read(&saved).unwrap()).unwrap();
    let newest = PlanRef { generation: newest.generation, id: newest.id.parse().unwrap() };
    let plan = follow(content, newest).unwrap();
    let file = write(fleet, "again.json", &plan);
    let done = command(fleet, &["apply", &file.display().to_string(), "--yes", "--agent", at]).output().unwrap();
    assert!(done.status.success(), "{}", said(&done));
    plan.generation
}

pub(super) fn said(done: &Output) -> String {
    format!("{:?}: {}{}", done.status.code(), String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr))
}
