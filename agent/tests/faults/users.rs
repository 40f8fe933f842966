//! Users that ask all agents, all the time, and what became of each of their requests.
//!
//! A connection may end without an answer only where the agent that was asked was itself killed, stopped or cut off
//! meanwhile: a user then asks another one. Every other end without a reason is a failure.

use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

pub(super) const TOKENS: usize = 60;
pub(super) const PROMPT: &str = "the hell and the hello";
/// Longest silence of an agent that a user bears: longer than any fault of this test lasts.
const SILENCE: Duration = Duration::from_secs(15);

#[expect(clippy::disallowed_methods, reason = "how long users wait")]
pub(super) fn now() -> Instant {
    Instant::now()
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    Answered,
    /// With a status or an event that says why.
    Refused(String),
    /// The connection ended, or never began.
    Cut(String),
    /// An answer that is none.
    Odd(String),
}

/// What was streamed, by which plan, and how it ended.
pub(super) struct Said {
    pub(super) text: String,
    pub(super) plan: String,
    pub(super) ended: Ended,
}

/// Asks for a stream.
pub(super) fn stream(to: &str) -> Said {
    let mut said = Said { text: String::new(), plan: String::new(), ended: Ended::Answered };
    let mut bytes = Vec::new();
    let ended = talk(to, &mut bytes);
    let whole = String::from_utf8_lossy(&bytes).into_owned();
    let Some((head, body)) = whole.split_once("\r\n\r\n") else {
        said.ended = Ended::Cut(ended.err().map_or_else(|| "no answer".into(), |e| e.to_string()));
        return said;
    };
    said.plan = head.lines().find_map(|l| l.strip_prefix("x-wattline-plan: ")).unwrap_or_default().to_owned();
    if !head.contains(" 200 ") {
        let value = serde_json::from_str::<Value>(body).unwrap_or_default();
        let why = value["error"]["message"].as_str().map(str::to_owned);
        said.ended = match (why, &ended) {
            (Some(why), _) => Ended::Refused(why),
            (None, Err(e)) => Ended::Cut(e.to_string()),
            (None, Ok(())) => Ended::Odd(whole),
        };
        return said;
    }
    let events: Vec<Value> = body.split("\n\n").filter_map(|e| serde_json::from_str(e.strip_prefix("data: ")?).ok()).collect();
    said.text = events.iter().filter_map(|e| e["choices"][0]["text"].as_str()).collect();
    let broke = events.iter().find_map(|e| e["error"]["message"].as_str());
    said.ended = match (broke, body.ends_with("data: [DONE]\n\n")) {
        (Some(why), true) => Ended::Refused(why.to_owned()),
        (None, true) => Ended::Answered,
        (_, false) => Ended::Cut(ended.err().map_or_else(|| "the stream broke off".into(), |e| e.to_string())),
    };
    said
}

fn talk(to: &str, bytes: &mut Vec<u8>) -> std::io::Result<()> {
    let body = json!({ "model": "chat", "prompt": PROMPT, "temperature": 0, "max_tokens": TOKENS, "stream": true }).to_string();
    let at: SocketAddr = to.parse().map_err(std::io::Error::other)?;
    let mut stream = TcpStream::connect_timeout(&at, SILENCE)?;
    stream.set_read_timeout(Some(SILENCE))?;
    let head = format!("POST /v1/completions HTTP/1.0\r\nContent-Length: {}\r\n\r\n", body.len());
    stream.write_all(&[head.as_bytes(), body.as_bytes()].concat())?;
    stream.read_to_end(bytes).map(|_| ())
}

/// When which agent could not help it.
#[derive(Debug, Default)]
pub(super) struct Troubles(Mutex<Vec<Trouble>>);

#[derive(Clone, Debug)]
struct Trouble {
    at: String,
    what: &'static str,
    to: Option<Instant>,
}

impl Troubles {
    pub(super) fn begin(&self, at: &str, what: &'static str) {
        self.0.lock().unwrap().push(Trouble { at: at.to_owned(), what, to: None });
    }

    pub(super) fn end(&self) {
        for trouble in self.0.lock().unwrap().iter_mut().filter(|t| t.to.is_none()) {
            trouble.to = Some(now());
        }
    }

    /// What befell an agent since then.
    fn since(&self, at: &str, begun: Instant) -> Option<&'static str> {
        let all = self.0.lock().unwrap();
        all.iter().rev().find(|t| t.at == at && t.to.is_none_or(|to| to >= begun)).map(|t| t.what)
    }
}

/// What became of all requests.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) requests: usize,
    pub(super) answered: usize,
    /// Those that were answered after their first agent was lost under them.
    pub(super) answered_elsewhere: usize,
    /// By reason.
    pub(super) refused: BTreeMap<String, usize>,
    /// Attempts that ended with their agent, by what befell it.
    pub(super) cut: BTreeMap<&'static str, usize>,
    pub(super) longest: Duration,
    /// What must not be.
    pub(super) wrong: Vec<String>,
}

/// A reason without what differs from one to the next.
fn class(why: &str) -> String {
    let plain: String = why.chars().filter(|c| !c.is_ascii_digit()).take(72).collect();
    plain.trim().to_owned()
}

/// All that users share.
pub(super) struct Crowd {
    pub(super) addresses: Vec<String>,
    /// Right answers.
    pub(super) expected: Vec<String>,
    pub(super) troubles: Troubles,
    pub(super) tally: Mutex<Tally>,
    pub(super) over: AtomicBool,
}

impl Crowd {
    pub(super) fn begin(self: &Arc<Self>, users: usize) -> Vec<std::thread::JoinHandle<()>> {
        let user = |i: usize| {
            let crowd = Arc::clone(self);
            std::thread::spawn(move || {
                for at in i.. {
                    if crowd.over.load(Ordering::SeqCst) {
                        return;
                    }
                    crowd.request(at);
                    std::thread::sleep(Duration::from_millis(20));
                }
            })
        };
        (0..users).map(user).collect()
    }

    /// One request, at the next agent where the one that was asked is lost under it, until it is answered or refused.
    fn request(&self, at: usize) {
        self.tally.lock().unwrap().requests += 1;
        for attempt in 0.. {
            let to = &self.addresses[(at + attempt) % self.addresses.len()];
            let begun = now();
            let said = stream(to);
            let took = begun.elapsed();
            let befell = self.troubles.since(to, begun);
            let mut tally = self.tally.lock().unwrap();
            tally.longest = tally.longest.max(took);
            let right = match said.ended {
                Ended::Answered => self.expected.contains(&said.text),
                _ => self.expected.iter().any(|e| e.starts_with(&said.text)),
            };
            if !right {
                tally.wrong.push(format!("{to}: {:?}: `{}`", said.ended, said.text));
            }
            match said.ended {
                Ended::Answered => {
                    tally.answered += 1;
                    tally.answered_elsewhere += usize::from(attempt > 0);
                    return;
                }
                Ended::Refused(why) => {
                    *tally.refused.entry(class(&why)).or_default() += 1;
                    return;
                }
                Ended::Cut(why) => match befell {
                    Some(what) => *tally.cut.entry(what).or_default() += 1,
                    None => {
                        tally.wrong.push(format!("{to}, which nothing befell, cut after {took:?}: {why}"));
                        return;
                    }
                },
                Ended::Odd(what) => {
                    tally.wrong.push(format!("{to}: {what}"));
                    return;
                }
            }
        }
    }
}
