//! A program of a device holds plans off, and gives them way: with the lock that a robot takes while it moves.

use crate::client::{get, post};
use crate::world::{World, plan, said, until};
use profiles::WeightFormat::{W4, W8};
use serde_json::json;
use std::net::SocketAddr;
use std::time::Duration;

/// Generation that answers.
fn answered(at: SocketAddr) -> String {
    let body = json!({ "model": "chat", "prompt": "the hell and", "max_tokens": 4, "temperature": 0 });
    let answer = post(at, "/v1/completions", &body);
    assert_eq!(answer.status, 200, "{}", answer.body);
    get(at, "/metrics").body.lines().find_map(|l| l.strip_prefix("wattline_plan_generation ")).unwrap().to_owned()
}

/// `holder` takes its lock while a plan comes: nobody switches, users are answered by the old plan, and the new one is
/// served when the lock is given back.
fn held_off(holder: &str) {
    let mut world = World::of(&["a", "b"]);
    world.locks = true;
    let a = world.start("a");
    let b = world.start("b");
    let stages = |weights| plan(&["a", "b"], &[("a", 0, 3, weights), ("b", 3, 6, weights)], 16);
    world.apply(&stages(W8), a);
    let lock = std::fs::File::create(world.path(&format!("{holder}.lock"))).unwrap();
    lock.lock().unwrap();
    // Longer than it takes to be seen.
    std::thread::sleep(Duration::from_millis(600));
    let generation = world.hand(&stages(W4), a);
    let at = if holder == "a" { a } else { b };
    until("it is prepared and waits", || {
        said(at)["phase"] == "ready" && said(at)["note"].as_str().is_some_and(|n| n.contains("lock"))
    });
    for _ in 0..10 {
        assert_eq!((answered(a), said(a)["active"]["generation"].as_u64()), ("1".to_owned(), Some(1)));
        std::thread::sleep(Duration::from_millis(100));
    }
    drop(lock);
    world.served(generation);
    assert_eq!(answered(a), "2");
    assert!(said(at)["note"].is_null());
}

#[test]
fn the_entry_holds_a_plan_off() {
    held_off("a");
}

#[test]
fn a_later_stage_holds_a_plan_off() {
    held_off("b");
}

/// What is not there yet cannot be disturbed, and who does not take part in a plan does not hold it.
#[test]
fn a_lock_holds_nobody_elses_plan_and_no_first_one() {
    let mut world = World::of(&["a", "b"]);
    world.locks = true;
    let lock = |world: &World, name: &str| {
        let file = std::fs::File::create(world.path(&format!("{name}.lock"))).unwrap();
        file.lock().unwrap();
        file
    };
    let first = lock(&world, "a");
    let a = world.start("a");
    world.start("b");
    let whole = |agent, weights| plan(&["a", "b"], &[(agent, 0, 6, weights)], 16);
    world.apply(&whole("a", W8), a);
    drop(first);
    let _other = lock(&world, "b");
    std::thread::sleep(Duration::from_millis(600));
    world.apply(&whole("a", W4), a);
}
