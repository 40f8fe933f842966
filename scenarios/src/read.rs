//! The way in: bytes to a checked scenario, or to everything that is wrong with them.

use profiles::Catalogue;
use sha2::{Digest, Sha256};
use std::fmt::Write;
use std::path::Path;

use crate::diagnostic::{Diagnostic, Sink};
use crate::file::{File, Read};
use crate::known::Known;
use crate::resolve;
use crate::scenario::Scenario;
use crate::yaml;

/// A scenario without errors.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    pub scenario: Scenario,
    /// In file order.
    pub warnings: Vec<Diagnostic>,
}

/// Fetches a profile file by the path that the scenario gives, which is relative to the scenario's
/// own folder; or says why not.
pub type Open<'a> = &'a dyn Fn(&str) -> Result<Vec<u8>, String>;

/// Reads a scenario. Opens nothing itself: `path` is for messages, `open` fetches profile files.
///
/// # Errors
/// Every error of the file, with the warnings among them, in file order. [`crate::render`] prints
/// the first twenty.
pub fn read(path: impl AsRef<Path>, bytes: &[u8], catalogue: &Catalogue, open: Open<'_>) -> Result<Reading, Vec<Diagnostic>> {
    read_with(path.as_ref(), bytes, catalogue, open)
}

/// [`read`] with names that mean what `known` says.
///
/// # Errors
/// As [`read`].
pub fn read_with(path: &Path, bytes: &[u8], known: &dyn Known, open: Open<'_>) -> Result<Reading, Vec<Diagnostic>> {
    let mut sink = Sink::default();
    let scenario = parse(bytes, &mut sink).filter(|_| !sink.is_full()).and_then(|file| {
        let folder = path.parent().unwrap_or(Path::new(""));
        resolve::resolve(&file, &digest(bytes), folder, known, open, &mut sink)
    });
    let failed = sink.has_errors();
    debug_assert!(scenario.is_some() || failed, "a file without a scenario has an error");
    match scenario {
        Some(scenario) if !failed => Ok(Reading { scenario, warnings: sink.into_sorted() }),
        _ => Err(sink.into_sorted()),
    }
}

/// The file's own words, typed but not resolved: what a converter or an editor needs.
///
/// # Errors
/// Every error of form, in file order.
pub fn parse_file(bytes: &[u8]) -> Result<File, Vec<Diagnostic>> {
    let mut sink = Sink::default();
    match parse(bytes, &mut sink) {
        Some(file) if !sink.has_errors() => Ok(file),
        _ => Err(sink.into_sorted()),
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
