//! Golden transcripts of `tests/cli` (see the crate `transcripts`), run in the repository's root; hashes are shown as `<id>`.

use std::path::{Path, PathBuf};
use std::process::Command;
use transcripts::{Call, Shown, check, transcript};

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// Hides what differs between machines: hashes.
pub(crate) fn redact(text: &str) -> String {
    let mut out = String::new();
    let mut run = String::new();
    for c in text.chars().chain(std::iter::once('\0')) {
        if c.is_ascii_hexdigit() && !c.is_ascii_uppercase() {
            run.push(c);
            continue;
        }
        out.push_str(if run.len() >= 32 { "<id>" } else { &run });
        run.clear();
        if c != '\0' {
            out.push(c);
        }
    }
    out
}

fn run(call: &Call<'_>) -> Shown {
    let mut process = call.shell().unwrap_or_else(|| {
        assert_eq!(call.program, "planner", "a script runs `planner` or `sh`");
        let mut planner = Command::new(env!("CARGO_BIN_EXE_planner"));
        planner.args(call.args);
        planner
    });
    let done = process.current_dir(root()).env("COLUMNS", "100").env("NO_COLOR", "1").output().unwrap();
    let shown = call.shown(&done);
    Shown { stdout: redact(&shown.stdout), stderr: redact(&shown.stderr), ..shown }
}

#[test]
fn transcripts_are_as_written() {
    check(&root().join("planner/tests/cli"), |_, script| transcript(script, run).map(Some)).unwrap_or_else(|why| panic!("{why}"));
}
