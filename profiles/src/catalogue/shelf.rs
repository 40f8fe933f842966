//! Entries of one kind: found by a scan of the lines, parsed when first asked for.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::sync::OnceLock;

use super::files::File;
use super::sources::{Sources, expand};
use crate::walk::Walk;
use crate::yaml::{self, Fault};

/// All entries of one kind.
#[derive(Debug)]
pub(super) struct Shelf<T> {
    heads: Vec<Head>,
    entries: BTreeMap<&'static str, Entry<T>>,
}

/// What stands before the list of a file: its sources.
#[derive(Debug)]
struct Head {
    file: &'static str,
    text: &'static str,
    sources: OnceLock<Sources>,
}

#[derive(Debug)]
struct Entry<T> {
    head: usize,
    text: &'static str,
    /// Lines of the file before the entry.
    skipped: u32,
    parsed: OnceLock<T>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HeadText {
    #[serde(default)]
    sources: Sources,
}

impl<T: DeserializeOwned + Walk> Shelf<T> {
    pub(super) fn new(list: &str, files: &'static [File]) -> Self {
        let mut shelf = Self { heads: Vec::new(), entries: BTreeMap::new() };
        for &(file, text) in files {
            let (head, entries) = split(list, text);
            shelf.heads.push(Head { file, text: head, sources: OnceLock::new() });
            for (id, skipped, text) in entries {
                let entry = Entry { head: shelf.heads.len() - 1, text, skipped, parsed: OnceLock::new() };
                shelf.entries.insert(id, entry);
            }
        }
        shelf
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.entries.keys().copied()
    }

    pub(super) fn get(&self, id: &str) -> Option<&T> {
        let entry = self.entries.get(id)?;
        Some(entry.parsed.get_or_init(|| {
            self.load(entry).unwrap_or_else(|faults| panic!("a test reads every built-in entry, yet: {}", faults[0]))
        }))
    }

    /// Parses one entry.
    fn load(&self, entry: &Entry<T>) -> Result<T, Vec<Fault>> {
        let head = &self.heads[entry.head];
        let sources = match head.sources.get() {
            Some(sources) => sources,
            None => {
                let parsed: HeadText = yaml::parse(head.file, head.text, 0).map_err(|f| vec![f])?;
                head.sources.get_or_init(|| parsed.sources)
            }
        };
        let [mut profile]: [T; 1] = yaml::parse(head.file, entry.text, entry.skipped).map_err(|f| vec![f])?;
        let unknown = expand(&mut profile, sources);
        if unknown.is_empty() {
            return Ok(profile);
        }
        Err(unknown
            .into_iter()
            .map(|(at, source)| Fault {
                file: head.file.into(),
                line: entry.skipped + 1,
                column: 1,
                message: format!("{at}: `{source}` is not a key of `sources`"),
                hint: "add it there, or write a URL or a reason".into(),
            })
            .collect())
    }

    /// Every fault of every entry.
    #[cfg(test)]
    pub(super) fn faults(&self) -> Vec<Fault> {
        self.entries.values().filter_map(|e| self.load(e).err()).flatten().collect()
    }
}

/// Cuts a file into what stands before `list:` and the entries below, with id and line.
fn split<'t>(list: &str, text: &'t str) -> (&'t str, Vec<(&'t str, u32, &'t str)>) {
    let mut head = text;
    let mut entries: Vec<(&str, u32, usize)> = Vec::new();
    let mut inside = false;
    let mut indent = None;
    let mut offset = 0;
    let mut end = text.len();
    for (number, line) in (0u32..).zip(text.split_inclusive('\n')) {
        let start = offset;
        offset += line.len();
        if !inside {
            if line.strip_prefix(list).is_some_and(|rest| rest.starts_with(':')) {
                head = &text[..start];
                inside = true;
            }
        } else if let Some(rest) = line.trim_start().strip_prefix("- id:") {
            // Processors and modes have ids too; entries stand where the first one stands.
            let here = line.len() - line.trim_start().len();
            if *indent.get_or_insert(here) == here {
                entries.push((rest.split('#').next().unwrap_or(rest).trim(), number, start));
            }
        } else if line.starts_with(|c: char| c.is_ascii_alphabetic()) {
            end = start;
            break;
        }
    }
    let ends = entries.iter().skip(1).map(|e| e.2).chain([end]).collect::<Vec<_>>();
    let cut = entries.into_iter().zip(ends).map(|((id, line, start), end)| (id, line, &text[start..end])).collect();
    (head, cut)
}
