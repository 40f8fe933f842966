//! Search: from a cost table to the best assignment, a proved lower bound and a Pareto front.
//!
//! Reads no clock: how long to search is an [`Effort`] in counted work, so that the same seed gives
//! the same bytes on any number of threads. [`Watch`] is the only way to the outside: it hears
//! progress and may ask to stop early.

pub mod anneal;
pub mod archive;
pub mod greedy;
pub mod state;

use crate::table::{Assignment, Evaluation, Table};

/// How much work to do. Counts, never seconds.
#[derive(Clone, Debug, PartialEq)]
pub struct Effort {
    pub seed: u64,
    /// Relative gap at which to stop; 0 asks for a proved optimum.
    pub gap: f64,
    /// Alternations of annealing and integer programming.
    pub rounds: u32,
    /// Moves of one annealing chain in one round.
    pub moves: u64,
    /// Annealing chains, run in parallel; results do not depend on the number of threads.
    pub chains: u32,
    /// Most columns in one integer program.
    pub columns: usize,
    /// Branch-and-bound node limit of one integer program.
    pub nodes: u32,
    /// Points wanted on the front; 0: no front.
    pub front: u32,
}

/// What the outside hears.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    pub phase: &'static str,
    /// Objective of the best feasible assignment; infinite when none yet.
    pub best: f64,
    /// Proved lower bound; negative infinity when none yet.
    pub bound: f64,
}

/// Listener to a search. Must not influence it but by stopping it.
pub trait Watch: Sync {
    fn progress(&self, progress: Progress);
    /// True: finish soon with what there is.
    fn stop(&self) -> bool;
}

/// Nobody listens.
pub struct Silent;
impl Watch for Silent {
    fn progress(&self, _: Progress) {}
    fn stop(&self) -> bool {
        false
    }
}

/// How a search ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// The best assignment is proved optimal (gap at most 1e-6).
    Optimal,
    /// Feasible, with a gap.
    Gap,
    /// Proved: no assignment keeps all limits.
    Infeasible,
    /// Nothing feasible was found and nothing proved.
    Unknown,
}

/// What a search found.
#[must_use]
#[derive(Clone, Debug, PartialEq)]
pub struct Solution {
    pub status: Status,
    pub best: Option<(Assignment, Evaluation)>,
    /// No assignment's objective is below this.
    pub bound: f64,
    /// Mutually non-dominated in (power, latency, inaccuracy, underuse), best objective first; holds `best`.
    pub front: Vec<(Assignment, Evaluation)>,
    pub stopped: bool,
    pub stats: Stats,
}

/// Counted work, for reports and ablations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    pub moves: u64,
    pub accepted: u64,
    pub columns: u64,
    pub pricing_rounds: u64,
    pub integer_programs: u64,
    pub nodes: u64,
}

/// Solves a table.
pub fn solve(_table: &Table, _effort: &Effort, _watch: &dyn Watch) -> Solution {
    todo!("driver")
}
