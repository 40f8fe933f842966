//! A move in the making: new rows for the services that it touches.

use super::State;
use super::row::{NONE, Row};

/// New rows by service. Buffers outlive the move, so that proposing allocates nothing.
#[derive(Clone, Debug, Default)]
pub struct Change {
    services: Vec<u32>,
    rows: Vec<Row>,
}

impl Change {
    pub fn clear(&mut self) {
        self.services.clear();
    }

    /// Services touched.
    #[must_use]
    pub fn services(&self) -> &[u32] {
        &self.services
    }

    /// The service's row in this change: as it stands in the state when not touched before.
    pub fn edit(&mut self, state: &State<'_>, service: u32) -> &mut Row {
        if let Some(i) = self.services.iter().position(|&s| s == service) {
            return &mut self.rows[i];
        }
        let row = self.push(service);
        row.clone_from(state.row(service));
        row
    }

    /// An unserved row for a service that is not yet in this change.
    pub fn blank(&mut self, service: u32) -> &mut Row {
        let row = self.push(service);
        row.option = NONE;
        row.stages.clear();
        row.ends.clear();
        row
    }

    fn push(&mut self, service: u32) -> &mut Row {
        debug_assert!(!self.services.contains(&service), "a service once in a change");
        let i = self.services.len();
        self.services.push(service);
        if self.rows.len() == i {
            self.rows.push(Row::default());
        }
        &mut self.rows[i]
    }

    pub(super) fn pair(&mut self, i: usize) -> (u32, &mut Row) {
        (self.services[i], &mut self.rows[i])
    }
}
