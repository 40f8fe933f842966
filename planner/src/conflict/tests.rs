use super::relax::on_grid;
use super::*;
use crate::testing::{one_board, two_boards_and_a_card};
use profiles::units::{Ratio, Seconds, Watts};
use scenarios::{At, Said};

fn said<T>(value: T, line: u32) -> Said<T> {
    Said { value, at: At { line, column: 1 } }
}

/// A made-up physics: what a scenario needs is a sum that anybody can check.
fn toy(s: &Scenario) -> Answer {
    let broken = s.services.iter().any(|v| {
        // Each service takes 2 s, and half as much when its accuracy may be below 40 %.
        let floor = v.accuracy.as_ref().map_or(0.0, |f| f.at_least.value.get());
        let takes = if floor > 0.4 { 2.0 } else { 1.0 };
        v.deadline.total.as_ref().is_some_and(|d| d.value.get() < takes)
    });
    // Each service draws 10 W.
    let draws = 10.0 * s.services.len() as f64;
    let over = s.limits.power.as_ref().is_some_and(|p| p.value.get() < draws);
    if broken || over { Answer::Impossible } else { Answer::Possible }
}

#[test]
fn a_scenario_with_a_plan_has_no_conflict() {
    assert_eq!(find_with(&one_board(), &mut toy), None);
}

#[test]
fn deadline_against_accuracy_is_a_conflict_of_three() {
    let mut s = one_board();
    s.services[0].deadline.total = Some(said(Seconds(1.5), 13));
    let c = find_with(&s, &mut toy).unwrap();
    let demands: Vec<_> = c.demands.iter().map(|d| d.demand.clone()).collect();
    assert_eq!(demands, [Demand::Served(0), Demand::Total(0), Demand::Accuracy(0)]);
    assert!(c.minimal);
    assert_eq!(c.demands.iter().map(|d| d.line).collect::<Vec<_>>(), [12, 13, 15]);
    // 0.5 -> 0.4 is less of a change than 1.5 s -> 2 s; the rate does not matter here.
    assert_eq!(c.relaxations[0].demand, Demand::Accuracy(0));
    assert!(matches!(c.relaxations[0].remedy, Remedy::Value { to, .. } if (to - 0.4).abs() < 1e-12));
    assert!(matches!(c.relaxations[1].remedy, Remedy::Value { to, .. } if (to - 2.0).abs() < 1e-12));
    let text = c.render("fleet.yaml");
    assert!(text.contains("fleet.yaml:13: 90 % of chat's requests are done within 1.50 s"), "{text}");
    assert!(text.contains("50.0 % -> 40.0 % (-20.0 %)"), "{text}");
}

#[test]
fn a_fleet_limit_conflicts_with_the_fewest_services() {
    let mut s = two_boards_and_a_card();
    let mut third = s.services[0].clone();
    third.name = "third".into();
    s.services.push(third);
    s.limits.power = Some(said(Watts(15.0), 60));
    let c = find_with(&s, &mut toy).unwrap();
    assert_eq!(c.demands.len(), 3, "{c:?}");
    assert!(c.minimal && c.demands.iter().any(|d| d.demand == Demand::FleetPower));
    // Three services need 30 W: dropping one of the two named is not enough, 30 W are.
    let enough: Vec<_> = c.relaxations.iter().filter(|r| r.enough).collect();
    assert!(matches!(enough[0].remedy, Remedy::Value { to, .. } if (to - 30.0).abs() < 1e-12), "{enough:?}");
    assert!(c.relaxations.iter().any(|r| !r.enough && r.remedy == Remedy::Drop));
}

#[test]
fn a_mean_that_dropping_a_service_breaks_is_still_minimal() {
    // Mean accuracy at least 50 % while only the second service is good: dropping it makes things worse.
    let mut s = two_boards_and_a_card();
    s.limits.mean_accuracy = Some(said(Ratio(0.5), 61));
    let mut oracle = |s: &Scenario| {
        let mean = |v: &scenarios::Service| if v.name == "notes" { 0.8 } else { 0.1 };
        let n = s.services.len().max(1) as f64;
        let fine = s.services.is_empty() || s.services.iter().map(mean).sum::<f64>() / n >= 0.5;
        if fine || s.limits.mean_accuracy.is_none() { Answer::Possible } else { Answer::Impossible }
    };
    let (set, proved) = minimal(&s, &mut oracle).unwrap();
    assert!(proved);
    // Both services give 45 %, chat alone 10 %: the smaller set is the conflict.
    assert_eq!(set, [Demand::Served(0), Demand::FleetAccuracy]);
}

#[test]
fn an_oracle_that_does_not_know_leaves_minimality_open() {
    let s = one_board();
    let all = demands(&s).len();
    let mut oracle =
        |v: &Scenario| if demands(v).len() == all && v == &one_board() { Answer::Impossible } else { Answer::Unknown };
    let c = find_with(&s, &mut oracle);
    assert!(c.is_some_and(|c| !c.minimal));
}

#[test]
fn dropping_every_demand_leaves_an_empty_scenario_without_limits() {
    let mut s = two_boards_and_a_card();
    s.services[0].pins = vec![said(0, 1), said(1, 2)];
    s.services[1].apart_from = vec![said(0, 3)];
    let bare = without(&s, &demands(&s));
    assert!(bare.services.is_empty() && bare.limits.power.is_none());
    let unpinned = without(&s, &[Demand::Pin(0, 0), Demand::Served(1)]);
    assert_eq!(unpinned.services.len(), 1);
    assert_eq!(unpinned.services[0].pins, [said(1, 2)]);
}

#[test]
fn the_grid_has_three_significant_digits() {
    let values: Vec<f64> = (-2..3).map(on_grid).collect();
    assert_eq!(values, [0.998, 0.999, 1.0, 1.01, 1.02]);
    assert!((on_grid(900 * 3 + 15) - 1150.0).abs() < 1e-12);
}

/// Random monotone oracles: the conflict is a random set of forbidden combinations; the result is
/// minimal by brute force over all its subsets.
#[test]
fn the_set_is_minimal_for_random_monotone_oracles() {
    let mut s = two_boards_and_a_card();
    s.services[0].deadline.ttft = Some(said(Seconds(1.0), 16));
    s.limits.power = Some(said(Watts(15.0), 60));
    let all = demands(&s);
    let mut state = 7u64;
    let mut next = |n: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % n
    };
    for _ in 0..200 {
        let clauses: Vec<Vec<Demand>> =
            (0..1 + next(3)).map(|_| (0..1 + next(4)).map(|_| all[next(all.len())].clone()).collect()).collect();
        let impossible = |kept: &[Demand]| {
            let live = |d: &Demand| kept.contains(d) && d.service().is_none_or(|i| kept.contains(&Demand::Served(i)));
            clauses.iter().any(|c| c.iter().all(live))
        };
        // The oracle sees a scenario; recover which demands it has kept by comparing with each dropped.
        let kept_of = |v: &Scenario| -> Vec<Demand> {
            let name = |i: usize| &s.services[i].name;
            let at = |i: usize| v.services.iter().find(|w| &w.name == name(i));
            let keeps = |d: &Demand| match *d {
                Demand::Served(i) => at(i).is_some(),
                Demand::Ttft(i) => at(i).is_some_and(|w| w.deadline.ttft.is_some()),
                Demand::Total(i) => at(i).is_some_and(|w| w.deadline.total.is_some()),
                Demand::Accuracy(i) => at(i).is_some_and(|w| w.accuracy.is_some()),
                Demand::FleetPower => v.limits.power.is_some(),
                Demand::BookedTime => v.limits.booked_time.value.get() < 0.9,
                Demand::BookedLink => v.limits.booked_link.value.get() < 0.9,
                _ => unreachable!("no such demand in this scenario"),
            };
            all.iter().filter(|d| keeps(d)).cloned().collect()
        };
        let mut oracle = |v: &Scenario| if impossible(&kept_of(v)) { Answer::Impossible } else { Answer::Possible };
        match minimal(&s, &mut oracle) {
            None => assert!(!impossible(&all)),
            Some((set, proved)) => {
                assert!(proved && impossible(&set));
                for mask in 0..(1u32 << set.len()) - 1 {
                    let sub: Vec<Demand> =
                        set.iter().enumerate().filter(|(i, _)| mask >> i & 1 == 1).map(|(_, d)| d.clone()).collect();
                    assert!(!impossible(&sub), "{set:?} holds {sub:?}");
                }
            }
        }
    }
}
