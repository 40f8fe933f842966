//! The HTTP interface, from outside.

use crate::client::{ask, get, post};
use crate::world::{World, plan, until};
use node::Limits;
use profiles::WeightFormat::W8;
use serde_json::{Value, json};
use std::net::SocketAddr;

const ALL: (&str, u32, u32, profiles::WeightFormat) = ("a", 0, 6, W8);

fn one() -> (World, SocketAddr) {
    let mut world = World::of(&["a"]);
    world.limits = Limits { body_bytes: 4_096, answer_tokens: 400, ..world.limits };
    let a = world.start("a");
    world.apply(&plan(&["a"], &[ALL], 16), a);
    (world, a)
}

fn hello(rest: Value) -> Value {
    let mut body =
        json!({ "model": "chat", "messages": [{ "role": "user", "content": "hello" }], "temperature": 0, "max_tokens": 12 });
    body.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
    body
}

#[test]
fn a_stream_says_what_a_whole_answer_says() {
    let (_world, a) = one();
    let whole = post(a, "/v1/chat/completions", &hello(json!({})));
    assert_eq!(whole.status, 200, "{}", whole.body);
    assert!(whole.head.contains("x-wattline-plan: 1:"), "{}", whole.head);
    let value = whole.json();
    assert_eq!(
        (value["object"].as_str(), value["choices"][0]["message"]["role"].as_str()),
        (Some("chat.completion"), Some("assistant"))
    );
    let text = value["choices"][0]["message"]["content"].as_str().unwrap();
    let usage = &value["usage"];
    assert_eq!(
        usage["total_tokens"].as_u64().unwrap(),
        usage["prompt_tokens"].as_u64().unwrap() + usage["completion_tokens"].as_u64().unwrap()
    );
    let streamed =
        post(a, "/v1/chat/completions", &hello(json!({ "stream": true, "stream_options": { "include_usage": true } })));
    assert!(streamed.head.contains("text/event-stream") && streamed.body.ends_with("data: [DONE]\n\n"), "{}", streamed.head);
    let events = streamed.events();
    let deltas: String = events.iter().filter_map(|e| e["choices"][0]["delta"]["content"].as_str()).collect();
    assert_eq!(deltas, text);
    assert_eq!(events[0]["choices"][0]["delta"]["role"], "assistant");
    let finish = events.iter().filter_map(|e| e["choices"][0]["finish_reason"].as_str()).collect::<Vec<_>>();
    assert_eq!(finish, [value["choices"][0]["finish_reason"].as_str().unwrap()]);
    let counts = |usage: &Value| ["prompt_tokens", "completion_tokens", "total_tokens"].map(|k| usage[k].clone());
    assert_eq!(counts(&events.last().unwrap()["usage"]), counts(usage));
    // No sensor is asked in a test's first seconds: what the plan expects, over the time that it took.
    let energy = &usage["energy"];
    assert!(energy["joules"].as_f64().unwrap() > 0.0 && energy["quality"] == "modelled", "{energy}");
}

#[test]
fn stops_are_cut_and_seeds_repeat() {
    let (_world, a) = one();
    let warm = |seed: i64| {
        let body = json!({ "model": "chat", "prompt": "the", "temperature": 1.5, "seed": seed, "max_tokens": 40 });
        post(a, "/v1/completions", &body).json()["choices"][0]["text"].as_str().unwrap().to_owned()
    };
    let text = warm(7);
    assert_eq!(text, warm(7));
    assert_ne!(text, warm(8));
    // A stop inside of it.
    let at = text.char_indices().nth(text.chars().count() / 2).unwrap().0;
    let stop: String = text[at..].chars().take(2).collect();
    let body = json!({ "model": "chat", "prompt": "the", "temperature": 1.5, "seed": 7, "max_tokens": 40, "stop": [stop] });
    let cut = post(a, "/v1/completions", &body).json();
    assert_eq!(cut["choices"][0]["text"].as_str().unwrap(), &text[..text.find(&stop).unwrap()]);
    assert_eq!(cut["choices"][0]["finish_reason"], "stop");
}

#[test]
fn errors_have_the_form_of_the_api() {
    let (_world, a) = one();
    let long = "x".repeat(5_000);
    let many = "hello ".repeat(650);
    let cases: [(u16, &str, Value, &str); 7] = [
        (404, "/v1/chat/completions", hello(json!({ "model": "gpt-4" })), "model_not_found"),
        (400, "/v1/chat/completions", hello(json!({ "messages": [] })), "messages"),
        (400, "/v1/chat/completions", hello(json!({ "n": 3 })), "`n` is not supported"),
        (400, "/v1/chat/completions", hello(json!({ "max_tokens": 401 })), "1 to 400"),
        (400, "/v1/completions", json!({ "model": "chat", "prompt": many }), "context_length_exceeded"),
        (413, "/v1/completions", json!({ "model": "chat", "prompt": long }), "at most 4096 bytes"),
        (404, "/v1/embeddings", json!({}), "no such address"),
    ];
    for (status, path, body, says) in cases {
        let answer = post(a, path, &body);
        assert_eq!(answer.status, status, "{path}: {}", answer.body);
        let error = &answer.json()["error"];
        assert!(error["message"].is_string() && error["type"].is_string(), "{error}");
        assert!(error.to_string().contains(says), "{error} should say {says}");
    }
    for (method, path, body, status) in [
        ("POST", "/v1/completions", &b"{"[..], 400),
        ("POST", "/v1/completions", b"\xff\xfe", 400),
        ("GET", "/v1/completions", b"", 405),
    ] {
        let answer = ask(a, method, path, "", body);
        assert_eq!(answer.status, status, "{}", answer.body);
        assert!(answer.json()["error"]["message"].is_string());
    }
}

#[test]
fn a_full_queue_says_when_to_come_again() {
    let mut world = World::of(&["a"]);
    world.limits = Limits { running: 1, waiting: 1, ..world.limits };
    let a = world.start("a");
    world.apply(&plan(&["a"], &[ALL], 16), a);
    let body = json!({ "model": "chat", "prompt": "the", "temperature": 0, "max_tokens": 480 });
    let asked: Vec<_> = (0..8)
        .map(|_| {
            std::thread::spawn({
                let body = body.clone();
                move || post(a, "/v1/completions", &body)
            })
        })
        .collect();
    let answers: Vec<_> = asked.into_iter().map(|t| t.join().unwrap()).collect();
    let of = |status: u16| answers.iter().filter(|x| x.status == status).count();
    assert_eq!(of(200) + of(429), 8, "each is answered or refused");
    assert!(of(200) >= 2 && of(429) >= 1, "{} answered, {} refused", of(200), of(429));
    let refused = answers.iter().find(|x| x.status == 429).unwrap();
    assert!(refused.head.contains("retry-after: 1"), "{}", refused.head);
    assert_eq!(refused.json()["error"]["code"], "queue_full");
    let metrics = get(a, "/metrics").body;
    assert!(metrics.contains(&format!("wattline_refused_total {}", of(429))), "{metrics}");
    assert!(metrics.contains(&format!("wattline_requests_total{{service=\"chat\",replica=\"0\"}} {}", of(200))), "{metrics}");
    assert!(metrics.contains("wattline_running 0"), "{metrics}");
}

#[test]
fn any_agent_answers_for_all_services() {
    let mut world = World::of(&["a", "b"]);
    let a = world.start("a");
    let b = world.start("b");
    world.apply(&plan(&["a", "b"], &[("b", 0, 6, W8)], 16), b);
    let asked = |to: SocketAddr, rest: Value| post(to, "/v1/chat/completions", &hello(rest));
    until("a knows of b's service", || get(a, "/v1/models").json()["data"][0]["id"] == "chat");
    let (here, there) = (asked(b, json!({})), asked(a, json!({})));
    assert_eq!((here.status, there.status), (200, 200), "{}", there.body);
    assert_eq!(here.json()["choices"], there.json()["choices"]);
    assert!(there.head.contains("x-wattline-plan: 1:") && there.head.contains("application/json"), "{}", there.head);
    let streamed = asked(a, json!({ "stream": true }));
    assert!(streamed.head.contains("text/event-stream") && streamed.body.ends_with("data: [DONE]\n\n"), "{}", streamed.head);
    assert_eq!(asked(a, json!({ "n": 2 })).status, 400, "an error comes back as it is");
    // One that was handed on is not handed on again.
    let body = hello(json!({})).to_string();
    assert_eq!(ask(a, "POST", "/v1/chat/completions", "x-wattline-handed-on: 1\r\n", body.as_bytes()).status, 503);
}

#[test]
fn keys_are_asked_for_where_there_are_some() {
    let mut world = World::of(&["a"]);
    world.api_keys = vec!["secret-1".into(), "secret-2".into()];
    let a = world.start("a");
    for path in ["/v1/models", "/fleet/status"] {
        assert_eq!(get(a, path).status, 401);
        assert_eq!(ask(a, "GET", path, "Authorization: Bearer secret-3\r\n", b"").status, 401);
        assert_eq!(ask(a, "GET", path, "Authorization: Bearer secret-2\r\n", b"").status, 200);
    }
    assert_eq!(post(a, "/v1/completions", &json!({})).json()["error"]["code"], "invalid_api_key");
    assert_eq!(get(a, "/healthz").status, 200, "who supervises needs no key");
}

#[test]
fn an_agent_without_a_plan_says_so() {
    let mut world = World::of(&["a"]);
    let a = world.start("a");
    assert_eq!((get(a, "/healthz").status, get(a, "/readyz").status), (200, 503));
    assert_eq!(get(a, "/v1/models").json()["data"], json!([]));
    assert!(post(a, "/v1/completions", &json!({ "model": "chat", "prompt": "x" })).body.contains("none is served now"));
    // A plan that nobody signed, and one that another key signed, change nothing.
    assert_eq!(ask(a, "PUT", "/fleet/plan", "", b"{}").status, 400);
    let mut foreign = World::of(&["a"]);
    let sealed = foreign.seal(&plan(&["a"], &[ALL], 16));
    let refused = ask(a, "PUT", "/fleet/plan", "", &sealed);
    assert!(refused.status == 400 && refused.body.contains("trusted"), "{}", refused.body);
}
