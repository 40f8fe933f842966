//! The integer program over columns: its rows, its linear relaxation, its bound and its solution.
//!
//! One formulation serves all: [`Rows`] states it, [`Relaxation`] solves the linear one and grows by
//! columns, [`integer`] solves the whole one, [`Rows::bound`] turns any duals into a proved bound.

mod entries;
mod integer;
mod relaxation;
mod rows;

pub use integer::{Outcome, integer};
pub use relaxation::{Relaxation, Solved};
pub use rows::{Fixed, Rows};
