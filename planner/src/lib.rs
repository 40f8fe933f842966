//! The planner: physics, search, plan, linter, explanation.
//!
//! ```text
//! Scenario --physics--> Table --search--> Solution --compose--> Plan --lint, explain--> Report
//! ```
//!
//! Each layer is a plain value handed to the next. `physics` and `search` do no I/O, read no clock,
//! know no YAML and draw random numbers only from a seed that they were given.

pub mod baselines;
pub mod calibrate;
pub mod cli;
pub mod compose;
pub mod conflict;
pub mod diff;
pub mod drift;
pub mod expect;
pub mod explain;
pub mod lint;
pub mod literature;
pub mod pairs;
pub mod physics;
pub mod present;
pub mod replan;
pub mod search;
pub mod survive;
pub mod table;
#[doc(hidden)]
pub mod testing;
pub mod validate;
pub mod whatif;
pub mod yardstick;
