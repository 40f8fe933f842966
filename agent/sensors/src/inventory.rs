//! What this machine has, interface by interface: what it reads, or why not and what mends it.

use crate::board::{Board, Family};
use crate::interface::Interface;
use crate::missing::Missing;
use crate::reading::Reading;
use crate::total::NO_POWER_SENSOR;
use serde::Serialize;
use std::fmt;

/// Whether an interface works. Found means one successful read, not that a file exists.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "found", rename_all = "snake_case")]
pub enum Finding {
    Reads { readings: Vec<Reading> },
    Not { missing: Missing },
}

/// One interface.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Entry {
    pub interface: Interface,
    pub what: &'static str,
    #[serde(flatten)]
    pub finding: Finding,
    /// A command that mends what is missing, where one is known.
    pub mend: Option<String>,
}

/// The whole machine.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Inventory {
    pub board: Board,
    pub entries: Vec<Entry>,
    /// What the machine draws, or why nobody knows.
    pub power: Reading,
}

impl Entry {
    /// True when nothing is wrong: another kind of machine has it, or nobody asked for it.
    #[must_use]
    pub fn is_foreign(&self) -> bool {
        matches!(self.finding, Finding::Not { missing: Missing::NotHere { .. } })
    }

    /// True when it is simply not there, and no command is known that would change that.
    #[must_use]
    pub fn is_absent(&self) -> bool {
        self.mend.is_none() && matches!(self.finding, Finding::Not { missing: Missing::Absent { .. } })
    }
}

impl Inventory {
    /// What would give a machine without a power sensor one; `None` when it has one.
    #[must_use]
    pub fn advice(&self) -> Option<&'static str> {
        let lacks = self.power.value().is_none();
        let ready = self.entries.iter().any(|e| e.mend.is_some() && e.interface.gives_power());
        match (lacks, ready) {
            (false, _) => None,
            (true, true) => Some("the commands below may give it one"),
            (true, false) => Some("a plug at the wall (shelly:HOST, tasmota:HOST) or an INA226 on its supply would give it one"),
        }
    }
}

impl fmt::Display for Inventory {
    /// A table for people. What is not there, and what other machines have, stands in one line each at the end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let release = self.board.l4t.as_ref().map(|l| format!(", L4T {l}")).unwrap_or_default();
        let guest = if self.board.family == Family::Vm { ", a virtual machine: its host has the sensors" } else { "" };
        writeln!(f, "{}{release}{guest}", self.board.model)?;
        match self.power.value() {
            Some(w) => {
                let quality = self.power.quality().map(|q| q.to_string()).unwrap_or_default();
                writeln!(f, "power: {w:.3} W of {} ({quality}, {})", self.power.scope, self.power.name)?;
            }
            None => writeln!(f, "{NO_POWER_SENSOR}")?,
        }
        if let Some(advice) = self.advice() {
            writeln!(f, "  {advice}")?;
        }
        for entry in self.entries.iter().filter(|e| !e.is_foreign() && !e.is_absent()) {
            match &entry.finding {
                Finding::Reads { readings } => {
                    writeln!(f, "{:<16} {}", entry.interface, entry.what)?;
                    for reading in readings {
                        writeln!(f, "  {}", line(reading))?;
                    }
                }
                Finding::Not { missing } => writeln!(f, "{:<16} no: {missing}", entry.interface)?,
            }
            if let Some(command) = &entry.mend {
                writeln!(f, "  to mend: {command}")?;
            }
        }
        let names = |of: fn(&Entry) -> bool| -> String {
            self.entries.iter().filter(|e| of(e)).map(|e| e.interface.name()).collect::<Vec<_>>().join(", ")
        };
        writeln!(f, "not there: {}", names(Entry::is_absent))?;
        writeln!(f, "not for this machine: {}", names(Entry::is_foreign))
    }
}

/// A reading without its interface, which stands above it.
fn line(reading: &Reading) -> String {
    let text = reading.to_string();
    text.strip_prefix(reading.interface.name()).unwrap_or(&text).trim_start().to_owned()
}
