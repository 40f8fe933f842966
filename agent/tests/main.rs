//! Tests of the agent as a whole: its commands as a user types them.

#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(clippy::print_stdout, reason = "what was skipped is said")]

mod faults;
mod fetching;
mod fleet;
mod interrupt;
mod learning;
mod models;
mod outputs;
mod transcripts;
