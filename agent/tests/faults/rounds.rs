//! One fault at one agent at one moment, all drawn from a seed: how soon it is noticed, how soon the others serve again,
//! how soon all is whole again.

use super::fleet_state::{own, statuses, whole};
use super::place::Home;
use super::planner;
use super::users::{Crowd, Ended, now, stream};
use crate::fleet::ask;
use fleet::controller::follow;
use protocol::{Plan, PlanRef};
use rand_xoshiro::SplitMix64;
use rand_xoshiro::rand_core::RngCore as _;
use std::time::{Duration, Instant};

/// Nothing may take longer.
const LONGEST: Duration = Duration::from_secs(90);
/// How long an agent hangs, and a link is down.
const HANGS: Duration = Duration::from_secs(4);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fault {
    Killed,
    Stopped,
    LinkDown,
    DiskFull,
    /// Killed, and its model has another bit when it starts again.
    CorruptModel,
    Hot,
    /// While a planner applies a plan.
    PlannerKilled,
}

pub(super) const FAULTS: [Fault; 7] =
    [Fault::Killed, Fault::Stopped, Fault::LinkDown, Fault::DiskFull, Fault::CorruptModel, Fault::Hot, Fault::PlannerKilled];

/// What a round showed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Round {
    pub(super) fault: Fault,
    pub(super) victim: &'static str,
    /// From the fault until another agent, or its own, says so.
    pub(super) noticed: Duration,
    /// From there until a request was answered through each of the others.
    pub(super) back: Duration,
    /// From the fault's end until all agents serve the same plan, each in its full part.
    pub(super) whole: Duration,
}

/// Waits for something; how long it took.
fn until(what: &str, mut done: impl FnMut() -> bool) -> Duration {
    let begun = now();
    while !done() {
        assert!(begun.elapsed() < LONGEST, "not within {LONGEST:?}: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
    begun.elapsed()
}

/// Faults in an order in which each comes once before one comes again, each at every agent in turn.
pub(super) fn order(faults: &[Fault], rounds: usize, agents: usize, rng: &mut SplitMix64) -> Vec<(Fault, usize)> {
    let mut all = Vec::new();
    for block in 0..rounds.div_ceil(faults.len()) {
        let mut kinds = faults.to_vec();
        for i in (1..kinds.len()).rev() {
            kinds.swap(i, rng.next_u64() as usize % (i + 1));
        }
        let place = |k: &Fault| FAULTS.iter().position(|f| f == k).unwrap_or(0);
        all.extend(kinds.iter().map(|k| (*k, (block + place(k)) % agents)));
    }
    all.truncate(rounds);
    all
}

impl Home {
    fn agents(&self) -> Vec<(&'static str, String)> {
        self.places.iter().map(|p| (p.name, p.http.clone())).collect()
    }

    /// Waits until all agents serve the same plan of at least this generation, each in its full part, and it is good.
    pub(super) fn whole(&self, generation: u64) -> Duration {
        let agents = self.agents();
        let agents: Vec<(&str, &str)> = agents.iter().map(|(n, a)| (*n, a.as_str())).collect();
        let begun = now();
        while let Err(why) = whole(&agents, generation) {
            assert!(begun.elapsed() < LONGEST, "not whole after {LONGEST:?}: {why}");
            std::thread::sleep(Duration::from_millis(50));
        }
        begun.elapsed()
    }

    /// The same content as the successor of the fleet's newest plan.
    fn next(&self) -> Plan {
        let newest = self.places.iter().flat_map(|p| statuses(&p.http)).filter_map(|s| {
            Some(PlanRef { generation: s["newest"]["generation"].as_u64()?, id: s["newest"]["id"].as_str()?.parse().ok()? })
        });
        follow(&super::content(), newest.max().unwrap()).unwrap()
    }

    /// Hands the next generation to an agent that is well.
    fn again(&self, victim: usize) -> u64 {
        let plan = self.next();
        let well = &self.places[(victim + 1) % self.places.len()].http;
        let put = ask(well, "PUT", "/fleet/plan", &self.fleet.seal(&plan));
        assert_eq!(put.0, 202, "{}", put.1);
        plan.generation
    }

    /// Whether one of the others misses it.
    fn missed(&self, victim: usize) -> bool {
        let says = format!("wattline_lost{{device=\"{}\"}}", self.places[victim].name);
        let others = self.places.iter().enumerate().filter(|(i, _)| *i != victim);
        others.into_iter().any(|(_, p)| ask(&p.http, "GET", "/metrics", b"").1.contains(&says))
    }

    /// Until each of the others has answered a request.
    fn back(&self, victim: usize, crowd: &Crowd) -> Duration {
        let begun = now();
        for (_, place) in self.places.iter().enumerate().filter(|(i, _)| *i != victim) {
            until("the service is back", || {
                let said = stream(&place.http);
                said.ended == Ended::Answered && crowd.expected.contains(&said.text)
            });
        }
        begun.elapsed()
    }

    /// One round. Requests go on all the time.
    pub(super) fn round(&mut self, fault: Fault, victim: usize, crowd: &Crowd, rng: &mut SplitMix64) -> Round {
        std::thread::sleep(Duration::from_millis(100 + rng.next_u64() % 500));
        let (name, http) = (self.places[victim].name, self.places[victim].http.clone());
        let begun = now();
        let mut generation = 0;
        let (noticed, back, mended) = match fault {
            Fault::Killed => {
                crowd.troubles.begin(&http, "killed");
                self.places[victim].kill();
                let noticed = until("a loss is noticed", || self.missed(victim));
                let back = self.back(victim, crowd);
                self.start(victim);
                (noticed, back, now())
            }
            Fault::Stopped => {
                crowd.troubles.begin(&http, "stopped");
                self.places[victim].signal("-STOP");
                let noticed = until("a hanging agent is noticed", || self.missed(victim));
                let back = self.back(victim, crowd);
                rest(begun, HANGS);
                self.places[victim].signal("-CONT");
                (noticed, back, now())
            }
            Fault::LinkDown => {
                crowd.troubles.begin(&http, "cut off");
                self.places[victim].link("down");
                let noticed = until("a link that is down is noticed", || self.missed(victim));
                let back = self.back(victim, crowd);
                rest(begun, HANGS);
                self.places[victim].link("up");
                (noticed, back, now())
            }
            Fault::DiskFull => {
                self.places[victim].fill();
                // Something must be written: the same content, as a new generation.
                generation = self.again(victim);
                let noticed = until("a full disk is told of", || {
                    own(&http, name).is_some_and(|s| s["note"].as_str().is_some_and(|n| n.contains("disk")))
                });
                let back = self.back(usize::MAX, crowd);
                self.places[victim].free();
                (noticed, back, now())
            }
            Fault::CorruptModel => {
                crowd.troubles.begin(&http, "killed");
                let bit = rng.next_u64();
                self.places[victim].kill();
                self.places[victim].flip(bit);
                self.start(victim);
                crowd.troubles.end();
                let noticed =
                    until("a damaged model is told of", || ask(&http, "GET", "/fleet/status", b"").1.contains("is damaged"));
                assert_eq!(ask(&http, "GET", "/readyz", b"").0, 503, "{name} serves a damaged model");
                let back = self.back(usize::MAX, crowd);
                self.places[victim].flip(bit);
                (noticed, back, now())
            }
            Fault::Hot => {
                self.places[victim].heat(true);
                let noticed = until("heat is felt", || ask(&http, "GET", "/metrics", b"").1.contains("\nwattline_share 0\n"));
                let back = self.back(usize::MAX, crowd);
                self.places[victim].heat(false);
                (noticed, back, now())
            }
            Fault::PlannerKilled => {
                let plan = self.next();
                planner::killed(self.fleet.folder.path(), &plan, &http, rng.next_u64() % 600);
                let killed = now();
                let back = self.back(usize::MAX, crowd);
                // The next one goes on: from the plan that the first left, if it came that far.
                generation = planner::goes_on(self.fleet.folder.path(), &plan, &http);
                (killed - begun, back, now())
            }
        };
        crowd.troubles.end();
        self.whole(generation);
        Round { fault, victim: name, noticed, back, whole: mended.elapsed() }
    }
}

/// Sleeps until so long after a moment.
fn rest(begun: Instant, long: Duration) {
    std::thread::sleep(long.saturating_sub(begun.elapsed()));
}
