//! Golden transcripts: each file in `tests/cli` is a script of commands; beside each stands what it prints.
//!
//! A line `$ planner …` is run in the repository's root; what follows, up to the next command, is what
//! must come out: exit code, stdout, stderr. `$ sh …` prepares files. `UPDATE_GOLDEN=1` rewrites the files.
//! `{tmp}` is a folder of the script's own; hashes are shown as `<id>`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// Words of a command line; single quotes hold words together.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted, mut any) = (Vec::new(), String::new(), false, false);
    for c in line.chars() {
        match c {
            '\'' => {
                quoted = !quoted;
                any = true;
            }
            ' ' if !quoted => {
                if any || !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                    any = false;
                }
            }
            c => word.push(c),
        }
    }
    if any || !word.is_empty() {
        words.push(word);
    }
    words
}

/// Replaces what differs between machines: the script's folder and 64-digit hashes.
fn redact(text: &str, tmp: &str) -> String {
    let text = text.replace(tmp, "{tmp}");
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

fn block(out: &mut String, name: &str, text: &str) {
    if !text.is_empty() {
        let _ = writeln!(out, "--- {name}");
        for line in text.lines() {
            let _ = writeln!(out, "{}", line.trim_end());
        }
    }
}

/// Runs the commands of a script and writes the transcript anew.
fn transcript(script: &str) -> String {
    let tmp = tempfile::tempdir().unwrap();
    let tmp_text = tmp.path().display().to_string();
    let mut out = String::new();
    for line in script.lines() {
        if line.starts_with('#') {
            let _ = writeln!(out, "{line}");
        }
        let Some(command) = line.strip_prefix("$ ") else { continue };
        let _ = writeln!(out, "{line}");
        let real = command.replace("{tmp}", &tmp_text);
        let mut words = words(&real).into_iter();
        let program = words.next().unwrap();
        let mut process = if program == "planner" {
            let mut p = Command::new(env!("CARGO_BIN_EXE_planner"));
            p.args(words);
            p
        } else {
            assert_eq!(program, "sh", "a script runs `planner` or `sh`");
            let mut p = Command::new("sh");
            p.arg("-c").arg(words.collect::<Vec<_>>().join(" "));
            p
        };
        let done = process.current_dir(root()).env("COLUMNS", "100").env("NO_COLOR", "1").output().unwrap();
        let _ = writeln!(out, "exit {}", done.status.code().map_or("signal".into(), |c| c.to_string()));
        block(&mut out, "stdout", &redact(&String::from_utf8_lossy(&done.stdout), &tmp_text));
        block(&mut out, "stderr", &redact(&String::from_utf8_lossy(&done.stderr), &tmp_text));
        out.push('\n');
    }
    out
}

#[test]
fn transcripts_are_as_written() {
    let folder = root().join("planner/tests/cli");
    let mut scripts: Vec<PathBuf> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|e| e.unwrap().path())
        .filter(|p| p.extension().is_some_and(|e| e == "txt"))
        .collect();
    scripts.sort();
    assert!(!scripts.is_empty());
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let mut wrong = Vec::new();
    for path in scripts {
        let written = std::fs::read_to_string(&path).unwrap();
        let now = transcript(&written);
        if now.trim_end() == written.trim_end() {
            continue;
        }
        if update {
            std::fs::write(&path, format!("{}\n", now.trim_end())).unwrap();
        } else {
            let first = now.lines().zip(written.lines()).position(|(a, b)| a != b).unwrap_or(0);
            let line = |t: &str| t.lines().nth(first).unwrap_or("(end)").to_owned();
            wrong.push(format!("{}:{}\n  written: {}\n  now:     {}", path.display(), first + 1, line(&written), line(&now)));
        }
    }
    assert!(wrong.is_empty(), "transcripts differ; UPDATE_GOLDEN=1 rewrites them, then read the diff\n{}", wrong.join("\n"));
}
