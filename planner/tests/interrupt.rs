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

#[test]
fn progress_and_result_are_lines_of_json() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let out = tempfile::tempdir().unwrap();
    let run = |format: &str| {
        let done = Command::new(env!("CARGO_BIN_EXE_planner"))
            .args(["optimize", "scenarios/home.yaml", "--format", format, "--out"])
            .arg(out.path())
            .current_dir(root)
            .output()
            .unwrap();
        assert!(done.status.success() && done.stderr.is_empty(), "{}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap()
    };
    let text = run("jsonl");
    let lines: Vec<serde_json::Value> = text.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let (result, progress) = lines.split_last().unwrap();
    assert!(progress.len() > 1 && lines.iter().all(|l| l["schema"] == "wattline.event/1"), "{text}");
    for line in progress {
        assert_eq!((line["event"].as_str(), line["unit"].as_str()), (Some("progress"), Some("W")), "{line}");
        assert!(line["elapsed_s"].is_number() && line["phase"].is_string(), "{line}");
    }
    let last = progress.iter().rev().find(|l| l["gap"].is_number()).expect("a line with a gap");
    let (best, bound) = (last["best"].as_f64().unwrap(), last["bound"].as_f64().unwrap());
    assert!(best >= bound && (last["gap"].as_f64().unwrap() - (best - bound) / best).abs() < 1e-9, "{last}");
    assert_eq!(result["event"], "result");
    assert_eq!(result["result"], serde_json::from_str::<serde_json::Value>(&run("json")).unwrap(), "the same as one document");
}
