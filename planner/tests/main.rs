//! Tests of the planner as a whole: its commands as a user types them, and its promises over many scenarios.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod cli;
mod exhaustive;
mod fleets;
mod interrupt;
