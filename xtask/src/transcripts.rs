//! How much of what a user reads is held by a transcript.

use crate::run::root;
use std::path::Path;

/// What the project promises: fewer is a step back.
const LEAST: usize = 150;

/// Counts commands whose output is compared, and files of mistakes with what is said of each.
pub(crate) fn transcripts(wrong: &mut Vec<String>) -> String {
    let shown = |folder: &str, ending: &str| -> usize {
        files(&root().join(folder), ending).iter().map(|text| text.lines().filter(|l| command(l)).count()).sum()
    };
    let commands = shown("planner/tests/cli", "txt") + shown("planner/tests/live", "txt") + shown("agent/tests/cli", "txt");
    let pages = shown("docs", "md");
    let mistakes = files(&root().join("scenarios/broken"), "txt").len();
    if commands < LEAST {
        wrong.push(format!("{commands} commands in transcripts, at least {LEAST} are promised"));
    }
    format!("{commands} commands in transcripts, {pages} in pages, {mistakes} mistakes in scenarios")
}

fn command(line: &str) -> bool {
    line.starts_with("$ planner ") || line.starts_with("$ agent ")
}

fn files(folder: &Path, ending: &str) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|e| e.path());
    entries.filter(|p| p.extension().is_some_and(|e| e == ending)).filter_map(|p| std::fs::read_to_string(p).ok()).collect()
}
