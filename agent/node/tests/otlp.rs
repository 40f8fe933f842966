//! Spans reach a collector: a real listener that takes what a real request leaves.

use crate::client::post;
use crate::world::{World, plan};
use profiles::WeightFormat::W8;
use serde_json::{Value, json};
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// Takes requests as a collector does, and gives heads and bodies.
fn collector() -> (String, Receiver<(String, Value)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap().to_string();
    let (tell, told) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut got = Vec::new();
            let mut some = [0; 4_096];
            let (head, body) = loop {
                let n = stream.read(&mut some).unwrap();
                got.extend_from_slice(&some[..n]);
                let text = String::from_utf8_lossy(&got).into_owned();
                let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
                let length = head.lines().find_map(|l| l.strip_prefix("Content-Length: ")?.parse::<usize>().ok()).unwrap();
                if body.len() >= length {
                    break (head.to_owned(), body.to_owned());
                }
            };
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}").unwrap();
            if tell.send((head, serde_json::from_str(&body).unwrap())).is_err() {
                return;
            }
        }
    });
    (at, told)
}

/// The value of an attribute, as its one field says.
fn attribute(of: &Value, key: &str) -> Value {
    let all = of["attributes"].as_array().unwrap();
    let found = all.iter().find(|a| a["key"] == key).unwrap_or_else(|| panic!("{key}: {of:#}"));
    found["value"].as_object().unwrap().values().next().unwrap().clone()
}

#[test]
fn a_request_leaves_its_spans_at_the_collector() {
    let (at, told) = collector();
    let mut world = World::of(&["a"]);
    world.otlp = Some(at.clone());
    let a = world.start("a");
    world.apply(&plan(&["a"], &[("a", 0, 6, W8)], 16), a);
    let secret = "the hell and the hello";
    let body = json!({ "model": "chat", "prompt": secret, "max_tokens": 6, "temperature": 0 });
    let answer = post(a, "/v1/completions", &body);
    assert_eq!(answer.status, 200, "{}", answer.body);
    let usage = answer.json()["usage"].clone();
    let (head, sent) = told.recv_timeout(Duration::from_secs(30)).expect("spans come");
    assert!(head.starts_with("POST /v1/traces HTTP/1.1\r\n") && head.contains("Content-Type: application/json"), "{head}");
    let resource = &sent["resourceSpans"][0]["resource"];
    assert_eq!(attribute(resource, "service.instance.id"), "a");
    assert_eq!(attribute(resource, "service.namespace"), "test");
    let spans = sent["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().unwrap();
    let names: Vec<&str> = spans.iter().map(|s| s["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["text_completion chat", "prompt", "decode"]);
    let hex = |v: &Value, length| v.as_str().is_some_and(|t| t.len() == length && t.bytes().all(|b| b.is_ascii_hexdigit()));
    let nanos = |v: &Value| v.as_str().unwrap().parse::<u64>().unwrap();
    for span in spans {
        assert!(hex(&span["traceId"], 32) && hex(&span["spanId"], 16) && span["kind"].is_u64(), "{span:#}");
        let (start, end) = (nanos(&span["startTimeUnixNano"]), nanos(&span["endTimeUnixNano"]));
        // After 2020, and a request of this test takes no hour.
        assert!(start > 1_577_836_800_000_000_000 && end >= start && end - start < 3_600_000_000_000, "{span:#}");
    }
    assert_eq!(attribute(&spans[0], "gen_ai.usage.input_tokens"), usage["prompt_tokens"].to_string());
    assert_eq!(attribute(&spans[0], "gen_ai.usage.output_tokens"), usage["completion_tokens"].to_string());
    assert_eq!(attribute(&spans[0], "wattline.plan.generation"), "1");
    assert_eq!(spans[0]["status"]["code"], 1);
    assert!(!sent.to_string().contains(secret), "what was asked stays here");
}

#[test]
fn without_a_collector_requests_are_answered_and_it_is_noted() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let mut world = World::of(&["a"]);
    world.otlp = Some(closed.clone());
    let a = world.start("a");
    world.apply(&plan(&["a"], &[("a", 0, 6, W8)], 16), a);
    let body = json!({ "model": "chat", "prompt": "the", "max_tokens": 2 });
    assert_eq!(post(a, "/v1/completions", &body).status, 200);
    let notes = || crate::client::get(a, "/fleet/status").json()["notes"].to_string();
    crate::world::until("the loss is noted", || notes().contains(&format!("otlp: {closed}: ")));
    assert_eq!(post(a, "/v1/completions", &body).status, 200);
}
