//! Mixtures of which some experts are in memory: chosen by search, worked out again by the linter, and spoilt.

use super::super::*;
use super::rich::{codes, solved};
use super::tried::tried;
use crate::testing::{experts, mixture_scenario, one_board};
use profiles::units::{Bytes, Ratio};
use rayon::prelude::*;
use scenarios::{At, ExpertCache, Scenario};

/// One board with storage, a mixture of eight experts, of which a quarter or a half may be kept.
fn mixture(hits: f64) -> Scenario {
    let mut s = one_board();
    s.devices[0].may_stream = true;
    s.services[0].models[0].value = experts("mix", 4, 2048);
    let cache = |holds, hits| ExpertCache { holds: Ratio(holds), hits: Ratio(hits), at: At { line: 30, column: 5 } };
    s.services[0].expert_caches = vec![cache(0.25, hits), cache(0.5, 0.5)];
    s.services[0].answer_tokens = 12;
    s
}

/// Bytes of all experts at 4.5 bits: 4 layers of 8 times 4 w^2.
const EXPERTS: f64 = 4.0 * 8.0 * 4.0 * 2048.0 * 2048.0 * 4.5 / 8.0;

fn memory(p: &protocol::Plan) -> f64 {
    p.services[0].replicas[0].stages[0].memory_bytes
}

#[test]
fn as_many_experts_are_kept_as_there_is_room_for() {
    let s = mixture(0.25);
    let (model, assignment, plan) = solved(&s, 1).expect("a plan");
    let verdict = lint(&s, &plan);
    assert!(verdict.notes.is_empty(), "{verdict}");
    assert!(plan.services[0].experts.is_none(), "room for all");
    assert_eq!(crate::explain::assignment_of(&s, &model, &plan).as_ref(), Some(&assignment));
    let all = EXPERTS;
    let tight = |room: f64, hits: f64| {
        let mut s = mixture(hits);
        s.devices[0].profile.memories.values_mut().for_each(|m| m.size.value = Bytes(room / 0.72));
        let (_, _, plan) = solved(&s, 1).expect("a plan");
        let verdict = lint(&s, &plan);
        assert!(verdict.notes.is_empty(), "{verdict}");
        (s, plan)
    };
    let (_, half) = tight(memory(&plan) - 0.3 * all, 0.25);
    assert_eq!(half.services[0].experts.map(|e| e.holds.to_bits()), Some(0.5f64.to_bits()));
    // A half of them away, two of a layer's eight on their way.
    let wanted = memory(&plan) - 0.5 * all + all / 16.0;
    assert!((memory(&half) - wanted).abs() < 1.0, "{} {wanted}", memory(&half));
    let (quarter, few) = tight(memory(&plan) - 0.6 * all, 0.25);
    assert_eq!(few.services[0].experts.map(|e| e.holds.to_bits()), Some(0.25f64.to_bits()));
    assert!(few.services[0].replicas[0].total_s > half.services[0].replicas[0].total_s);
    assert!(few.sources.assumptions.iter().any(|a| a.contains("among the 25 % in memory: routing is even")));
    // What was measured is believed, and said.
    let (_, warm) = tight(memory(&plan) - 0.6 * all, 0.9);
    assert!(warm.services[0].replicas[0].tpot_s < 0.7 * few.services[0].replicas[0].tpot_s);
    assert!(warm.sources.assumptions.iter().any(|a| a.contains("90 % of look-ups") && a.contains("the scenario says so")));
    // Without the key the whole model is streamed alike, in more time.
    let mut plain = quarter.clone();
    plain.services[0].expert_caches.clear();
    let (_, _, streamed) = solved(&plain, 1).expect("a plan");
    assert!(streamed.services[0].replicas[0].stages[0].resident_share < 1.0);
    assert!(streamed.services[0].replicas[0].total_s > few.services[0].replicas[0].total_s);
    assert!(codes(&plain, &few, |_| ()).contains(&"experts"));
}

#[test]
fn spoilt_caches_are_found() {
    let mut s = mixture(0.25);
    let room = memory(&solved(&s, 1).expect("a plan").2) - 0.6 * EXPERTS;
    s.devices[0].profile.memories.values_mut().for_each(|m| m.size.value = Bytes(room / 0.72));
    let (_, _, plan) = solved(&s, 1).expect("a plan");
    let spoilt =
        |change: fn(&mut protocol::PlannedExperts)| codes(&s, &plan, |p| change(p.services[0].experts.as_mut().unwrap()));
    assert!(spoilt(|e| e.holds = 0.3).contains(&"experts"));
    assert!(spoilt(|e| e.hits = 0.9).contains(&"experts"));
    let more = spoilt(|e| (e.holds, e.hits) = (0.5, 0.5));
    assert!(more.contains(&"memory") && more.contains(&"memory-full") && more.contains(&"busy"), "{more:?}");
    let all = codes(&s, &plan, |p| p.services[0].experts = None);
    assert!(all.contains(&"memory") && all.contains(&"busy"), "{all:?}");
    let both = codes(&s, &plan, |p| p.services[0].replicas[0].stages[0].resident_share = 0.5);
    assert!(both.contains(&"experts"), "{both:?}");
    let mut shut = s.clone();
    shut.devices[0].may_stream = false;
    assert!(codes(&shut, &plan, |_| ()).contains(&"streaming"));
    let mut dense = s.clone();
    dense.services[0].models[0].value = crate::testing::tiny_llm("mix", 4, 2048);
    assert!(codes(&dense, &plan, |_| ()).contains(&"experts"));
}

#[test]
fn random_mixtures_give_plans_that_the_linter_accepts() {
    let made: Vec<bool> = (0..240u64)
        .into_par_iter()
        .filter_map(|seed| {
            let s = mixture_scenario(seed);
            let (model, assignment, plan) = solved(&s, seed)?;
            let verdict = lint(&s, &plan);
            assert!(!verdict.fatal(), "seed {seed}: {verdict}");
            assert_eq!(crate::explain::assignment_of(&s, &model, &plan), Some(assignment), "seed {seed}");
            Some(plan.services.iter().any(|v| v.experts.is_some()))
        })
        .collect();
    let cached = made.iter().filter(|c| **c).count();
    println!("{} plans, {cached} with a cache of experts", made.len());
    assert!(made.len() >= 80 && cached >= 8, "{} plans, {cached} with a cache", made.len());
}

#[test]
fn small_mixtures_agree_with_trying_everything() {
    let solved: Vec<bool> = (900..1060u64)
        .into_par_iter()
        .filter_map(|seed| {
            let mut s = mixture_scenario(seed);
            s.services.truncate(1);
            s.services[0].apart_from.clear();
            tried(seed, &s).map(|label| label.experts.is_some())
        })
        .collect();
    let cached = solved.iter().filter(|c| **c).count();
    println!("{} solved, {cached} of them with a cache", solved.len());
    assert!(solved.len() >= 40 && cached >= 5, "{} solved, {cached} cached", solved.len());
}
