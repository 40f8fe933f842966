//! Tests of the planner as a whole: its commands as a user types them, and its promises over many scenarios.

mod cli;
mod fleets;
