//! The documentation is true: its `console` blocks print what they show, its reference is what the programs say now.
//!
//! With `UPDATE_GOLDEN=1` blocks and reference are rewritten: read the diff. `PAGE=tour.md` runs one page.

mod reference;
mod schema;

use crate::cli::{redact, root};
use std::path::{Path, PathBuf};
use transcripts::page::{Session, counts, retold};

/// Folders that a page's commands find in theirs, as a reader does in the repository.
const LINKED: &[&str] = &["scenarios", "training", "profiles", "agent", "planner", "packaging", "docs"];

/// The README and every page below `docs`, sorted.
fn pages() -> Vec<PathBuf> {
    let mut found = vec![root().join("README.md")];
    for entry in std::fs::read_dir(root().join("docs")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "md") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The folder of both programs: the agent is built beside the planner, as `cargo test --workspace` does.
fn programs() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_BIN_EXE_planner")).parent()?.to_path_buf();
    let there = folder.join("agent").is_file();
    if !there {
        println!("SKIPPED: no binary `agent` beside the planner (cargo build -p agent)");
    }
    there.then_some(folder)
}

#[test]
fn console_blocks_print_what_they_show() {
    let Some(programs) = programs() else { return };
    let wanted = std::env::var("PAGE").ok();
    let (mut run, mut not) = (0, 0);
    let mut wrong = Vec::new();
    for path in pages() {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if wanted.as_ref().is_some_and(|w| *w != name) {
            continue;
        }
        let page = std::fs::read_to_string(&path).unwrap();
        let (here, elsewhere) = counts(&page).unwrap_or_else(|why| panic!("{name}: {why}"));
        (run, not) = (run + here, not + elsewhere);
        if here == 0 {
            continue;
        }
        if page.contains("<!-- needs: smollm2-135m -->") && !crate::lab::smollm2() {
            continue;
        }
        let mut session = Session::new(&root(), LINKED, &programs).unwrap();
        let now = retold(&page, &mut session).unwrap_or_else(|why| panic!("{name}: {why}"));
        drop(session);
        if let Err(why) = transcripts::reference::same(&path, &redact(&now)) {
            wrong.push(why);
        }
    }
    println!("{run} commands of the documentation are run, {not} say why not");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(wanted.is_some() || run > 0, "no page has a `console` block");
}

/// Commands in `sh` blocks, which are shown without output: program, command, long options.
fn shown(page: &str) -> Vec<(String, Vec<String>, Vec<String>)> {
    let mut found = Vec::new();
    let mut inside = false;
    for line in page.lines() {
        if line.starts_with("```") {
            inside = line == "```sh";
            continue;
        }
        let code = line.split(" #").next().unwrap_or_default();
        for one in code.split("; ").filter(|_| inside) {
            let words: Vec<&str> = one.trim_start_matches("sudo ").split_whitespace().collect();
            let Some((program @ ("planner" | "agent"), rest)) = words.split_first().map(|(p, r)| (*p, r)) else { continue };
            let depth = if rest.first() == Some(&"eval") { 2 } else { 1 };
            let path = rest.iter().take(depth).map(|w| (*w).to_owned()).collect();
            let long = rest.iter().filter(|w| w.starts_with("--")).map(|w| w.split('=').next().unwrap_or(w).to_owned());
            found.push((program.to_owned(), path, long.collect()));
        }
    }
    found
}

#[test]
fn commands_that_are_only_shown_exist() {
    let Some(programs) = programs() else { return };
    let mut seen = 0;
    for path in pages() {
        let page = std::fs::read_to_string(&path).unwrap();
        for (program, command, options) in shown(&page) {
            let at = format!("{}: {program} {}", path.display(), command.join(" "));
            let help = std::process::Command::new(programs.join(&program)).args(&command).arg("--help").output().unwrap();
            assert!(help.status.success(), "{at}: {}", String::from_utf8_lossy(&help.stderr));
            let help = String::from_utf8_lossy(&help.stdout).into_owned();
            for option in options {
                assert!(help.contains(&option), "{at} has no {option}");
            }
            seen += 1;
        }
    }
    assert!(seen > 30, "{seen} commands are shown");
}
