use super::*;
use crate::compose::compose;
use crate::explain;
use crate::lint::lint;
use crate::physics::Model;
use crate::search::{Effort, Silent, brute};
use crate::table::{Assignment, evaluate};
use crate::testing::pair_scenario;
use protocol::{Certificate, Plan};
use rayon::prelude::*;
use scenarios::{Goal, Scenario};

/// Assignments that may be tried for one table.
const MOST: usize = 60_000;

pub(crate) fn effort(seed: u64) -> Effort {
    Effort { seed, front: 0, ..Effort::for_seconds(8.0) }
}

pub(crate) fn found(s: &Scenario, seed: u64) -> (Vec<Found>, Outcome) {
    let all = each(s, &effort(seed), &Silent, &|_| Vec::new());
    let outcome = best(&all);
    (all, outcome)
}

/// The plan of a set's best assignment.
pub(crate) fn plan(s: &Scenario, f: &Found, bound: f64) -> Plan {
    let (a, _) = f.solution.best.as_ref().unwrap();
    let rate: f64 = s.services.iter().map(|v| v.rate.value.get()).sum();
    let (objective, unit, scale) = match s.objective.goal {
        Goal::EnergyPerRequest => ("energy per request", "J", 1.0 / rate),
        _ => ("fleet power", "W", 1.0),
    };
    let (value, bound) = (f.value * scale, bound.min(f.value) * scale);
    let certificate = Certificate {
        objective: objective.into(),
        unit: unit.into(),
        value,
        bound,
        gap: (value - bound) / value,
        status: "gap".into(),
    };
    compose(s, &f.model, a, certificate, 1)
}

/// The least objective of one table's assignments that keep every device's own limits.
pub(crate) fn truth(s: &Scenario, model: &Model) -> Result<f64, usize> {
    let mut least = f64::INFINITY;
    brute::each(&model.table, MOST, &mut |a: Assignment| {
        let e = evaluate(&model.table, &a);
        if e.feasible() && e.objective < least && excess(s, model, &a).is_empty() {
            least = least.min(exactly(s, model, &a, &e));
        }
    })?;
    Ok(least)
}

/// Trying everything over every set of pairs: value and bound. `None`: too large. Else whether the best plan shares.
fn compared(seed: u64) -> Option<Option<bool>> {
    let s = pair_scenario(seed);
    let least = models(&s).iter().map(|m| truth(&s, m).ok()).collect::<Option<Vec<_>>>()?;
    let least = least.into_iter().fold(f64::INFINITY, f64::min);
    let (all, outcome) = found(&s, seed);
    let value = all[outcome.best].value;
    if !least.is_finite() {
        assert!(!value.is_finite(), "seed {seed}: found {value} where nothing is");
        return Some(None);
    }
    assert!((value - least).abs() <= 2e-6 * least, "seed {seed}: {value} for {least}");
    assert!(outcome.bound <= least * (1.0 + 1e-7), "seed {seed}: bound {} above {least}", outcome.bound);
    Some(Some(outcome.best > 0))
}

#[test]
fn small_scenarios_agree_with_trying_everything_in_every_set() {
    let outcomes: Vec<_> = (0..120u64).into_par_iter().map(compared).collect();
    let solved: Vec<bool> = outcomes.iter().flatten().flatten().copied().collect();
    let shared = solved.iter().filter(|s| **s).count();
    println!(
        "{} solved, {shared} of them share; {} have no plan",
        solved.len(),
        outcomes.iter().flatten().count() - solved.len()
    );
    assert!(solved.len() >= 40 && shared >= 8 && shared + 8 <= solved.len(), "{} solved, {shared} share", solved.len());
}

#[test]
fn plans_are_sound_and_read_back() {
    let checked: Vec<bool> = (0..60u64)
        .into_par_iter()
        .filter_map(|seed| {
            let s = pair_scenario(seed);
            let (all, outcome) = found(&s, seed);
            let f = &all[outcome.best];
            let (a, _) = f.solution.best.as_ref()?;
            let plan = plan(&s, f, outcome.bound);
            let verdict = lint(&s, &plan);
            assert!(!verdict.fatal(), "seed {seed}\n{verdict}");
            let shares = plan.services.iter().flat_map(|v| &v.replicas).flat_map(|r| &r.stages).any(|st| st.partner.is_some());
            assert_eq!(shares, outcome.best > 0, "seed {seed}");
            let models: Vec<Model> = models(&s);
            assert_eq!(set_of(&s, models.iter(), &plan), Some(outcome.best), "seed {seed}");
            let back = explain::assignment_of(&s, &models[outcome.best], &plan).expect("the plan fits its table");
            // Another mode of the same numbers may be read.
            let again = compose(&s, &f.model, &back, plan.certificate.clone(), 1);
            assert_eq!(again.services, plan.services, "seed {seed}");
            assert_eq!(back.services.len(), a.services.len());
            Some(shares)
        })
        .collect();
    assert!(checked.iter().filter(|s| **s).count() >= 5 && checked.len() >= 20, "{checked:?}");
}

#[test]
fn pairs_never_make_a_plan_dearer() {
    let better: Vec<bool> = (200..260u64)
        .into_par_iter()
        .map(|seed| {
            let s = pair_scenario(seed);
            let alone = Scenario { pairs: Vec::new(), ..s.clone() };
            let (with, outcome) = found(&s, seed);
            let (without, _) = found(&alone, seed);
            let (a, b) = (with[outcome.best].value, without[0].value);
            assert!(a <= b * (1.0 + 2e-6), "seed {seed}: {a} with, {b} without");
            a < b * (1.0 - 1e-6)
        })
        .collect();
    assert!(better.iter().filter(|b| **b).count() >= 5, "{better:?}");
}

#[test]
fn without_pairs_it_is_the_plain_search() {
    let s = Scenario { pairs: Vec::new(), ..pair_scenario(3) };
    let (all, outcome) = found(&s, 3);
    let plain = crate::search::solve(&crate::survive::build(&s).table, &effort(3), &Silent);
    assert_eq!((all.len(), outcome.best, outcome.status), (1, 0, plain.status));
    assert_eq!(all[0].solution, plain);
    assert_eq!(outcome.bound.to_bits(), plain.bound.to_bits());
}

#[test]
fn what_survives_a_loss_shares_nothing() {
    let mut s = pair_scenario(1);
    s.services[0].survives_loss = true;
    assert_eq!(models(&s).len(), 1);
}

#[test]
fn three_pairs_are_eight_sets() {
    let mut s = pair_scenario(1);
    let device = s.devices[0].clone();
    s.devices = (0..6).map(|i| scenarios::Device { name: format!("pi-{i}"), ..device.clone() }).collect();
    s.pairs = (0..3).map(|i| scenarios::Pair { devices: (2 * i, 2 * i + 1), ..s.pairs[0] }).collect();
    let all = models(&s);
    let sizes: Vec<usize> = all.iter().map(|m| m.joined.len()).collect();
    assert_eq!(sizes, [0, 1, 1, 1, 2, 2, 2, 3]);
    // What the objective weighs is the same in all.
    assert!(all.iter().all(|m| m.table.weights == all[0].table.weights));
}
