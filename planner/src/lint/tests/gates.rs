//! Plans of which a share of the requests goes on: made by search, worked out again by the linter, and spoilt.

use super::super::*;
use super::rich::{codes, solved};
use super::tried::tried;
use crate::physics::{self, Gate};
use crate::table::evaluate;
use crate::testing::{board, card, classifier, device_of, gated_scenario, service_of, two_boards_and_a_card};
use profiles::WeightFormat;
use profiles::units::{Bytes, PerSecond, Ratio, Seconds};
use protocol::Plan;
use rayon::prelude::*;
use scenarios::{At, EarlyExit, Prefilter, Said, Scenario};

fn said<T>(value: T) -> Said<T> {
    Said { value, at: At { line: 9, column: 1 } }
}

/// A camera on a board sends a picture a second; a large network may run on a card behind a slow link, a small one looks first.
fn camera() -> Scenario {
    let mut s = two_boards_and_a_card();
    s.devices = vec![device_of("camera", board(), 0), device_of("card", card(), 0)];
    s.sites[0].link.joules_per_byte = profiles::units::JoulesPerByte(2e-6);
    let mut large = classifier("large");
    large.blocks[0].block.fixed_ops = 20e9;
    large.blocks[0].block.parameters = 30_000_000;
    let mut v = service_of("watch", large);
    (v.prompt_tokens, v.answer_tokens, v.origin) = (1, 0, Some(0));
    (v.request_bytes, v.answer_bytes) = (Bytes(100e3), Bytes(1e3));
    v.rate = said(PerSecond(1.0));
    v.deadline.total = Some(said(Seconds(2.0)));
    v.arrivals = scenarios::Arrivals::Periodic;
    v.accuracy = None;
    // The large one has no kernel of its own on the camera's board.
    let filter = classifier("small");
    v.prefilters = vec![Prefilter {
        model: filter,
        weights: WeightFormat::W8,
        passes: Ratio(0.1),
        loses: Ratio(0.01),
        at: At { line: 20, column: 5 },
    }];
    s.services = vec![v];
    s
}

fn watch(plan: &Plan) -> &protocol::PlannedService {
    &plan.services[0]
}

#[test]
fn a_filter_beside_the_camera_saves_what_it_holds_back() {
    let mut s = camera();
    // Only the card has the time for the large network at every picture.
    s.services[0].max_stages = 2;
    let (model, assignment, plan) = solved(&s, 1).expect("a plan");
    let verdict = lint(&s, &plan);
    assert!(verdict.notes.is_empty(), "{verdict}");
    let service = watch(&plan);
    let filter = service.filter.as_ref().expect("the filter pays");
    assert_eq!((filter.model.as_str(), filter.weights), ("small", WeightFormat::W8));
    let stages = &service.replicas[0].stages;
    assert!(stages[0].filters && stages[0].device == "camera", "{stages:?}");
    assert_eq!(crate::explain::assignment_of(&s, &model, &plan).as_ref(), Some(&assignment));
    // Without it every picture goes all the way.
    let mut all = s.clone();
    all.services[0].prefilters.clear();
    let (_, _, other) = solved(&all, 1).expect("a plan");
    assert!(plan.totals.power_w < other.totals.power_w);
    // Its own words are assumptions, and the plan says so.
    assert!(plan.sources.assumptions.iter().any(|a| a.contains("small at w8 passes 10 %")), "{:?}", plan.sources.assumptions);
}

/// The filter alone on the camera, the model alone on the card, by hand.
#[test]
fn shares_count_in_energy_and_booked_time_and_not_in_latency() {
    let s = camera();
    let model = physics::build(&s);
    let row = &model.table.services[0];
    let o = row.options.iter().position(|o| model.labels[o.label as usize].gate == Gate::Filter(0)).unwrap();
    let option = &row.options[o];
    assert_eq!((option.blocks, option.loop_start), (6, 1));
    let place = |d: u32| {
        (0..model.table.places.len() as u32)
            .find(|&p| model.table.places[p as usize].device == d && option.at[p as usize].is_some())
            .unwrap()
    };
    let (camera, card) = (place(0), place(1));
    let stage = |p: u32, a, b| option.at[p as usize].as_ref().unwrap().stage(a, b);
    let plain = row.options.iter().find(|o| model.labels[o.label as usize].gate == Gate::Open).unwrap();
    let whole = plain.at[card as usize].as_ref().unwrap().stage(0, 5);
    let behind = stage(card, 1, 6);
    assert!((behind.total_s - whole.total_s).abs() < 1e-12 && (behind.bytes - whole.bytes).abs() < 1e-3);
    assert!((behind.busy_s - 0.1 * whole.busy_s).abs() < 1e-12 && (behind.dynamic_j - 0.1 * whole.dynamic_j).abs() < 1e-12);
    // Parts add up, whether one stage holds both or two stages do.
    for p in [camera, card] {
        let (one, two, rest) = (stage(p, 0, 6), stage(p, 0, 1), stage(p, 1, 6));
        assert!((one.busy_s - two.busy_s - rest.busy_s).abs() < 1e-12 && (one.bytes - two.bytes - rest.bytes).abs() < 1e-3);
    }
    // A picture crosses for one in ten; the others' answers go from the filter, here over no link.
    assert!((option.cuts[1].prefill_bytes - 100e3).abs() < 1e-9 && (option.cuts[1].share - 0.1).abs() < 1e-15);
    assert!(option.enter[0].energy_j.abs() < 1e-15 && (option.leave[1].bytes - 100.0).abs() < 1e-9);
    assert!((option.enter[1].bytes - (100e3 + 900.0)).abs() < 1e-9);
    // The plan's accuracy would have lost what the filter loses; none was asked for here.
    let a = crate::table::Assignment {
        services: vec![Some(crate::table::Deployment {
            option: o as u32,
            chains: vec![crate::table::Chain {
                stages: vec![
                    crate::table::Stage { place: camera, start: 0, end: 1 },
                    crate::table::Stage { place: card, start: 1, end: 6 },
                ],
            }],
        })],
    };
    let e = evaluate(&model.table, &a);
    let hop = model.table.hop(0, 1);
    let sent = 0.1 * (100e3 + 1e3) * hop.j_per_byte;
    assert!((e.network_w - sent).abs() < 1e-9, "{} {sent}", e.network_w);
    let latency = stage(camera, 0, 1).total_s + behind.total_s + 2.0 * hop.latency_s + 101e3 * hop.s_per_byte;
    assert!((e.chains[0][0].total_s - latency).abs() < 1e-9);
}

/// A language model behind a filter decodes among its own stages: no token visits the filter.
#[test]
fn tokens_do_not_visit_the_filter() {
    let mut s = two_boards_and_a_card();
    s.services.truncate(1);
    s.services[0].max_stages = 3;
    s.services[0].prefilters = camera().services[0].prefilters.clone();
    s.services[0].request_bytes = Bytes(100e3);
    let model = physics::build(&s);
    let t = &model.table;
    let row = &t.services[0];
    let o = row.options.iter().position(|o| model.labels[o.label as usize].gate == Gate::Filter(0)).unwrap();
    let option = &row.options[o];
    let place =
        |d: u32| (0..t.places.len() as u32).find(|&p| t.places[p as usize].device == d && option.at[p as usize].is_some());
    let stage = |d: u32, start, end| crate::table::Stage { place: place(d).unwrap(), start, end };
    let tpot = |stages: Vec<crate::table::Stage>| {
        let own: f64 =
            stages.iter().map(|st| option.at[st.place as usize].as_ref().unwrap().stage(st.start, st.end).tpot_s).sum();
        let chain = crate::table::Chain { stages };
        let a =
            crate::table::Assignment { services: vec![Some(crate::table::Deployment { option: o as u32, chains: vec![chain] })] };
        (own, evaluate(t, &a).chains[0][0].tpot_s)
    };
    let end = option.blocks;
    let (own, alone) = tpot(vec![stage(0, 0, 1), stage(1, 1, end)]);
    assert!((alone - own).abs() < 1e-12, "{alone} {own}: no message for each token");
    let (own, split) = tpot(vec![stage(0, 0, 1), stage(1, 1, 3), stage(2, 3, end)]);
    let hop = |a: u32, b: u32, bytes: f64| t.hop(a, b).latency_s + bytes * t.hop(a, b).s_per_byte;
    let wanted = hop(1, 2, option.cuts[3].decode_bytes) + hop(2, 1, option.return_bytes);
    assert!((split - own - wanted).abs() < 1e-12, "{split} {own} {wanted}");
    let (own, both) = tpot(vec![stage(0, 0, 3), stage(1, 3, end)]);
    let wanted = hop(0, 1, option.cuts[3].decode_bytes) + hop(1, 0, option.return_bytes);
    assert!((both - own - wanted).abs() < 1e-12);
    // Memory is kept for the requests that get there: a tenth of 0.02 a second for 60 s.
    assert_eq!(model.labels[option.label as usize].concurrency, 1);
    assert_eq!(model.labels[row.options[0].label as usize].concurrency, 2);
}

fn with_exit() -> Scenario {
    let mut s = camera();
    s.services[0].prefilters.clear();
    let exit = |after_block, passes, loses| EarlyExit {
        model: 0,
        after_block,
        passes: Ratio(passes),
        loses: Ratio(loses),
        at: At { line: 21, column: 5 },
    };
    s.services[0].early_exits = vec![exit(2, 0.4, 0.02), exit(4, 0.2, 0.2)];
    let floor = |least| scenarios::Floor { benchmark: said("gsm8k".into()), at_least: said(Ratio(least)) };
    s.services[0].accuracy = Some(floor(0.5));
    s
}

#[test]
fn an_exit_is_taken_where_the_floor_allows_it() {
    let s = with_exit();
    let (model, assignment, plan) = solved(&s, 1).expect("a plan");
    let verdict = lint(&s, &plan);
    assert!(verdict.notes.is_empty(), "{verdict}");
    // 0.55 at 4 bits: the first exit leaves 0.53, the second 0.35.
    assert_eq!(watch(&plan).exit.map(|e| e.after_block), Some(2));
    assert!((watch(&plan).expected.accuracy.unwrap() - 0.53).abs() < 1e-12);
    assert!(model.dropped.iter().any(|d| d.what.ends_with(", exit after block 4 (20 % go on)")), "{:?}", model.dropped);
    assert_eq!(crate::explain::assignment_of(&s, &model, &plan).as_ref(), Some(&assignment));
    let mut strict = s.clone();
    strict.services[0].accuracy.as_mut().unwrap().at_least.value = Ratio(0.54);
    let (_, _, none) = solved(&strict, 1).expect("a plan");
    assert!(watch(&none).exit.is_none() && none.totals.power_w > plan.totals.power_w);
    assert!(codes(&strict, &plan, |_| ()).contains(&"floor"));
}

#[test]
fn spoilt_gates_are_found() {
    let mut s = camera();
    s.services[0].max_stages = 2;
    let (_, _, plan) = solved(&s, 1).expect("a plan");
    let first = |p: &mut Plan, change: fn(&mut protocol::PlannedStage)| change(&mut p.services[0].replicas[0].stages[0]);
    let filter = |p: &mut Plan, change: fn(&mut protocol::PlannedFilter)| change(p.services[0].filter.as_mut().unwrap());
    assert!(codes(&s, &plan, |p| first(p, |st| st.filters = false)).contains(&"filter"));
    assert!(codes(&s, &plan, |p| first(p, |st| st.reached = Some(0.5))).contains(&"reached"));
    assert!(codes(&s, &plan, |p| first(p, |st| st.busy_s *= 0.5)).contains(&"busy"));
    assert!(codes(&s, &plan, |p| filter(p, |f| f.passes = 0.05)).contains(&"filter"));
    assert!(codes(&s, &plan, |p| filter(p, |f| f.loses = 0.0)).contains(&"filter"));
    assert!(codes(&s, &plan, |p| filter(p, |f| f.model = "large".into())).contains(&"filter"));
    let exit = protocol::PlannedExit { after_block: 1, passes: 0.5, loses: 0.0 };
    assert!(codes(&s, &plan, |p| p.services[0].exit = Some(exit)).contains(&"filter"));
    let mut none = s.clone();
    none.services[0].prefilters.clear();
    assert!(codes(&none, &plan, |_| ()).contains(&"filter"));
    let s = with_exit();
    let (_, _, plan) = solved(&s, 1).expect("a plan");
    let exit = |p: &mut Plan, change: fn(&mut protocol::PlannedExit)| change(p.services[0].exit.as_mut().unwrap());
    assert!(codes(&s, &plan, |p| exit(p, |e| e.after_block = 3)).contains(&"exit"));
    assert!(codes(&s, &plan, |p| exit(p, |e| e.passes = 0.1)).contains(&"exit"));
    let all = codes(&s, &plan, |p| p.services[0].exit = None);
    assert!(all.contains(&"busy") && all.contains(&"dynamic-energy") && all.contains(&"accuracy"), "{all:?}");
}

/// The linter finds the numbers of random plans with gates again, and reads them back.
#[test]
fn random_gated_scenarios_give_plans_that_the_linter_accepts() {
    let made: Vec<[bool; 4]> = (0..240u64)
        .into_par_iter()
        .filter_map(|seed| {
            let s = gated_scenario(seed);
            let (model, assignment, plan) = solved(&s, seed)?;
            let verdict = lint(&s, &plan);
            assert!(!verdict.fatal(), "seed {seed}: {verdict}");
            assert_eq!(crate::explain::assignment_of(&s, &model, &plan), Some(assignment), "seed {seed}");
            let any = |of: &dyn Fn(&protocol::PlannedService) -> bool| plan.services.iter().any(of);
            let own = any(&|v| v.filter.is_some() && v.replicas[0].stages[0].end == 0);
            Some([
                any(&|v| v.filter.is_some()),
                own,
                any(&|v| v.exit.is_some()),
                any(&|v| v.filter.is_some() && v.replicas[0].tpot_s > 0.0),
            ])
        })
        .collect();
    let count = |i: usize| made.iter().filter(|m| m[i]).count();
    println!(
        "{} plans: {} with a filter, {} alone, {} exits, {} that decode",
        made.len(),
        count(0),
        count(1),
        count(2),
        count(3)
    );
    assert!(made.len() >= 120 && count(0) >= 40 && count(1) >= 3 && count(2) >= 5 && count(3) >= 10, "{made:?}");
}

/// Trying everything: the search's plan is the best, and no bound is above it.
#[test]
fn small_gated_scenarios_agree_with_trying_everything() {
    let solved: Vec<bool> = (500..700u64)
        .into_par_iter()
        .filter_map(|seed| {
            let mut s = gated_scenario(seed);
            s.services.truncate(1);
            s.services[0].apart_from.clear();
            s.devices.truncate(3);
            let fits = |d: usize| d < s.devices.len();
            let v = &s.services[0];
            let named = v.pins.iter().chain(&v.forbidden).chain(&v.private_to).map(|d| d.value).chain(v.origin);
            if !named.clone().all(fits) || v.forbidden.len() >= s.devices.len() {
                return None;
            }
            tried(seed, &s).map(|label| label.gate != Gate::Open)
        })
        .collect();
    let gated = solved.iter().filter(|g| **g).count();
    println!("{} solved, {gated} of them behind a gate", solved.len());
    assert!(solved.len() >= 60 && gated >= 20, "{} solved, {gated} gated", solved.len());
}
