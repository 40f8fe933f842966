//! What needs whole models: real files where they have been fetched, tiny ones made here otherwise.
#![expect(clippy::print_stdout, reason = "what was skipped and what was measured is said")]

mod evaluation;
mod fuzz;
mod lowbit;
mod memory;
mod models;
mod peer;
mod shards;
mod streaming;
mod tokens;
