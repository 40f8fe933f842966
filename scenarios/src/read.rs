//! The way in: bytes to a checked scenario, or to everything that is wrong with them.

use sha2::{Digest, Sha256};
use std::fmt::Write;
use std::path::Path;

use crate::diagnostic::{Diagnostic, Severity, Sink};
use crate::file::{File, Read};
use crate::known::Known;
use crate::resolve;
use crate::scenario::Scenario;
use crate::yaml;

/// What a file turned out to be.
#[derive(Debug)]
pub struct Reading {
    /// The scenario, if no finding is an error.
    pub scenario: Option<Scenario>,
    /// Errors and warnings in file order; all of them, printing cuts.
    pub findings: Vec<Diagnostic>,
}

/// Reads a scenario and keeps the warnings. `path` is not opened: profile files are relative to its folder.
#[must_use]
pub fn inspect(path: &Path, bytes: &[u8], known: &dyn Known) -> Reading {
    let mut sink = Sink::default();
    let scenario = parse(bytes, &mut sink).filter(|_| !sink.is_full()).and_then(|file| {
        let folder = path.parent().unwrap_or(Path::new(""));
        let scenario = resolve::resolve(&file, &digest(bytes), folder, known, &mut sink);
        if sink.has_errors() { None } else { scenario }
    });
    debug_assert!(scenario.is_some() || sink.has_errors(), "a file without a scenario has an error");
    Reading { scenario, findings: sink.into_sorted() }
}

/// Reads a scenario.
///
/// # Errors
/// Every error of the file, with the warnings among them, in file order.
pub fn read(path: &Path, bytes: &[u8], known: &dyn Known) -> Result<Scenario, Vec<Diagnostic>> {
    let Reading { scenario, findings } = inspect(path, bytes, known);
    match scenario {
        Some(scenario) if findings.iter().all(|d| d.severity() == Severity::Warning) => Ok(scenario),
        _ => Err(findings),
    }
}

/// The file's own words, typed but not yet resolved; `None` where the root is no map.
pub(crate) fn parse(bytes: &[u8], sink: &mut Sink) -> Option<File> {
    let (root, _) = yaml::parse(bytes, sink)?;
    File::read(&root, sink)
}

/// SHA-256 in lower-case hex.
fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
