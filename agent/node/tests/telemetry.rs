//! What agents measure reaches planners through any one of them: signed by who says it, with reasons for what is absent.

use crate::client::{get, post};
use crate::world::{World, board, name, plan, until};
use profiles::WeightFormat::W8;
use protocol::message::Listener;
use protocol::{Key, Telemetry, Topic};
use std::net::SocketAddr;

/// What an agent passes on, believed as a planner does.
fn passed_on(world: &World, at: SocketAddr) -> Vec<Telemetry> {
    let roster = fleet::enrol::Roster::read(&world.path("fleet.json")).unwrap();
    let mut known = Listener::default();
    roster.agents().for_each(|(agent, keys)| known.trust(agent.clone(), keys));
    let told = get(at, "/fleet/status").json();
    let sealed = told["telemetry"].as_array().unwrap().iter().map(|t| t.as_str().unwrap().to_owned());
    let open = |sealed: String| {
        let head: serde_json::Value = serde_json::from_str(sealed.lines().nth(1).unwrap()).unwrap();
        let key = Key::new(&roster.fleet, Topic::Telemetry, &name(head["sender"].as_str().unwrap()));
        let (_, body) = known.vouched(sealed.as_bytes(), &key).unwrap();
        Telemetry::read(body).unwrap()
    };
    sealed.map(open).collect()
}

#[test]
fn any_agent_passes_on_what_the_others_measure() {
    let mut world = World::of(&["a", "b"]);
    world.limits.window_ms = 200;
    let start = |world: &mut World, agent: &str, listing: &str| {
        let folder = world.path(&format!("board-{agent}"));
        board(&folder, listing);
        world.sensors = Some(folder);
        world.start(agent)
    };
    let a = start(&mut world, "a", "orin-nano-jp6.txt");
    start(&mut world, "b", "vm.txt");
    until("both are heard through one", || passed_on(&world, a).len() == 2);
    let all = passed_on(&world, a);
    let orin = all.iter().find(|t| t.agent.as_str() == "a").unwrap();
    let power = orin.power_w.unwrap();
    assert!(power.value > 1.0 && power.quality == profiles::Quality::Measured, "{power:?}");
    assert_eq!((orin.memory_pressure, orin.throttled), (Some(0.0), Some(false)));
    assert!(orin.temperature_c.is_some() && !orin.missing.contains_key("power_w"), "{orin:?}");
    let vm = all.iter().find(|t| t.agent.as_str() == "b").unwrap();
    assert_eq!((vm.power_w, vm.missing["power_w"].as_str()), (None, sensors::NO_POWER_SENSOR));
    for (field, value) in [("temperature_c", vm.temperature_c), ("memory_pressure", vm.memory_pressure)] {
        assert_eq!(value.is_none(), vm.missing.contains_key(field), "{field}: a value or a reason: {vm:?}");
    }
    // The agent that is started anew counts on: its first message is not taken for an old one.
    let before = passed_on(&world, a).len();
    world.nodes.remove("b");
    start(&mut world, "b", "orin-nano-jp6.txt");
    until("it is believed again", || passed_on(&world, a).iter().any(|t| t.agent.as_str() == "b" && t.power_w.is_some()));
    assert_eq!(passed_on(&world, a).len(), before);
}

#[test]
fn each_device_tells_how_long_a_step_of_its_own_stage_takes() {
    let mut world = World::of(&["a", "b"]);
    world.limits.window_ms = 400;
    let a = world.start("a");
    world.start("b");
    world.apply(&plan(&["a", "b"], &[("a", 0, 3, W8), ("b", 3, 6, W8)], 16), a);
    let body = serde_json::json!({ "model": "chat", "prompt": "the hell and", "temperature": 0, "max_tokens": 40 });
    let mut told = std::collections::BTreeMap::new();
    until("both have told of a window with answers", || {
        post(a, "/v1/completions", &body);
        for t in passed_on(&world, a).into_iter().filter(|t| !t.stages.is_empty()) {
            told.insert(t.agent.to_string(), t);
        }
        told.len() == 2
    });
    for (place, (agent, telemetry)) in told.iter().enumerate() {
        let [stage] = telemetry.stages.as_slice() else { panic!("{agent} has one stage: {telemetry:?}") };
        assert_eq!((stage.service.as_str(), stage.replica, stage.stage as usize), ("chat", 0, place));
        assert!(stage.rows == 1 && stage.steps > 0, "one request at a time: {stage:?}");
        assert!(stage.step_p50_s > 0.0 && stage.step_p50_s * (stage.steps as f64) < 2.0 * telemetry.window_s + 1.0, "{stage:?}");
    }
}
