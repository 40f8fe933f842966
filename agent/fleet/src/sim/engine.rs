//! The engine of a simulated device: how long jobs take, what fits, and what a bad plan does.

use super::world::Storm;
use crate::agent::{Fault, Job, Sample};
use protocol::PlanId;
use rand::Rng;
use rand_xoshiro::Xoshiro256PlusPlus;
use std::collections::BTreeSet;

/// What is wrong with a plan's content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ill {
    /// A device cannot load it.
    Loads,
    /// Its engine dies soon after it is ready.
    Crashes,
    /// It reaches half of the planned rate.
    Slow,
    /// It heats the device.
    Hot,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Engine {
    /// Has room for one plan only.
    pub(super) small: bool,
    pub(super) loaded: BTreeSet<PlanId>,
}

impl Engine {
    /// Begins a job: how long it takes and how it ends.
    pub(super) fn begin(
        &mut self,
        plan: PlanId,
        what: Job,
        ill: Option<Ill>,
        storm: &Storm,
        rng: &mut Xoshiro256PlusPlus,
    ) -> (u64, Result<(), Fault>) {
        match what {
            Job::Fetch => {
                let fails = storm.on && rng.random_bool(storm.fetch);
                let outcome = if fails { Err(Fault::Unavailable("no route".into())) } else { Ok(()) };
                (rng.random_range(50..1_500), outcome)
            }
            Job::Verify => {
                let fails = storm.on && rng.random_bool(storm.fetch / 4.0);
                (rng.random_range(10..100), if fails { Err(Fault::Corrupt("damaged on its way".into())) } else { Ok(()) })
            }
            Job::Load => {
                if self.small && self.loaded.iter().any(|p| *p != plan) {
                    return (rng.random_range(10..100), Err(Fault::NoRoom));
                }
                if ill == Some(Ill::Loads) {
                    return (rng.random_range(50..500), Err(Fault::Failed("no such operator".into())));
                }
                self.loaded.insert(plan);
                (rng.random_range(50..1_500), Ok(()))
            }
            Job::Warm => (rng.random_range(10..200), Ok(())),
        }
    }

    /// What a window shows.
    pub(super) fn sample(plan: PlanId, ill: Option<Ill>, rng: &mut Xoshiro256PlusPlus) -> Sample {
        let rate = if ill == Some(Ill::Slow) { 0.5 } else { rng.random_range(0.85..1.2) };
        let heat = if ill == Some(Ill::Hot) { 83.0 } else { rng.random_range(40.0..70.0) };
        Sample {
            plan,
            rate_share: rng.random_bool(0.8).then_some(rate),
            temperature_c: Some(heat),
            memory_share: Some(rng.random_range(0.3..0.99)),
        }
    }
}
