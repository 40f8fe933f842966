//! Agents that are killed or hang under users who ask: each request is answered whole or refused with a reason, and
//! what was streamed is always a beginning of the right answer, so nothing is lost in it and nothing comes twice.
//!
//! `ROUNDS=200 cargo test -p agent --test main faults -- --nocapture` goes on for longer.

use crate::fleet::{Fleet, Running, ready, say};
use engine::testing::Tiny;
use node::testing::{Part, plan};
use profiles::WeightFormat::{W4, W8};
use serde_json::{Value, json};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const NAMES: [&str; 3] = ["a", "b", "c"];
const CLIENTS: usize = 4;
const TOKENS: usize = 60;
const PROMPT: &str = "the hell and the hello";
/// No request may hang for longer: a hanging agent is stopped for 4 s, and one waits 10 s for a broken pipeline.
const LONGEST: Duration = Duration::from_secs(60);

#[expect(clippy::disallowed_methods, reason = "how long users wait")]
fn now() -> Instant {
    Instant::now()
}

/// How requests ended.
#[derive(Debug, Default)]
struct Tally {
    answered: AtomicUsize,
    /// With a status or an event that says why.
    refused: AtomicUsize,
    /// The agent that was asked was itself the one that was killed.
    cut: AtomicUsize,
    longest_ms: AtomicUsize,
    wrong: Mutex<Vec<String>>,
}

/// Asks for a stream; what was streamed, and how it ended.
fn stream(to: &str) -> (String, Result<(), String>) {
    let body = json!({ "model": "chat", "prompt": PROMPT, "temperature": 0, "max_tokens": TOKENS, "stream": true }).to_string();
    let cut = |e: std::io::Error| (String::new(), Err(format!("cut: {e}")));
    let mut stream = match TcpStream::connect(to) {
        Ok(stream) => stream,
        Err(e) => return cut(e),
    };
    stream.set_read_timeout(Some(LONGEST)).unwrap();
    let head = format!("POST /v1/completions HTTP/1.0\r\nContent-Length: {}\r\n\r\n", body.len());
    if let Err(e) = stream.write_all(&[head.as_bytes(), body.as_bytes()].concat()) {
        return cut(e);
    }
    let mut bytes = Vec::new();
    let ended = stream.read_to_end(&mut bytes);
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return (String::new(), Err(format!("cut: {ended:?}"))) };
    if !head.contains(" 200 ") {
        let why = serde_json::from_str::<Value>(body).ok().and_then(|v| v["error"]["message"].as_str().map(str::to_owned));
        return (String::new(), Err(why.map_or_else(|| format!("no reason: {text}"), |w| format!("refused: {w}"))));
    }
    let events: Vec<Value> = body.split("\n\n").filter_map(|e| serde_json::from_str(e.strip_prefix("data: ")?).ok()).collect();
    let said = events.iter().filter_map(|e| e["choices"][0]["text"].as_str()).collect();
    let broke = events.iter().find_map(|e| e["error"]["message"].as_str());
    match (broke, body.ends_with("data: [DONE]\n\n")) {
        (Some(why), true) => (said, Err(format!("refused: {why}"))),
        (None, true) => (said, Ok(())),
        (_, false) => (said, Err("cut: the stream broke off".into())),
    }
}

/// Asks until the end, and compares.
fn client(mut at: usize, addresses: &Mutex<Vec<String>>, expected: &str, over: &AtomicBool, tally: &Tally) {
    while !over.load(Ordering::SeqCst) {
        let to = addresses.lock().unwrap()[at % NAMES.len()].clone();
        at += 1;
        let begun = now();
        let (said, ended) = stream(&to);
        tally.longest_ms.fetch_max(begun.elapsed().as_millis() as usize, Ordering::SeqCst);
        let counter = match &ended {
            Ok(()) => &tally.answered,
            Err(why) if why.starts_with("refused") => &tally.refused,
            Err(why) if why.starts_with("cut") => &tally.cut,
            Err(why) => {
                tally.wrong.lock().unwrap().push(why.clone());
                return;
            }
        };
        counter.fetch_add(1, Ordering::SeqCst);
        let right = if ended.is_ok() { said == expected } else { expected.starts_with(&said) };
        if !right {
            tally.wrong.lock().unwrap().push(format!("{ended:?}: `{said}` of `{expected}`"));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn signal(of: &Running, what: &str) {
    let pid = of.child.id().to_string();
    assert!(std::process::Command::new("kill").args([what, &pid]).status().unwrap().success());
}

/// Until a request is answered; how long that took.
fn back(at: &str, expected: &str) -> Duration {
    let begun = now();
    while stream(at) != (expected.to_owned(), Ok(())) {
        assert!(begun.elapsed() < LONGEST, "the service does not come back");
        std::thread::sleep(Duration::from_millis(50));
    }
    begun.elapsed()
}

#[test]
fn killed_and_hanging_agents_cost_nobody_a_wrong_answer() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tiny.gguf");
    // Wide enough that a request lasts while something is lost.
    let tiny = Tiny { layers: 4, context: 512, hidden: 512, wide: 1_024, heads: 8, head_dim: 64, ..Tiny::new("llama") };
    tiny.writer().unwrap().save(&path).unwrap();
    let fleet = Fleet::of(path, &NAMES);
    let mut agents: Vec<Running> = NAMES.iter().map(|n| fleet.start(n)).collect();
    let parts: [Part; 2] = [("a", 0, 3, W8), ("b", 3, 6, W4)];
    let put = crate::fleet::ask(&agents[2].http, "PUT", "/fleet/plan", &fleet.seal(&plan(&NAMES, &parts, 16)));
    assert_eq!(put.0, 202, "{}", put.1);
    ready(&[&agents[0], &agents[1]]);
    let expected = say(&agents[0], PROMPT, TOKENS);
    back(&agents[2].http, &expected);

    let addresses = Arc::new(Mutex::new(agents.iter().map(|a| a.http.clone()).collect::<Vec<_>>()));
    let (over, tally) = (Arc::new(AtomicBool::new(false)), Arc::new(Tally::default()));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|i| {
            let (addresses, over, tally) = (Arc::clone(&addresses), Arc::clone(&over), Arc::clone(&tally));
            let expected = expected.clone();
            std::thread::spawn(move || client(i, &addresses, &expected, &over, &tally))
        })
        .collect();
    let rounds = std::env::var("ROUNDS").ok().and_then(|r| r.parse().ok()).unwrap_or(6);
    for round in 0..rounds {
        let (victim, kills) = (round % NAMES.len(), (round / NAMES.len()).is_multiple_of(2));
        // Another moment each time; which, follows from the round.
        std::thread::sleep(Duration::from_millis(300 + (round as u64 * 137) % 400));
        if kills {
            signal(&agents[victim], "-KILL");
            agents[victim].child.wait().unwrap();
            std::thread::sleep(Duration::from_millis(1_000));
            agents[victim] = fleet.start(NAMES[victim]);
            addresses.lock().unwrap()[victim] = agents[victim].http.clone();
        } else {
            signal(&agents[victim], "-STOP");
            std::thread::sleep(Duration::from_millis(4_000));
            signal(&agents[victim], "-CONT");
        }
        // Through one that was not the victim.
        let took = back(&addresses.lock().unwrap()[(victim + 2) % NAMES.len()].clone(), &expected);
        println!("{} {}: back after {took:?}", if kills { "killed" } else { "stopped" }, NAMES[victim]);
    }
    over.store(true, Ordering::SeqCst);
    for c in clients {
        c.join().unwrap();
    }
    println!("{tally:?}");
    assert!(tally.wrong.lock().unwrap().is_empty(), "{tally:?}");
    let count = |n: &AtomicUsize| n.load(Ordering::SeqCst);
    assert!(count(&tally.answered) > rounds * CLIENTS, "{tally:?}");
    assert!(count(&tally.longest_ms) < LONGEST.as_millis() as usize, "{tally:?}");
}
