//! A model over several devices says what it says on one, at the same precisions.

use crate::client::{get, post};
use crate::world::{Part, TINY, World, plan, serves, tiny, until};
use engine::model::{Chunk, Input, Part as Layers, Want};
use engine::{File, Options, Precision, Stage, Tokenizer, Workspace};
use half::f16;
use kernels::{Pool, Wait};
use profiles::WeightFormat::{W4, W8, W16};
use protocol::PlannedClose;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;

const PROMPT: &str = "the hell and the hello of an end";

/// What crosses between two stages, written here once more so that the crate's own code is not its judge.
fn rounded(states: &[f32], width: usize, bits: u8) -> Vec<f32> {
    if bits == 16 {
        return states.iter().map(|x| f16::from_f32(*x).to_f32()).collect();
    }
    let row = |row: &[f32]| {
        let scale = row.iter().fold(0f32, |m, x| m.max(x.abs())) / 127.0;
        row.iter().map(|x| (x * (1.0 / scale)).round() * scale).collect::<Vec<_>>()
    };
    states.chunks(width).flat_map(row).collect()
}

/// Greedy text by the engine alone: stages one after another in this thread. `close`: after so many tokens a text is
/// forced, which counts among them.
fn reference(file: &File, parts: &[Part], bits: u8, tokens: usize, close: Option<(usize, &str)>) -> String {
    let pool = Arc::new(Pool::new(1, Wait::Park));
    let tokenizer = Tokenizer::new(file).unwrap();
    let blocks = TINY.layers + 2;
    let load = |(_, start, end, weights): &Part| {
        let layers = (*start).max(1) as usize - 1..(*end).min(blocks - 1) as usize - 1;
        let part = Layers { embedding: *start == 0, layers, head: *end == blocks };
        let options = Options { part: Some(part), precision: Precision::of(*weights), kernel: None };
        Stage::load(file, &options, Arc::clone(&pool)).unwrap()
    };
    let stages: Vec<Stage> = parts.iter().map(load).collect();
    let mut caches: Vec<_> = stages.iter().map(|s| s.sequence(16).unwrap()).collect();
    let mut work = Workspace::new();
    let mut input = tokenizer.encode_prompt(PROMPT).unwrap();
    let mut waiting = std::collections::VecDeque::new();
    let (mut said, mut stream, mut text) = (0, tokenizer.stream(), String::new());
    loop {
        let mut states = Vec::new();
        for (i, (stage, sequence)) in stages.iter().zip(&mut caches).enumerate() {
            let input = if i == 0 { Input::Tokens(&input) } else { Input::Hidden(&states) };
            let out = stage.forward(&mut [Chunk { sequence, input, want: Want::Last }], &mut work).unwrap();
            let last = i + 1 == stages.len();
            states = if last { out } else { rounded(&out, stage.config().hidden, bits) };
        }
        let best = (0..states.len()).reduce(|b, i| if states[i] > states[b] { i } else { b }).unwrap();
        let token = u32::try_from(best).unwrap();
        // What was forced is put through; what the model would say in between is not asked.
        if waiting.is_empty() {
            if tokenizer.is_end(token) {
                return text + &stream.finish();
            }
            waiting.push_back(token);
            text.push_str(&stream.push(token));
            said += 1;
            if let Some((_, forced)) = close.filter(|(after, _)| *after == said) {
                for token in tokenizer.encode(forced).unwrap() {
                    waiting.push_back(token);
                    text.push_str(&stream.push(token));
                    said += 1;
                }
            }
            if said >= tokens {
                return text + &stream.finish();
            }
        }
        input = waiting.pop_front().into_iter().collect();
    }
}

fn complete(to: SocketAddr, tokens: usize) -> Value {
    let body = json!({ "model": "chat", "prompt": PROMPT, "temperature": 0, "max_tokens": tokens });
    let answer = post(to, "/v1/completions", &body);
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()
}

fn said(value: &Value) -> &str {
    value["choices"][0]["text"].as_str().unwrap()
}

#[test]
fn one_two_and_three_devices_say_the_same_as_the_engine() {
    let mut world = World::of(&["a", "b", "c"]);
    let a = world.start("a");
    world.start("b");
    world.start("c");
    let file = tiny(world.folder.path());
    let all = ["a", "b", "c"];
    let cases: [(&[Part], u8); 6] = [
        (&[("a", 0, 6, W8)], 16),
        (&[("a", 0, 3, W8), ("b", 3, 6, W4)], 16),
        (&[("a", 0, 3, W8), ("b", 3, 6, W4)], 8),
        (&[("a", 0, 2, W4), ("b", 2, 4, W8), ("c", 4, 6, W16)], 16),
        (&[("a", 0, 1, W8), ("c", 1, 6, W8)], 8),
        (&[("a", 0, 3, W4), ("a", 3, 5, W8), ("a", 5, 6, W8)], 16),
    ];
    let mut texts = Vec::new();
    for (parts, bits) in cases {
        world.apply(&plan(&all, parts, bits), a);
        let answer = complete(a, 24);
        let expected = reference(&file, parts, bits, 24, None);
        assert_eq!(said(&answer), expected, "{parts:?} at {bits} bits");
        assert!(!expected.is_empty());
        texts.push(expected);
    }
    texts.sort();
    texts.dedup();
    assert!(texts.len() > 1, "precisions show, or the comparison means nothing");
}

/// The close of the tests, and its length.
fn closing(file: &File) -> (PlannedClose, usize) {
    let close = PlannedClose { text: " so the end".into(), tokens: 4 };
    let length = Tokenizer::new(file).unwrap().encode(&close.text).unwrap().len();
    (close, length)
}

#[test]
fn an_answer_that_would_use_its_budget_up_is_made_to_close_within_it() {
    let mut world = World::of(&["a", "b"]);
    let a = world.start("a");
    world.start("b");
    let file = tiny(world.folder.path());
    let (close, length) = closing(&file);
    let thinks = 9;
    let budget = thinks + length + close.tokens as usize;
    for parts in [&[("a", 0, 6, W8)][..], &[("a", 0, 3, W8), ("b", 3, 6, W4)]] {
        let mut content = plan(&["a", "b"], parts, 16);
        let scaling = &mut content.services[0].scaling;
        (scaling.token_budget, scaling.close) = (Some(u32::try_from(budget).unwrap()), Some(close.clone()));
        world.apply(&content, a);
        let expected = reference(&file, parts, 16, budget, Some((thinks, &close.text)));
        assert!(expected.contains(&close.text), "{expected}");
        // More than the budget is not asked for; as much as that is thought and closed.
        let answer = complete(a, 200);
        assert_eq!(said(&answer), expected, "{parts:?}");
        assert_eq!((&answer["usage"]["closed"], &answer["usage"]["completion_tokens"]), (&json!(1), &json!(budget)));
        // Who asks for less than the close needs is cut off, and told nothing of a close.
        let short = complete(a, length + 4);
        assert_eq!(said(&short), reference(&file, parts, 16, length + 4, None));
        assert!(short["usage"].get("closed").is_none(), "{short}");
        // Who asks for less than the budget is closed within that.
        let less = complete(a, budget - 2);
        assert_eq!(said(&less), reference(&file, parts, 16, budget - 2, Some((thinks - 2, &close.text))));
        // A text that the request ends at ends a forced one, too.
        let body = json!({ "model": "chat", "prompt": PROMPT, "temperature": 0, "max_tokens": 200, "stop": [" end"] });
        let stopped = post(a, "/v1/completions", &body).json();
        let before = &expected[..expected.find(" end").unwrap()];
        assert_eq!((said(&stopped), &stopped["choices"][0]["finish_reason"]), (before, &json!("stop")));
    }
    // A budget that the close alone uses up cannot be kept.
    let mut content = plan(&["a"], &[("a", 0, 6, W8)], 16);
    content.services[0].scaling.token_budget = Some(u32::try_from(length + 4).unwrap());
    content.services[0].scaling.close = Some(close);
    world.hand(&content, a);
    until("the reason", || get(a, "/fleet/status").body.contains("none is left to think"));
}

#[test]
fn a_close_that_was_forced_is_replayed_after_a_lost_stage() {
    let mut world = World::of(&["a", "b"]);
    // Slow enough that it can be lost behind the close.
    let wide = engine::testing::Tiny { hidden: 1_024, wide: 2_048, heads: 16, head_dim: 64, ..TINY };
    wide.writer().unwrap().save(&world.path("tiny.gguf")).unwrap();
    let a = world.start("a");
    world.start("b");
    let (close, length) = closing(&tiny(world.folder.path()));
    let mut content = plan(&["a", "b"], &[("a", 0, 3, W8), ("b", 3, 6, W8)], 16);
    let scaling = &mut content.services[0].scaling;
    // The close comes after five tokens, and 110 follow.
    let kept = PlannedClose { tokens: 110, ..close };
    (scaling.token_budget, scaling.close) = (Some(u32::try_from(5 + length + 110).unwrap()), Some(kept));
    world.apply(&content, a);
    let body =
        json!({ "model": "chat", "prompt": PROMPT, "temperature": 0.8, "seed": 5, "repetition_penalty": 1.3, "max_tokens": 400 });
    let ask = move || post(a, "/v1/completions", &body).json();
    let expected = ask();
    assert_eq!(expected["usage"]["closed"], 1, "{expected}");
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let _ = tell.send(ask());
    });
    std::thread::sleep(std::time::Duration::from_millis(40));
    drop(world.nodes.remove("b"));
    assert!(told.try_recv().is_err(), "lost in the middle, or nothing is shown");
    world.start("b");
    let answer = told.recv_timeout(std::time::Duration::from_secs(60)).unwrap();
    assert_eq!(said(&answer), said(&expected), "random numbers and penalty by what was drawn");
}

#[test]
fn a_lost_stage_that_comes_back_goes_on_where_it_was() {
    let mut world = World::of(&["a", "b"]);
    // Slow enough that it can be lost in the middle.
    let wide = engine::testing::Tiny { hidden: 1_024, wide: 2_048, heads: 16, head_dim: 64, ..TINY };
    wide.writer().unwrap().save(&world.path("tiny.gguf")).unwrap();
    let a = world.start("a");
    world.start("b");
    let parts: &[Part] = &[("a", 0, 3, W8), ("b", 3, 6, W8)];
    world.apply(&plan(&["a", "b"], parts, 16), a);
    let expected = complete(a, 120);
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let _ = tell.send(complete(a, 120));
    });
    std::thread::sleep(std::time::Duration::from_millis(30));
    // Its streams break, its cache is gone, it starts from its ledger with another address.
    drop(world.nodes.remove("b"));
    assert!(told.try_recv().is_err(), "lost in the middle, or nothing is shown");
    world.start("b");
    let answer = told.recv_timeout(std::time::Duration::from_secs(60)).unwrap();
    assert_eq!(said(&answer), said(&expected), "nothing lost, nothing twice");
    let metrics = get(a, "/metrics").body;
    assert!(!metrics.contains("wattline_replays_total 0"), "{metrics}");
}

#[test]
fn a_restart_without_a_planner_serves_again() {
    let mut world = World::of(&["a", "b"]);
    let a = world.start("a");
    world.start("b");
    let parts: &[Part] = &[("a", 0, 2, W8), ("b", 2, 6, W4)];
    world.apply(&plan(&["a", "b"], parts, 16), a);
    let before = complete(a, 16);
    world.nodes.clear();
    let a = world.start("a");
    assert_eq!(get(a, "/readyz").status, 503, "one stage is not there");
    world.start("b");
    until("serves again", || serves(a, 1));
    assert_eq!(said(&complete(a, 16)), said(&before));
    // One whose disk was lost gets the plan from the other.
    drop(world.nodes.remove("b"));
    std::fs::remove_dir_all(world.path("state-b")).unwrap();
    world.start("b");
    let b = world.nodes["b"].http();
    until("the plan comes from the neighbour", || serves(b, 1));
    until("and the pipeline is whole", || serves(a, 1) && get(a, "/readyz").status == 200);
    assert_eq!(said(&complete(a, 16)), said(&before));
}
