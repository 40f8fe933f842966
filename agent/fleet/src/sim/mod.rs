//! The simulator: the very same cores, virtual time, and everything that can go wrong, from one seed.
//!
//! A run has two parts. First anything may fail and nothing may go wrong; then the faults stop, and the
//! fleet must come to rest on its newest plan. What is drawn and what is checked is listed in
//! `docs/fleet.md`. The same seed gives the same run, event by event.

mod check;
mod disk;
mod engine;
mod net;
mod node;
mod plans;
mod world;

pub use check::Violation;
pub use disk::SimDisk;

use crate::rules::{Flaw, Rules};
use world::World;

/// What to run.
#[derive(Clone, Debug)]
pub struct Options {
    /// Agents at most and at least; the seed draws.
    pub agents: usize,
    pub fewest: usize,
    /// Keeps a line per event.
    pub trace: bool,
    /// Bug to plant.
    pub flaw: Option<Flaw>,
    /// Tries a crash after every storage operation, on a copy.
    pub crash_everywhere: bool,
    /// Owners' programs take the locks of their agents for a while, so that plans wait.
    pub locks: bool,
    /// Two devices share some of the stages.
    pub partners: bool,
    /// Simulated time with faults.
    pub storm_ms: u64,
    /// Simulated time within which the fleet must come to rest.
    pub calm_ms: u64,
    /// Simulated time from a fault within which the fleet must have converged.
    pub converge_ms: u64,
}

impl Default for Options {
    fn default() -> Self {
        let (storm_ms, calm_ms, converge_ms) = (30_000, 120_000, 30_000);
        Self {
            agents: 5,
            fewest: 2,
            trace: false,
            flaw: None,
            crash_everywhere: false,
            locks: false,
            partners: false,
            storm_ms,
            calm_ms,
            converge_ms,
        }
    }
}

/// What came of a run.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    pub violation: Option<Violation>,
    pub trace: Vec<String>,
    /// A number made of every event; the same run has the same.
    pub fingerprint: u64,
    pub counts: Counts,
    /// From the end of the faults to rest.
    pub rest_ms: u64,
    /// Longest from a fault (the end of the storm, a plan that failed after it) to a fleet that has converged.
    pub converge_ms: u64,
}

/// What happened in a run, so that a test can tell that it tested something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub events: u64,
    pub messages: u64,
    pub lost: u64,
    pub crashes: u64,
    /// Crashes between two steps of a write.
    pub torn: u64,
    /// Starts that were checked, those on copies included.
    pub starts: u64,
    pub plans: u64,
    pub forgeries: u64,
    pub forks: u64,
    pub switches: u64,
    pub rollbacks: u64,
    pub commits: u64,
    pub closings: u64,
    pub requests: u64,
    pub hops: u64,
    pub disk_faults: u64,
    pub lies: u64,
    /// Plans that waited for a lock until it was given back.
    pub withheld: u64,
}

impl Counts {
    /// Adds another run's.
    pub fn add(&mut self, o: &Self) {
        let pairs = [
            (&mut self.events, o.events),
            (&mut self.messages, o.messages),
            (&mut self.lost, o.lost),
            (&mut self.crashes, o.crashes),
            (&mut self.torn, o.torn),
            (&mut self.starts, o.starts),
            (&mut self.plans, o.plans),
            (&mut self.forgeries, o.forgeries),
            (&mut self.forks, o.forks),
            (&mut self.switches, o.switches),
            (&mut self.rollbacks, o.rollbacks),
            (&mut self.commits, o.commits),
            (&mut self.closings, o.closings),
            (&mut self.requests, o.requests),
            (&mut self.hops, o.hops),
            (&mut self.disk_faults, o.disk_faults),
            (&mut self.lies, o.lies),
            (&mut self.withheld, o.withheld),
        ];
        for (mine, theirs) in pairs {
            *mine += theirs;
        }
    }
}

/// Runs a seed.
#[must_use]
pub fn run(seed: u64, options: &Options) -> Outcome {
    World::new(seed, options.clone(), rules(options)).run()
}

/// The rules of a simulated fleet: shorter waits, so that a run is short.
fn rules(options: &Options) -> Rules {
    Rules {
        ask_ms: 10_000,
        retry_ms: (500, 8_000),
        proof_samples: 3,
        drain_ms: 10_000,
        pause_ms: 30_000,
        flaw: options.flaw,
        ..Rules::default()
    }
}
