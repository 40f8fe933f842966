//! `docs/reference`: commands, error codes and the keys of files, from the programs themselves.

use super::programs;
use super::schema;
use crate::cli::root;
use scenarios::{Code, Severity};
use std::fmt::Write as _;
use transcripts::reference::{commands, same};

const WRITTEN: &str = "<!-- Written by `cargo xtask docs` from the programs; a test compares. Do not edit. -->";

fn check(page: &str, title: &str, about: &str, text: &str) {
    let now = format!("# {title}\n\n{WRITTEN}\n\n{about}\n\n{}\n", text.trim_end());
    same(&root().join("docs/reference").join(page), &now).unwrap_or_else(|why| panic!("{why}"));
}

#[test]
fn commands_are_those_of_the_programs() {
    let Some(folder) = programs() else { return };
    for (name, about) in [
        ("planner", "Decides. Data on stdout, the rest on stderr; exit codes stand at the end of the first text."),
        ("agent", "One device: by itself, or in a fleet. Data on stdout, the rest on stderr."),
    ] {
        let text = commands(&folder.join(name)).unwrap_or_else(|why| panic!("{why}"));
        check(&format!("{name}.md"), &format!("`{name}`: every command"), about, &text);
    }
}

#[test]
fn every_error_code_has_its_page() {
    let mut text = String::from("| code | severity | what |\n| --- | --- | --- |\n");
    let mut long = String::new();
    for code in Code::ALL {
        let page = scenarios::explain(&code.to_string()).unwrap_or_else(|| panic!("{code} has no page"));
        let (title, body) = page.split_once('\n').unwrap();
        let what = title.strip_prefix(&code.to_string()).unwrap().trim();
        let severity = if code.severity() == Severity::Error { "error" } else { "warning" };
        let _ = writeln!(text, "| `{code}` | {severity} | {what} |");
        let _ = writeln!(long, "## {title}\n\n{}\n", body.trim());
    }
    let about = "What `planner explain EDGE-0007` prints, for all codes of findings in scenario files. A number is never given to another meaning.";
    check("errors.md", "Error codes", about, &format!("{text}\n{long}"));
}

#[test]
fn every_key_of_every_file_is_listed() {
    for (name, title, about) in [
        (
            "scenario",
            "Scenario files: every key",
            "What a scenario may say. Numbers need their unit. For an editor: `planner schema scenario > scenario.schema.json`.",
        ),
        (
            "plan",
            "Plan files: every key",
            "What `planner optimize` writes and agents carry out: JSON, canonical, named by its hash.",
        ),
        (
            "device",
            "Device profiles: every key",
            "What `agent probe` and `planner calibrate` write, and `profile_file:` of a scenario reads.",
        ),
        ("model", "Model profiles: every key", "What `model_files:` of a scenario reads."),
    ] {
        let text = schema::tables(&schema::of(name));
        check(&format!("{name}-file.md"), title, about, &text);
    }
}
