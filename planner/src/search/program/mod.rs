//! The integer program over columns: its rows, its linear relaxation, its bound and its solution.
//!
//! One formulation serves all: [`Rows`] states it, [`Relaxation`] solves the linear one and grows by
//! columns, [`integer`] solves the whole one, [`Rows::bound`] turns any duals into a proved bound.

mod decision;
mod entries;
mod integer;
mod relaxation;
mod rows;
#[cfg(test)]
mod tests;

pub use decision::Decision;
pub use integer::{Outcome, integer};
pub(super) use relaxation::quiet;
pub use relaxation::{Answer, Relaxation, Solved};
pub use rows::{Fixed, Goal, Rows};
