//! Links of the documentation: every file and heading that is named exists, and the book has every page.

use crate::run::root;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Pages outside `docs`.
const PAGES: &[&str] = &["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "training/README.md"];

/// Folders whose files are named in prose.
const FOLDERS: &[&str] = &[
    "profiles",
    "scenarios",
    "planner",
    "agent",
    "reports",
    "netlab",
    "transcripts",
    "training",
    "xtask",
    "docs",
    "packaging",
    "benches",
];

pub(crate) fn links(wrong: &mut Vec<String>) {
    let mut pages: Vec<PathBuf> = PAGES.iter().map(|p| root().join(p)).filter(|p| p.is_file()).collect();
    below(&root().join("docs"), &mut pages);
    let mut headings: BTreeMap<PathBuf, Vec<String>> = BTreeMap::new();
    for page in &pages {
        let text = std::fs::read_to_string(page).unwrap_or_default();
        for (line, target) in targets(&text) {
            if let Some(why) = broken(page, &target, &mut headings) {
                let shown = page.strip_prefix(root()).unwrap_or(page).display();
                wrong.push(format!("{shown}:{line}: link to `{target}`: {why}"));
            }
        }
        // What was is history, and may have gone.
        if page.ends_with("CHANGELOG.md") {
            continue;
        }
        for (line, path) in paths(&text) {
            if !root().join(path.trim_end_matches('/')).exists() {
                let shown = page.strip_prefix(root()).unwrap_or(page).display();
                wrong.push(format!("{shown}:{line}: names `{path}`, which is not there"));
            }
        }
    }
    book(&pages, wrong);
}

fn below(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            below(&path, found);
        } else if path.extension().is_some_and(|e| e == "md") {
            found.push(path);
        }
    }
}

fn broken(page: &Path, target: &str, headings: &mut BTreeMap<PathBuf, Vec<String>>) -> Option<String> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
    let path = if file.is_empty() { page.to_path_buf() } else { page.parent().unwrap_or(page).join(file) };
    if !path.exists() {
        return Some("no such file".into());
    }
    if anchor.is_empty() || path.extension().is_none_or(|e| e != "md") {
        return None;
    }
    let known = headings.entry(path.clone()).or_insert_with(|| slugs(&std::fs::read_to_string(&path).unwrap_or_default()));
    (!known.iter().any(|s| s == anchor)).then(|| "no such heading".into())
}

/// Targets of links outside code, with their lines.
fn targets(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (i, line) in prose(text) {
        let mut rest = line.as_str();
        while let Some(at) = rest.find("](") {
            let after = &rest[at + 2..];
            let end = after.find(')').unwrap_or(after.len());
            found.push((i, after[..end].trim_matches(['<', '>']).to_owned()));
            rest = &after[end..];
        }
    }
    found
}

/// Files of this repository that stand in backticks outside fences, with their lines.
fn paths(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut fenced = false;
    for (i, line) in text.lines().enumerate() {
        fenced ^= line.trim_start().starts_with("```");
        for word in line.split('`').skip(1).step_by(2).filter(|_| !fenced) {
            let plain = word.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '-' | '_'));
            let ours = FOLDERS.iter().any(|f| word.strip_prefix(f).is_some_and(|rest| rest.starts_with('/')));
            // Reports are written, not kept.
            let kept = !word.starts_with("reports/") || word.starts_with("reports/src");
            if plain && ours && kept {
                found.push((i + 1, word.to_owned()));
            }
        }
    }
    found
}

/// Lines outside fences, with what stands in backticks left out.
fn prose(text: &str) -> impl Iterator<Item = (usize, String)> {
    let mut fenced = false;
    text.lines().enumerate().filter_map(move |(i, line)| {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
            return None;
        }
        (!fenced).then(|| (i + 1, line.split('`').step_by(2).collect::<Vec<_>>().join("``")))
    })
}

/// Names under which headings are linked: lower case, spaces as dashes, other signs left out.
fn slugs(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut fenced = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        if fenced || !line.starts_with('#') {
            continue;
        }
        let title = line.trim_start_matches('#').trim().to_lowercase();
        let kept = title.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        let slug: String = kept.map(|c| if c == ' ' { '-' } else { c }).collect();
        let before = found.iter().filter(|s| **s == slug).count();
        found.push(if before == 0 { slug } else { format!("{slug}-{before}") });
    }
    found
}

/// Every page below `docs` is in the book's table of contents, or linked from a page that is an index.
fn book(pages: &[PathBuf], wrong: &mut Vec<String>) {
    let docs = root().join("docs");
    let summary = std::fs::read_to_string(docs.join("SUMMARY.md")).unwrap_or_default();
    for page in pages.iter().filter_map(|p| p.strip_prefix(&docs).ok()) {
        let name = page.display().to_string();
        if name != "SUMMARY.md" && !summary.contains(&format!("({name})")) {
            wrong.push(format!("docs/{name}: not in docs/SUMMARY.md"));
        }
    }
}
