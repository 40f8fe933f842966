//! The best state met, copied lazily: only rows changed since the last copy.

use crate::search::state::{Row, State};
use crate::table::Assignment;

/// A snapshot of the best feasible state.
#[derive(Debug)]
pub(super) struct Best {
    pub objective: f64,
    rows: Vec<Row>,
    changed: Vec<u32>,
    is_changed: Vec<bool>,
}

impl Best {
    pub(super) fn new(services: u32) -> Self {
        Best {
            objective: f64::INFINITY,
            rows: vec![Row::skipped(); services as usize],
            changed: (0..services).collect(),
            is_changed: vec![true; services as usize],
        }
    }

    /// A service's row in the state changed.
    pub(super) fn touch(&mut self, service: u32) {
        if !std::mem::replace(&mut self.is_changed[service as usize], true) {
            self.changed.push(service);
        }
    }

    /// All rows changed.
    pub(super) fn touch_all(&mut self) {
        (0..self.rows.len() as u32).for_each(|s| self.touch(s));
    }

    /// The state is the best now.
    pub(super) fn take(&mut self, state: &State<'_>, objective: f64) {
        self.objective = objective;
        for s in self.changed.drain(..) {
            self.is_changed[s as usize] = false;
            self.rows[s as usize].clone_from(state.row(s));
        }
    }

    /// The best assignment; `None` before the first.
    pub(super) fn assignment(&self) -> Option<Assignment> {
        self.objective.is_finite().then(|| Assignment { services: self.rows.iter().map(Row::write).collect() })
    }
}
