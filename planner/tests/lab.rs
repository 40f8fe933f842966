//! A fleet of real agents by `planner lab`, and the owner's commands on it.

use engine::testing::Tiny;
use fleet::controller::follow;
use protocol::{Plan, PlanRef, canonical};
use serde_json::Value;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

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
struct Lab {
    child: Child,
    folder: tempfile::TempDir,
    entry: String,
}

impl Drop for Lab {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn planner() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_planner"));
    command.env("COLUMNS", "100").env("NO_COLOR", "1");
    command
}

/// Whether the binary `agent` was built beside the planner, as `cargo test --workspace` does.
fn agent() -> bool {
    let there = Path::new(env!("CARGO_BIN_EXE_planner")).with_file_name("agent").is_file();
    if !there {
        println!("SKIPPED: no binary `agent` beside the planner (cargo build -p agent)");
    }
    there
}

impl Lab {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Tiny { layers: 4, ..Tiny::new("llama") }.writer().unwrap().save(&folder.path().join("tiny.gguf")).unwrap();
        let file = folder.path().join("lab.yaml");
        std::fs::write(&file, LAB).unwrap();
        let mut child = planner().arg("lab").arg(&file).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let entry =
            lines.map_while(Result::ok).find_map(|l| Some(l.strip_prefix("serving on http://")?.split('/').next()?.to_owned()));
        Self { child, folder, entry: entry.expect("a lab that serves") }
    }

    /// Where its keys are.
    fn fleet(&self) -> PathBuf {
        std::env::temp_dir().join(format!("wattline-lab-{}", self.child.id()))
    }

    /// A command of the fleet's owner: exit code, stdout, stderr.
    fn owner(&self, args: &[&str]) -> (i32, String, String) {
        let fleet = self.fleet().display().to_string();
        let mut command = planner();
        command.args(args).args(["--fleet", &fleet]);
        if args[0] != "history" {
            command.args(["--agent", &self.entry]);
        }
        let done = command.output().unwrap();
        let text = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
        (done.status.code().unwrap(), text(&done.stdout), text(&done.stderr))
    }

    fn path(&self, file: &str) -> String {
        self.folder.path().join(file).display().to_string()
    }

    /// The text of an answer, by whichever agent.
    fn say(&self, service: &str) -> String {
        let body = format!(r#"{{"model":"{service}","prompt":"the hell and","temperature":0,"max_tokens":8}}"#);
        let answer = http(&self.entry, "POST", "/v1/completions", &body);
        answer["choices"][0]["text"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
    }
}

fn http(to: &str, method: &str, path: &str, body: &str) -> Value {
    let mut stream = TcpStream::connect(to).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    write!(stream, "{method} {path} HTTP/1.0\r\nContent-Length: {}\r\n\r\n{body}", body.len()).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    serde_json::from_str(text.split_once("\r\n\r\n").unwrap().1).unwrap()
}

/// The plan of a file with another seed, as the child of one: what a planner would give next.
fn next(from: &str, parent: Option<PlanRef>, to: &str, seed: u64) -> PlanRef {
    let plan: Plan = serde_json::from_slice(&std::fs::read(from).unwrap()).unwrap();
    let own = PlanRef { generation: plan.generation, id: plan.id.parse().unwrap() };
    let child = follow(&Plan { seed, ..plan }, parent.unwrap_or(own)).unwrap();
    std::fs::write(to, canonical::bytes(&child).unwrap()).unwrap();
    PlanRef { generation: child.generation, id: child.id.parse().unwrap() }
}

#[test]
fn a_lab_serves_is_commanded_and_leaves_nothing_behind() {
    if !agent() {
        return;
    }
    let mut lab = Lab::start();
    let models = http(&lab.entry, "GET", "/v1/models", "");
    let ids: Vec<&str> = models["data"].as_array().unwrap().iter().map(|m| m["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["chat", "other"], "one address for all services");
    let first = lab.say("chat");
    assert_ne!(first, lab.say("other"), "two models");

    let (code, table, _) = lab.owner(&["status"]);
    assert_eq!(code, 0);
    for agent in ["one", "two", "three"] {
        let line = table.lines().find(|l| l.starts_with(&format!("{agent} "))).unwrap_or_else(|| panic!("{table}"));
        assert!(line.contains("serving") && line.contains("100 %"), "{table}");
    }
    let (code, json, _) = lab.owner(&["status", "--format", "json"]);
    let status: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        (code, status["newest"]["generation"].as_u64(), status["not_heard"].as_array().map(Vec::len)),
        (0, Some(1), Some(0))
    );

    // A plan of the fleet's own, then its child.
    let (newest, second) = (lab.path("newest.json"), lab.path("second.json"));
    assert_eq!(lab.owner(&["status", "--save", &newest]).0, 0);
    let (code, _, said) = lab.owner(&["status", "--save", &newest]);
    assert!(code == 2 && said.contains("exists already"), "{said}");
    let two = next(&newest, None, &second, 2);
    let (code, table, said) = lab.owner(&["apply", &second]);
    assert_eq!(code, 0, "{said}");
    assert!(table.starts_with(&format!("{two} is served by all 3 of its devices\n")), "{table}");
    // Once more: its parent is not the newest any more.
    let (code, _, said) = lab.owner(&["apply", &second]);
    assert!(
        code == 2 && said.contains("the fleet's newest plan is generation 2") && said.contains("--parent NEWEST.json"),
        "{said}"
    );

    // One that no agent can load is given up by all of them, and they go on.
    let (broken, third) = (lab.path("broken.json"), lab.path("third.json"));
    let text = std::fs::read_to_string(&second).unwrap().replace("\"end\": 6", "\"end\": 7");
    std::fs::write(&broken, text).unwrap();
    let three = next(&broken, Some(two), &third, 3);
    let (code, _, said) = lab.owner(&["apply", &third]);
    assert_eq!(code, 4, "{said}");
    assert!(said.contains(&format!("{three} failed")) && said.contains("gave it up"), "{said}");
    assert_eq!(lab.say("chat"), first);

    let (code, _, said) = lab.owner(&["rollback"]);
    assert_eq!(code, 0, "{said}");
    assert_eq!(lab.say("chat"), first);
    let (code, table, _) = lab.owner(&["history"]);
    let outcomes: Vec<&str> = table.lines().skip(1).map(|l| l.rsplit("  ").next().unwrap()).collect();
    assert_eq!(code, 0);
    assert!(outcomes[0] == "served" && outcomes[1] == "served" && outcomes[2].contains("gave it up"), "{table}");
    assert!(outcomes[3] == "served" && table.contains("rollback to 2"), "{table}");

    let (fleet, pid) = (lab.fleet(), lab.child.id().to_string());
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    assert_eq!(lab.child.wait().unwrap().code(), Some(130));
    assert!(!fleet.exists(), "its folder is gone");
    assert!(TcpStream::connect(&lab.entry).is_err(), "its agents are gone");
}

#[test]
fn a_killed_lab_takes_its_agents_with_it() {
    if !agent() {
        return;
    }
    let mut lab = Lab::start();
    lab.child.kill().unwrap();
    lab.child.wait().unwrap();
    let gone = (0..200).any(|_| {
        std::thread::sleep(Duration::from_millis(50));
        TcpStream::connect(&lab.entry).is_err()
    });
    std::fs::remove_dir_all(lab.fleet()).unwrap();
    assert!(gone, "an agent whose stdin is closed ends");
}
