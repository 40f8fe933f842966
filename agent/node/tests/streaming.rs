//! Plans whose stages keep a share of their weights in memory.

use crate::client::{get, post};
use crate::world::{TINY, World, plan, until};
use engine::testing::Tiny;
use profiles::WeightFormat::{W4, W8};
use protocol::Plan;
use serde_json::json;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Deep enough that windows are a small part of it.
const DEEP: Tiny = Tiny { layers: 14, ..TINY };

fn say(to: SocketAddr, tokens: usize) -> String {
    let body = json!({ "model": "chat", "prompt": "the hell and the hello", "temperature": 0, "max_tokens": tokens });
    let answer = post(to, "/v1/completions", &body);
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()["choices"][0]["text"].as_str().unwrap().to_owned()
}

fn halves(share: f64) -> Plan {
    let mut plan = plan(&["a", "b"], &[("a", 0, 8, W8), ("b", 8, 16, W4)], 16);
    plan.services[0].replicas[0].stages.iter_mut().for_each(|s| s.resident_share = share);
    plan
}

/// What an agent keeps on disk.
fn packed(world: &World, agent: &str) -> PathBuf {
    let folder = world.path(&format!("state-{agent}")).join("packed");
    let files = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path());
    files.filter(|p| p.extension().is_some_and(|e| e == "packed")).collect::<Vec<_>>().pop().unwrap()
}

#[test]
fn stages_that_stream_say_what_resident_ones_say() {
    let mut world = World::of(&["a", "b"]);
    DEEP.writer().unwrap().save(&world.path("tiny.gguf")).unwrap();
    let a = world.start("a");
    world.start("b");
    world.apply(&halves(1.0), a);
    let expected = say(a, 24);
    assert!(!expected.is_empty());
    let held = |world: &World| format!("{:?}", world.nodes);
    for share in [0.6, 0.9] {
        world.apply(&halves(share), a);
        assert_eq!(say(a, 24), expected, "{share} resident, {}", held(&world));
        assert!(packed(&world, "a").is_file() && packed(&world, "b").is_file());
    }
    // A file that is cut off while it is used: the stage is loaded anew, and nobody gets another answer.
    for agent in ["b", "a"] {
        let file = packed(&world, agent);
        let len = std::fs::metadata(&file).unwrap().len();
        std::fs::File::options().write(true).open(&file).unwrap().set_len(len / 4).unwrap();
        assert_eq!(say(a, 24), expected, "after {agent} lost its weights");
        until("the file is made anew", || std::fs::metadata(packed(&world, agent)).is_ok_and(|m| m.len() == len));
    }
    // From its ledger, with the file that is there.
    drop(world.nodes.remove("b"));
    world.start("b");
    until("b serves again", || get(a, "/readyz").status == 200);
    assert_eq!(say(a, 24), expected, "after a restart");
}

#[test]
fn a_share_that_is_too_small_is_refused_with_what_it_takes() {
    let mut world = World::of(&["a"]);
    DEEP.writer().unwrap().save(&world.path("tiny.gguf")).unwrap();
    let a = world.start("a");
    let mut plan = plan(&["a"], &[("a", 0, 16, W8)], 16);
    plan.services[0].replicas[0].stages[0].resident_share = 0.01;
    let put = crate::client::ask(a, "PUT", "/fleet/plan", "", &world.seal(&plan));
    assert_eq!(put.status, 202, "{}", put.body);
    until("it is said", || get(a, "/fleet/status").body.contains("are needed at least"));
}
