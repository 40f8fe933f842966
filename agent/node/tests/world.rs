//! A fleet in a folder: keys, a tiny model, plans, nodes.

use crate::client::{ask, get};
use engine::testing::Tiny;
use fleet::controller::follow;
use fleet::enrol::{Owners, Roster, make_key};
pub(crate) use node::testing::{Part, plan, share};
use node::{Commands, Limits, Node, Origin, Settings};
use protocol::bus::local::Hub;
use protocol::envelope::{self, Terms};
use protocol::{BlobRef, Digest, Name, Plan, PlanRef, PlannedMode, Signer, canonical};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// The same four layers in all tests.
pub(crate) const TINY: Tiny = Tiny { layers: 4, context: 512, ..Tiny::new("llama") };

pub(crate) fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

/// A power mode that a plan asks for.
pub(crate) fn mode(id: &str, clock: f64) -> PlannedMode {
    PlannedMode { id: id.into(), clock, throttled: false, booked_cap: 1.0, naps: false }
}

/// Lays the files of a board, as the sensors' own tests read it.
pub(crate) fn board(folder: &Path, name: &str) {
    let listings = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("sensors").join("boards");
    let listing = std::fs::read_to_string(listings.join(name)).unwrap();
    sensors::Listing::parse(&listing).unwrap().write_below(folder).unwrap();
}

pub(crate) struct World {
    pub(crate) folder: tempfile::TempDir,
    hub: Hub,
    planner: Signer,
    pub(crate) nodes: BTreeMap<String, Node>,
    pub(crate) limits: Limits,
    pub(crate) api_keys: Vec<String>,
    /// As in the settings.
    pub(crate) tls: Option<bool>,
    /// Folder with the sensors of a board.
    pub(crate) sensors: Option<PathBuf>,
    /// Whether each agent has a lock, `AGENT.lock`.
    pub(crate) locks: bool,
    /// As in the settings.
    pub(crate) power_modes: Commands,
    /// Address of a collector.
    pub(crate) otlp: Option<String>,
    newest: Option<PlanRef>,
    /// Files of some agents that differ from the others'.
    pub(crate) models: BTreeMap<String, BTreeMap<String, PathBuf>>,
    /// What plans say of model files.
    pub(crate) meant: BTreeMap<String, BlobRef>,
    pub(crate) origins: Vec<Origin>,
}

impl World {
    /// A fleet of these agents, none of which runs yet.
    pub(crate) fn of(agents: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |file: &str| folder.path().join(file);
        let owners = Owners::from(make_key(&at("planner.key")).unwrap());
        let mut roster = Roster::new(name("test"), &owners.now).unwrap();
        for agent in agents {
            roster.enrol(name(agent), folder.path(), &owners).unwrap();
        }
        roster.write(&at("fleet.json")).unwrap();
        TINY.writer().unwrap().save(&at("tiny.gguf")).unwrap();
        let limits = Limits { hop_ms: 20_000, ..Limits::default() };
        Self {
            folder,
            hub: Hub::new(),
            planner: owners.now,
            nodes: BTreeMap::new(),
            limits,
            api_keys: Vec::new(),
            tls: None,
            sensors: None,
            locks: false,
            power_modes: Commands::new(),
            otlp: None,
            newest: None,
            models: BTreeMap::new(),
            meant: BTreeMap::new(),
            origins: Vec::new(),
        }
    }

    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    pub(crate) fn settings(&self, agent: &str) -> Settings {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        Settings {
            digests: BTreeMap::default(),
            origins: self.origins.clone(),
            sensors: self.sensors.clone(),
            hold: self.locks.then(|| self.path(&format!("{agent}.lock"))),
            power_modes: self.power_modes.clone(),
            otlp: self.otlp.clone(),
            agent: name(agent),
            fleet: self.path("fleet.json"),
            key: self.path(&format!("{agent}.key")),
            certificate: None,
            tls: self.tls,
            state: self.path(&format!("state-{agent}")),
            role: node::Role::Peer,
            listen: None,
            connect: Vec::new(),
            hop: any,
            http: any,
            models: self
                .models
                .get(agent)
                .cloned()
                .unwrap_or_else(|| BTreeMap::from([("tiny".to_owned(), self.path("tiny.gguf"))])),
            api_keys: self.api_keys.clone(),
            threads: Some(1),
            memory_bytes: None,
            limits: self.limits,
        }
    }

    pub(crate) fn start(&mut self, agent: &str) -> SocketAddr {
        let node = Node::start(self.settings(agent), Arc::new(self.hub.join())).unwrap();
        let http = node.http();
        self.nodes.insert(agent.to_owned(), node);
        http
    }

    /// Another participant of the bus.
    pub(crate) fn join(&self) -> impl protocol::bus::Bus {
        self.hub.join()
    }

    pub(crate) fn seal(&mut self, content: &Plan) -> Vec<u8> {
        self.seal_until(content, 600_000)
    }

    /// One that may be taken for so long.
    pub(crate) fn seal_until(&mut self, content: &Plan, life_ms: u64) -> Vec<u8> {
        let plan = match self.newest {
            Some(parent) => follow(content, parent).unwrap(),
            None => named(content),
        };
        self.newest = Some(PlanRef { generation: plan.generation, id: plan.id.parse().unwrap() });
        let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis() as u64;
        let terms = Terms { issued_ms: now, expires_ms: now + life_ms, settles: Vec::new(), models: self.meant.clone() };
        envelope::seal(&plan, &terms, &[&self.planner]).unwrap()
    }

    /// Hands a plan to an agent and waits until all that run serve it.
    pub(crate) fn apply(&mut self, content: &Plan, through: SocketAddr) {
        let generation = self.hand(content, through);
        self.served(generation);
    }

    /// Hands a plan over and gives its generation.
    pub(crate) fn hand(&mut self, content: &Plan, through: SocketAddr) -> u64 {
        let sealed = self.seal(content);
        let put = ask(through, "PUT", "/fleet/plan", "", &sealed);
        assert_eq!(put.status, 202, "{}", put.body);
        self.newest.unwrap().generation
    }

    /// Waits until all that run serve a generation.
    pub(crate) fn served(&self, generation: u64) {
        for (agent, node) in &self.nodes {
            until(&format!("{agent} serves generation {generation}: {node:?}"), || serves(node.http(), generation));
        }
    }
}

/// Whether an agent says that it serves a generation.
pub(crate) fn serves(http: SocketAddr, generation: u64) -> bool {
    said(http)["active"]["generation"] == generation
}

/// What an agent says of itself; null: nothing yet.
pub(crate) fn said(http: SocketAddr) -> serde_json::Value {
    let all = get(http, "/fleet/status").json();
    let me = all["agent"].as_str().unwrap().to_owned();
    let said = all["statuses"].as_array().unwrap().iter().map(|s| s.as_str().unwrap().to_owned());
    let mut bodies = said.filter_map(|s| serde_json::from_str::<serde_json::Value>(s.splitn(5, '\n').nth(4)?).ok());
    bodies.find(|s| s["agent"] == *me).unwrap_or_default()
}

pub(crate) fn until(what: &str, mut done: impl FnMut() -> bool) {
    for _ in 0..1_200 {
        if done() {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("{what}: not within a minute");
}

/// A plan with its hash.
fn named(content: &Plan) -> Plan {
    let mut plan = content.clone();
    plan.id = Digest::of(&canonical::bytes(&plan).unwrap()).to_string();
    plan
}

/// The file that all tests use, opened.
pub(crate) fn tiny(folder: &Path) -> engine::File {
    engine::File::open(&folder.join("tiny.gguf")).unwrap()
}
