//! Presolve: options that cannot be in any best plan, or need not be, go before the search starts.

mod dominate;
#[cfg(test)]
mod tests;

pub use dominate::dominates;

use crate::table::Table;

/// By service, the options worth searching: an option goes when another one of the service can stand in
/// for it at the same places at no higher cost of any kind. Of equal options the first stays.
#[must_use]
pub fn options(table: &Table) -> Vec<Vec<u32>> {
    // Less booked time is more underuse: when that counts, only equal times can stand in.
    let underuse = table.weights.underuse > 0.0 || table.underuse_cap < f64::INFINITY;
    table
        .services
        .iter()
        .map(|s| {
            let all = &s.options;
            let beaten = |o: usize| {
                (0..all.len()).any(|other| {
                    other != o
                        && dominates(&all[other], &all[o], underuse)
                        && (other < o || !dominates(&all[o], &all[other], underuse))
                })
            };
            (0..all.len()).filter(|&o| !beaten(o)).map(|o| o as u32).collect()
        })
        .collect()
}
