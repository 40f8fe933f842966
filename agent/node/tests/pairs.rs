//! Stages that two devices share: what they say is what two halves say in one process.

use crate::client::{get, post};
use crate::world::{Part, TINY, World, plan, serves, share, tiny, until};
use engine::model::{Chunk, Config, Input, Part as Layers, Partner, Shard, Want};
use engine::testing::Tiny;
use engine::{EngineError, File, Options, Precision, Stage, Tokenizer, Workspace};
use half::f16;
use kernels::{Pool, Wait};
use profiles::WeightFormat::{W4, W8, W16};
use protocol::Plan;
use serde_json::{Value, json};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

/// Stages with their partners, and the KV heads of each.
type Case = &'static [(Part, Option<(&'static str, u32)>)];

const PROMPT: &str = "the hell and the hello of an end";

/// Half precision, written here once more so that the crate's own code is not its judge.
fn halved(numbers: &mut [f32]) {
    numbers.iter_mut().for_each(|x| *x = f16::from_f32(*x).to_f32());
}

/// One end of a wire between two halves in one process: each part is rounded.
struct End {
    leads: bool,
    to: Sender<Vec<f32>>,
    from: Receiver<Vec<f32>>,
}

impl Partner for End {
    fn begin(&mut self, states: &mut [f32]) -> Result<(), EngineError> {
        if self.leads {
            halved(states);
            self.to.send(states.to_vec()).unwrap();
        }
        Ok(())
    }

    fn sum(&mut self, partial: &mut [f32]) -> Result<(), EngineError> {
        halved(partial);
        self.to.send(partial.to_vec()).unwrap();
        let theirs = self.from.recv().unwrap();
        partial.iter_mut().zip(theirs).for_each(|(own, other)| *own += other);
        Ok(())
    }
}

/// What runs a stage: it alone, or with its other half in a thread.
struct Runs {
    stage: Stage,
    /// What begins a step there, and the leader's end of the wire.
    other: Option<(Sender<()>, End)>,
}

fn halves(file: &File, options: &Options, kv_heads: usize) -> Runs {
    let pool = || Arc::new(Pool::new(1, Wait::Park));
    let all = Config::new(file).unwrap().kv_heads;
    let part = options.part.clone().unwrap();
    let [first, last] = Shard::pair_of(file, part.layers.clone(), all - kv_heads).unwrap();
    let stage = Stage::load_shard(file, options, &first, pool()).unwrap();
    let inner = Options { part: Some(Layers { embedding: false, head: false, ..part }), ..options.clone() };
    let other = Stage::load_shard(file, &inner, &last, pool()).unwrap();
    let ((there, theirs), (back, ours), (go, goes)) = (channel(), channel(), channel());
    let mut far = End { leads: false, to: back, from: theirs };
    std::thread::spawn(move || {
        let (mut sequence, mut work) = (other.sequence(16).unwrap(), Workspace::new());
        while goes.recv().is_ok() {
            let states = far.from.recv().unwrap();
            let chunk = Chunk { sequence: &mut sequence, input: Input::Hidden(&states), want: Want::Nothing };
            other.forward_shared(&mut [chunk], &mut work, &mut far).unwrap();
        }
    });
    Runs { stage, other: Some((go, End { leads: true, to: there, from: ours })) }
}

/// Greedy text by the engine alone. A stage with KV heads for a partner is two halves.
fn reference(file: &File, blocks: u32, parts: &[(Part, u32)], tokens: usize) -> String {
    let tokenizer = Tokenizer::new(file).unwrap();
    let load = |((_, start, end, weights), kv_heads): &(Part, u32)| {
        let layers = (*start).max(1) as usize - 1..(*end).min(blocks - 1) as usize - 1;
        let part = Layers { embedding: *start == 0, layers, head: *end == blocks };
        let options = Options { part: Some(part), precision: Precision::of(*weights), kernel: None };
        if *kv_heads > 0 {
            return halves(file, &options, *kv_heads as usize);
        }
        Runs { stage: Stage::load(file, &options, Arc::new(Pool::new(1, Wait::Park))).unwrap(), other: None }
    };
    let mut stages: Vec<Runs> = parts.iter().map(load).collect();
    let mut caches: Vec<_> = stages.iter().map(|s| s.stage.sequence(16).unwrap()).collect();
    let mut work = Workspace::new();
    let mut input = tokenizer.encode_prompt(PROMPT).unwrap();
    let (mut said, mut stream, mut text) = (0, tokenizer.stream(), String::new());
    loop {
        let mut states = Vec::new();
        let last = stages.len() - 1;
        for (i, (runs, sequence)) in stages.iter_mut().zip(&mut caches).enumerate() {
            let input = if i == 0 { Input::Tokens(&input) } else { Input::Hidden(&states) };
            let chunk = Chunk { sequence, input, want: Want::Last };
            let mut out = match &mut runs.other {
                None => runs.stage.forward(&mut [chunk], &mut work).unwrap(),
                Some((go, end)) => {
                    go.send(()).unwrap();
                    runs.stage.forward_shared(&mut [chunk], &mut work, end).unwrap()
                }
            };
            if i < last {
                halved(&mut out);
            }
            states = out;
        }
        let best = (0..states.len()).reduce(|b, i| if states[i] > states[b] { i } else { b }).unwrap();
        let token = u32::try_from(best).unwrap();
        if tokenizer.is_end(token) {
            return text + &stream.finish();
        }
        text.push_str(&stream.push(token));
        said += 1;
        if said == tokens {
            return text + &stream.finish();
        }
        input = vec![token];
    }
}

/// A plan of these stages, of which some have a partner with so many KV heads.
fn shared(devices: &[&str], parts: &[(Part, Option<(&str, u32)>)]) -> Plan {
    let stages: Vec<Part> = parts.iter().map(|(part, _)| *part).collect();
    let mut content = plan(devices, &stages, 16);
    for (i, (_, partner)) in parts.iter().enumerate() {
        if let Some((device, kv_heads)) = partner {
            share(&mut content, i, device, *kv_heads);
        }
    }
    content
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
fn two_devices_that_share_a_stage_say_what_two_halves_say_in_one_process() {
    let mut world = World::of(&["a", "b", "c"]);
    // Four KV heads, so that halves of a pair may differ.
    let model = Tiny { heads: 8, kv_heads: 4, head_dim: 16, hidden: 128, wide: 256, ..TINY };
    model.writer().unwrap().save(&world.path("tiny.gguf")).unwrap();
    let a = world.start("a");
    world.start("b");
    world.start("c");
    let file = tiny(world.folder.path());
    let cases: [Case; 5] = [
        &[(("a", 0, 6, W8), Some(("b", 2)))],
        &[(("a", 0, 6, W16), Some(("b", 1)))],
        // Before a stage of one device, behind one, and each device the other's partner.
        &[(("a", 0, 3, W8), Some(("c", 3))), (("b", 3, 6, W4), None)],
        &[(("a", 0, 3, W4), None), (("b", 3, 6, W8), Some(("c", 2)))],
        &[(("a", 0, 3, W8), Some(("b", 1))), (("b", 3, 6, W8), Some(("a", 2)))],
    ];
    let mut texts = Vec::new();
    for parts in cases {
        world.apply(&shared(&["a", "b", "c"], parts), a);
        let of: Vec<(Part, u32)> = parts.iter().map(|(part, with)| (*part, with.map_or(0, |(_, heads)| heads))).collect();
        let expected = reference(&file, 6, &of, 24);
        assert_eq!(said(&complete(a, 24)), expected, "{parts:?}");
        assert!(!expected.is_empty());
        texts.push(expected);
    }
    texts.sort();
    texts.dedup();
    assert!(texts.len() > 1, "precisions show, or the comparison means nothing");
    let metrics = get(a, "/metrics").body;
    assert!(!metrics.contains("wattline_steps_total 0"), "steps of halves are counted: {metrics}");
}

/// 9 heads on 3 KV heads: 6 and 3 with 2 and 1.
#[test]
fn smollm2_on_two_devices_says_what_two_halves_say_in_one_process() {
    let home = || std::path::PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cache/wattline");
    let cache = std::env::var_os("WATTLINE_CACHE").map_or_else(home, std::path::PathBuf::from);
    let path = cache.join("models/SmolLM2-135M-Instruct.Q4_1.gguf");
    if !path.is_file() {
        println!("SKIPPED: SmolLM2 is not in the model cache (cargo xtask fetch-model fetches it)");
        return;
    }
    let mut world = World::of(&["a", "b"]);
    for agent in ["a", "b"] {
        world.models.insert(agent.into(), [("tiny".to_owned(), path.clone())].into());
    }
    let a = world.start("a");
    world.start("b");
    world.apply(&shared(&["a", "b"], &[(("a", 0, 32, W8), Some(("b", 1)))]), a);
    let file = File::open(&path).unwrap();
    let expected = reference(&file, 32, &[(("a", 0, 32, W8), 1)], 16);
    assert_eq!(said(&complete(a, 16)), expected);
    assert!(!expected.is_empty());
}

/// Wide enough that an answer lasts while something is lost or others ask.
fn slow(world: &World) {
    let wide = Tiny { hidden: 1_024, wide: 2_048, heads: 16, head_dim: 64, ..TINY };
    wide.writer().unwrap().save(&world.path("tiny.gguf")).unwrap();
}

#[test]
fn requests_at_the_same_time_say_what_each_says_alone() {
    let mut world = World::of(&["a", "b"]);
    slow(&world);
    let a = world.start("a");
    let b = world.start("b");
    // Each waits for the other's half, in both directions at once.
    let parts: [(Part, Option<(&str, u32)>); 2] = [(("a", 0, 3, W8), Some(("b", 1))), (("b", 3, 6, W8), Some(("a", 1)))];
    world.apply(&shared(&["a", "b"], &parts), a);
    let expected = complete(a, 24);
    let askers: Vec<_> = (0..4).map(|i| std::thread::spawn(move || complete(if i % 2 == 0 { a } else { b }, 24))).collect();
    for asker in askers {
        assert_eq!(said(&asker.join().unwrap()), said(&expected));
    }
}

#[test]
fn a_lost_partner_that_comes_back_goes_on_where_it_was() {
    let mut world = World::of(&["a", "b"]);
    slow(&world);
    let a = world.start("a");
    world.start("b");
    world.apply(&shared(&["a", "b"], &[(("a", 0, 6, W8), Some(("b", 1)))]), a);
    let expected = complete(a, 120);
    let (tell, told) = channel();
    std::thread::spawn(move || {
        let _ = tell.send(complete(a, 120));
    });
    std::thread::sleep(std::time::Duration::from_millis(30));
    drop(world.nodes.remove("b"));
    assert!(told.try_recv().is_err(), "lost in the middle, or nothing is shown");
    until("its pipeline is closed", || get(a, "/readyz").status == 503);
    world.start("b");
    let answer = told.recv_timeout(std::time::Duration::from_secs(60)).unwrap();
    assert_eq!(said(&answer), said(&expected), "nothing lost, nothing twice");
    assert!(!get(a, "/metrics").body.contains("wattline_replays_total 0"));
    until("whole again", || get(a, "/readyz").status == 200);
}

/// Where `a`, whose partner is `b`, and `c` alone serve the same model.
fn shared_and_alone(world: &mut World) -> [SocketAddr; 2] {
    slow(world);
    let a = world.start("a");
    world.start("b");
    let c = world.start("c");
    let devices = ["a", "b", "c"];
    let mut content = shared(&devices, &[(("a", 0, 6, W8), Some(("b", 1)))]);
    content.services[0].replicas.extend(plan(&devices, &[("c", 0, 6, W8)], 16).services.remove(0).replicas);
    content.services[0].replicas.iter_mut().for_each(|r| r.share = 0.5);
    world.apply(&content, a);
    until("both serve", || [a, c].iter().all(|at| get(*at, "/readyz").status == 200));
    [a, c]
}

/// A request that waits for a lost partner is answered by another device's pipeline, as long as its user has heard
/// nothing, instead of waiting out `heal_ms`: in a stream before the first word, otherwise at any time.
#[test]
fn what_nobody_has_heard_of_begins_anew_elsewhere() {
    let mut world = World::of(&["a", "b", "c"]);
    world.limits.heal_ms = 300_000;
    let [a, c] = shared_and_alone(&mut world);
    let expected = complete(c, 120);
    let (tell, told) = channel();
    let whole = tell.clone();
    std::thread::spawn(move || whole.send(said(&complete(a, 120)).to_owned()));
    // Long enough a prompt that nothing was said when the partner is lost.
    let prompt = PROMPT.repeat(12);
    let body = json!({ "model": "chat", "prompt": prompt, "temperature": 0, "max_tokens": 4, "stream": true });
    let streamed = body.clone();
    std::thread::spawn(move || tell.send(post(a, "/v1/completions", &streamed).body));
    std::thread::sleep(std::time::Duration::from_millis(30));
    drop(world.nodes.remove("b"));
    let mut answers: Vec<String> = (0..2).map(|_| told.recv_timeout(std::time::Duration::from_secs(60)).unwrap()).collect();
    let streamed = answers.remove(usize::from(answers[1].contains("[DONE]")));
    assert_eq!(answers, [said(&expected)], "c's own words");
    let words = |stream: &str| -> String {
        let parts = stream.lines().filter_map(|l| serde_json::from_str::<Value>(l.strip_prefix("data: ")?).ok());
        parts.filter_map(|p| p["choices"][0]["text"].as_str().map(str::to_owned)).collect()
    };
    assert_eq!(words(&streamed), words(&post(c, "/v1/completions", &body).body));
    assert!(!streamed.contains("error"), "{streamed}");
    assert!(!get(a, "/metrics").body.contains("wattline_replays_total 0"), "they ran at a, or nothing is shown");
}

/// Whoever waits for a turn that a stuck request holds is answered by another device.
#[test]
fn who_waits_behind_the_stuck_is_answered_elsewhere() {
    let mut world = World::of(&["a", "b", "c"]);
    (world.limits.heal_ms, world.limits.running) = (300_000, 1);
    let [a, c] = shared_and_alone(&mut world);
    let expected = complete(c, 12);
    let mut stuck = TcpStream::connect(a).unwrap();
    let body = json!({ "model": "chat", "prompt": PROMPT, "temperature": 0, "max_tokens": 400, "stream": true }).to_string();
    let head = format!("POST /v1/completions HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", body.len());
    stuck.write_all((head + &body).as_bytes()).unwrap();
    // It has heard something, so it waits for the lost one.
    let (mut heard, mut some) = (Vec::new(), [0; 1024]);
    while !String::from_utf8_lossy(&heard).contains("\"text\"") {
        let n = stuck.read(&mut some).unwrap();
        assert!(n > 0, "{}", String::from_utf8_lossy(&heard));
        heard.extend_from_slice(&some[..n]);
    }
    let (tell, told) = channel();
    std::thread::spawn(move || tell.send(said(&complete(a, 12)).to_owned()));
    std::thread::sleep(std::time::Duration::from_millis(100));
    drop(world.nodes.remove("b"));
    let answer = told.recv_timeout(std::time::Duration::from_secs(60)).unwrap();
    assert_eq!(answer, said(&expected), "c's own words");
}

/// Who is not there for longer than `heal_ms`: a reason and when to ask again.
#[test]
fn without_its_partner_a_stage_refuses_with_a_reason() {
    let mut world = World::of(&["a", "b"]);
    world.limits.heal_ms = 1_000;
    slow(&world);
    let a = world.start("a");
    world.start("b");
    world.apply(&shared(&["a", "b"], &[(("a", 0, 6, W8), Some(("b", 1)))]), a);
    let (tell, told) = channel();
    std::thread::spawn(move || {
        let body = json!({ "model": "chat", "prompt": PROMPT, "temperature": 0, "max_tokens": 400 });
        let _ = tell.send(post(a, "/v1/completions", &body));
    });
    std::thread::sleep(std::time::Duration::from_millis(30));
    drop(world.nodes.remove("b"));
    let answer = told.recv_timeout(std::time::Duration::from_secs(60)).unwrap();
    assert!(answer.status == 503 && answer.head.contains("retry-after"), "{} {}", answer.status, answer.body);
    assert!(answer.body.contains("the half of a stage on b"), "{}", answer.body);
}

#[test]
fn what_no_two_devices_can_share_is_given_up_with_the_reason() {
    let mut world = World::of(&["a", "b"]);
    let a = world.start("a");
    world.start("b");
    let whole: [(Part, Option<(&str, u32)>); 1] = [(("a", 0, 6, W8), Some(("b", 1)))];
    world.apply(&shared(&["a", "b"], &whole), a);
    let mut streamed = shared(&["a", "b"], &whole);
    streamed.services[0].replicas[0].stages[0].resident_share = 0.5;
    let ends: [(Part, Option<(&str, u32)>); 2] = [(("a", 0, 1, W8), Some(("b", 1))), (("a", 1, 6, W8), None)];
    let cases = [
        (shared(&["a", "b"], &[(("a", 0, 6, W8), Some(("b", 2)))]), "KV heads"),
        (streamed, "with a resident share of 1"),
        (shared(&["a", "b"], &ends), "among which is no layer"),
    ];
    for (content, says) in cases {
        world.hand(&content, a);
        until(&format!("the reason: {says}"), || get(a, "/fleet/status").body.contains(says));
    }
    // A device is not its own partner: nobody takes such a plan.
    let sealed = world.seal(&shared(&["a", "b"], &[(("a", 0, 6, W8), Some(("a", 1)))]));
    let refused = crate::client::ask(a, "PUT", "/fleet/plan", "", &sealed);
    assert_eq!(refused.status, 400, "{}", refused.body);
    assert!(get(a, "/fleet/status").body.contains("shares a stage with itself"));
    until("the good plan is served again", || serves(a, 1) && get(a, "/readyz").status == 200);
}
