//! Several samples of an answer, as the plan says: on one device and through a pipeline.

use crate::client::{get, post};
use crate::world::{Part, World, plan};
use profiles::WeightFormat::W8;
use protocol::{PlannedClose, PlannedScaling};
use serde_json::{Value, json};
use std::net::SocketAddr;

/// A fleet that serves answers by this method from three samples of at most eight tokens.
fn sampled(agents: &[&'static str], parts: &[Part], method: &str) -> (World, SocketAddr) {
    let mut world = World::of(agents);
    let addresses: Vec<SocketAddr> = agents.iter().map(|a| world.start(a)).collect();
    let mut content = plan(agents, parts, 16);
    content.services[0].scaling = PlannedScaling { method: method.into(), samples: 3, token_budget: Some(8), close: None };
    world.apply(&content, addresses[0]);
    (world, addresses[0])
}

fn asked(at: SocketAddr, more: Value) -> Value {
    let mut body = json!({ "model": "chat", "prompt": "the hell and the hello of an end", "max_tokens": 40, "seed": 7 });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let answer = post(at, "/v1/completions", &body);
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()
}

/// What has to hold wherever the samples were drawn.
fn three_samples_one_answer(at: SocketAddr) {
    let said = asked(at, json!({}));
    let usage = &said["usage"];
    assert_eq!(usage["samples"]["planned"], 3);
    assert_eq!(usage["samples"]["counted"], 3, "of best-of-n none is left out");
    let tokens = usage["completion_tokens"].as_u64().unwrap();
    assert!((3..=24).contains(&tokens), "{tokens} of three samples of at most eight");
    assert_eq!(said["choices"], asked(at, json!({}))["choices"], "a seed repeats");
    let texts: Vec<Value> = (0..6).map(|seed| asked(at, json!({ "seed": seed }))["choices"][0]["text"].clone()).collect();
    assert!(texts.iter().any(|t| *t != texts[0]), "other seeds, other answers: {texts:?}");
    assert_eq!(usage["energy"]["quality"], "modelled", "{usage}");
}

#[test]
fn the_likeliest_of_three_on_one_device() {
    let (_world, at) = sampled(&["a"], &[("a", 0, 6, W8)], "best-of-n");
    three_samples_one_answer(at);
    let metrics = get(at, "/metrics").body;
    assert!(metrics.contains("wattline_requests_total{service=\"chat\",replica=\"0\"} 8"), "one request is one: {metrics}");
}

#[test]
fn the_likeliest_of_three_through_a_pipeline() {
    let (_world, at) = sampled(&["a", "b"], &[("a", 0, 3, W8), ("b", 3, 6, W8)], "best-of-n");
    three_samples_one_answer(at);
}

#[test]
fn a_vote_without_numbers_gives_an_answer_too_and_a_stream_says_it_whole() {
    let (_world, at) = sampled(&["a"], &[("a", 0, 6, W8)], "majority");
    let said = asked(at, json!({}));
    let text = said["choices"][0]["text"].as_str().unwrap();
    let body =
        json!({ "model": "chat", "prompt": "the hell and the hello of an end", "max_tokens": 40, "seed": 7, "stream": true });
    let streamed = post(at, "/v1/completions", &body).body;
    let events = streamed.lines().filter_map(|l| serde_json::from_str::<Value>(l.strip_prefix("data: ")?).ok());
    let whole: String = events.filter_map(|e| Some(e["choices"][0]["text"].as_str()?.to_owned())).collect();
    assert_eq!(whole, text);
}

#[test]
fn a_method_that_is_not_known_is_given_up_with_its_name() {
    let mut world = World::of(&["a"]);
    let at = world.start("a");
    let mut content = plan(&["a"], &[("a", 0, 6, W8)], 16);
    content.services[0].scaling = PlannedScaling { method: "beam".into(), samples: 3, token_budget: None, close: None };
    let sealed = world.seal(&content);
    assert_eq!(crate::client::ask(at, "PUT", "/fleet/plan", "", &sealed).status, 202);
    crate::world::until("the reason", || get(at, "/fleet/status").body.contains("answers by `beam`"));
}

/// All samples are made to close with the same number: that is what a vote counts, whatever was thought.
#[test]
fn a_vote_counts_what_follows_a_forced_close() {
    for (agents, parts) in [(&["a"][..], &[("a", 0, 6, W8)][..]), (&["a", "b"], &[("a", 0, 3, W8), ("b", 3, 6, W8)])] {
        let mut world = World::of(agents);
        let addresses: Vec<SocketAddr> = agents.iter().map(|a| world.start(a)).collect();
        let at = addresses[0];
        let mut content = plan(agents, parts, 16);
        let close = PlannedClose { text: " so it is 42 .".into(), tokens: 1 };
        content.services[0].scaling =
            PlannedScaling { method: "majority".into(), samples: 3, token_budget: Some(40), close: Some(close) };
        world.apply(&content, at);
        let said = asked(at, json!({ "seed": 3 }));
        let (text, usage) = (said["choices"][0]["text"].as_str().unwrap(), &said["usage"]);
        assert!(text.contains("it is 42 ."), "{text}");
        // A third sample may add a digit of its own, or not be needed.
        assert!(usage["samples"]["agree"].as_u64().unwrap() >= 2, "decided by two of three: {said}");
        assert!(usage["closed"].as_u64().unwrap() >= 2, "the third may have ended by itself: {said}");
    }
}
