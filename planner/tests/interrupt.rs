//! Ctrl-C keeps the best plan: a real process, a real signal.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

#[test]
fn ctrl_c_keeps_the_best_plan_and_says_that_it_was_stopped() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let out = tempfile::tempdir().unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_planner"))
        .args(["optimize", "scenarios/fleet.yaml", "--time", "1h", "--verbose", "--out"])
        .arg(out.path())
        .current_dir(root)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The signal comes when there is something to keep.
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(lines.any(|l| l.unwrap().contains("best 9")), "a plan is found");
    let signalled = Command::new("sh").args(["-c", &format!("kill -INT {}", child.id())]).status().unwrap();
    assert!(signalled.success());
    let rest = std::thread::spawn(move || lines.count());
    let status = child.wait().unwrap();
    rest.join().unwrap();
    assert_eq!(status.code(), Some(130));
    let plan: protocol::Plan = serde_json::from_slice(&std::fs::read(out.path().join("plan.json")).unwrap()).unwrap();
    assert_eq!(plan.certificate.status, "stopped");
    assert!(out.path().join("index.html").is_file());
}
