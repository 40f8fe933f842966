//! Search: from a cost table to the best assignment, a proved lower bound and a Pareto front.
//!
//! Reads no clock: how long to search is an [`Effort`] in counted work, so that the same seed gives
//! the same bytes on any number of threads. [`Watch`] is the only way to the outside: it hears
//! progress and may ask to stop early.

pub mod anneal;
pub mod archive;
pub mod bound;
pub mod branch;
pub mod brute;
pub mod columns;
pub mod driver;
mod even;
pub mod exact;
pub mod feasible;
pub mod front;
pub mod greedy;
mod order;
mod parts;
pub mod presolve;
pub mod program;
pub mod ratio;
pub mod sites;
pub mod split;
pub mod state;
#[cfg(test)]
mod tests;

pub use driver::{improve, sketch, solve};
pub use feasible::{Feasibility, feasible};

use crate::table::{Assignment, Evaluation};

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
    /// Nodes of branch and price in one round; each is a linear relaxation with its own columns.
    pub branches: u32,
    /// Cells of backward passes of pricing in all; bounds hold whenever they run out.
    pub work: u64,
    /// Seats costed by the search of even tables.
    pub seats: u64,
    /// Simplex pivots, each as costly as there are rows, for the bound of even tables.
    pub pivots: u64,
    /// Points wanted on the front; 0: no front.
    pub front: u32,
    /// What an ablation leaves out.
    pub parts: Parts,
}

/// Ingredients of the search; an ablation leaves one out to see what it brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parts {
    /// Proposals in proportion to what they brought lately; without: all alike.
    pub momentum: bool,
    /// Acceptance by amount of domination against the archive, in every second chain; without: scalar only.
    pub archive: bool,
    /// Column generation, branching and integer programs; without: no bound, no recombination.
    pub programs: bool,
    /// Annealing; without: greedy assignments and programs, and rebuildings that only ever improve.
    pub annealing: bool,
}

impl Parts {
    /// Nothing left out.
    pub const ALL: Parts = Parts { momentum: true, archive: true, programs: true, annealing: true };
}

impl Default for Effort {
    fn default() -> Self {
        Effort::for_seconds(5.0)
    }
}

impl Effort {
    /// Work for about so many seconds of one slow core on a fleet of ten devices: a fixed table of
    /// counts, so the result depends on the number alone, never on the machine.
    #[must_use]
    pub fn for_seconds(seconds: f64) -> Effort {
        let t = if seconds.is_finite() { seconds.clamp(0.01, 86_400.0) } else { 5.0 };
        let scaled = |per_second: f64, least: f64| (per_second * t).max(least);
        Effort {
            seed: 1,
            gap: 0.0,
            rounds: scaled(0.6, 1.0).ceil() as u32,
            moves: scaled(2_000.0, 200.0) as u64,
            chains: 4,
            columns: scaled(1_000.0, 200.0) as usize,
            nodes: scaled(200.0, 20.0) as u32,
            branches: scaled(3.0, 2.0) as u32,
            work: scaled(7e8, 1e7) as u64,
            seats: scaled(2.8e7, 1e6) as u64,
            pivots: scaled(1e7, 1e6) as u64,
            front: 8,
            parts: Parts::ALL,
        }
    }
}

impl Effort {
    /// An equal part of the effort for each of so many.
    #[must_use]
    pub fn share(&self, parts: u64) -> Effort {
        let parts = parts.max(1);
        Effort {
            moves: (self.moves / parts).max(200),
            nodes: (u64::from(self.nodes) / parts).max(20) as u32,
            work: (self.work / parts).max(10_000_000),
            seats: (self.seats / parts).max(1_000_000),
            pivots: (self.pivots / parts).max(1_000_000),
            ..self.clone()
        }
    }
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
#[derive(Clone, Copy, Debug)]
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
    /// Cells of backward passes: what pricing costs.
    pub work: u64,
    pub integer_programs: u64,
    pub nodes: u64,
}
