//! Strict YAML: one document, no aliases, no duplicate or unknown keys, bounded, every fault with its place.

use serde::de::DeserializeOwned;
use serde_yaml::{Error, Options};
use std::fmt;

/// Largest text that is read, bytes.
pub const MAX_BYTES: usize = 1 << 20;

/// What is wrong with a file, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Fault {
    /// Name of the file as the caller gave it.
    pub file: String,
    /// 1-based; 0 when the fault concerns the whole file.
    pub line: u32,
    pub column: u32,
    pub message: String,
    /// What to do about it; may be empty.
    pub hint: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file)?;
        if self.line > 0 {
            write!(f, ":{}:{}", self.line, self.column)?;
        }
        write!(f, ": {}", self.message)?;
        if self.hint.is_empty() { Ok(()) } else { write!(f, " ({})", self.hint) }
    }
}

/// Parses one document. `skipped` lines are added to the line of a fault, for texts cut from a larger file.
///
/// # Errors
/// The first fault of the text.
pub fn parse<T: DeserializeOwned>(file: &str, text: &str, skipped: u32) -> Result<T, Fault> {
    if text.len() > MAX_BYTES {
        return Err(Fault {
            file: file.into(),
            line: 0,
            column: 0,
            message: format!("{} bytes are more than the {MAX_BYTES} that a profile file may have", text.len()),
            hint: String::new(),
        });
    }
    serde_yaml::from_str_with_options(text, options()).map_err(|e| fault(file, skipped, e.without_snippet()))
}

/// Options of every YAML text that this crate reads.
#[must_use]
pub fn options() -> Options {
    serde_yaml::options! {
        budget: serde_yaml::budget! {
            max_depth: 32,
            max_nodes: 200_000,
            max_events: 500_000,
            max_aliases: 0,
            max_anchors: 0,
            max_documents: 1,
            max_merge_keys: 0,
        },
        duplicate_keys: serde_yaml::DuplicateKeyPolicy::Error,
        strict_booleans: true,
        with_snippet: false,
    }
}

fn fault(file: &str, skipped: u32, error: &Error) -> Fault {
    let place = error.location();
    let number = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
    let (message, hint) = explain(error);
    Fault {
        file: file.into(),
        line: place.map_or(0, |l| number(l.line()).saturating_add(skipped)),
        column: place.map_or(0, |l| number(l.column())),
        message,
        hint,
    }
}

/// Our words for the faults that people make most; the parser's for the rest.
fn explain(error: &Error) -> (String, String) {
    match error {
        Error::SerdeUnknownField { field, expected, .. } => {
            (format!("unknown key `{field}`"), choices("known keys", field, expected))
        }
        Error::SerdeUnknownVariant { variant, expected, .. } => {
            (format!("`{variant}` is not one of the values allowed here"), choices("allowed", variant, expected))
        }
        Error::SerdeMissingField { field, .. } => (format!("key `{field}` is missing"), String::new()),
        Error::DuplicateMappingKey { key: Some(key), .. } => (format!("key `{key}` is there twice"), String::new()),
        Error::Message { msg, .. } => (msg.clone(), String::new()),
        other => {
            let text = other.to_string();
            // The place is printed by us; the parser's first line is the message.
            let line = text.lines().next().unwrap_or_default();
            (line.split(" at line ").next().unwrap_or(line).to_owned(), String::new())
        }
    }
}

fn choices(what: &str, said: &str, expected: &[&'static str]) -> String {
    let near = expected.iter().map(|e| (strsim::damerau_levenshtein(said, e), e)).filter(|(d, e)| *d <= e.len().max(3) / 3).min();
    match near {
        Some((_, e)) => format!("did you mean `{e}`?"),
        None => format!("{what}: {}", expected.join(", ")),
    }
}
