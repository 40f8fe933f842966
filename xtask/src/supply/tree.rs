//! What is built in, as `cargo tree` and `Cargo.lock` say it.

use crate::run::{output, root};

/// A crate that is built in.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Part {
    pub(crate) name: String,
    pub(crate) version: String,
    /// SPDX expression, as its maker wrote it.
    pub(crate) licence: String,
    /// Of this workspace.
    pub(crate) ours: bool,
}

/// Crates of a selection, sorted, each once.
pub(crate) fn of(selection: &[&str], targets: &[&str]) -> Result<Vec<Part>, String> {
    let manifest = root().join("Cargo.toml").display().to_string();
    let mut args = vec!["tree", "--locked", "--prefix", "none", "--format", "{p}|{l}", "--manifest-path", &manifest];
    args.extend(selection);
    args.extend(targets.iter().flat_map(|t| ["--target", t]));
    let text = output(&[], &std::env::var("CARGO").unwrap_or_else(|_| "cargo".into()), &args)?;
    let mut parts: Vec<Part> = text.lines().filter_map(part).collect();
    parts.sort();
    parts.dedup();
    if parts.is_empty() { Err("cargo tree names no crate".into()) } else { Ok(parts) }
}

/// `serde v1.0.2 (proc-macro)|MIT OR Apache-2.0`, ` (*)` at its end where it was named before.
fn part(line: &str) -> Option<Part> {
    let (package, licence) = line.split_once('|')?;
    let mut words = package.split(' ');
    let (name, version) = (words.next()?.to_owned(), words.next()?.strip_prefix('v')?.to_owned());
    let licence = licence.trim_end_matches(" (*)").to_owned();
    Some(Part { name, version, licence, ours: package.contains("(/") })
}

/// An entry of `Cargo.lock`.
pub(crate) struct Locked {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) checksum: Option<String>,
}

pub(crate) fn lock() -> Result<Vec<Locked>, String> {
    let path = root().join("Cargo.lock");
    let text = std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    let entries = text.split("[[package]]\n").skip(1).filter_map(|entry| {
        let key = |name: &str| {
            let line = entry.lines().find_map(|l| l.strip_prefix(&format!("{name} = ")))?;
            Some(line.trim_matches('"').to_owned())
        };
        Some(Locked { name: key("name")?, version: key("version")?, checksum: key("checksum") })
    });
    Ok(entries.collect())
}
