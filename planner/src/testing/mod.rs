//! Made-up tables for tests and benchmarks of the search; no physics in them.

mod tables;

pub use tables::{random_table, Size};
