//! Random fleets: no panic, every plan passes the linter, otherwise infeasibility is proved; and the
//! conflict of what is infeasible is minimal, checked by brute force over its subsets.
//!
//! `WATTLINE_FLEETS` sets how many (default 10,000).

use planner::compose::compose;
use planner::conflict::{self, Answer, Demand, Oracle};
use planner::physics;
use planner::search::{self, Effort, Feasibility, Silent, Status};
use planner::table::evaluate;
use planner::testing::{scenario_of, small_scenario};
use planner::{explain, lint};
use profiles::units::{Ratio, Seconds, Watts};
use protocol::Certificate;
use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use rayon::prelude::*;
use scenarios::{At, Goal, Said, Scenario};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Little work a fleet: proofs on these small tables need no more.
fn effort(seed: u64) -> Effort {
    Effort { seed, rounds: 1, moves: 60, chains: 1, front: 0, ..Effort::for_seconds(0.2) }
}

/// A small random fleet; every second one asks for more than usual.
fn fleet(seed: u64) -> Scenario {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed ^ 0xf1ee7);
    let mut s = if seed.is_multiple_of(4) {
        small_scenario(seed)
    } else {
        scenario_of(seed, 1 + seed as usize % 4, 1 + seed as usize % 2)
    };
    if seed % 2 == 1 {
        tighten(&mut s, &mut rng);
    }
    s
}

/// Cuts deadlines, power and memory, raises floors and rates: many of these have no plan.
fn tighten(s: &mut Scenario, rng: &mut impl Rng) {
    let said = |value: f64| Said { value: Ratio(value), at: At { line: 70, column: 1 } };
    for v in &mut s.services {
        let d = &mut v.deadline;
        for t in [&mut d.ttft, &mut d.tpot, &mut d.total].into_iter().flatten() {
            t.value = Seconds(t.value.get() * rng.random_range(0.02..1.2));
        }
        v.rate.value.0 *= rng.random_range(0.5..8.0);
        if let Some(floor) = &mut v.accuracy {
            floor.at_least.value = Ratio((floor.at_least.value.get() + rng.random_range(-0.1..0.12)).max(0.01));
        }
    }
    if rng.random_bool(0.4) {
        let idle: f64 = s.devices.iter().map(|d| d.profile.modes[0].idle.value.get()).sum();
        s.limits.power = Some(Said { value: Watts(idle * rng.random_range(0.2..1.5)), at: At { line: 71, column: 1 } });
    }
    if rng.random_bool(0.2) {
        s.limits.mean_accuracy = Some(said(rng.random_range(0.4..0.62)));
    }
    if rng.random_bool(0.2) {
        s.limits.latency = Some(said(rng.random_range(0.1..1.0)));
    }
    for d in &mut s.devices {
        d.memory_margin.value = Ratio(rng.random_range(0.0..0.95));
    }
}

/// What the command line certifies.
fn certificate(s: &Scenario, solution: &search::Solution, value: f64) -> Certificate {
    let rate: f64 = s.services.iter().map(|v| v.rate.value.get()).sum();
    let (objective, unit, scale) = match s.objective.goal {
        Goal::Power => ("fleet power", "W", 1.0),
        Goal::EnergyPerRequest => ("energy per request", "J", 1.0 / rate),
        Goal::Latency => ("latency score with its tie-break", "1", 1.0),
        Goal::Accuracy => ("inaccuracy with its tie-break", "1", 1.0),
        Goal::AnswersPerJoule => ("energy per right answer", "J", 1.0),
        Goal::Cost => ("cost of a day", "EUR/day", 1.0),
        Goal::Carbon => ("carbon of a day", "g/day", 1.0),
    };
    let (value, bound) = (value * scale, solution.bound.min(value) * scale);
    let gap = if value.abs() > 0.0 { ((value - bound) / value.abs()).max(0.0) } else { 0.0 };
    let status = if solution.status == Status::Optimal { "optimal" } else { "gap" };
    Certificate { objective: objective.into(), unit: unit.into(), value, bound, gap, status: status.into() }
}

/// Plans one fleet; true where there is a plan. Complaints come back as text.
fn plan(seed: u64) -> Result<bool, String> {
    let s = fleet(seed);
    let model = physics::build(&s);
    let mut solution = search::solve(&model.table, &effort(seed), &Silent);
    if solution.status == Status::Unknown {
        // Neither plan nor proof within so little work: then more of it must give one or the other.
        let ask = |seconds: f64| search::feasible(&model.table, &Effort::for_seconds(seconds));
        let decided = [1.0, 5.0, 20.0].into_iter().map(ask).find(|a| *a != Feasibility::Unknown);
        match decided.unwrap_or(Feasibility::Unknown) {
            Feasibility::No => return Ok(false),
            Feasibility::Yes(a) => {
                let e = evaluate(&model.table, &a);
                (solution.bound, solution.status, solution.best) = (0.0, Status::Gap, Some((a, e)));
            }
            Feasibility::Unknown => {}
        }
    }
    let Some((assignment, evaluation)) = &solution.best else {
        return match solution.status {
            Status::Infeasible => Ok(false),
            _ => Err(format!("fleet {seed}: nothing found and nothing proved")),
        };
    };
    if solution.status == Status::Infeasible || !evaluation.feasible() {
        return Err(format!("fleet {seed}: {:?} with {:?}", solution.status, evaluation.violations));
    }
    let made = compose(&s, &model, assignment, certificate(&s, &solution, evaluation.objective), seed);
    let verdict = lint::lint(&s, &made);
    if verdict.fatal() {
        return Err(format!("fleet {seed}:\n{verdict}"));
    }
    if seed.is_multiple_of(8) {
        if explain::assignment_of(&s, &model, &made).as_ref() != Some(assignment) {
            return Err(format!("fleet {seed}: the plan does not read back"));
        }
        let why = explain::explain(&s, &model, &made, &solution);
        let proved = solution.status == Status::Optimal;
        let better =
            why.services.iter().filter_map(|w| w.runner_up.as_ref()).find(|r| r.more < -1e-5 * evaluation.objective.abs());
        if let Some(r) = better.filter(|_| proved) {
            return Err(format!("fleet {seed}: proved optimal, but {} saves {}", r.what, -r.more));
        }
    }
    Ok(true)
}

#[test]
fn every_fleet_has_a_sound_plan_or_a_proof_that_there_is_none() {
    let n: u64 = std::env::var("WATTLINE_FLEETS").ok().and_then(|v| v.parse().ok()).unwrap_or(10_000);
    let planned = AtomicUsize::new(0);
    let complaints: Vec<String> = (0..n)
        .into_par_iter()
        .filter_map(|seed| match plan(seed) {
            Ok(found) => {
                planned.fetch_add(usize::from(found), Ordering::Relaxed);
                None
            }
            Err(text) => Some(text),
        })
        .collect();
    assert!(complaints.is_empty(), "{} of {n}:\n{}", complaints.len(), complaints[..complaints.len().min(10)].join("\n"));
    let planned = planned.into_inner() as u64;
    assert!(planned > n / 4 && planned < n - n / 20, "{planned} of {n} have a plan: the mix tests one side only");
}

/// The exact search with little effort, as an oracle.
struct Small;

impl Oracle for Small {
    fn ask(&mut self, scenario: &Scenario) -> Answer {
        match search::feasible(&physics::build(scenario).table, &Effort::for_seconds(0.5)) {
            Feasibility::Yes(_) => Answer::Possible,
            Feasibility::No => Answer::Impossible,
            Feasibility::Unknown => Answer::Unknown,
        }
    }
}

/// Complaint about the conflict of one fleet; `Ok(false)`: it has a plan.
fn conflict_is_minimal(seed: u64) -> Result<bool, String> {
    let s = fleet(2 * seed + 1);
    let Some((set, minimal)) = conflict::minimal(&s, &mut Small) else { return Ok(false) };
    let ask = |kept: &[Demand]| conflict::satisfiable(&s, kept, &mut Small);
    if ask(&set) != Answer::Impossible {
        return Err(format!("fleet {seed}: {set:?} can be kept"));
    }
    let mut proper: Vec<Vec<Demand>> = Vec::new();
    for mask in 0..(1u32 << set.len()) - 1 {
        let one_less = mask.count_ones() as usize + 1 == set.len();
        // All subsets where that is affordable.
        if one_less || set.len() <= 6 {
            proper.push(set.iter().enumerate().filter(|(i, _)| mask >> i & 1 == 1).map(|(_, d)| d.clone()).collect());
        }
    }
    for sub in proper {
        match ask(&sub) {
            Answer::Possible => {}
            Answer::Impossible => return Err(format!("fleet {seed}: {set:?} holds the conflict {sub:?}")),
            Answer::Unknown if minimal => return Err(format!("fleet {seed}: called minimal, but {sub:?} is open")),
            Answer::Unknown => {}
        }
    }
    Ok(true)
}

#[test]
fn conflicts_are_minimal_by_brute_force() {
    let results: Vec<Result<bool, String>> = (0..300).into_par_iter().map(conflict_is_minimal).collect();
    let complaints: Vec<&String> = results.iter().filter_map(|r| r.as_ref().err()).collect();
    assert!(
        complaints.is_empty(),
        "{} of 300:\n{}",
        complaints.len(),
        complaints.iter().take(10).map(|c| c.as_str()).collect::<Vec<_>>().join("\n")
    );
    let infeasible = results.iter().filter(|r| **r == Ok(true)).count();
    assert!(infeasible >= 100, "only {infeasible} of 300 have a conflict");
}
