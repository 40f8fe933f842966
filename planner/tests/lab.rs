//! A fleet of real agents by `planner lab`, and the owner's commands on it.
//!
//! Processes, sessions, signatures and models are real; what is tiny is one of the models.

use engine::testing::Tiny;
use fleet::controller::follow;
use protocol::{Plan, PlanRef, canonical};
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use transcripts::{Call, Shown};

const LAB: &str = "\
name: lab
agents: [one, two, three]
models: { tiny: tiny.gguf }
services:
  - name: chat
    model: tiny
    activations: 8
    stages:
      - { agent: one, layers: 1, weights: w8 }
      - { agent: two, layers: 3, weights: w4 }
  - name: other
    model: tiny
    stages:
      - { agent: three, layers: 4, weights: w4 }
";

/// A lab that ends with this.
pub(crate) struct Lab {
    child: Child,
    folder: tempfile::TempDir,
    pub(crate) entry: String,
    /// What it prints after that.
    rest: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Drop for Lab {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        // One that is killed cannot clear up; one that was interrupted has.
        let _ = std::fs::remove_dir_all(self.fleet());
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

pub(crate) fn planner() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_planner"));
    command.env("COLUMNS", "100").env("NO_COLOR", "1").current_dir(root());
    command
}

/// Whether the binary `agent` was built beside the planner, as `cargo test --workspace` does.
pub(crate) fn agent() -> bool {
    let there = Path::new(env!("CARGO_BIN_EXE_planner")).with_file_name("agent").is_file();
    if !there {
        println!("SKIPPED: no binary `agent` beside the planner (cargo build -p agent)");
    }
    there
}

/// Whether the real model is in the cache.
pub(crate) fn smollm2() -> bool {
    let home = || std::env::var_os("HOME").map(|h| Path::new(&h).join(".cache/wattline"));
    let cache = std::env::var_os("WATTLINE_CACHE").map(PathBuf::from).or_else(home);
    let there = cache.is_some_and(|c| c.join("models/SmolLM2-135M-Instruct.Q4_1.gguf").is_file());
    if !there {
        println!("SKIPPED: no smollm2-135m in the cache (agent pull smollm2-135m)");
    }
    there
}

#[expect(clippy::disallowed_methods, reason = "a link takes its time")]
fn now() -> std::time::Instant {
    std::time::Instant::now()
}

/// Whether network namespaces can be made.
fn namespaces() -> bool {
    let root = std::fs::read_to_string("/proc/self/status").is_ok_and(|s| s.lines().any(|l| l.starts_with("Uid:\t0\t")));
    let there = root && Path::new("/dev/net/tun").exists() && Command::new("ip").arg("-V").output().is_ok();
    if !there {
        println!("SKIPPED: network namespaces need root, /dev/net/tun and iproute2");
    }
    there
}

impl Lab {
    /// One with a tiny model.
    fn start(options: &[&str]) -> Self {
        Self::with("", options)
    }

    /// One with more lines.
    fn with(lines: &str, options: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Tiny { layers: 4, context: 512, ..Tiny::new("llama") }.writer().unwrap().save(&folder.path().join("tiny.gguf")).unwrap();
        let file = folder.path().join("lab.yaml");
        std::fs::write(&file, format!("{LAB}{lines}")).unwrap();
        Self::of(&file, folder, options)
    }

    pub(crate) fn of(file: &Path, folder: tempfile::TempDir, options: &[&str]) -> Self {
        let mut child = planner().arg("lab").arg(file).args(options).stdout(Stdio::piped()).spawn().unwrap();
        let mut rest = BufReader::new(child.stdout.take().unwrap()).lines();
        let serves = |l: String| Some(l.strip_prefix("serving on http://")?.split('/').next()?.to_owned());
        let entry = rest.by_ref().map_while(Result::ok).find_map(serves);
        Self { child, folder, entry: entry.expect("a lab that serves"), rest }
    }

    /// Its agents.
    pub(crate) fn processes(&self) -> Vec<String> {
        let pid = self.child.id();
        let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap().map(|t| t.unwrap().path().join("children"));
        let all: Vec<String> = tasks.map(|f| std::fs::read_to_string(f).unwrap_or_default()).collect();
        all.iter().flat_map(|l| l.split_whitespace().map(str::to_owned)).collect()
    }

    /// Asks it to end, once more while it does, and waits until it has.
    fn interrupt(&mut self) -> Option<i32> {
        let pid = self.child.id().to_string();
        let ask = || Command::new("kill").args(["-INT", &pid]).output().unwrap().status.success();
        assert!(ask());
        std::thread::sleep(Duration::from_millis(50));
        // It may have ended already.
        let _ = ask();
        self.child.wait().unwrap().code()
    }

    /// Where its keys are.
    pub(crate) fn fleet(&self) -> PathBuf {
        std::env::temp_dir().join(format!("wattline-lab-{}", self.child.id()))
    }

    pub(crate) fn ask(&self, body: &Value) -> String {
        http(&self.entry, "POST", "/v1/completions", &body.to_string())
    }

    /// The text of an answer, by whichever agent.
    fn say(&self, service: &str) -> String {
        let answer = self.ask(&json!({ "model": service, "prompt": "the hell and", "temperature": 0, "max_tokens": 8 }));
        let value: Value = serde_json::from_str(&answer).unwrap();
        value["choices"][0]["text"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
    }

    /// The pieces of a stream, and its tokens.
    fn stream(&self, service: &str, prompt: &str, tokens: u32) -> (Vec<String>, Value) {
        let options = json!({ "include_usage": true });
        let body = json!({
            "model": service, "prompt": prompt, "temperature": 0, "max_tokens": tokens, "stream": true, "stream_options": options,
        });
        let answer = self.ask(&body);
        assert!(answer.ends_with("data: [DONE]\n\n"), "{answer}");
        let events = answer.split("\n\n").filter_map(|e| serde_json::from_str::<Value>(e.strip_prefix("data: ")?).ok());
        let events: Vec<Value> = events.collect();
        let pieces = events.iter().filter_map(|e| e["choices"][0]["text"].as_str()).filter(|t| !t.is_empty());
        (pieces.map(str::to_owned).collect(), events.last().unwrap()["usage"].clone())
    }
}

/// The body of an answer.
pub(crate) fn http(to: &str, method: &str, path: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(to).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    write!(stream, "{method} {path} HTTP/1.0\r\nContent-Length: {}\r\n\r\n{body}", body.len()).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text.split_once("\r\n\r\n").unwrap().1.to_owned()
}

/// The successor of a plan with one thing changed, as a planner would give it.
fn next(from: &str, to: &str, what: &str) -> PlanRef {
    let mut plan: Plan = serde_json::from_slice(&std::fs::read(from).unwrap()).unwrap();
    let parent = PlanRef { generation: plan.generation, id: plan.id.parse().unwrap() };
    match what {
        "seed" => plan.seed += 1,
        "fleet" => plan.fleet = "other".into(),
        "device" => plan.devices[2].name = "four".into(),
        // A block that the model does not have.
        "end" => plan.services[1].replicas[0].stages[0].end += 1,
        other => panic!("no change `{other}`"),
    }
    let child = follow(&plan, parent).unwrap();
    std::fs::write(to, canonical::bytes(&child).unwrap()).unwrap();
    PlanRef { generation: child.generation, id: child.id.parse().unwrap() }
}

/// Hides what differs between runs: the lab's own places, hashes, dates, and how far a healthy plan's proof has come.
fn redact(lab: &Lab, text: &str) -> String {
    let text = text.replace(&lab.fleet().display().to_string(), "{fleet}").replace(&lab.entry, "{entry}");
    let text = text.replace(&lab.folder.path().display().to_string(), "{lab}");
    let line = |line: &str| {
        let mut words: Vec<&str> = line.split(' ').collect();
        for word in &mut words {
            let inner = word.trim_matches(|c| "(),:".contains(c));
            if inner.len() == 8 && inner.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
                || matches!(inner.len(), 16 | 64) && inner.bytes().all(|b| b.is_ascii_hexdigit())
            {
                *word = "<id>";
            } else if inner.len() == 10 && inner.starts_with("20") && inner.bytes().filter(|b| *b == b'-').count() == 2 {
                *word = "<date>";
            } else if inner.len() == 8 && inner.bytes().filter(|b| *b == b':').count() == 2 {
                *word = "<time>";
            }
        }
        let columns: Vec<&str> = line.split_whitespace().collect();
        match columns.as_slice() {
            // A plan that failed is left step by step.
            [name @ ("one" | "two" | "three"), "rolled_back", newest, ..] => format!("{name} rolled_back {newest} …"),
            [name @ ("one" | "two" | "three"), phase, newest, serves, _, rest @ ..] if newest.parse::<u64>().is_ok() => {
                let phase = if *phase == "draining" { "serving" } else { phase };
                format!("{name} {phase} {newest} {serves} <good> {}", rest.join(" "))
            }
            _ => words.join(" "),
        }
    };
    let mut lines: Vec<String> = text.lines().map(|l| if l.starts_with('{') { event(l) } else { line(l) }).collect();
    // How many phases are seen on the way differs.
    lines.dedup_by(|a, b| a == b && a.contains("\"agent\""));
    lines.into_iter().fold(String::new(), |all, l| all + &l + "\n")
}

/// A line of `--format jsonl` without what differs: hashes, times, and which phase which agent is seen in.
fn event(line: &str) -> String {
    fn hide(value: &mut Value) {
        if let Value::Object(fields) = value {
            for (name, field) in fields {
                match name.as_str() {
                    "id" => *field = "<id>".into(),
                    "at_ms" => *field = "<ms>".into(),
                    _ => hide(field),
                }
            }
        }
    }
    let mut value: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{line}: {e}"));
    hide(&mut value);
    if value["event"] == "agent" {
        let fields: Vec<&String> = value.as_object().unwrap().keys().collect();
        assert_eq!(fields, ["agent", "event", "note", "phase", "schema", "serves"], "{line}");
        value = json!({ "schema": value["schema"], "event": "agent", "…": "…" });
    }
    value.to_string()
}

/// What `tests/live/commands.txt` says, by this lab.
fn said(lab: &Lab, call: &Call<'_>) -> Shown {
    let path = |path: &Path| path.display().to_string();
    let real = |arg: &String| {
        let arg = arg.replace("{fleet}", &path(&lab.fleet())).replace("{entry}", &lab.entry);
        arg.replace("{lab}", &path(lab.folder.path()))
    };
    let args: Vec<String> = call.args.iter().map(real).collect();
    if call.program == "next" {
        let plan = next(&args[0], &args[1], &args[2]);
        return Shown { exit: Some(0), stdout: redact(lab, &plan.to_string()), stderr: String::new() };
    }
    if call.program == "terminal" {
        let shown = call.shown(&on_a_terminal(&args[0], &args[2..]));
        return Shown { stdout: redact(lab, &shown.stdout), ..shown };
    }
    assert_eq!(call.program, "planner");
    let shown = call.shown(&planner().args(args).output().unwrap());
    Shown { stdout: redact(lab, &shown.stdout), stderr: redact(lab, &shown.stderr), ..shown }
}

/// Runs `planner` on a terminal of its own (`script` of util-linux) where somebody types one letter.
fn on_a_terminal(types: &str, args: &[String]) -> std::process::Output {
    let command = format!("{} {}", env!("CARGO_BIN_EXE_planner"), args.join(" "));
    let mut child = Command::new("script")
        .args(["-qec", &command, "/dev/null"])
        .env("COLUMNS", "100")
        .env("NO_COLOR", "1")
        .current_dir(root())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    writeln!(stdin, "{types}").unwrap();
    let mut done = child.wait_with_output().unwrap();
    drop(stdin);
    // What was typed is echoed, sooner or later.
    let told = String::from_utf8_lossy(&done.stdout).replace('\r', "").replacen(&format!("{types}\n"), "", 1);
    done.stdout = told.into_bytes();
    done
}

#[test]
fn the_owners_commands_say_what_is_written() {
    if !agent() {
        return;
    }
    let lab = Lab::start(&["--no-report"]);
    let first = lab.say("chat");
    let run = |_: &Path, script: &str| transcripts::transcript(script, |call| said(&lab, call)).map(Some);
    transcripts::check(&root().join("planner/tests/live"), run).unwrap_or_else(|why| panic!("{why}"));
    assert_eq!(lab.say("chat"), first, "through four plans, one of them broken");
}

#[test]
fn a_lab_serves_and_leaves_nothing_behind() {
    if !agent() {
        return;
    }
    let mut lab = Lab::start(&["--no-report"]);
    let models: Value = serde_json::from_str(&http(&lab.entry, "GET", "/v1/models", "")).unwrap();
    let ids: Vec<&str> = models["data"].as_array().unwrap().iter().map(|m| m["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["chat", "other"], "one address for all services");
    assert_ne!(lab.say("chat"), lab.say("other"), "two models");

    let fleet = lab.fleet();
    let owner = planner().args(["status", "--format", "json", "--agent", &lab.entry, "--fleet"]).arg(&fleet).output().unwrap();
    let status: Value = serde_json::from_slice(&owner.stdout).unwrap();
    assert_eq!((status["newest"]["generation"].as_u64(), status["not_heard"].as_array().map(Vec::len)), (Some(1), Some(0)));
    let addresses: Vec<String> =
        status["agents"].as_array().unwrap().iter().map(|a| a["hop"].as_str().unwrap().to_owned()).collect();
    assert_eq!(addresses.len(), 3);

    let processes = lab.processes();
    assert_eq!(processes.len(), 3);
    assert_eq!(lab.interrupt(), Some(130));
    assert!(!fleet.exists(), "its folder is gone");
    let alive = |pid: &&String| Path::new("/proc").join(pid).exists();
    assert_eq!(processes.iter().find(alive), None, "its processes are gone");
    for address in addresses.iter().chain([&lab.entry]) {
        assert!(TcpStream::connect(address).is_err(), "{address} is free");
    }
}

/// Hosts of their own, joined by a slow link that loses frames: the same words, later.
#[test]
fn a_lab_on_a_lossy_link_says_the_same_later() {
    if !agent() || !namespaces() {
        return;
    }
    let expected = Lab::start(&["--no-report"]).say("chat");
    let mut lab = Lab::with("link: { rate: 50 Mbit/s, delay: 20 ms, loss: 2 % }\n", &["--no-report"]);
    assert!(lab.entry.starts_with("198.18."), "{}", lab.entry);
    let own = format!("netlab-{}-", lab.child.id());
    let spaces = || {
        let all = Command::new("ip").args(["netns", "list"]).output().unwrap();
        String::from_utf8_lossy(&all.stdout).lines().filter(|l| l.starts_with(&own)).count()
    };
    assert_eq!(spaces(), 3);
    let start = now();
    assert_eq!(lab.say("chat"), expected);
    // Eight tokens, each there and back.
    assert!(start.elapsed() > Duration::from_millis(8 * 40), "{:?}", start.elapsed());
    assert_eq!(lab.say("other"), lab.say("other"), "handed on to another host");
    assert_eq!(lab.interrupt(), Some(130));
    assert_eq!(spaces(), 0, "none is left");
}

#[test]
fn a_killed_lab_takes_its_agents_with_it() {
    if !agent() {
        return;
    }
    let mut lab = Lab::start(&["--no-report"]);
    lab.child.kill().unwrap();
    lab.child.wait().unwrap();
    let gone = (0..200).any(|_| {
        std::thread::sleep(Duration::from_millis(50));
        TcpStream::connect(&lab.entry).is_err()
    });
    std::fs::remove_dir_all(lab.fleet()).unwrap();
    assert!(gone, "an agent whose stdin is closed ends");
}

#[test]
fn the_report_shows_predictions_beside_measurements() {
    if !agent() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("trace.json").display().to_string();
    let mut lab = Lab::start(&["--report", "3s", "--profile", "rpi5-8gb", "--trace", &trace]);
    let mut lines = lab.rest.by_ref().map_while(Result::ok);
    let heading = lines.find(|l| l.starts_with("after ")).unwrap();
    assert!(heading.contains("predicted from the profile `rpi5-8gb`"), "{heading}");
    let table: Vec<String> = lines.take_while(|l| !l.starts_with("energy: ")).collect();
    for (service, what) in [("chat ", "TTFT s"), ("", "TPOT s"), ("other ", "TTFT s")] {
        let line = table.iter().find(|l| l.starts_with(service) && l.contains(what)).unwrap_or_else(|| panic!("{table:#?}"));
        assert!(line.trim_end().ends_with('%'), "{line}");
    }
    assert_eq!(table.iter().filter(|l| l.contains("J, m")).count(), 2, "{table:#?}");
    assert_eq!(lab.interrupt(), Some(130));
    // Each request that was answered is two slices.
    let trace: Value = serde_json::from_slice(&std::fs::read(trace).unwrap()).unwrap();
    let slices =
        |cat: &str| trace["traceEvents"].as_array().unwrap().iter().filter(|e| e["ph"] == "X" && e["cat"] == cat).count();
    let asked = |service: &str| -> usize {
        let line = table.iter().find(|l| l.starts_with(service)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    };
    assert_eq!((slices("measured"), slices("predicted")), (2 * (asked("chat ") + asked("other ")), 4));
}

/// The lab of the ten-minute tour: SmolLM2 over two processes at 8 and 4 bits says what it says in one.
#[test]
fn smollm2_over_two_agents_streams_what_one_process_says() {
    if !agent() || !smollm2() {
        return;
    }
    let ours = root().join("scenarios/lab.yaml");
    let two = Lab::of(&ours, tempfile::tempdir().unwrap(), &["--no-report"]);
    let prompt = "The capital of France is";
    let (pieces, usage) = two.stream("chat", prompt, 24);
    let (other, _) = two.stream("text", prompt, 24);
    assert!(pieces.len() > 4 && !other.is_empty() && other != pieces, "{pieces:?} {other:?}");
    drop(two);
    let folder = tempfile::tempdir().unwrap();
    let one = "\
name: lab
agents: [one]
services:
  - name: chat
    model: smollm2-135m
    stages:
      - { agent: one, layers: 15, weights: w8 }
      - { agent: one, layers: 15, weights: w4 }
";
    let file = folder.path().join("one.yaml");
    std::fs::write(&file, one).unwrap();
    let one = Lab::of(&file, folder, &["--no-report"]);
    assert_eq!(one.stream("chat", prompt, 24), (pieces, usage), "token for token");
}

/// Two agents that compute each layer together: the report tells of their exchanges.
#[test]
fn a_lab_whose_agents_share_a_stage_serves_and_tells_of_their_exchanges() {
    if !agent() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    Tiny { layers: 4, context: 512, ..Tiny::new("llama") }.writer().unwrap().save(&folder.path().join("tiny.gguf")).unwrap();
    let pair = "\
name: lab
agents: [one, two]
models: { tiny: tiny.gguf }
services:
  - name: chat
    model: tiny
    stages:
      - { agent: one, layers: 4, weights: w16, with: { agent: two, kv_heads: 1 } }
";
    let file = folder.path().join("lab.yaml");
    std::fs::write(&file, pair).unwrap();
    let mut lab = Lab::of(&file, folder, &["--report", "3s", "--profile", "rpi5-8gb"]);
    let first = lab.say("chat");
    assert_eq!(lab.say("chat"), first);
    let mut lines = lab.rest.by_ref().map_while(Result::ok);
    let told = lines.find(|l| l.contains("exchange")).unwrap();
    assert!(told.starts_with("chat: agents that share a stage exchange 8 sums a token, predicted "), "{told}");
    assert_eq!(lab.interrupt(), Some(130));
}

/// SmolLM2 on two agents, at half precision: what one process says, though each sum is rounded.
#[test]
fn smollm2_shared_by_two_agents_says_what_one_process_says() {
    if !agent() || !smollm2() {
        return;
    }
    let ours = root().join("scenarios/lab-pair.yaml");
    let prompt = "The capital of France is";
    let two = Lab::of(&ours, tempfile::tempdir().unwrap(), &["--no-report"]).stream("chat", prompt, 12);
    let folder = tempfile::tempdir().unwrap();
    let alone = "\
name: lab
agents: [one]
services:
  - { name: chat, model: smollm2-135m, stages: [{ agent: one, layers: 30, weights: w16 }] }
";
    let file = folder.path().join("one.yaml");
    std::fs::write(&file, alone).unwrap();
    let one = Lab::of(&file, folder, &["--no-report"]);
    assert_eq!(one.stream("chat", prompt, 12), two, "token for token");
}

/// A real model that would think on is made to answer, within its budget and by two stages; without a close it is cut off.
#[test]
fn smollm2_is_made_to_close_its_thought() {
    if !agent() || !smollm2() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let stages = "stages: [{ agent: one, layers: 15, weights: w8 }, { agent: two, layers: 15, weights: w4 }]";
    let close = "close: { text: \"\\nThe answer is\", tokens: 6 }";
    let text = format!(
        "\
name: lab
agents: [one, two]
services:
  - {{ name: cut, model: smollm2-135m, {stages} }}
  - {{ name: closed, model: smollm2-135m, {stages}, scaling: {{ method: single, samples: 1, token_budget: 32, {close} }} }}
"
    );
    let file = folder.path().join("close.yaml");
    std::fs::write(&file, text).unwrap();
    let lab = Lab::of(&file, folder, &["--no-report"]);
    let ask = |service: &str| -> Value {
        let prompt = "Tom has three boxes with four pens each and gives two pens away. Let us think step by step.";
        serde_json::from_str(&lab.ask(&json!({ "model": service, "prompt": prompt, "temperature": 0, "max_tokens": 32 })))
            .unwrap()
    };
    let (cut, closed) = (ask("cut"), ask("closed"));
    let text = |v: &Value| v["choices"][0]["text"].as_str().unwrap().to_owned();
    let said = text(&closed);
    let (thought, answer) = said.split_once("\nThe answer is").unwrap_or_else(|| panic!("{closed}"));
    assert!(text(&cut).starts_with(thought) && thought.len() > 20, "the same thought: {said:?} {cut}");
    assert!(!answer.trim().is_empty(), "{said:?}");
    assert_eq!((&closed["usage"]["closed"], closed["usage"]["completion_tokens"].as_u64().unwrap() <= 32), (&json!(1), true));
    assert!(cut["usage"].get("closed").is_none() && !text(&cut).contains("The answer is"), "{cut}");
}

/// A device that hangs is planned out, and requests go on with what is left; one that is back moves nothing for no gain.
#[test]
fn a_watched_fleet_does_without_a_device_that_hangs() {
    if !agent() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    // As many layers as the model of the catalogue whose place it takes.
    let tiny = Tiny { layers: 30, context: 512, ..Tiny::new("llama") };
    tiny.writer().unwrap().save(&folder.path().join("tiny.gguf")).unwrap();
    let lab = "\
name: lab
agents: [one, two, three]
models: { smollm2-135m: tiny.gguf }
services:
  - { name: chat, model: smollm2-135m, stages: [{ agent: two, layers: 30, weights: w8 }] }
";
    let scenario = "\
name: lab
sites: [{ name: desk, ambient: 22 °C, link: gigabit-ethernet }]
devices:
  - { name: one, profile: rpi5-8gb }
  - { name: two, profile: rpi5-8gb }
  - { name: three, profile: rpi5-8gb }
services:
  - name: chat
    models: [smollm2-135m]
    precisions: [w8]
    rate: 20 /h
    prompt: 20 tokens
    answer: 20 tokens
    forbid: [one]
objective: power
";
    let (file, plans) = (folder.path().join("lab.yaml"), folder.path().join("watch.yaml"));
    std::fs::write(&file, lab).unwrap();
    std::fs::write(&plans, scenario).unwrap();
    let lab = Lab::of(&file, folder, &["--no-report"]);
    let status = || -> Value {
        let done =
            planner().args(["status", "--format", "json", "--agent", &lab.entry, "--fleet"]).arg(lab.fleet()).output().unwrap();
        serde_json::from_slice(&done.stdout).unwrap_or(Value::Null)
    };
    let mut watch = planner()
        .args(["watch", &plans.display().to_string(), "--agent", &lab.entry, "--fleet"])
        .arg(lab.fleet())
        .args(["--lost", "4s", "--settle", "5s", "--time", "100ms", "--no-fit"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(watch.stdout.take().unwrap()).lines().map_while(Result::ok);
    let first = lines.next().unwrap();
    assert!(first.starts_with("generation 2 ") && first.contains("the plan of this scenario"), "{first}");
    let expected = lab.say("chat");
    // Whoever serves it now.
    let plan: Plan = serde_json::from_slice(&std::fs::read(lab.fleet().join("plans/2.json")).unwrap()).unwrap();
    let served = plan.services[0].replicas[0].stages[0].device.clone();
    let order = ["one", "two", "three"];
    let at = order.iter().position(|n| *n == served).unwrap();
    let processes = lab.processes();
    let signal = |what: &str| assert!(Command::new("kill").args([what, &processes[at]]).status().unwrap().success());
    signal("-STOP");
    let asked = {
        let (entry, body) =
            (lab.entry.clone(), json!({ "model": "chat", "prompt": "the hell and", "temperature": 0, "max_tokens": 8 }));
        std::thread::spawn(move || http(&entry, "POST", "/v1/completions", &body.to_string()))
    };
    let repaired = lines.next().unwrap();
    assert!(repaired.starts_with("generation 3 ") && repaired.contains(&format!("without {served}")), "{repaired}");
    let again = (0..100).any(|_| {
        std::thread::sleep(Duration::from_millis(100));
        let answer = lab.ask(&json!({ "model": "chat", "prompt": "the hell and", "temperature": 0, "max_tokens": 8 }));
        serde_json::from_str::<Value>(&answer).is_ok_and(|v| v["choices"][0]["text"] == expected.as_str())
    });
    assert!(again, "the other device serves it");
    let answer: Value = serde_json::from_str(&asked.join().unwrap()).unwrap();
    let fine = answer["choices"][0]["text"] == expected.as_str() || answer["error"]["message"].is_string();
    assert!(fine, "answered or refused with a reason: {answer}");
    signal("-CONT");
    // It is back and as good as the other: nothing moves.
    std::thread::sleep(Duration::from_secs(9));
    let all = status();
    assert_eq!(all["newest"]["generation"], 3, "{all}");
    let pid = watch.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    assert_eq!(watch.wait().unwrap().code(), Some(130));
    assert_eq!(lab.say("chat"), expected);
}
