//! Tests of the planner as a whole: its commands as a user types them, and its promises over many scenarios.

#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(clippy::print_stdout, reason = "what was skipped is said")]

mod cli;
mod docs;
mod drift;
mod exhaustive;
mod fleets;
mod interrupt;
mod lab;
mod live_page;
mod open;
