//! A real process that panics: this very test program, which starts itself.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::process::{Command, Output};

const PROGRAM: crash::Program = crash::Program { name: "tester", version: "1.2.3", secret: &["--api-key"] };
/// Says what the started process shall do.
const WHAT: &str = "CRASH_TEST";

/// Runs one test of this program by itself, told to panic, with another folder for temporary files.
fn panicking(how: &str, folder: &str) -> Output {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "panics_when_told", "--nocapture", "--test-threads", "1"])
        .env(WHAT, how)
        .env("TMPDIR", folder)
        .output()
        .unwrap()
}

#[test]
fn panics_when_told() {
    let Ok(how) = std::env::var(WHAT) else { return };
    crash::own_up(PROGRAM);
    if how == "elsewhere" {
        // The process ends before this is joined.
        let _ = std::thread::Builder::new().name("worker".into()).spawn(|| panic!("in a corner")).unwrap().join();
    }
    panic!("the sum is wrong");
}

#[test]
fn a_panic_leaves_a_file_and_70() {
    for (how, message, thread) in
        [("here", "the sum is wrong", "panics_when_told"), ("elsewhere", "in a corner", "thread `worker`")]
    {
        let folder = tempfile::tempdir().unwrap();
        let done = panicking(how, folder.path().to_str().unwrap());
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        assert_eq!(done.status.code(), Some(crash::EXIT), "{said}");
        assert!(said.contains("this is a bug in tester, not in your input") && said.contains(message), "{said}");
        let files: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|f| f.unwrap().path()).collect();
        assert_eq!(files.len(), 1, "{files:?}");
        assert!(said.contains(&format!("help: read {}", files[0].display())), "{said}");
        let text = std::fs::read_to_string(&files[0]).unwrap();
        for part in [
            "program: tester 1.2.3",
            message,
            thread,
            "crash/tests/main.rs",
            "command: tester --exact … --nocapture --test-threads 1",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(std::fs::metadata(&files[0]).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[test]
fn without_a_place_for_the_file_all_is_said() {
    let done = panicking("here", "/dev/null/nowhere");
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert_eq!(done.status.code(), Some(crash::EXIT), "{said}");
    assert!(said.contains("no report could be written") && said.contains("program: tester 1.2.3"), "{said}");
}
