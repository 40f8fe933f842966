//! What the planner and the agents say to each other. For now: the plan.
//!
//! Knows no optimiser and no transport.

pub mod canonical;
pub mod plan;

pub use plan::*;
