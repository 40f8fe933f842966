//! A board in one text: the files and commands that sensors read, for tests, demonstrations and bug reports.
//!
//! ```text
//! # Jetson Orin Nano, JetPack 6
//! [/sys/class/hwmon/hwmon1]
//! name = ina3221
//! in1_input = 5016
//! in4_input = !EAGAIN
//! [/proc]
//! meminfo = |
//!   MemTotal:        7802068 kB
//! [$]
//! nvpmodel -q = NV Power Mode: MAXN_SUPER\n2
//! ```
//!
//! `[folder]` opens a folder, `[$]` the commands. `\0`, `\n`, `\t`, `\\` stand for themselves; `= |` takes
//! the indented lines below; `!EACCES`, `!EAGAIN`, `!ENODATA`, `!EIO`, `!HANG` answer with that error.

#[cfg(test)]
mod tests;

use crate::files::{Files, natural};
use crate::missing::Missing;
use crate::runner::Runner;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Section of the commands.
const COMMANDS: &str = "$";
/// Errors by name; the numbers are Linux's.
const FAULTS: &[(&str, i32)] = &[("!EACCES", 13), ("!EAGAIN", 11), ("!ENODATA", 61), ("!EIO", 5), ("!HANG", 0)];

/// A line that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: `{text}`: expected {expected}")]
pub struct ListingError {
    pub line: usize,
    pub text: String,
    pub expected: &'static str,
}

/// Files and commands of a board. Clones share them, so that a test can change them while sensors read.
#[derive(Clone, Debug, Default)]
pub struct Listing(Arc<Mutex<BTreeMap<String, String>>>);

impl Listing {
    /// Reads the text form.
    ///
    /// # Errors
    /// The first line that is neither a section, a comment nor `name = value`.
    pub fn parse(text: &str) -> Result<Self, ListingError> {
        let mut entries: BTreeMap<String, String> = BTreeMap::new();
        let mut section: Option<&str> = None;
        let mut block: Option<String> = None;
        for (i, line) in text.lines().enumerate() {
            let wrong = |expected| ListingError { line: i + 1, text: line.into(), expected };
            if let (Some(path), Some(more)) = (&block, line.strip_prefix("  ")) {
                let value = entries.entry(path.clone()).or_default();
                value.push_str(more);
                value.push('\n');
                continue;
            }
            block = None;
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            if let Some(name) = line.strip_prefix('[') {
                let name = name.strip_suffix(']').ok_or_else(|| wrong("`]` at the end"))?;
                if name != COMMANDS && !name.starts_with('/') {
                    return Err(wrong("a folder from the root, or `[$]`"));
                }
                section = Some(name.trim_end_matches('/'));
                continue;
            }
            let section = section.ok_or_else(|| wrong("a section `[/folder]` first"))?;
            let (name, value) = line.split_once(" =").ok_or_else(|| wrong("`name = value`"))?;
            let path = format!("{section}/{name}");
            if entries.contains_key(&path) {
                return Err(wrong("each name once"));
            }
            if value.trim() == "|" {
                entries.insert(path.clone(), String::new());
                block = Some(path);
            } else {
                entries.insert(path, unescape(value.strip_prefix(' ').unwrap_or(value)).ok_or_else(|| wrong("an escape"))?);
            }
        }
        Ok(Self(Arc::new(Mutex::new(entries))))
    }

    fn entries(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets a file by its path, or a command as `$/vcgencmd get_throttled`. `!EACCES` and its like make it fail.
    pub fn set(&self, path: &str, value: &str) {
        self.entries().insert(path.into(), value.into());
    }

    /// Takes a file or command away.
    pub fn remove(&self, path: &str) {
        self.entries().remove(path);
    }

    /// Writes the files below a folder; those that answer with an error and the commands are left out.
    ///
    /// # Errors
    /// Whatever the disk says.
    pub fn write_below(&self, root: &Path) -> io::Result<()> {
        for (path, value) in self.entries().iter() {
            if path.starts_with(COMMANDS) || fault(value).is_some() {
                continue;
            }
            let place = root.join(path.trim_start_matches('/'));
            if let Some(folder) = place.parent() {
                std::fs::create_dir_all(folder)?;
            }
            std::fs::write(place, value)?;
        }
        Ok(())
    }

    fn get(&self, path: &str, what: &str) -> Result<String, Missing> {
        let value = self.entries().get(path).cloned().ok_or_else(|| Missing::absent(what))?;
        match fault(&value) {
            None => Ok(value),
            Some(0) => Err(Missing::TimedOut { what: what.into(), after_ms: 200 }),
            Some(number) => Err(Missing::from_io(what, &io::Error::from_raw_os_error(number))),
        }
    }
}

fn fault(value: &str) -> Option<i32> {
    FAULTS.iter().find(|(name, _)| *name == value).map(|&(_, number)| number)
}

fn unescape(text: &str) -> Option<String> {
    let mut out = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        out.push(match c {
            '\\' => match chars.next()? {
                '0' => '\0',
                'n' => '\n',
                't' => '\t',
                '\\' => '\\',
                _ => return None,
            },
            c => c,
        });
    }
    Some(out)
}

/// The text form of a value, on one line.
pub(crate) fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\0', "\\0").replace('\n', "\\n").replace('\t', "\\t").replace('\r', "")
}

impl Files for Listing {
    fn read(&self, path: &str) -> Result<String, Missing> {
        self.get(path, path)
    }

    fn list(&self, folder: &str) -> Result<Vec<String>, Missing> {
        let start = format!("{folder}/");
        let mut names = BTreeSet::new();
        for path in self.entries().keys() {
            if let Some(rest) = path.strip_prefix(&start) {
                names.insert(rest.split('/').next().unwrap_or_default().to_owned());
            }
        }
        if names.is_empty() {
            return Err(Missing::absent(folder));
        }
        let mut names: Vec<String> = names.into_iter().collect();
        names.sort_by_key(|name| natural(name));
        Ok(names)
    }
}

impl Runner for Listing {
    fn run(&self, command: &[&str]) -> Result<String, Missing> {
        let line = command.join(" ");
        let program = format!("{COMMANDS}/{} ", command.first().unwrap_or(&""));
        let known = self.entries().keys().any(|k| k.starts_with(&program));
        let what = if known { line.as_str() } else { command.first().unwrap_or(&"") };
        self.get(&format!("{COMMANDS}/{line}"), what)
    }
}
