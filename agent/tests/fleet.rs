//! Real agents as processes that find each other over loopback TCP.

use crate::models::{agent, root, smollm2_file};
use engine::testing::Tiny;
use fleet::enrol::{Owners, Roster, make_key};
use node::testing::{Part, plan, share};
use profiles::WeightFormat::{W4, W8};
use protocol::envelope::{self, Terms};
use protocol::{Digest, Name, Plan, Signer, canonical};
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

/// A process that ends with this.
pub(crate) struct Running {
    pub(crate) child: Child,
    pub(crate) http: String,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) struct Fleet {
    pub(crate) folder: tempfile::TempDir,
    planner: Signer,
    bus: String,
    model: PathBuf,
}

impl Fleet {
    fn new(model: PathBuf) -> Self {
        Self::of(model, &["a", "b"])
    }

    /// Whoever is not `a` connects to it.
    pub(crate) fn of(model: PathBuf, agents: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |f: &str| folder.path().join(f);
        let owners = Owners::from(make_key(&at("planner.key")).unwrap());
        let mut roster = Roster::new(Name::new("test").unwrap(), &owners.now).unwrap();
        for name in agents {
            roster.enrol(Name::new(name).unwrap(), folder.path(), &owners).unwrap();
        }
        roster.write(&at("fleet.json")).unwrap();
        // Free at this moment; `a` listens there, `b` connects.
        let bus = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        Self { folder, planner: owners.now, bus, model }
    }

    pub(crate) fn start(&self, name: &str) -> Running {
        let place = if name == "a" { format!("listen: {}", self.bus) } else { format!("connect: ['{}']", self.bus) };
        let model = self.model.display();
        let config = format!(
            "agent: {name}\nfleet: fleet.json\nkey: {name}.key\nstate: state-{name}\n{place}\nmodels: {{ tiny: '{model}' }}\nthreads: 1\n"
        );
        let file = self.folder.path().join(format!("{name}.yaml"));
        std::fs::write(&file, config).unwrap();
        let mut child = agent(&["run", "--config", &file.display().to_string()])
            .current_dir(root())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let said: Value = serde_json::from_str(&line).unwrap_or_else(|e| panic!("{name} said `{line}`: {e}"));
        Running { child, http: said["http"].as_str().unwrap().to_owned() }
    }

    pub(crate) fn seal(&self, content: &Plan) -> Vec<u8> {
        let mut plan = content.clone();
        plan.id.clear();
        plan.id = Digest::of(&canonical::bytes(&plan).unwrap()).to_string();
        let now = u64::try_from(std::time::UNIX_EPOCH.elapsed().unwrap().as_millis()).unwrap();
        let terms = Terms { issued_ms: now, expires_ms: now + 600_000, settles: Vec::new(), models: Default::default() };
        envelope::seal(&plan, &terms, &[&self.planner]).unwrap()
    }
}

/// Status and body of an answer; 0 where nobody answers.
pub(crate) fn ask(to: &str, method: &str, path: &str, body: &[u8]) -> (u16, String) {
    let Ok(mut stream) = TcpStream::connect(to) else { return (0, String::new()) };
    stream.set_read_timeout(Some(Duration::from_secs(120))).unwrap();
    let head = format!("{method} {path} HTTP/1.0\r\nContent-Length: {}\r\n\r\n", body.len());
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
    let mut text = Vec::new();
    let _ = stream.read_to_end(&mut text);
    let text = String::from_utf8_lossy(&text).into_owned();
    let status = text.split(' ').nth(1).and_then(|s| s.parse().ok()).unwrap_or(0);
    (status, text.split_once("\r\n\r\n").map_or(String::new(), |(_, b)| b.to_owned()))
}

pub(crate) fn ready(agents: &[&Running]) {
    for agent in agents {
        let done = (0..1_200).any(|_| {
            std::thread::sleep(Duration::from_millis(50));
            ask(&agent.http, "GET", "/readyz", b"").0 == 200
        });
        assert!(done, "not ready: {}", ask(&agent.http, "GET", "/fleet/status", b"").1);
    }
}

pub(crate) fn say(agent: &Running, prompt: &str, tokens: usize) -> String {
    let body = json!({ "model": "chat", "prompt": prompt, "temperature": 0, "max_tokens": tokens }).to_string();
    let (status, answer) = ask(&agent.http, "POST", "/v1/completions", body.as_bytes());
    assert_eq!(status, 200, "{answer}");
    serde_json::from_str::<Value>(&answer).unwrap()["choices"][0]["text"].as_str().unwrap().to_owned()
}

/// The plan over two processes, and its like in one: the same text. Then both are killed, and serve again by themselves.
fn split(model: PathBuf, blocks: u32, at: u32, bits: u8, prompt: &str, tokens: usize) {
    let halves = |second: &'static str| -> [Part; 2] { [("a", 0, at, W8), (second, at, blocks, W4)] };
    let alone = Fleet::new(model.clone());
    let one = alone.start("a");
    let put = ask(&one.http, "PUT", "/fleet/plan", &alone.seal(&plan(&["a"], &halves("a"), bits)));
    assert_eq!(put.0, 202, "{}", put.1);
    ready(&[&one]);
    let expected = say(&one, prompt, tokens);
    assert!(!expected.is_empty());
    drop(one);

    let pair = Fleet::new(model);
    // Whoever comes first waits for the other.
    let b = pair.start("b");
    let a = pair.start("a");
    let put = ask(&a.http, "PUT", "/fleet/plan", &pair.seal(&plan(&["a", "b"], &halves("b"), bits)));
    assert_eq!(put.0, 202, "{}", put.1);
    ready(&[&a, &b]);
    assert_eq!(say(&a, prompt, tokens), expected, "two processes at {bits} bits");
    // SIGKILL, no planner: ledgers are enough.
    drop((a, b));
    let (a, b) = (pair.start("a"), pair.start("b"));
    ready(&[&a, &b]);
    assert_eq!(say(&a, prompt, tokens), expected, "after a restart");
}

/// A stage of two processes, of which the partner is killed in the middle of an answer and started again: the answer goes
/// on from the words that were said.
#[test]
fn a_partner_that_is_killed_costs_no_word() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tiny.gguf");
    // Wide enough that an answer lasts.
    let wide = Tiny { layers: 4, context: 512, hidden: 1_024, wide: 2_048, heads: 16, head_dim: 64, ..Tiny::new("llama") };
    wide.writer().unwrap().save(&path).unwrap();
    let fleet = Fleet::new(path);
    let (a, b) = (fleet.start("a"), fleet.start("b"));
    let mut content = plan(&["a", "b"], &[("a", 0, 6, W8)], 16);
    share(&mut content, 0, "b", 1);
    let put = ask(&a.http, "PUT", "/fleet/plan", &fleet.seal(&content));
    assert_eq!(put.0, 202, "{}", put.1);
    ready(&[&a, &b]);
    let expected = say(&a, "the hell and the hello", 200);
    std::thread::scope(|scope| {
        let answer = scope.spawn(|| say(&a, "the hell and the hello", 200));
        std::thread::sleep(Duration::from_millis(60));
        // SIGKILL.
        drop(b);
        assert!(!answer.is_finished(), "killed in the middle, or nothing is shown");
        let _b = fleet.start("b");
        assert_eq!(answer.join().unwrap(), expected, "nothing lost, nothing twice");
    });
    let metrics = ask(&a.http, "GET", "/metrics", b"").1;
    assert!(!metrics.contains("wattline_replays_total 0"), "{metrics}");
}

fn tiny(folder: &Path) -> PathBuf {
    let path = folder.join("tiny.gguf");
    Tiny { layers: 4, ..Tiny::new("llama") }.writer().unwrap().save(&path).unwrap();
    path
}

#[test]
fn two_processes_say_what_one_says() {
    let folder = tempfile::tempdir().unwrap();
    for bits in [16, 8] {
        split(tiny(folder.path()), 6, 3, bits, "the hell and the hello", 24);
    }
}

#[test]
fn smollm2_over_two_processes_says_what_it_says_in_one() {
    let Some(model) = smollm2_file("two processes with smollm2-135m") else { return };
    split(model, 32, 13, 16, "The capital of France is", 12);
}

/// A plan that keeps half of each stage's weights in memory, over two processes: what one process says that holds all.
fn streams(model: PathBuf, blocks: u32, at: u32, share: f64, prompt: &str, tokens: usize) {
    let alone = Fleet::new(model.clone());
    let one = alone.start("a");
    let put = ask(&one.http, "PUT", "/fleet/plan", &alone.seal(&plan(&["a"], &[("a", 0, at, W8), ("a", at, blocks, W4)], 16)));
    assert_eq!(put.0, 202, "{}", put.1);
    ready(&[&one]);
    let expected = say(&one, prompt, tokens);
    assert!(!expected.is_empty());
    drop(one);

    let pair = Fleet::new(model);
    let (a, b) = (pair.start("a"), pair.start("b"));
    let mut halves = plan(&["a", "b"], &[("a", 0, at, W8), ("b", at, blocks, W4)], 16);
    halves.services[0].replicas[0].stages.iter_mut().for_each(|s| s.resident_share = share);
    let put = ask(&a.http, "PUT", "/fleet/plan", &pair.seal(&halves));
    assert_eq!(put.0, 202, "{}", put.1);
    ready(&[&a, &b]);
    assert_eq!(say(&a, prompt, tokens), expected, "{share} of the weights in memory");
    for agent in ["a", "b"] {
        let packed = pair.folder.path().join(format!("state-{agent}/packed"));
        let files = std::fs::read_dir(&packed).unwrap().map(|e| e.unwrap().path());
        assert_eq!(files.filter(|p| p.extension().is_some_and(|e| e == "packed")).count(), 1, "{}", packed.display());
    }
}

#[test]
fn processes_with_half_of_the_weights_say_what_one_says_with_all() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tiny.gguf");
    Tiny { layers: 20, context: 512, ..Tiny::new("llama") }.writer().unwrap().save(&path).unwrap();
    streams(path, 22, 11, 0.5, "the hell and the hello", 24);
}

#[test]
fn smollm2_with_a_third_of_its_weights_in_memory_says_what_it_says() {
    let Some(model) = smollm2_file("two processes with a third of smollm2-135m") else { return };
    streams(model, 32, 13, 0.34, "The capital of France is", 12);
}

/// Without a model: under 30 MiB, and under 1 % of a core over ten seconds.
#[test]
fn an_idle_agent_is_a_good_guest() {
    let folder = tempfile::tempdir().unwrap();
    let fleet = Fleet::new(tiny(folder.path()));
    let (a, _b) = (fleet.start("a"), fleet.start("b"));
    let pid = a.child.id();
    let ticks = || {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
    };
    // What starting takes is not idling.
    std::thread::sleep(Duration::from_secs(3));
    let before = ticks();
    std::thread::sleep(Duration::from_secs(10));
    let used = ticks() - before;
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let resident = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).unwrap().trim().trim_end_matches(" kB");
    let kib: u64 = resident.trim().parse().unwrap();
    println!("idle: {kib} KiB resident, {used} ticks of processor time in 10 s");
    assert!(kib < 30 * 1024, "{kib} KiB");
    assert!(used <= 10, "{used} hundredths of a second in 10 s");
}

#[test]
fn what_is_wrong_with_a_configuration_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let fleet = Fleet::new(tiny(folder.path()));
    let whole = "agent: a\nfleet: fleet.json\nkey: a.key\nstate: s\n";
    for (text, says) in [
        ("agent: a\n", "key `fleet` is missing"),
        (&format!("{whole}port: 1\n"), "there are agent, fleet, key"),
        (&format!("{whole}listen: nowhere\n"), "expected HOST:PORT"),
        (&whole.replace("a.key", "b.key"), "planner enroll a"),
        (&whole.replace("a.key", "c.key"), "c.key: No such file"),
        (&whole.replace("fleet.json", "a.key"), "no roster"),
        (&whole.replace("agent: a", "agent: 'a b'"), "is no name"),
    ] {
        let file = fleet.folder.path().join("bad.yaml");
        std::fs::write(&file, text).unwrap();
        let done = agent(&["run", "--config", &file.display().to_string()]).output().unwrap();
        let said = String::from_utf8_lossy(&done.stderr);
        assert_eq!(done.status.code(), Some(2), "{text}{said}");
        assert!(said.contains(says), "{text}{said}");
    }
}
