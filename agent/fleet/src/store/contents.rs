//! What is found on disk at a start.

use super::File;
use protocol::{Ledger, PlanId};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Both ledgers' file names.
pub const NAME_OF_LEDGERS: [File; 2] = [File::Ledger(0), File::Ledger(1)];

/// An agent's folder, read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    pub ledgers: [Option<Arc<[u8]>>; 2],
    pub plans: BTreeMap<PlanId, Arc<[u8]>>,
}

impl Contents {
    /// Adds a file; drafts are nothing.
    pub fn add(&mut self, file: File, bytes: Arc<[u8]>) {
        match file {
            File::Ledger(n) if n < 2 => self.ledgers[usize::from(n)] = Some(bytes),
            File::Plan(id) => drop(self.plans.insert(id, bytes)),
            File::Ledger(_) | File::LedgerDraft | File::PlanDraft => {}
        }
    }

    /// The newest whole ledger, and how many are torn or of another schema.
    #[must_use]
    pub fn ledger(&self) -> (Option<Ledger>, usize) {
        let read = self.ledgers.iter().flatten().map(|bytes| Ledger::read(bytes));
        let (mut best, mut broken) = (None::<Ledger>, 0);
        for ledger in read {
            match ledger {
                Ok(l) if best.as_ref().is_none_or(|b| l.sequence > b.sequence) => best = Some(l),
                Ok(_) => {}
                Err(_) => broken += 1,
            }
        }
        (best, broken)
    }
}
