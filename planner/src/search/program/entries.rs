//! A column's cost and coefficients in the program.

use super::rows::{NONE, Rows};
use crate::search::columns::Column;
use crate::table::{Table, eased};

impl Rows {
    /// Objective coefficient of a column.
    #[must_use]
    pub fn cost(&self, table: &Table, c: &Column) -> f64 {
        let w = &self.goal.weights;
        let n = table.devices.len() as f64;
        let mut cost = self.network_watt * c.network_w + w.latency * c.latency + w.inaccuracy * c.inaccuracy;
        for l in &c.loads {
            let m = table.places[l.place as usize].mode as usize;
            cost += self.watt[table.modes[m].device as usize] * self.slope[m] * l.dynamic_w;
            cost -= w.underuse * l.booked / (n * self.processors[m]);
        }
        cost
    }

    /// Rows of a column with their coefficients, sorted by row, each row once.
    #[must_use]
    pub fn entries(&self, table: &Table, c: &Column) -> Vec<(u32, f64)> {
        let (n, modes) = (table.devices.len() as f64, table.modes.len());
        let mut e: Vec<(u32, f64)> = Vec::new();
        let mut push = |row: u32, a: f64| {
            if row != NONE && a != 0.0 {
                e.push((row, a));
            }
        };
        push(self.service[c.service as usize], 1.0 / f64::from(c.replicas));
        push(self.power, c.network_w);
        for (bill, &row) in table.bills.iter().zip(&self.bills) {
            push(row, bill.network_per_w * c.network_w);
        }
        push(self.latency, c.latency);
        push(self.inaccuracy, c.inaccuracy);
        for l in &c.loads {
            let place = &table.places[l.place as usize];
            let m = place.mode as usize;
            let mode = &table.modes[m];
            push(self.time[l.place as usize], l.booked / eased(mode.booked_cap));
            push(self.memory[l.place as usize], l.bytes / eased(table.pools[place.pool as usize].capacity_bytes));
            push(self.dynamic[m], l.dynamic_w / eased(mode.dynamic_cap_w));
            push(self.power, self.slope[m] * l.dynamic_w);
            for (bill, &row) in table.bills.iter().zip(&self.bills) {
                push(row, bill.per_w[mode.device as usize] * self.slope[m] * l.dynamic_w);
            }
            push(self.underuse, -l.booked / (n * self.processors[m]));
            for &(row, slope) in &self.lines[m] {
                push(row, -slope * l.dynamic_w);
            }
        }
        for &(g, bytes) in &c.segments {
            push(self.segment[g as usize], bytes);
        }
        for &m in &c.modes {
            let i = c.service as usize * modes + m as usize;
            push(self.touch[i], 1.0);
            self.apart[i].iter().for_each(|&row| push(row, 1.0));
        }
        e.sort_by_key(|&(row, _)| row);
        let mut merged: Vec<(u32, f64)> = Vec::with_capacity(e.len());
        for (row, a) in e {
            match merged.last_mut() {
                Some((last, sum)) if *last == row => *sum += a,
                _ => merged.push((row, a)),
            }
        }
        merged
    }
}
