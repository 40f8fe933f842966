use super::*;
use crate::compose::compose;
use crate::explain;
use crate::lint::lint;
use crate::pairs::tests::{effort, found, plan, truth};
use crate::physics;
use crate::search::{Silent, brute};
use crate::table::evaluate;
use crate::testing::team_scenario;
use protocol::Plan;
use rayon::prelude::*;
use scenarios::Scenario;

/// The scenario in which nobody may share.
fn alone(s: &Scenario) -> Scenario {
    let mut s = s.clone();
    s.devices.iter_mut().for_each(|d| d.together = None);
    s
}

fn shares(plan: &Plan) -> bool {
    let stages = plan.services.iter().flat_map(|v| &v.replicas).flat_map(|r| &r.stages);
    stages.into_iter().any(|st| st.partner.as_ref().is_some_and(|p| p.device == st.device))
}

/// Trying everything: value and bound. `None`: too large. Else whether the best plan has a stage on two processors.
fn compared(seed: u64) -> Option<Option<bool>> {
    let s = team_scenario(seed);
    let least = truth(&s, &physics::build(&s)).ok()?;
    let (all, outcome) = found(&s, seed);
    let f = &all[outcome.best];
    if !least.is_finite() {
        assert!(!f.value.is_finite(), "seed {seed}: found {} where nothing is", f.value);
        return Some(None);
    }
    assert!((f.value - least).abs() <= 2e-6 * least, "seed {seed}: {} for {least}", f.value);
    assert!(outcome.bound <= least * (1.0 + 1e-7), "seed {seed}: bound {} above {least}", outcome.bound);
    Some(Some(shares(&plan(&s, f, outcome.bound))))
}

#[test]
fn small_scenarios_agree_with_trying_everything() {
    let outcomes: Vec<_> = (0..160u64).into_par_iter().map(compared).collect();
    let solved: Vec<bool> = outcomes.iter().flatten().flatten().copied().collect();
    let shared = solved.iter().filter(|s| **s).count();
    let none = outcomes.iter().flatten().count() - solved.len();
    println!("{} solved, {shared} of them share; {none} have no plan", solved.len());
    assert!(solved.len() >= 60 && shared >= 15 && shared + 15 <= solved.len(), "{} solved, {shared} share", solved.len());
}

#[test]
fn sharing_never_makes_a_plan_dearer() {
    let better: Vec<Option<bool>> = (300..400u64)
        .into_par_iter()
        .map(|seed| {
            let s = team_scenario(seed);
            // Where everything can be tried both values are the least there is.
            let with = truth(&s, &physics::build(&s)).ok()?;
            let without = truth(&alone(&s), &physics::build(&alone(&s))).ok()?;
            assert!(with <= without * (1.0 + 1e-9), "seed {seed}: {with} with, {without} without");
            let (all, outcome) = found(&s, seed);
            let value = all[outcome.best].value;
            assert!(value <= without * (1.0 + 2e-6) || !without.is_finite(), "seed {seed}: {value}, {without} without");
            Some(with < without * (1.0 - 1e-6))
        })
        .collect();
    let tried = better.iter().flatten().count();
    let cheaper = better.iter().flatten().filter(|b| **b).count();
    println!("{tried} tried, {cheaper} cheaper, or possible only, with sharing");
    assert!(tried >= 40 && cheaper >= 5, "{tried} {cheaper}");
}

#[test]
fn plans_are_sound_and_read_back() {
    let checked: Vec<bool> = (0..120u64)
        .into_par_iter()
        .filter_map(|seed| {
            let s = team_scenario(seed);
            let (all, outcome) = found(&s, seed);
            let f = &all[outcome.best];
            f.solution.best.as_ref()?;
            let plan = plan(&s, f, outcome.bound);
            let verdict = lint(&s, &plan);
            assert!(!verdict.fatal(), "seed {seed}\n{verdict}");
            let model = physics::build(&s);
            let back = explain::assignment_of(&s, &model, &plan).expect("the plan fits its table");
            let again = compose(&s, &model, &back, plan.certificate.clone(), 1);
            let bytes = |p: &Plan| protocol::canonical::bytes(p).unwrap();
            assert_eq!(bytes(&again), bytes(&plan), "seed {seed}");
            Some(shares(&plan))
        })
        .collect();
    println!("{} plans, {} share", checked.len(), checked.iter().filter(|s| **s).count());
    assert!(checked.iter().filter(|s| **s).count() >= 15 && checked.len() >= 60, "{checked:?}");
}

#[test]
fn without_a_word_of_it_nothing_is_there() {
    let s = alone(&team_scenario(1));
    let model = physics::build(&s);
    assert!(model.heads.is_empty() && model.modes.iter().all(|m| !m.together));
    assert!(model.table.places.iter().zip(0..).all(|(p, own)| p.slot == own));
}

#[test]
fn a_queue_of_two_is_one_slot_and_such_tables_are_not_even() {
    let mut s = team_scenario(1);
    s.devices.truncate(1);
    s.devices[0].modes = vec!["30W".into()];
    let model = physics::build(&s);
    let together = model.modes.iter().position(|m| m.together).expect("a mode in which the two share");
    let places = model.table.modes[together].places.clone();
    assert_eq!((places.len(), model.table.slots(&model.table.modes[together]).count()), (3, 1));
    // Even tables have one mode with one place a device.
    assert!(model.table.devices[0].modes.len() > 1);
    let shared = crate::search::solve(&model.table, &effort(1), &Silent);
    assert!(shared.best.is_none_or(|(a, _)| evaluate(&model.table, &a).feasible()));
}

/// The same service twice, on the one and the other processor of a sharing device, goes back to queues of their own.
#[test]
fn who_shares_nothing_has_queues_of_its_own() {
    let mut seen = 0;
    for seed in 0..40 {
        let s = team_scenario(seed);
        let model = physics::build(&s);
        let most = 60_000;
        let _ = brute::each(&model.table, most, &mut |a: Assignment| {
            let own = plain(&model, &a);
            let (before, after) = (evaluate(&model.table, &a), evaluate(&model.table, &own));
            if *own != a && before.feasible() {
                seen += 1;
                assert!(after.feasible(), "seed {seed}: {:?}", after.violations);
                assert!((after.objective - before.objective).abs() <= 1e-12 * before.objective.abs());
            }
        });
    }
    assert!(seen > 100, "{seen}");
}
