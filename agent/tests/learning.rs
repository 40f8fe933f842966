//! `agent learn`: runs that stop are the runs that did not.

use crate::models::{agent, root};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};

fn ternary() -> String {
    root().join("training/models/wattline-tiny-ternary.gguf").display().to_string()
}

/// Runs it to its end; what it says as JSON, and on stderr.
fn learn(folder: &Path, file: &str, more: &[&str]) -> (Value, String) {
    let checkpoint = folder.join(file).display().to_string();
    let out = agent(&["learn"]).args(more).args(["--checkpoint", &checkpoint, "--format", "json"]).output().unwrap();
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert_eq!(out.status.code(), Some(0), "{more:?}: {said}");
    (serde_json::from_slice(&out.stdout).unwrap(), said)
}

#[test]
fn a_run_that_pauses_twice_ends_in_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let model = ternary();
    let run = ["grid", "-m", &model, "--seed", "5", "--steps", "30000", "--episodes", "50"];
    let (whole, _) = learn(folder.path(), "whole.json", &[&run[..], &["-t", "2"]].concat());
    let (first, said) = learn(folder.path(), "parts.json", &[&run[..], &["-t", "1", "--pause-after", "9000"]].concat());
    assert!(
        said.contains("stopped at") && said.contains("--pause-after 9000 --checkpoint") && said.contains("--resume"),
        "{said}"
    );
    assert_eq!(first["done"], false);
    let (second, _) = learn(folder.path(), "parts.json", &[&run[..], &["--resume", "--pause-after", "1"]].concat());
    assert!(first["steps"].as_u64() < second["steps"].as_u64());
    let (last, said) = learn(folder.path(), "parts.json", &[&run[..], &["--resume"]].concat());
    assert!(!said.contains("stopped"), "{said}");
    let bytes = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
    assert!(bytes("whole.json") == bytes("parts.json"));
    for same in ["steps", "episodes", "score", "share_of_optimum", "curve", "exploration", "done"] {
        assert_eq!(whole[same], last[same], "{same}");
    }
    // It has learned: further from chance than from nothing.
    assert!(whole["score"]["mean"].as_f64() > whole["chance"].as_f64().map(|c| c + 0.5), "{}", whole["score"]);
    assert_eq!(whole["exploration_bits"].as_f64().map(|b| (b * 1000.0).round()), Some(1585.0));
    // Joules are measured, or there are none.
    assert_eq!(whole["energy"]["joules"].is_null(), whole["energy"]["quality"] == "unknown");
    // A finished run is told again without a step.
    let (again, _) = learn(folder.path(), "parts.json", &[&run[..], &["--resume"]].concat());
    assert_eq!((again["steps_of_this_call"].as_u64(), &again["score"]), (Some(0), &whole["score"]));
}

/// An endless run, once it has said how far it is.
fn endless(checkpoint: &str, more: &[&str]) -> (Child, BufReader<std::process::ChildStderr>) {
    // A tenth of a hundred million steps is far: what is waited for is the checkpoint.
    let run = ["learn", "cartpole", "--numbers", "--steps", "100000000", "--episodes", "1", "--checkpoint", checkpoint];
    let mut child = agent(&run).args(more).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let stderr = BufReader::new(child.stderr.take().unwrap());
    (child, stderr)
}

/// Waits until the checkpoint is at more steps than `least`.
fn further(child: &mut Child, checkpoint: &Path, least: u64) -> u64 {
    loop {
        assert!(child.try_wait().unwrap().is_none(), "it ended by itself");
        // What is read is whole at any time, or not there yet.
        if let Ok(text) = std::fs::read_to_string(checkpoint) {
            let run: Value = serde_json::from_str(&text).unwrap();
            if let Some(steps) = run["steps"].as_u64().filter(|s| *s > least) {
                return steps;
            }
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}

#[test]
fn ctrl_c_and_the_loss_of_power_leave_a_checkpoint_that_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.json");
    let name = path.display().to_string();
    let (mut child, mut stderr) = endless(&name, &[]);
    let first = further(&mut child, &path, 0);
    assert!(Command::new("sh").args(["-c", &format!("kill -INT {}", child.id())]).status().unwrap().success());
    let mut said = String::new();
    stderr.read_to_string(&mut said).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{said}");
    let command = said.lines().last().unwrap().trim();
    assert!(said.contains(" of 100000000 steps; to go on:") && command.ends_with("--resume"), "{said}");
    // Resumed, and ended without a chance to say goodbye.
    let (mut child, _stderr) = endless(&name, &["--resume"]);
    let second = further(&mut child, &path, first + 20_000);
    child.kill().unwrap();
    child.wait().unwrap();
    let words: Vec<&str> = command.split(' ').skip(1).collect();
    let out = agent(&words).args(["--pause-after", "1", "--format", "json"]).output().unwrap();
    assert_eq!(out.status.code(), Some(0), "{}", String::from_utf8_lossy(&out.stderr));
    let found: Value = serde_json::from_slice(&out.stdout).unwrap();
    assert!(found["steps"].as_u64() > Some(second) && found["steps_of_this_call"].as_u64().is_some_and(|n| n < 2000), "{found}");
    assert!(out.stderr.lines().next().is_some());
}
