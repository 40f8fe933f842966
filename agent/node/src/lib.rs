//! A device of a fleet at work: carries out what the core in `fleet` decides, computes its stages, and serves.
//!
//! The core's thread writes the ledger, says the status and begins jobs; other threads load models, take streams
//! from neighbours and answer users. Nothing is chosen here. No thread but the server's is asynchronous: a stage
//! computes for milliseconds, so a thread for each stream is simpler and as fast (`docs/decisions`).

mod batch;
mod blobs;
mod clock;
mod error;
mod health;
mod hold;
mod hop;
mod http;
mod link;
mod loaded;
mod metrics;
mod missed;
mod modes;
mod otlp;
mod peers;
mod request;
mod samples;
mod settings;
mod shared;
mod shell;
mod steps;
#[cfg(feature = "testing")]
pub mod testing;
mod tls;
mod traffic;
mod wires;

pub use blobs::{BadOrigin, Origin};
pub use error::NodeError;
pub use modes::Commands;
pub use settings::{Limits, Role, Settings};

use fleet::Rules;
use fleet::agent::{Agent, Event, Identity, read_plan};
use fleet::enrol::{Roster, read_key};
use fleet::store::disk::Disk;
use protocol::bus::{Bus, Held, Life, Message};
use protocol::key::{Key, Pattern};
use protocol::{Name, Topic};
use shared::Shared;
use shell::{Input, Shell};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread::JoinHandle;
use tls::Tls;

/// A running agent; it ends with this.
pub struct Node {
    shared: Arc<Shared>,
    core: Option<JoinHandle<()>>,
    server: Option<http::Server>,
    held: Vec<Held>,
    hop: SocketAddr,
    http: SocketAddr,
}

impl std::fmt::Debug for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Node({}, http {})", self.shared.me, self.http)
    }
}

fn listen(what: &'static str, address: SocketAddr) -> Result<(TcpListener, SocketAddr), NodeError> {
    let failed = |source| NodeError::Listen { what, address, source };
    let listener = TcpListener::bind(address).map_err(failed)?;
    let local = listener.local_addr().map_err(failed)?;
    Ok((listener, local))
}

impl Node {
    /// Starts where the folder's ledger left off, with or without a planner.
    ///
    /// # Errors
    /// When a key, the roster, the folder or an address cannot be used.
    pub fn start(settings: Settings, bus: Arc<dyn Bus>) -> Result<Self, NodeError> {
        let roster = Roster::read(&settings.fleet)?;
        let signer = read_key(&settings.key)?;
        if !roster.knows(&settings.agent, &signer.public()) {
            return Err(NodeError::NotEnrolled { agent: settings.agent });
        }
        let disk = Disk::open(&settings.state)?;
        let contents = disk.read()?;
        let (hop, hop_at) = listen("listening to neighbours", settings.hop)?;
        let (http, http_at) = listen("serving", settings.http)?;
        let (tell, inbox) = channel();
        let identity = Identity { fleet: roster.fleet.clone(), agent: settings.agent.clone() };
        let tls = settings.credentials(&roster, &signer)?.map(|c| Tls::new(&c)).transpose();
        let tls = tls.map_err(|e| NodeError::Certificate { agent: settings.agent.clone(), why: e.to_string() })?;
        let shared = Arc::new(Shared::new(settings, &roster, signer, tls, http_at, bus, tell));
        let now = clock::now();
        let core = Agent::start(identity, Rules::default(), now.wall_ms, &contents, |id, bytes| read_plan(id, bytes), now);
        shared.set_boot(core.status().boot);
        // Who asks before the core's first event is told that the service is not there yet, not that there is none.
        shared.set_plans(shell::held(&core));
        let held = declare(&shared)?;
        let server = http::Server::start(Arc::clone(&shared), http)?;
        let spawn = |what: &'static str, work: Box<dyn FnOnce() + Send>| {
            let started = std::thread::Builder::new().name(what.into()).spawn(work);
            started.map_err(|source| NodeError::Start { what, source })
        };
        let at = Arc::clone(&shared);
        spawn("hops", Box::new(move || hop::listen(&at, hop)))?;
        let at = Arc::clone(&shared);
        spawn("health", Box::new(move || health::watch(&at)))?;
        let at = Arc::clone(&shared);
        spawn("missed", Box::new(move || missed::watch(&at)))?;
        let at = Arc::clone(&shared);
        spawn("kept", Box::new(move || hop::kept::keep(&at)))?;
        if let Some(path) = shared.settings.hold.clone() {
            let at = Arc::clone(&shared);
            spawn("hold", Box::new(move || hold::watch(&at, &path)))?;
        }
        if !shared.settings.power_modes.is_empty() {
            let at = Arc::clone(&shared);
            spawn("modes", Box::new(move || modes::keep(&at, &at.settings.power_modes)))?;
        }
        if let Some(collector) = shared.settings.otlp.clone() {
            let at = Arc::clone(&shared);
            spawn("otlp", Box::new(move || otlp::send(&at, &collector)))?;
        }
        let shell = Shell { shared: Arc::clone(&shared), disk, hop: hop_at.to_string(), http: http_at.to_string() };
        shared.tell(Input::Event(Event::Tick));
        let core = spawn("core", Box::new(move || shell.run(core, &inbox)))?;
        Ok(Self { shared, core: Some(core), server: Some(server), held, hop: hop_at, http: http_at })
    }

    /// Where it serves.
    #[must_use]
    pub fn http(&self) -> SocketAddr {
        self.http
    }
}

/// All that is heard on the bus.
fn declare(shared: &Arc<Shared>) -> Result<Vec<Held>, NodeError> {
    let (fleet, me) = (&shared.fleet, &shared.me);
    let at = Arc::clone(shared);
    let statuses = move |m: Message| match at.peers.hear(&m.key, &m.payload) {
        Ok(status) => {
            // An old token of a device that was started anew may be missed after the new one was seen; and the last word
            // of one that hangs may come after its loss.
            if at.wires.said(&status.agent, status.boot) {
                at.tell(Input::Event(Event::Peer(status)));
            }
        }
        Err(e) => at.metrics.note(format!("refused a status: {e}")),
    };
    let at = Arc::clone(shared);
    let samples = move |m: Message| at.peers.hear_sample(&m.key, &m.payload);
    let at = Arc::clone(shared);
    let desired = move |m: Message| drop(shell::offer(&at, &m.payload));
    let at = Arc::clone(shared);
    let answers = move |_: &Key, body: &[u8]| shell::answer(&at, body);
    let at = Arc::clone(shared);
    let lives = move |life: Life| match life {
        Life::Born(key) => {
            let _ = Name::new(key.agent()).map(|who| at.wires.back(&who));
            at.tell(Input::Event(Event::Reconnected));
        }
        Life::Gone(key) => {
            if let Ok(who) = Name::new(key.agent()) {
                at.wires.gone(&who, at.peers.status(&who).map_or(0, |status| status.boot));
                at.tell(Input::Event(Event::Lost(who)));
            }
        }
    };
    let bus = &shared.bus;
    Ok(vec![
        bus.subscribe(&Pattern::topic(fleet, Topic::Status), Box::new(statuses))?,
        bus.subscribe(&Pattern::topic(fleet, Topic::Telemetry), Box::new(samples))?,
        bus.subscribe(&Pattern::from(Key::new(fleet, Topic::Desired, me)), Box::new(desired))?,
        bus.serve(&Pattern::from(Key::new(fleet, Topic::Rpc, me)), Box::new(answers))?,
        bus.watch_alive(&Pattern::topic(fleet, Topic::Alive), Box::new(lives))?,
        bus.declare_alive(&Key::new(fleet, Topic::Alive, me))?,
    ])
}

impl Drop for Node {
    /// Ends all threads; what runs of requests breaks off.
    fn drop(&mut self) {
        self.held.clear();
        self.shared.end();
        drop(self.server.take());
        // The listener looks whether it is over when someone comes.
        let _ = TcpStream::connect(self.hop);
        if let Some(core) = self.core.take() {
            // A core that panicked has said so.
            let _ = core.join();
        }
    }
}
