use super::*;
use crate::physics;
use crate::search::{Stats, Status};
use crate::table::{Chain, Deployment, Stage};
use crate::testing::{one_board, small_scenario, two_boards_and_a_card};
use profiles::WeightFormat;
use profiles::units::Seconds;

fn solution(model: &Model, a: Assignment) -> Solution {
    let e = evaluate(&model.table, &a);
    Solution { status: Status::Gap, bound: 0.0, front: vec![], stopped: false, stats: Stats::default(), best: Some((a, e)) }
}

/// Every service's first option whole on a place.
fn whole(model: &Model, place: u32) -> Assignment {
    let deployment = |s: &crate::table::Service| {
        let stages = vec![Stage { place, start: 0, end: s.options[0].blocks }];
        Some(Deployment { option: 0, chains: vec![Chain { stages }] })
    };
    Assignment { services: model.table.services.iter().map(deployment).collect() }
}

#[test]
fn time_and_alternatives_of_one_board() {
    let s = one_board();
    let model = physics::build(&s);
    let a = whole(&model, 2);
    let case = Case::new(&s, &model, &a);
    let t = split::time(&case, 0, a.services[0].as_ref().unwrap());
    assert!((t.prefill_s + t.decode_s + t.network_s + t.waiting_s - t.total_s).abs() < 1e-12);
    assert!(t.network_s.abs() < 1e-12 && t.waiting_s > t.decode_s, "{t:?}");
    // The other two load levels of the one mode: same power.
    let all = alternatives::of_service(&case, 0);
    assert_eq!(all.len(), 2);
    assert!(all.iter().all(|x| x.delta.abs() < 1e-12));
}

#[test]
fn a_limit_that_rules_out_the_cheaper_way_is_named() {
    // The card is fast and thirsty, the board slow and frugal: the deadline forces the card.
    let mut s = two_boards_and_a_card();
    s.services.truncate(1);
    s.services[0].deadline.total.as_mut().unwrap().value = Seconds(0.06);
    let model = physics::build(&s);
    let on_card = (0..model.table.places.len() as u32).find(|&p| {
        let place = &model.table.places[p as usize];
        place.device == 2 && place.processor == 0
    });
    let a = whole(&model, on_card.unwrap());
    let case = Case::new(&s, &model, &a);
    assert!(case.evaluation.feasible(), "{:?}", case.evaluation.violations);
    let all = vec![alternatives::of_service(&case, 0)];
    let why = service(&case, 0, &all[0]).unwrap();
    let binding = why.binding.as_ref().unwrap();
    assert!(binding.limit.contains("total time") && binding.ruled_out.contains("pi-") && binding.saving > 0.0, "{binding:?}");
    assert!(why.runner_up.is_some());
    let sleeping = device(&case, 0, &all);
    assert!(!sleeping.awake && sleeping.reasons[0].contains("within the limits"), "{sleeping:?}");
    assert!(render::service_line(&why, "W").contains("would save"));
}

#[test]
fn why_not_walks_the_chain_of_reasons() {
    let mut s = two_boards_and_a_card();
    s.services[0].precisions.push(crate::testing::precision(WeightFormat::W2));
    s.services[0].deadline.total.as_mut().unwrap().value = Seconds(0.06);
    s.services[1].forbidden = vec![scenarios::Said { value: 0, at: s.services[0].at }];
    let model = physics::build(&s);
    let on_card = (0..model.table.places.len() as u32).find(|&p| model.table.places[p as usize].device == 2).unwrap();
    let found = solution(&model, whole(&model, on_card));
    let ask = |text: &str| why_not(&s, &model, &found, text);
    let answer = ask("pi-1:tiny").unwrap();
    assert!(
        matches!(&answer.services[0].findings[0], Finding::Dropped { what, .. } if what.starts_with("tiny w2")),
        "{answer:?}"
    );
    assert!(matches!(&answer.services[0].findings[1], Finding::Violates { limits, .. } if limits[0].contains("total time")));
    assert_eq!(ask("pi-1:small").unwrap().services[0].findings, [Finding::Forbidden]);
    assert!(matches!(ask("card:tiny:w4").unwrap().services[0].findings[..], [Finding::Planned { .. }]));
    assert!(matches!(ask("pi-2:small").unwrap().services[0].findings[..], [Finding::Costs { .. }]), "{:?}", ask("pi-2:small"));
    assert!(ask("pi-1:tiny").unwrap().to_string().contains("tiny on pi-1 for chat"));
}

#[test]
fn questions_that_name_nothing_get_a_hint() {
    let s = one_board();
    let model = physics::build(&s);
    let found = solution(&model, whole(&model, 0));
    let ask = |text: &str| why_not(&s, &model, &found, text).unwrap_err().to_string();
    assert!(ask("pi").contains("DEVICE:MODEL"));
    assert!(ask("pj:tiny").contains("did you mean `pi`?"));
    assert!(ask("pi:tinny").contains("did you mean `tiny`?"));
    assert!(ask("pi:tiny:w7").contains("w7"));
}

#[test]
fn alternatives_are_costed_as_the_table_costs_them() {
    for seed in 0..60 {
        let s = small_scenario(seed);
        let model = physics::build(&s);
        if model.table.services.iter().any(|s| s.options.is_empty() || s.options[0].replicas > 1) {
            continue;
        }
        let first = |s: &crate::table::Service| s.options[0].at.iter().position(Option::is_some).map(|p| p as u32);
        let chains = model.table.services.iter().map(|row| {
            let stages = vec![Stage { place: first(row)?, start: 0, end: row.options[0].blocks }];
            Some(Deployment { option: 0, chains: vec![Chain { stages }] })
        });
        let a = Assignment { services: chains.collect() };
        let case = Case::new(&s, &model, &a);
        for s in 0..a.services.len() {
            for x in alternatives::of_service(&case, s) {
                let mut other = a.clone();
                other.services[s] = Some(x.deployment.clone());
                let e = evaluate(&model.table, &other);
                assert!((e.objective - case.evaluation.objective - x.delta).abs() < 1e-12);
                assert!(x.violations.is_empty() == e.feasible() || !case.evaluation.feasible());
            }
        }
    }
}

/// A scenario with a limit that binds: the first service must be a little faster than where it is best off.
fn hurried(seed: u64) -> Option<(Scenario, Model, Solution)> {
    let mut s = crate::testing::scenario_of(seed, 1 + seed as usize % 3, 1 + seed as usize % 2);
    let effort = crate::search::Effort { front: 0, ..crate::search::Effort::for_seconds(0.1) };
    let proved = |s: &Scenario| {
        let model = physics::build(s);
        let found = crate::search::solve(&model.table, &effort, &crate::search::Silent);
        (found.status == Status::Optimal && found.best.is_some()).then_some((model, found))
    };
    let (_, free) = proved(&s)?;
    let total_s = free.best.as_ref()?.1.chains[0].iter().map(|c| c.total_s).fold(0.0, f64::max);
    s.services[0].deadline.total = Some(scenarios::Said { value: Seconds(0.95 * total_s), at: s.services[0].at });
    let (model, found) = proved(&s)?;
    Some((s, model, found))
}

/// Every price of proved plans: the optimum under the demand so much looser, found by enumeration, is lower
/// by what was stated.
#[test]
fn prices_are_what_solving_again_gives() {
    let (mut checked, mut seed) = (0, 0);
    while checked < 40 && seed < 400 {
        seed += 1;
        let Some((s, model, found)) = hurried(seed) else { continue };
        let Some((a, e)) = found.best.clone() else { continue };
        let certificate = protocol::Certificate {
            objective: "x".into(),
            unit: "W".into(),
            value: e.objective,
            bound: found.bound,
            gap: 0.0,
            status: "optimal".into(),
        };
        let plan = crate::compose::compose(&s, &model, &a, certificate, 1);
        let why = explain(&s, &model, &plan, &found);
        let case = Case::new(&s, &model, &a);
        let targets = plan.services.iter().flat_map(|p| p.targets.iter().map(move |t| (p.name.as_str(), t)));
        for (subject, t) in targets.chain(plan.totals.targets.iter().map(|t| ("fleet", t))) {
            let line = why.constraints.iter().find(|c| c.what == format!("{subject}: {}", t.what)).unwrap();
            let Some(price) = line.price.as_ref().filter(|p| p.proved) else { continue };
            let table = prices::looser(&case, subject, t, price.loosen);
            let Ok(Some((_, truth))) = crate::search::brute::solve(&table, 20_000) else { continue };
            let saving = (e.objective - truth.objective) * case.scale;
            let room = 1e-5 * (1.0 + e.objective.abs()) * case.scale;
            assert!((saving - price.saving).abs() <= room, "seed {seed}, {}: {} for {saving}", line.what, price.saving);
            assert!(price.saving > 0.0);
            checked += 1;
        }
    }
    assert!(checked >= 40, "{checked} prices checked in {seed} scenarios");
}
