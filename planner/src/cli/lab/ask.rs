//! Requests of the lab's own, one at a time and as a user would ask: for its report.

use protocol::Name;
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// What is asked, so that its tokens are neither few nor many.
const PROMPT: &str = "The lighthouse keeper climbed the stairs every evening before sunset, trimmed the wick, wound the clockwork \
    and wrote one line about the weather into the log. On the last day of the year he found a letter between its pages. It said";
/// Tokens of an answer.
const TOKENS: u32 = 32;
/// Longest wait for a word.
const SILENCE: Duration = Duration::from_secs(120);
/// Largest answer that is read.
const ANSWER_BYTES: u64 = 1 << 20;
/// Least pause between two requests: users come first.
const PAUSE: Duration = Duration::from_millis(50);

/// How one request went.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sample {
    pub(crate) prompt: u32,
    pub(crate) answer: u32,
    /// When it was asked, since the first.
    pub(crate) start_s: f64,
    pub(crate) ttft_s: f64,
    /// Without a second token there is none.
    pub(crate) tpot_s: Option<f64>,
    pub(crate) total_s: f64,
}

/// Which service, and a sample or why there is none.
pub(crate) type Told = (Name, Result<Sample, String>);

/// Requests that go on until this ends.
pub(crate) struct Load {
    told: Receiver<Told>,
    stop: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Load {
    /// Asks each service in turn; between two requests it waits as long as the last one took.
    pub(crate) fn start(entry: &str, services: Vec<Name>) -> Self {
        let (tell, told) = channel();
        let stop = Arc::new(AtomicBool::new(false));
        let (ended, entry) = (Arc::clone(&stop), entry.to_owned());
        let begun = now();
        let thread = std::thread::spawn(move || {
            for service in services.iter().cycle() {
                if ended.load(Ordering::SeqCst) {
                    return;
                }
                let said = ask(&entry, service, begun);
                let pause = said.as_ref().map_or(PAUSE, |s| Duration::from_secs_f64(s.total_s).max(PAUSE));
                if tell.send((service.clone(), said)).is_err() {
                    return;
                }
                std::thread::sleep(pause);
            }
        });
        Self { told, stop, thread: Some(thread) }
    }

    /// Ends with the request that runs, and gives all.
    pub(crate) fn end(mut self) -> Vec<Told> {
        self.stop.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            // One that panicked has said so.
            let _ = thread.join();
        }
        self.told.try_iter().collect()
    }
}

#[expect(clippy::disallowed_methods, reason = "times what a user waits for")]
fn now() -> std::time::Instant {
    std::time::Instant::now()
}

fn ask(entry: &str, service: &Name, begun: std::time::Instant) -> Result<Sample, String> {
    let body = json!({
        "model": service, "prompt": PROMPT, "temperature": 0, "max_tokens": TOKENS,
        "stream": true, "stream_options": { "include_usage": true },
    })
    .to_string();
    let said = |e: std::io::Error| e.to_string();
    let start = now();
    let mut stream = TcpStream::connect(entry).map_err(said)?;
    stream.set_read_timeout(Some(SILENCE)).map_err(said)?;
    let head = format!("POST /v1/completions HTTP/1.0\r\nHost: {entry}\r\nContent-Length: {}\r\n\r\n", body.len());
    stream.write_all(&[head.as_bytes(), body.as_bytes()].concat()).map_err(said)?;
    let (mut first, mut last, mut usage) = (None, start, None);
    let mut whole = String::new();
    for line in BufReader::new(stream.take(ANSWER_BYTES)).lines() {
        let line = line.map_err(said)?;
        let Some(value) = line.strip_prefix("data: ").and_then(|d| serde_json::from_str::<Value>(d).ok()) else {
            whole.push_str(&line);
            continue;
        };
        if let Some(why) = value["error"]["message"].as_str() {
            return Err(why.to_owned());
        }
        if value["choices"][0]["text"].as_str().is_some_and(|t| !t.is_empty()) {
            last = now();
            first.get_or_insert(last);
        }
        if value["usage"].is_object() {
            usage = Some(value["usage"].clone());
        }
    }
    let (Some(first), Some(usage)) = (first, usage) else {
        let refused = whole.find('{').and_then(|at| serde_json::from_str::<Value>(&whole[at..]).ok());
        let why = refused.as_ref().and_then(|v| v["error"]["message"].as_str());
        return Err(why.unwrap_or("it said nothing").to_owned());
    };
    let count = |what: &str| usage[what].as_u64().and_then(|n| u32::try_from(n).ok()).unwrap_or(0);
    let (answer, decode_s) = (count("completion_tokens"), (last - first).as_secs_f64());
    Ok(Sample {
        prompt: count("prompt_tokens"),
        answer,
        start_s: (start - begun).as_secs_f64(),
        ttft_s: (first - start).as_secs_f64(),
        tpot_s: (answer > 1).then(|| decode_s / f64::from(answer - 1)),
        total_s: (last - start).as_secs_f64(),
    })
}
