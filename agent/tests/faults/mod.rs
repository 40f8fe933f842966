//! What may happen to agents under users who ask: kill -9, SIGSTOP, a link that is down, a full disk, a damaged model,
//! heat, a planner that is killed at work. Each request is answered whole or refused with a reason; what was streamed is
//! always a beginning of a right answer, so nothing is lost in it and nothing comes twice.
//!
//! `ROUNDS=200 SEED=1 cargo test --workspace --test main faults::one -- --nocapture` goes on for longer, `FROM=100` leaves
//! the first hundred out, `FAULT=LinkDown` has only that one. Links and disks need root, planners the program `planner`
//! beside the agent's; what is left out is said.

mod fleet_state;
mod place;
mod planner;
mod rounds;
mod two_planners;
mod users;

use crate::fleet::ask;
use engine::testing::Tiny;
use node::testing::{Part, plan, share};
use place::Home;
use profiles::WeightFormat::W8;
use protocol::Plan;
use rand_xoshiro::SplitMix64;
use rand_xoshiro::rand_core::SeedableRng as _;
use rounds::{FAULTS, Fault, Round};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use users::{Crowd, Ended, Tally, Troubles, stream};

const NAMES: [&str; 3] = ["a", "b", "c"];
const USERS: usize = 4;
/// The agents' fixture of sensors says 45 or 90 °C.
const THROTTLE_C: f64 = 85.0;

/// Wide enough that a request lasts while something is lost.
fn model(folder: &Path) -> PathBuf {
    let path = folder.join("tiny.gguf");
    let tiny = Tiny { layers: 4, context: 512, hidden: 512, wide: 1_024, heads: 8, head_dim: 64, ..Tiny::new("llama") };
    tiny.writer().unwrap().save(&path).unwrap();
    path
}

/// One service over four pipelines, of which one is left whoever is lost: a to b, a to c, b alone, c and a together.
fn content() -> Plan {
    let pipelines: [&[Part]; 3] = [&[("a", 0, 3, W8), ("b", 3, 6, W8)], &[("a", 0, 3, W8), ("c", 3, 6, W8)], &[("b", 0, 6, W8)]];
    let mut whole = plan(&NAMES, pipelines[0], 16);
    for parts in &pipelines[1..] {
        let other = plan(&NAMES, parts, 16);
        whole.services[0].replicas.extend(other.services.into_iter().flat_map(|s| s.replicas));
    }
    let mut pair = plan(&NAMES, &[("c", 0, 6, W8)], 16);
    share(&mut pair, 0, "a", 1);
    whole.services[0].replicas.extend(pair.services.into_iter().flat_map(|s| s.replicas));
    for replica in &mut whole.services[0].replicas {
        replica.share = 0.25;
    }
    for device in &mut whole.devices {
        device.expected.throttle_c = THROTTLE_C;
    }
    whole
}

fn number(name: &str, usual: u64) -> u64 {
    std::env::var(name).ok().and_then(|v| v.parse().ok()).unwrap_or(usual)
}

/// Which faults can be had here; says which cannot.
fn possible(real: bool) -> Vec<Fault> {
    let planner = planner::program().is_some();
    let can = |f: &Fault| match f {
        Fault::LinkDown | Fault::DiskFull => real,
        Fault::PlannerKilled => planner,
        _ => true,
    };
    for fault in FAULTS.iter().filter(|f| !can(f)) {
        let why = if *fault == Fault::PlannerKilled {
            "no program `planner` beside `agent` (cargo build --workspace)"
        } else {
            "namespaces for networks and mounts need root"
        };
        println!("SKIPPED {fault:?}: {why}");
    }
    let only = std::env::var("FAULT").ok();
    FAULTS.into_iter().filter(|f| can(f) && only.as_ref().is_none_or(|o| *o == format!("{f:?}"))).collect()
}

#[test]
fn one_fault_after_another_costs_nobody_an_answer() {
    let real = match place::inside("faults::one_fault_after_another_costs_nobody_an_answer") {
        Some(true) => return,
        Some(false) => false,
        None => true,
    };
    let faults = possible(real);
    let [rounds, from, seed] = [number("ROUNDS", faults.len() as u64), number("FROM", 0), number("SEED", 1)];
    let (rounds, from) = (rounds as usize, from as usize);
    let folder = tempfile::tempdir().unwrap();
    let mut home = Home::new(&model(folder.path()), &NAMES, real);
    (0..NAMES.len()).for_each(|i| home.start(i));
    let put = ask(&home.places[2].http, "PUT", "/fleet/plan", &home.fleet.seal(&content()));
    assert_eq!(put.0, 202, "{}", put.1);
    home.whole(1);

    let addresses: Vec<String> = home.places.iter().map(|p| p.http.clone()).collect();
    // Of a pipeline that begins at a, of b by itself, which does not round in between, and of c with a, who round twice
    // a layer.
    let right = |at: &String| {
        let said = stream(at);
        assert_eq!(said.ended, Ended::Answered);
        said.text
    };
    let expected: Vec<String> = addresses.iter().map(right).collect();
    let (tally, over) = (Mutex::new(Tally::default()), AtomicBool::new(false));
    let crowd = Arc::new(Crowd { addresses, expected, troubles: Troubles::default(), tally, over });
    let users = crowd.begin(USERS);
    let mut rng = SplitMix64::seed_from_u64(seed);
    let mut seen = Vec::new();
    for (i, (fault, victim)) in rounds::order(&faults, from + rounds, NAMES.len(), &mut rng).into_iter().enumerate().skip(from) {
        let round = home.round(fault, victim, &crowd, &mut rng);
        println!(
            "{i}: {:?} at {}: noticed {:.2?}, back {:.2?}, whole {:.2?}",
            round.fault, round.victim, round.noticed, round.back, round.whole
        );
        seen.push(round);
        assert!(crowd.tally.lock().unwrap().wrong.is_empty(), "{:#?}", crowd.tally.lock().unwrap());
    }
    crowd.over.store(true, Ordering::SeqCst);
    users.into_iter().for_each(|u| u.join().unwrap());
    let tally = crowd.tally.lock().unwrap();
    println!("seed {seed}, rounds {from} to {}: {tally:#?}", from + rounds - 1);
    report(&seen);
    assert!(tally.wrong.is_empty(), "{tally:#?}");
    // None lost: each request has exactly one end.
    assert_eq!(tally.requests, tally.answered + tally.refused.values().sum::<usize>(), "{tally:#?}");
    assert!(tally.answered > rounds * USERS, "{tally:#?}");
    // A noisy machine may be late once.
    let mut backs: Vec<Duration> = seen.iter().map(|r| r.back).collect();
    backs.sort_unstable();
    assert!(backs[backs.len() / 2] < Duration::from_secs(5), "{backs:?}");
    // Nobody who is asked anew waits for as long as a request on its way waits for a lost device (`heal_ms`).
    assert!(backs[backs.len() - 1] < Duration::from_secs(9), "{backs:?}");
}

/// Medians and longest times of each fault.
fn report(rounds: &[Round]) {
    for fault in FAULTS {
        let of = |pick: fn(&Round) -> Duration| {
            let mut times: Vec<Duration> = rounds.iter().filter(|r| r.fault == fault).map(pick).collect();
            times.sort_unstable();
            times.last().map_or_else(|| "-".into(), |last| format!("{:.2?} / {last:.2?}", times[times.len() / 2]))
        };
        let count = rounds.iter().filter(|r| r.fault == fault).count();
        let [noticed, back, whole] = [of(|r| r.noticed), of(|r| r.back), of(|r| r.whole)];
        println!("{fault:?} x{count}: noticed {noticed}, back {back}, whole again {whole} (median / longest)");
    }
}
