//! What a running agent does not believe: plans that are unsigned, altered, expired, older or another fleet's, and
//! what others say in the name of a neighbour.

use crate::client::{ask, get};
use crate::world::{World, name, plan, serves, until};
use fleet::enrol::{make_key, read_key};
use profiles::WeightFormat::W8;
use protocol::bus::{Bus as _, Keep, Qos};
use protocol::message::{self, Head};
use protocol::{Key, Status, Topic};
use serde_json::Value;
use std::net::SocketAddr;

const ALL: (&str, u32, u32, profiles::WeightFormat) = ("a", 0, 6, W8);

fn put(to: SocketAddr, envelope: &[u8]) -> (u16, String) {
    let answer = ask(to, "PUT", "/fleet/plan", "", envelope);
    (answer.status, answer.body)
}

fn notes(to: SocketAddr) -> String {
    get(to, "/fleet/status").json()["notes"].to_string()
}

/// What an agent says of itself.
fn own(to: SocketAddr) -> Value {
    let all = get(to, "/fleet/status").json();
    let mine = |s: &Value| {
        serde_json::from_str::<Value>(s.as_str()?.splitn(5, '\n').nth(4)?).ok().filter(|v| v["agent"] == all["agent"])
    };
    all["statuses"].as_array().unwrap().iter().find_map(mine).unwrap()
}

#[test]
fn plans_that_are_not_the_owners_newest_change_nothing() {
    let mut world = World::of(&["a"]);
    let a = world.start("a");
    let first = plan(&["a"], &[ALL], 16);
    world.apply(&first, a);
    let old = world.seal(&protocol::Plan { seed: 2, ..first.clone() });
    world.apply(&protocol::Plan { seed: 3, ..first.clone() }, a);
    assert!(serves(a, 3));

    // Each by itself is a sound plan of this fleet; what is wrong is said.
    let fresh = world.seal(&protocol::Plan { seed: 4, ..first.clone() });
    let text = String::from_utf8(fresh.clone()).unwrap();
    let unsigned: String = text.lines().enumerate().filter(|(i, _)| *i != 3).map(|(_, l)| format!("{l}\n")).collect();
    let (status, why) = put(a, unsigned.trim_end().as_bytes());
    assert_eq!(status, 400, "unsigned: {why}");
    for at in [5, fresh.len() / 2, fresh.len() - 3] {
        let mut altered = fresh.clone();
        altered[at] ^= 1;
        let (status, why) = put(a, &altered);
        assert_eq!(status, 400, "altered at {at}: {why}");
    }
    let mut foreign = World::of(&["a"]);
    let (status, why) = put(a, &foreign.seal(&first));
    assert!(status == 400 && why.contains("trusted"), "another owner's key: {why}");
    // These are the owner's, so they reach the core, which refuses them.
    assert_eq!(put(a, &old).0, 202);
    until("an older plan is refused", || own(a)["note"].as_str().is_some_and(|n| n.contains("refused a plan")));
    let expired = world.seal_until(&protocol::Plan { seed: 5, ..first }, 1);
    std::thread::sleep(std::time::Duration::from_millis(50));
    let (status, why) = put(a, &expired);
    until("an expired plan is refused", || {
        status == 400 && why.contains("expire") || own(a)["note"].as_str().is_some_and(|n| n.contains("expire"))
    });
    assert!(serves(a, 3), "{}", own(a));
    assert_eq!(own(a)["newest"]["generation"], 3);
}

#[test]
fn nobody_speaks_for_a_neighbour() {
    let mut world = World::of(&["a", "b"]);
    let a = world.start("a");
    world.start("b");
    world.apply(&plan(&["a", "b"], &[("a", 0, 3, W8), ("b", 3, 6, W8)], 16), a);
    let b = read_key(&world.path("b.key")).unwrap();
    let stranger = make_key(&world.path("stranger.key")).unwrap();
    let key = Key::new(&name("test"), Topic::Status, &name("b"));
    let real = {
        let all = get(a, "/fleet/status").json();
        let all: Vec<String> = all["statuses"].as_array().unwrap().iter().map(|s| s.as_str().unwrap().to_owned()).collect();
        let body = |s: &String| Status::read(s.splitn(5, '\n').nth(4)?.as_bytes()).ok().filter(|s| s.agent == name("b"));
        all.iter().find_map(body).unwrap()
    };
    // As if it had given everything up, from another address.
    let forged = Status { sequence: real.sequence + 1_000, ready: Vec::new(), hop: Some("127.0.0.1:9".into()), ..real };
    let body = serde_json::to_vec(&forged).unwrap();
    let head =
        |sender: &str| Head { key: key.to_string(), sender: name(sender), boot: forged.boot, sequence: u64::MAX / 2, sent_ms: 0 };
    let bus = world.join();
    let said = [
        message::seal(&head("b"), &body, &stranger).unwrap(),
        message::seal(&head("a"), &body, &read_key(&world.path("a.key")).unwrap()).unwrap(),
        body.clone(),
        b"nonsense".to_vec(),
    ];
    for bytes in &said {
        bus.publish(&key, bytes, Qos::Assured, Keep::Pass).unwrap();
    }
    until("each is refused", || notes(a).contains("refused a status"));
    assert_eq!(get(a, "/readyz").status, 200, "the pipeline stays open");
    let body = serde_json::json!({ "model": "chat", "prompt": "the", "max_tokens": 4, "temperature": 0 });
    assert_eq!(crate::client::post(a, "/v1/completions", &body).status, 200);
    // The same words by the device itself are believed, or nothing was shown.
    bus.publish(&key, &message::seal(&head("b"), &serde_json::to_vec(&forged).unwrap(), &b).unwrap(), Qos::Assured, Keep::Pass)
        .unwrap();
    until("its own are believed", || {
        get(a, "/readyz").status != 200 || notes(a).contains("127.0.0.1:9") || own(a)["active"].is_null()
    });
}
