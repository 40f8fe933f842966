use super::*;
use crate::search::Effort;
use crate::testing::two_boards_and_a_card;

fn said(agent: &str, sequence: u64) -> Status {
    let text = format!(
        r#"{{"schema":"wattline.status/1","agent":"{agent}","boot":1,"sequence":{sequence},"phase":"serving","newest":null,"active":null,"last_good":null}}"#
    );
    Status::read(text.as_bytes()).expect("a status")
}

#[test]
fn silence_is_loss_and_only_a_while_without_a_gap_is_steady() {
    let mut seen = Seen::default();
    for t in 0..5 {
        seen.look([said("a", t)].iter(), 5.0, t as f64);
    }
    assert!(!seen.is_lost("a", 5.0, 8.0) && seen.is_lost("a", 5.0, 9.0));
    assert!(!seen.is_lost("b", 5.0, 4.0) && seen.is_lost("b", 5.0, 5.0), "never heard");
    // The same word again is no sign of life.
    seen.look([said("a", 4)].iter(), 5.0, 9.0);
    assert!(seen.is_lost("a", 5.0, 9.5));
    seen.look([said("a", 5)].iter(), 5.0, 10.0);
    assert!(!seen.is_steady("a", 3.0, 12.0));
    seen.look([said("a", 6)].iter(), 5.0, 12.0);
    assert!(seen.is_steady("a", 3.0, 13.0) && !seen.is_lost("a", 5.0, 13.0));
}

/// A scenario's plan with everything on one device.
fn plan(scenario: &Scenario, on: &str, value: f64) -> Plan {
    let mut plan = solve::solve(scenario, &Effort::for_seconds(0.01), None, terminal::Show::Nothing).plan.expect("a plan");
    let stages = plan.services.iter_mut().flat_map(|s| &mut s.replicas).flat_map(|r| &mut r.stages);
    stages.for_each(|s| on.clone_into(&mut s.device));
    plan.certificate.value = value;
    plan
}

/// Why to plan where these are lost, all others steady or none, and telemetry says something new of these.
fn reason(scenario: &Scenario, running: Option<&Plan>, lost: &[&str], steady: bool, drifted: &[&str]) -> Option<Why> {
    let set = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<BTreeSet<String>>();
    why(scenario, running, &Found { lost: &set(lost), steady: &|_| steady, drifted: set(drifted) })
}

#[test]
fn a_lost_device_in_use_is_a_reason_and_one_that_sleeps_is_none() {
    let scenario = two_boards_and_a_card();
    let (used, idle) = (scenario.devices[0].name.as_str(), scenario.devices[1].name.as_str());
    let set = |n: &str| BTreeSet::from([n.to_owned()]);
    let running = plan(&scenario, used, 10.0);
    assert_eq!(reason(&scenario, Some(&running), &[], true, &[]), None);
    assert_eq!(reason(&scenario, Some(&running), &[idle], true, &[]), None);
    assert_eq!(reason(&scenario, Some(&running), &[used], true, &[]), Some(Why::Lost(set(used))));
    assert_eq!(reason(&scenario, None, &[], true, &[]), Some(Why::Other));
    let foreign = Plan { scenario: "f".repeat(64), ..running.clone() };
    assert_eq!(reason(&scenario, Some(&foreign), &[], true, &[]), Some(Why::Other));
    // Made without one that is back: only once it is steady, and only for a gain.
    let reduced = without(&scenario, &set(used)).expect("two are left");
    let repaired = plan(&reduced, idle, 12.0);
    assert_eq!(reason(&scenario, Some(&repaired), &[used], true, &[]), None);
    assert_eq!(reason(&scenario, Some(&repaired), &[], false, &[]), None);
    assert_eq!(reason(&scenario, Some(&repaired), &[], true, &[]), Some(Why::Back(set(used))));
    assert!(is_worth(&repaired, &running, 0.05) && !is_worth(&repaired, &plan(&scenario, used, 11.9), 0.05));
    // What telemetry says comes after who is there.
    assert_eq!(reason(&scenario, Some(&running), &[], true, &[used]), Some(Why::Drift(set(used))));
    assert_eq!(reason(&scenario, Some(&repaired), &[], true, &[idle]), Some(Why::Back(set(used))));
}

/// Solves with corrected profiles from a running plan, as a watch does.
fn again(scenario: &Scenario, running: &Plan, factors: &drift::Factors, gain: f64) -> (solve::Solved, Plan) {
    let corrected = drift::corrected(scenario, factors);
    let terms = Terms { hysteresis: gain, ..Terms::default() };
    let effort = Effort::for_seconds(0.05);
    let solved = solve::solve(&corrected, &effort, Some((running, terms)), terminal::Show::Nothing);
    let plan = drift::mark(solved.plan.clone().expect("a plan"), factors);
    let verdict = lint::lint(scenario, &plan);
    assert!(!verdict.fatal(), "{verdict}");
    assert_eq!(plan.scenario, scenario.digest, "the user's scenario is named");
    (solved, plan)
}

#[test]
fn a_slow_device_moves_its_service_only_for_a_gain() {
    // Energy: the time of a device costs its standing power; latency: its time itself.
    let mut scenario = two_boards_and_a_card();
    scenario.objective.goal = scenarios::Goal::Latency;
    let first = solve::solve(&scenario, &Effort::for_seconds(0.05), None, terminal::Show::Nothing).plan.expect("a plan");
    let on: BTreeSet<String> = used(&first).into_iter().map(str::to_owned).collect();
    let slower = |time: f64| {
        let fitted = protocol::Fitted { time, power: None, samples: 3, quality: profiles::Quality::Fitted };
        on.iter().map(|d| (d.clone(), fitted)).collect::<drift::Factors>()
    };
    // A little slower: it stays, and its promise is near enough.
    let little = slower(1.12);
    let (solved, plan) = again(&scenario, &first, &little, 0.99);
    assert!(!pays(&drift::corrected(&scenario, &little), &solved, &first, &plan, 0.99));
    assert_eq!(used(&plan), used(&first));
    assert_eq!(drift::of_plan(&plan), little, "each device says what it was planned with");
    // Much slower, and nothing gains: the plan is given again with what agents can keep.
    let much = slower(1.5);
    let (solved, plan) = again(&scenario, &first, &much, 1.0);
    assert_eq!(used(&plan), used(&first));
    assert!(pays(&drift::corrected(&scenario, &much), &solved, &first, &plan, 1.0));
    let tpot = |p: &Plan| p.services[0].replicas[0].tpot_s;
    assert!(tpot(&plan) > 1.4 * tpot(&first), "{} {}", tpot(&plan), tpot(&first));
    // Slow enough that another device is better.
    let slow = slower(15.0);
    let (solved, plan) = again(&scenario, &first, &slow, 0.05);
    assert!(pays(&drift::corrected(&scenario, &slow), &solved, &first, &plan, 0.05));
    assert!(used(&plan).is_disjoint(&used(&first)), "{:?} after {:?}", used(&plan), used(&first));
}
