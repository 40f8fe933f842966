//! Branching decisions: what a node of branch and price adds to the program.

use super::rows::{NONE, Rows};
use crate::search::columns::Column;
use crate::search::split::Window;
use crate::table::Table;

/// One side of a branching.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The device sleeps, or is awake.
    Sleep(u32),
    Wake(u32),
    /// The device is not, or is, in this mode.
    Without(u32),
    With(u32),
    /// The service does not, or does, touch this mode.
    Off(u32, u32),
    On(u32, u32),
    /// The service does not, or does, use this option.
    Not(u32, u32),
    Only(u32, u32),
    /// A stage of the service on the place, if there is one, keeps to the window.
    Within(Window),
}

impl Rows {
    /// Tightens the program by a decision.
    pub fn decide(&mut self, table: &Table, decision: Decision) {
        let modes = table.modes.len();
        match decision {
            Decision::Sleep(d) => table.devices[d as usize].modes.clone().for_each(|m| self.shut(modes, m as usize)),
            Decision::Wake(d) => {
                let row = self.device[d as usize];
                if row != NONE {
                    self.lower[row as usize] = 1.0;
                }
            }
            Decision::Without(m) => self.shut(modes, m as usize),
            Decision::With(m) => {
                let device = &table.devices[table.modes[m as usize].device as usize];
                device.modes.clone().filter(|&other| other != m).for_each(|other| self.shut(modes, other as usize));
                self.fixed[m as usize].lower = 1.0;
            }
            Decision::Off(s, m) => self.closed[s as usize * modes + m as usize] = true,
            Decision::On(s, m) => {
                self.decide(table, Decision::With(m));
                // The service's chains on the mode are at most `y`; now exactly.
                let row = self.touch[s as usize * modes + m as usize];
                if row != NONE {
                    self.lower[row as usize] = 0.0;
                    self.stand_in(row, 1.0);
                }
            }
            Decision::Not(s, o) => self.shut.push((s, o)),
            Decision::Only(s, o) => {
                let options = table.services[s as usize].options.len() as u32;
                self.shut.extend((0..options).filter(|&other| other != o).map(|other| (s, other)));
            }
            Decision::Within(window) => self.windows.push(window),
        }
    }

    fn shut(&mut self, modes: usize, m: usize) {
        self.fixed[m].upper = 0.0;
        for s in 0..self.service.len() {
            self.closed[s * modes + m] = true;
        }
    }

    /// True when no decision forbids the column.
    #[must_use]
    pub fn admits(&self, table: &Table, c: &Column) -> bool {
        let s = c.service;
        c.modes.iter().all(|&m| !self.closed[s as usize * table.modes.len() + m as usize])
            && !self.shut.contains(&(s, c.option))
            && self.windows.iter().filter(|w| w.service == s).all(|w| {
                c.chain.stages.iter().filter(|stage| stage.place == w.place).all(|stage| w.admits(stage.start, stage.end))
            })
    }

    /// True when some feasible assignment may still exist as far as the fixed variables can tell.
    #[must_use]
    pub fn open(&self) -> bool {
        self.fixed.iter().all(|f| f.lower <= f.upper)
    }
}
