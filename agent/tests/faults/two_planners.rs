//! Two planners that apply different plans at the same time: no pipeline is ever made of both.
//!
//! The plans differ in the weights of their stages, so that a pipeline of stages of two plans would say something that
//! neither says: that is tried first.

use super::fleet_state::statuses;
use super::planner::{command, program, said, write};
use super::users::{Crowd, Tally, Troubles, stream};
use super::{USERS, model, number};
use crate::fleet::{Fleet, Running, ask, ready};
use fleet::controller::follow;
use node::testing::plan;
use profiles::WeightFormat::{self, W4, W8};
use protocol::{Plan, PlanRef};
use serde_json::Value;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const NAMES: [&str; 2] = ["a", "b"];

fn content(first: WeightFormat, second: WeightFormat) -> Plan {
    plan(&NAMES, &[("a", 0, 3, first), ("b", 3, 6, second)], 16)
}

fn reference(value: &Value) -> Option<PlanRef> {
    Some(PlanRef { generation: value["generation"].as_u64()?, id: value["id"].as_str()?.parse().ok()? })
}

/// Newest plan of each agent, once all serve the same.
fn agreed(agents: &[Running]) -> PlanRef {
    for _ in 0..1_200 {
        std::thread::sleep(Duration::from_millis(50));
        let all: Vec<_> = agents.iter().zip(NAMES).filter_map(|(a, n)| super::fleet_state::own(&a.http, n)).collect();
        let plans: Vec<_> = all.iter().map(|s| (reference(&s["active"]), reference(&s["newest"]))).collect();
        let first = plans.first().and_then(|p| p.0);
        if let Some(plan) = first.filter(|_| plans.len() == NAMES.len() && plans.iter().all(|p| p.0 == first && p.1 == first)) {
            return plan;
        }
    }
    panic!("the agents do not agree: {:?}", statuses(&agents[0].http))
}

#[test]
fn two_planners_at_once_never_make_a_mixed_pipeline() {
    if program().is_none() {
        println!("SKIPPED: no program `planner` beside `agent` (cargo build --workspace)");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let fleet = Fleet::of(model(folder.path()), &NAMES);
    let agents: Vec<Running> = NAMES.iter().map(|n| fleet.start(n)).collect();
    let at = |i: usize| agents[i].http.as_str();
    // Each planner has a folder of its own with the same key.
    let homes: Vec<PathBuf> = ["one", "two"].iter().map(|n| folder.path().join(n)).collect();
    for home in &homes {
        std::fs::create_dir(home).unwrap();
        for file in ["planner.key", "fleet.json"] {
            std::fs::copy(fleet.folder.path().join(file), home.join(file)).unwrap();
        }
    }
    let apply = |home: usize, plan: &Plan, wait: &str| {
        let file = write(&homes[home], "plan.json", plan);
        command(&homes[home], &["apply", &file.display().to_string(), "--yes", "--agent", at(home), "--wait", wait])
    };
    // What each says, and what a mixture would say.
    let mut newest: Option<PlanRef> = None;
    let mut answers = Vec::new();
    for (first, second) in [(W8, W4), (W4, W8), (W8, W8), (W4, W4)] {
        let mut plan = content(first, second);
        match newest {
            Some(parent) => plan = follow(&plan, parent).unwrap(),
            None => {
                plan.id.clear();
                plan.id = protocol::Digest::of(&protocol::canonical::bytes(&plan).unwrap()).to_string();
            }
        }
        let done = apply(0, &plan, "30s").output().unwrap();
        assert!(done.status.success(), "{}", said(&done));
        ready(&[&agents[0], &agents[1]]);
        newest = Some(PlanRef { generation: plan.generation, id: plan.id.parse().unwrap() });
        answers.push(stream(at(0)).text);
    }
    let expected = answers.split_off(2);
    assert!(expected[0] != expected[1] && answers.iter().all(|a| !expected.contains(a)), "{answers:?} {expected:?}");

    let addresses = vec![at(0).to_owned(), at(1).to_owned()];
    let (tally, over) = (Mutex::new(Tally::default()), AtomicBool::new(false));
    let crowd = Arc::new(Crowd { addresses, expected, troubles: Troubles::default(), tally, over });
    let users = crowd.begin(USERS);
    let (rounds, mut forks) = (number("RACES", 4), 0);
    for race in 0..rounds {
        let parent = agreed(&agents);
        let both = [(W8, W8), (W4, W4)].map(|(first, second)| follow(&content(first, second), parent).unwrap());
        if race % 2 == 0 {
            let mut running: Vec<_> = (0..2).map(|i| apply(i, &both[i], "5s").spawn().unwrap()).collect();
            while running.iter_mut().any(|c| c.try_wait().unwrap().is_none()) {
                std::thread::sleep(Duration::from_millis(20));
            }
            let ended: Vec<_> = running.into_iter().map(|c| c.wait_with_output().unwrap()).collect();
            let codes: Vec<_> = ended.iter().map(|d| d.status.code()).collect();
            // One may not be served, be no child any more, or be replaced; neither dies of the other.
            assert!(codes.iter().all(|c| matches!(c, Some(0 | 2 | 4))), "{}{}", said(&ended[0]), said(&ended[1]));
            println!("race {race}: exit codes {codes:?}");
        } else {
            // What both have signed reaches one agent each at the same moment: nobody can do better at making a fork.
            let sealed = both.map(|p| fleet.seal(&p));
            std::thread::scope(|scope| {
                for (i, plan) in sealed.iter().enumerate() {
                    scope.spawn(move || ask(at(i), "PUT", "/fleet/plan", plan));
                }
            });
            std::thread::sleep(Duration::from_millis(1_500));
            let newest = |i: usize| super::fleet_state::own(at(i), NAMES[i]).map(|s| s["newest"].clone());
            let (one, two) = (newest(0), newest(1));
            let fork = one != two;
            forks += usize::from(fork);
            println!("race {race}: {}", if fork { "a fork" } else { "one came first" });
            if fork {
                // A planner settles it with the next plan.
                let held = reference(&one.unwrap()).unwrap();
                let done = apply(0, &follow(&content(W8, W8), held).unwrap(), "30s").output().unwrap();
                assert!(done.status.success(), "{}", said(&done));
            }
        }
        let plan = agreed(&agents);
        println!("race {race}: all serve {plan} then");
        assert!(plan.generation > parent.generation);
    }
    crowd.over.store(true, Ordering::SeqCst);
    users.into_iter().for_each(|u| u.join().unwrap());
    let tally = crowd.tally.lock().unwrap();
    println!("{rounds} races, {forks} forks: {tally:#?}");
    assert!(tally.wrong.is_empty(), "{tally:#?}");
    assert_eq!(tally.requests, tally.answered + tally.refused.values().sum::<usize>(), "{tally:#?}");
    assert!(tally.answered > 0);
    let refused = ask(at(0), "GET", "/readyz", b"");
    assert_eq!(refused.0, 200, "{}", refused.1);
}
