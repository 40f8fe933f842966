//! Adapters in memory or on storage: chosen by search, worked out again by the linter, and spoilt.

use super::super::*;
use super::rich::{codes, solved};
use super::tried::tried;
use crate::testing::{adapted_scenario, one_board};
use profiles::units::{Bytes, Ratio};
use rayon::prelude::*;
use scenarios::{Adapters, At, KeptAdapters, Scenario};

/// One board with storage, a small model, twenty adapters of 10 MB of which four may be kept.
fn twenty() -> Scenario {
    let mut s = one_board();
    s.devices[0].may_stream = true;
    let kept = Some(KeptAdapters { count: 4, misses: Ratio(0.2) });
    s.services[0].adapters = Some(Adapters { count: 20, size: Bytes(10e6), kept, at: At { line: 30, column: 5 } });
    s
}

#[test]
fn they_are_kept_where_there_is_room_and_paged_where_there_is_none() {
    let s = twenty();
    let (model, assignment, plan) = solved(&s, 1).expect("a plan");
    let verdict = lint(&s, &plan);
    assert!(verdict.notes.is_empty(), "{verdict}");
    let all = plan.services[0].adapters.expect("its requests name adapters");
    assert_eq!((all.kept, all.count, all.misses.to_bits()), (20, 20, 0.0f64.to_bits()), "room for all saves the loading");
    assert_eq!(crate::explain::assignment_of(&s, &model, &plan).as_ref(), Some(&assignment));
    let mut none = s.clone();
    none.services[0].adapters = None;
    let (_, _, bare) = solved(&none, 1).expect("a plan");
    let memory = |p: &protocol::Plan| p.services[0].replicas[0].stages[0].memory_bytes;
    assert!((memory(&plan) - memory(&bare) - 200e6).abs() < 1.0, "all of them");
    // Less memory than all of them take: four stay, a fifth of the requests waits.
    let mut tight = s.clone();
    let room = memory(&bare) + 100e6;
    tight.devices[0].profile.memories.values_mut().for_each(|m| m.size.value = Bytes(room / 0.72));
    let (_, _, paged) = solved(&tight, 1).expect("a plan");
    let verdict = lint(&tight, &paged);
    assert!(verdict.notes.is_empty(), "{verdict}");
    assert_eq!(paged.services[0].adapters.map(|a| a.kept), Some(4));
    assert!((memory(&paged) - memory(&bare) - 40e6).abs() < 1.0);
    let (p, a) = (&paged.services[0].replicas[0], &plan.services[0].replicas[0]);
    // 10 MB at 500 MB/s are 20 ms, at 1 nJ a byte 10 mJ; whole in a request's time, a fifth in the mean.
    assert!((p.stages[0].busy_s - a.stages[0].busy_s - 0.2 * 0.02).abs() < 1e-9, "{} {}", p.stages[0].busy_s, a.stages[0].busy_s);
    assert!((p.stages[0].dynamic_j - a.stages[0].dynamic_j - 0.2 * 0.01).abs() < 1e-9);
    assert!(p.total_s >= a.total_s + 0.02 - 1e-9 && p.tpot_s <= a.tpot_s + 1e-12);
    assert!(paged.sources.assumptions.iter().any(|a| a.contains("20 % of the requests find their adapter missing")));
    // A board that may not read its storage has no plan then.
    tight.devices[0].may_stream = false;
    assert!(solved(&tight, 1).is_none());
    assert!(codes(&tight, &paged, |_| ()).contains(&"streaming"));
}

#[test]
fn spoilt_adapters_are_found() {
    let s = twenty();
    let (_, _, plan) = solved(&s, 1).expect("a plan");
    let spoilt =
        |change: fn(&mut protocol::PlannedAdapters)| codes(&s, &plan, |p| change(p.services[0].adapters.as_mut().unwrap()));
    assert!(spoilt(|a| a.kept = 7).contains(&"adapters"));
    assert!(spoilt(|a| a.count = 7).contains(&"adapters"));
    assert!(spoilt(|a| a.bytes = 1.0).contains(&"adapters"));
    assert!(spoilt(|a| a.misses = 0.1).contains(&"adapters"));
    let fewer = spoilt(|a| (a.kept, a.misses) = (4, 0.2));
    assert!(fewer.contains(&"memory") && fewer.contains(&"busy") && fewer.contains(&"total"), "{fewer:?}");
    assert!(codes(&s, &plan, |p| p.services[0].adapters = None).contains(&"adapters"));
    let mut none = s.clone();
    none.services[0].adapters = None;
    assert!(codes(&none, &plan, |_| ()).contains(&"adapters"));
}

#[test]
fn random_scenarios_with_adapters_give_plans_that_the_linter_accepts() {
    let made: Vec<[bool; 2]> = (0..320u64)
        .into_par_iter()
        .filter_map(|seed| {
            let s = adapted_scenario(seed);
            let (model, assignment, plan) = solved(&s, seed)?;
            let verdict = lint(&s, &plan);
            assert!(!verdict.fatal(), "seed {seed}: {verdict}");
            assert_eq!(crate::explain::assignment_of(&s, &model, &plan), Some(assignment), "seed {seed}");
            let held = |all: bool| plan.services.iter().filter_map(|v| v.adapters).any(|a| (a.kept == a.count) == all);
            Some([held(true), held(false)])
        })
        .collect();
    let count = |i: usize| made.iter().filter(|m| m[i]).count();
    println!("{} plans, {} with all adapters in memory, {} with some", made.len(), count(0), count(1));
    assert!(made.len() >= 80 && count(0) >= 20 && count(1) >= 5, "{made:?}");
}

#[test]
fn small_scenarios_with_adapters_agree_with_trying_everything() {
    let solved: Vec<bool> = (700..860u64)
        .into_par_iter()
        .filter_map(|seed| {
            let mut s = adapted_scenario(seed);
            s.services.truncate(1);
            s.services[0].apart_from.clear();
            s.services[0].prefilters.clear();
            tried(seed, &s).map(|label| label.adapters.is_some())
        })
        .collect();
    let adapted = solved.iter().filter(|g| **g).count();
    println!("{} solved, {adapted} of them with adapters", solved.len());
    assert!(solved.len() >= 40 && adapted >= 15, "{} solved, {adapted} with adapters", solved.len());
}
