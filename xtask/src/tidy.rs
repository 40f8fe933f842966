//! What `ARCHITECTURE.md` promises, as a check: arrows point down, bans hold, files stay small.

use crate::run::{Done, root};
use std::path::{Path, PathBuf};

/// Longest hand-written source file.
const LINES_MAX: usize = 800;

/// Which workspace crates a crate may use. An arrow that is not here runs the wrong way.
const ARROWS: &[(&str, &[&str])] = &[
    ("profiles", &[]),
    ("scenarios", &["profiles"]),
    ("agent/protocol", &["profiles"]),
    ("agent/fleet", &["profiles", "protocol"]),
    ("agent/bus-zenoh", &["protocol"]),
    ("agent/node", &["profiles", "protocol", "fleet", "sensors", "kernels", "engine"]),
    ("agent/kernels", &[]),
    ("agent/engine", &["profiles", "kernels"]),
    ("agent/sensors", &[]),
    ("agent/probe", &["profiles", "sensors", "kernels", "engine"]),
    ("agent/learn", &["kernels", "engine"]),
    ("agent", &["profiles", "protocol", "fleet", "bus-zenoh", "node", "sensors", "kernels", "engine", "probe", "learn", "crash"]),
    ("reports", &[]),
    ("planner", &["profiles", "scenarios", "protocol", "fleet", "netlab", "reports", "crash"]),
    ("netlab", &[]),
    ("crash", &[]),
    ("browser", &[]),
    ("transcripts", &[]),
    ("xtask", &[]),
];

/// What must not be named below a folder, with the promise that it breaks. Tests are exempt.
const ABSENT: &[(&str, &str, &str)] = &[
    ("profiles/src", "highs", "profiles know no optimiser"),
    ("profiles/src", "good_lp", "profiles know no optimiser"),
    ("scenarios/src", "good_lp", "scenarios know no optimiser"),
    ("scenarios/src", "argmin", "scenarios know no optimiser"),
    ("agent/protocol/src", "good_lp", "the protocol knows no optimiser"),
    ("agent/fleet/src/agent", "std::fs", "the agent's core does no I/O"),
    ("agent/fleet/src/agent", "std::time", "the agent's core reads no clock"),
    ("agent/fleet/src/agent", "rand", "the agent's core draws only from its seed"),
    ("agent/fleet/src/controller.rs", "std::fs", "the controller's core does no I/O"),
    ("agent/fleet/src/controller.rs", "std::time", "the controller's core reads no clock"),
    ("agent/fleet/src", "engine::", "the cores know no engine"),
    ("agent/learn/src", "std::fs", "learning reads and writes no file"),
    ("agent/learn/src", "std::time", "learning reads no clock"),
    ("agent/learn/src", "rustix", "learning reads no clock"),
    ("agent/learn/src", "std::thread", "learning is the same on any number of threads"),
    ("agent/node/src", "zenoh", "nothing above the bus sees the transport"),
    ("agent/fleet/src", "zenoh", "nothing above the bus sees the transport"),
    ("planner/src", "zenoh", "the planner reaches a fleet through any of its agents"),
    ("planner/src/physics", "std::fs", "physics does no I/O"),
    ("planner/src/physics", "std::time", "physics reads no clock"),
    ("planner/src/physics", "serde_yaml", "physics knows no YAML"),
    ("planner/src/physics", "rand", "physics draws no random numbers"),
    ("planner/src/physics", "crate::search", "physics sees no plan search"),
    ("planner/src/search", "std::fs", "search does no I/O"),
    ("planner/src/search", "std::time", "search reads no clock"),
    ("planner/src/search", "serde_yaml", "search knows no YAML"),
    ("planner/src/search", "crate::physics", "search sees no watt formula"),
    ("planner/src/search", "scenarios::", "search sees only the table"),
    ("planner/src/search", "profiles::", "search sees only the table"),
    ("planner/src/table", "crate::physics", "the table is the wall"),
    ("planner/src/lint", "crate::search", "the linter shares no code with the search"),
    ("planner/src/lint", "crate::table", "the linter shares no code with the table"),
    ("profiles/src/gguf", "debug_assert", "a check that release builds drop is no check"),
    ("profiles/src/gguf", "debug_assert_eq", "a check that release builds drop is no check"),
    ("agent/engine/src", "debug_assert", "a check that release builds drop is no check"),
    ("agent/engine/src", "debug_assert_eq", "a check that release builds drop is no check"),
    ("reports/src", "planner::", "reports compute nothing and know no planner"),
];

/// Words that may not stay in the code.
const MARKS: &[&str] = &[
    concat!("FIX", "ME"),
    concat!("XX", "X"),
    concat!("TO", "DO"),
    concat!("to", "do!("),
    concat!("unimple", "mented!("),
    concat!("dbg", "!("),
];

pub(crate) fn tidy() -> Done {
    let mut wrong = Vec::new();
    arrows(&mut wrong);
    absences(&mut wrong);
    for file in sources() {
        source(&file, &mut wrong);
    }
    decisions(&mut wrong);
    crate::links::links(&mut wrong);
    let counted = crate::transcripts::transcripts(&mut wrong);
    if wrong.is_empty() {
        println!("tidy: arrows, absences, sizes, marks, docs, links ok; {counted}");
        return Ok(());
    }
    for w in &wrong {
        eprintln!("{w}");
    }
    Err(format!("{} to mend", wrong.len()))
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

/// All Rust files of the workspace, sorted.
fn sources() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut due: Vec<PathBuf> =
        ["profiles", "scenarios", "planner", "agent", "reports", "netlab", "crash", "browser", "transcripts", "xtask"]
            .iter()
            .map(|c| root().join(c))
            .collect();
    while let Some(dir) = due.pop() {
        for entry in std::fs::read_dir(&dir).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() && path.file_name().is_some_and(|n| n != "target") {
                due.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// Dependencies among our own crates, from the manifests.
fn arrows(wrong: &mut Vec<String>) {
    let ours: Vec<&str> = ARROWS.iter().map(|(path, _)| path.rsplit('/').next().unwrap_or(path)).collect();
    for (path, allowed) in ARROWS {
        let manifest = root().join(path).join("Cargo.toml");
        let text = read(&manifest);
        let section = text.split("[dependencies]").nth(1).unwrap_or_default();
        let section = section.split("\n[").next().unwrap_or_default();
        for line in section.lines() {
            let name = line.split(['.', ' ', '=']).next().unwrap_or_default();
            if ours.contains(&name) && !allowed.contains(&name) {
                wrong.push(format!("{}: `{path}` must not depend on `{name}`", shown(&manifest)));
            }
        }
    }
}

fn is_test(path: &Path) -> bool {
    path.components().any(|c| matches!(c.as_os_str().to_str(), Some("tests" | "tests.rs" | "testing" | "testing.rs")))
}

fn absences(wrong: &mut Vec<String>) {
    for file in sources() {
        if is_test(&file) {
            continue;
        }
        let name = shown(&file);
        let text = read(&file);
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        for (folder, word, promise) in ABSENT {
            if !name.starts_with(folder) {
                continue;
            }
            for (i, line) in code.lines().enumerate() {
                let line = line.split("//").next().unwrap_or_default();
                let used = line
                    .split(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | ':')))
                    .any(|w| w == *word || w.starts_with(&format!("{word}::")) || (word.ends_with("::") && w.starts_with(word)));
                if used {
                    wrong.push(format!("{name}:{}: names `{word}`, but {promise}", i + 1));
                }
            }
        }
    }
}

fn source(file: &Path, wrong: &mut Vec<String>) {
    let name = shown(file);
    let text = read(file);
    let lines = text.lines().count();
    if lines > LINES_MAX {
        wrong.push(format!("{name}: {lines} lines, at most {LINES_MAX}"));
    }
    if file.file_name().is_some_and(|n| n == "lib.rs" || n == "main.rs" || n == "mod.rs") && !text.starts_with("//!") {
        wrong.push(format!("{name}: say in `//!` what this is for"));
    }
    if name != "xtask/src/tidy.rs" {
        for (i, line) in text.lines().enumerate() {
            for mark in MARKS {
                if line.contains(mark) {
                    wrong.push(format!("{name}:{}: `{mark}` left over", i + 1));
                }
            }
            if line.contains("unsafe ")
                && !name.starts_with("agent/kernels")
                && name != "agent/engine/src/map.rs"
                && !line.trim_start().starts_with("//")
                && !line.contains("unsafe_code")
            {
                wrong.push(format!("{name}:{}: `unsafe` lives in agent/kernels and agent/engine/src/map.rs alone", i + 1));
            }
        }
    }
}

/// Every decision page is linked from the index.
fn decisions(wrong: &mut Vec<String>) {
    let dir = root().join("docs/decisions");
    let index = read(&dir.join("README.md"));
    for entry in std::fs::read_dir(&dir).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name != "README.md" && !index.contains(&name) {
            wrong.push(format!("docs/decisions/{name}: not linked from docs/decisions/README.md"));
        }
    }
}
