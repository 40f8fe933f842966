//! What was applied and how it went: one line of JSON for each change, and the plans themselves.

use crate::cli::exit::Failure;
use crate::cli::files;
use protocol::{Plan, PlanRef};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// A plan's way, as one line; a later line of the same generation takes its place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub(crate) plan: PlanRef,
    pub(crate) at_ms: u64,
    /// `apply`, or `rollback to N`.
    pub(crate) by: String,
    /// `issued`, `served`, or why not.
    pub(crate) outcome: String,
}

/// Where a plan is served.
pub(crate) const SERVED: &str = "served";

pub(crate) struct Log {
    folder: PathBuf,
    entries: BTreeMap<u64, Entry>,
}

impl Log {
    /// Reads the log of a fleet's folder; none is an empty one.
    pub(crate) fn open(folder: &Path) -> Result<Self, Failure> {
        // A folder that is no fleet's is named as such.
        fleet::enrol::Roster::read(&super::enrol::roster(folder)).map_err(|e| super::enrol::failure(&e))?;
        let path = folder.join("history.jsonl");
        let text = if path.exists() { String::from_utf8_lossy(&files::read(&path)?).into_owned() } else { String::new() };
        // The last line may be torn; what it said is lost.
        let lines = text.lines().filter_map(|l| serde_json::from_str::<Entry>(l).ok());
        Ok(Self { folder: folder.to_owned(), entries: lines.map(|e| (e.plan.generation, e)).collect() })
    }

    /// Adds a line.
    pub(crate) fn add(&mut self, entry: Entry) -> Result<(), Failure> {
        let path = self.folder.join("history.jsonl");
        let line = serde_json::to_string(&entry).map_err(Failure::bug)?;
        let open = std::fs::OpenOptions::new().create(true).append(true).open(&path);
        open.and_then(|mut f| writeln!(f, "{line}"))
            .map_err(|e| Failure::input(format!("error: cannot write {}: {e}", path.display())))?;
        self.entries.insert(entry.plan.generation, entry);
        Ok(())
    }

    fn path(&self, generation: u64) -> PathBuf {
        self.folder.join("plans").join(format!("{generation}.json"))
    }

    /// Keeps a plan's content.
    pub(crate) fn keep(&self, plan: &Plan) -> Result<(), Failure> {
        files::write(&self.path(plan.generation), &protocol::canonical::bytes(plan).map_err(Failure::bug)?)
    }

    /// The content of a generation.
    pub(crate) fn plan(&self, generation: u64) -> Result<Plan, Failure> {
        files::plan(&self.path(generation))
    }

    pub(crate) fn entry(&self, generation: u64) -> Option<&Entry> {
        self.entries.get(&generation)
    }

    /// The latest generation before this one that was served.
    pub(crate) fn before(&self, generation: u64) -> Option<u64> {
        self.entries.range(..generation).rev().find(|(_, e)| e.outcome == SERVED).map(|(g, _)| *g)
    }

    pub(crate) fn table(&self) -> String {
        if self.entries.is_empty() {
            return "no plan was applied yet\n".into();
        }
        let mut out = format!("{:>10}  {:<8}  {:<20}  {:<16}  outcome\n", "generation", "plan", "when (UTC)", "by");
        for e in self.entries.values() {
            let short: String = e.plan.id.to_string().chars().take(8).collect();
            let _ = writeln!(out, "{:>10}  {short:<8}  {:<20}  {:<16}  {}", e.plan.generation, when(e.at_ms), e.by, e.outcome);
        }
        out
    }

    /// A line each.
    pub(crate) fn events(&self) -> Result<(), Failure> {
        for entry in self.entries.values() {
            crate::cli::events::print("change", serde_json::to_value(entry).map_err(Failure::bug)?);
        }
        Ok(())
    }

    pub(crate) fn json(&self) -> Result<String, Failure> {
        let all: Vec<&Entry> = self.entries.values().collect();
        Ok(serde_json::to_string_pretty(&all).map_err(Failure::bug)? + "\n")
    }
}

/// Milliseconds since 1970 as a date and a time of day (Howard Hinnant, "chrono-compatible low-level date algorithms").
pub(crate) fn when(ms: u64) -> String {
    let (days, s) = (ms / 86_400_000, ms / 1_000 % 86_400);
    let z = days + 719_468;
    let (era, of_era) = (z / 146_097, z % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let (day, month) = (of_year - (153 * shifted + 2) / 5 + 1, if shifted < 10 { shifted + 3 } else { shifted - 9 });
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02}", s / 3_600, s / 60 % 60, s % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_dates() {
        assert_eq!(when(0), "1970-01-01 00:00:00");
        assert_eq!(when(951_827_696_000), "2000-02-29 12:34:56");
        assert_eq!(when(1_795_694_399_999), "2026-11-26 11:59:59");
    }
}
