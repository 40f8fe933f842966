//! Ctrl-C keeps the text so far: a real process, a real signal.

use crate::models::{agent, smollm2};
use std::io::Read;
use std::process::{Command, Stdio};

#[test]
fn ctrl_c_stops_an_answer_and_says_so() {
    if !smollm2("interrupt") {
        return;
    }
    let args = ["generate", "-m", "smollm2-135m", "-p", "Once upon a time", "-n", "8000", "-t", "1", "--temperature", "1.5"];
    let mut child = agent(&args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    // The signal comes when there is something to stop.
    let mut first = [0; 16];
    stdout.read_exact(&mut first).unwrap();
    assert!(Command::new("sh").args(["-c", &format!("kill -INT {}", child.id())]).status().unwrap().success());
    let mut rest = Vec::new();
    stdout.read_to_end(&mut rest).unwrap();
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{said}");
    assert!(said.contains(", stopped") && said.contains("CPU-s"), "{said}");
    assert_eq!(rest.last(), Some(&b'\n'));
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    if !smollm2("a reader that goes away") {
        return;
    }
    let args = ["generate", "-m", "smollm2-135m", "-p", "Once upon a time", "-n", "2000", "-t", "1", "--temperature", "1.5"];
    let mut child = agent(&args).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let mut first = [0; 4];
    stdout.read_exact(&mut first).unwrap();
    drop(stdout);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
