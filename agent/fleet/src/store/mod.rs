//! What is written and in which order, as plain operations: a disk carries them out, the simulator's disk
//! crashes between any two of them.
//!
//! A new plan's envelope is on disk before the ledger that names it; each file is written beside its
//! place, synced, renamed, and the folder synced. Two ledgers take turns, so that a disk which lies about
//! a sync costs the last change at most.

mod contents;
pub mod disk;

pub use contents::{Contents, NAME_OF_LEDGERS};

use crate::rules::{Rules, flawed};
use protocol::{Ledger, PlanId};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// A file of an agent's folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum File {
    /// Where a file is written before it is renamed.
    LedgerDraft,
    PlanDraft,
    /// One of two.
    Ledger(u8),
    Plan(PlanId),
}

impl fmt::Display for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LedgerDraft => f.write_str("ledger.draft"),
            Self::PlanDraft => f.write_str("plan.draft"),
            Self::Ledger(n) => write!(f, "ledger.{n}"),
            Self::Plan(id) => write!(f, "plan-{id}"),
        }
    }
}

impl FromStr for File {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "ledger.draft" => Ok(Self::LedgerDraft),
            "plan.draft" => Ok(Self::PlanDraft),
            "ledger.0" => Ok(Self::Ledger(0)),
            "ledger.1" => Ok(Self::Ledger(1)),
            other => other.strip_prefix("plan-").and_then(|id| id.parse().ok()).map(Self::Plan).ok_or(()),
        }
    }
}

/// One step on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// Replaces the content; after a crash any part of it may be there.
    Write {
        file: File,
        bytes: Arc<[u8]>,
    },
    /// What was written is there after a crash.
    Sync {
        file: File,
    },
    /// After a crash it may have happened or not.
    Rename {
        from: File,
        to: File,
    },
    /// Renames and removals have happened after a crash.
    SyncFolder,
    Remove {
        file: File,
    },
}

/// The steps that make a ledger, and the plan that it names for the first time, durable.
///
/// # Errors
/// When the ledger has no JSON form, which cannot be.
pub fn transaction(
    ledger: &Ledger,
    plan: Option<(PlanId, Arc<[u8]>)>,
    forget: &[PlanId],
    rules: &Rules,
) -> Result<Vec<Op>, serde_json::Error> {
    let place = |draft: File, file: File, bytes: Arc<[u8]>| {
        let mut ops = vec![Op::Write { file: draft, bytes }];
        if !flawed!(rules, NoFsync) {
            ops.push(Op::Sync { file: draft });
        }
        ops.extend([Op::Rename { from: draft, to: file }, Op::SyncFolder]);
        ops
    };
    let turn = u8::from(ledger.sequence % 2 == 1);
    let ledger = place(File::LedgerDraft, File::Ledger(turn), ledger.bytes()?.into());
    let plan = plan.map(|(id, bytes)| place(File::PlanDraft, File::Plan(id), bytes)).unwrap_or_default();
    let mut ops = if flawed!(rules, LedgerFirst) { [ledger, plan].concat() } else { [plan, ledger].concat() };
    ops.extend(forget.iter().map(|id| Op::Remove { file: File::Plan(*id) }));
    Ok(ops)
}
