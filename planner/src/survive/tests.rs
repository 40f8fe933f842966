//! Random fleets under the loss of each device in turn.

use rayon::prelude::*;

use super::{LossError, after, build, offers};
use crate::compose::compose;
use crate::lint;
use crate::search::{self, Effort, Silent};
use crate::testing::{scenario_of, two_boards_and_a_card};
use profiles::units::Seconds;
use protocol::Certificate;
use scenarios::{At, Said, Scenario};

fn certificate(value: f64) -> Certificate {
    Certificate { objective: "fleet power".into(), unit: "W".into(), value, bound: 0.0, gap: 1.0, status: "gap".into() }
}

/// A random fleet whose first service, or all, promise to survive.
fn fleet(seed: u64) -> Scenario {
    let mut s = scenario_of(seed, 3 + seed as usize % 4, 1 + seed as usize % 3);
    s.objective.goal = scenarios::Goal::Power;
    for (i, v) in s.services.iter_mut().enumerate() {
        if i == 0 || seed.is_multiple_of(2) {
            v.survives_loss = true;
            v.replicas = (2, 2);
            // What bounds the stay of a request bounds the memory that is kept for it.
            v.deadline.total.get_or_insert(Said { value: Seconds(120.0), at: At::default() });
        }
    }
    s
}

/// `Ok(None)`: no plan. Else the losses that were survived.
fn survive(seed: u64) -> Result<Option<usize>, String> {
    let s = fleet(seed);
    let model = build(&s);
    let effort = Effort { seed, rounds: 1, moves: 200, chains: 1, front: 0, ..Effort::for_seconds(0.2) };
    let Some((assignment, evaluation)) = search::solve(&model.table, &effort, &Silent).best else { return Ok(None) };
    let plan = compose(&s, &model, &assignment, certificate(evaluation.objective), seed);
    let verdict = lint::lint(&s, &plan);
    if verdict.fatal() {
        return Err(format!("seed {seed}: the whole plan\n{verdict}"));
    }
    for d in 0..s.devices.len() {
        let lost = after(&s, &model, &assignment, d).map_err(|e| format!("seed {seed}: {e}"))?;
        let promised = s.services.iter().filter(|v| v.survives_loss);
        if let Some(v) = promised.into_iter().find(|v| lost.scenario.services.iter().all(|w| w.name != v.name)) {
            return Err(format!("seed {seed}: `{}` is not served without device {d}", v.name));
        }
        let rest = compose(&lost.scenario, &lost.model, &lost.assignment, certificate(lost.evaluation.objective), seed);
        let verdict = lint::lint(&lost.scenario, &rest);
        if verdict.fatal() {
            return Err(format!("seed {seed}: without device {d}\n{verdict}"));
        }
    }
    Ok(Some(s.devices.len()))
}

/// 200 fleets with a plan: each device taken away in turn leaves a plan that the linter accepts.
#[test]
fn any_one_device_may_go() {
    let (mut planned, mut losses, mut next) = (0, 0, 0u64);
    while planned < 200 && next < 1_000 {
        let outcomes: Vec<Result<Option<usize>, String>> = (next..next + 40).into_par_iter().map(survive).collect();
        next += 40;
        for outcome in outcomes {
            match outcome {
                Ok(Some(n)) => (planned, losses) = (planned + 1, losses + n),
                Ok(None) => {}
                Err(why) => panic!("{why}"),
            }
        }
    }
    println!("{losses} losses survived by {planned} of {next} fleets");
    assert!(planned >= 200, "{planned} of {next}");
}

/// Without the promise one copy is cheaper, and its loss is seen by the linter and here.
#[test]
fn a_promise_costs_power_and_is_checked() {
    let mut s = two_boards_and_a_card();
    s.services.truncate(1);
    s.services[0].origin = None;
    let effort = Effort { front: 0, ..Effort::for_seconds(0.2) };
    let solve = |s: &Scenario| {
        let model = build(s);
        let (a, e) = search::solve(&model.table, &effort, &Silent).best.expect("a plan");
        (model, a, e)
    };
    let (model, single, cheap) = solve(&s);
    let plan = compose(&s, &model, &single, certificate(cheap.objective), 1);
    s.services[0].survives_loss = true;
    s.services[0].replicas = (2, 2);
    let codes: Vec<&str> = lint::lint(&s, &plan).notes.iter().map(|n| n.code).collect();
    assert!(codes.contains(&"survives-loss"), "{codes:?}");
    let used = model.table.places[single.services[0].as_ref().expect("served").chains[0].stages[0].place as usize].device;
    assert!(matches!(after(&s, &model, &single, used as usize), Err(LossError::Unserved { .. })));
    let (model, double, dear) = solve(&s);
    assert!(dear.power_w > cheap.power_w && double.services[0].as_ref().expect("served").chains.len() == 2);
    for d in 0..s.devices.len() {
        let lost = after(&s, &model, &double, d).expect("survived");
        assert!(lost.unserved.is_empty() && lost.evaluation.feasible());
    }
}

#[test]
fn offers_are_what_the_model_has() {
    let mut seen = (false, false);
    for seed in 0..40 {
        let mut s = scenario_of(seed, 3 + seed as usize % 4, 1 + seed as usize % 3);
        for promised in [false, true] {
            s.services.iter_mut().for_each(|service| service.survives_loss = promised);
            let (offers, model) = (offers(&s), build(&s));
            let options: Vec<usize> = model.table.services.iter().map(|row| row.options.len()).collect();
            assert_eq!((offers.options, &offers.dropped), (options, &model.dropped), "seed {seed}, promised {promised}");
            seen = (seen.0 || !offers.dropped.is_empty(), seen.1 || model.table.services.iter().any(|row| row.options.len() > 1));
        }
    }
    assert!(seen.0 && seen.1, "nothing was dropped, or nothing offered");
}
