//! Every broken file beside its rendered findings. `UPDATE_GOLDEN=1` writes the goldens anew; read
//! the difference before committing it.

use scenarios::testing::Shelf;
use scenarios::{Code, Diagnostic, Severity, read_with, render};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("broken");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "yaml"))
        .collect();
    files.sort();
    files
}

fn findings(file: &Path) -> (Vec<Diagnostic>, String) {
    let bytes = std::fs::read(file).unwrap();
    let shown = Path::new("scenarios/broken").join(file.file_name().unwrap());
    let findings = match read_with(&shown, &bytes, &Shelf::default(), &|_| Err("no such file".into())) {
        Ok(_) => panic!("{} is not broken", shown.display()),
        Err(findings) => findings,
    };
    let text = render(&findings, &shown, &bytes);
    (findings, text)
}

#[test]
fn every_broken_file_says_what_its_golden_says() {
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let files = files();
    assert!(files.len() >= 60, "{} broken files", files.len());
    let mut wrong = Vec::new();
    for file in files {
        let (_, text) = findings(&file);
        let golden = file.with_extension("txt");
        if update {
            std::fs::write(&golden, &text).unwrap();
        }
        if std::fs::read_to_string(&golden).unwrap_or_default() != text {
            wrong.push(format!("{}\n{text}", golden.display()));
        }
    }
    assert!(wrong.is_empty(), "run with UPDATE_GOLDEN=1 and read the difference:\n{}", wrong.join("\n"));
}

#[test]
fn every_finding_names_its_line_and_says_what_to_do() {
    for file in files() {
        let lines = std::fs::read_to_string(&file).unwrap().lines().count();
        let (findings, text) = findings(&file);
        assert!(findings.iter().any(|f| f.severity() == Severity::Error));
        for finding in &findings {
            let place = format!("{}: {finding:?}", file.display());
            assert!((1..=lines + 1).contains(&(finding.at.line as usize)), "{place}");
            assert!(finding.at.column >= 1, "{place}");
            assert!(finding.help.as_ref().is_some_and(|h| !h.is_empty() && !h.ends_with('.')), "{place}");
            assert!(!finding.message.is_empty() && !finding.message.ends_with('.'), "{place}");
            assert!(finding.message.chars().count() < 200, "{place}");
        }
        assert!(text.contains(" --> scenarios/broken/") && text.contains(" = help: "), "{text}");
    }
}

/// Files in order: no finding before the one above it, and none twice.
#[test]
fn findings_stand_in_the_order_of_the_file() {
    for file in files() {
        let (findings, _) = findings(&file);
        assert!(findings.is_sorted_by_key(|f| (f.at.line, f.at.column)), "{}", file.display());
    }
}

#[test]
fn every_error_code_has_a_broken_file() {
    let seen: BTreeSet<Code> = files().iter().flat_map(|f| findings(f).0).map(|f| f.code).collect();
    let missing: Vec<Code> = Code::ALL.iter().copied().filter(|c| c.severity() == Severity::Error && !seen.contains(c)).collect();
    // These are made in `hostile`, since they are large or no text.
    assert_eq!(missing, [Code::NotUtf8, Code::TooLong, Code::TooDeep]);
}
