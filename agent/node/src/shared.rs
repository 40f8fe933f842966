//! What the threads of a node share.

use crate::blobs::Blobs;
use crate::clock;
use crate::hop::kept::Kept;
use crate::loaded::{Known, Loaded};
use crate::metrics::Metrics;
use crate::modes::Modes;
use crate::otlp::Outbox;
use crate::peers::Peers;
use crate::settings::{Limits, Settings};
use crate::shell::Input;
use crate::tls::Tls;
use crate::traffic::Traffic;
use crate::wires::Wires;
use fleet::enrol::Roster;
use kernels::Pool;
use protocol::bus::Bus;
use protocol::message::{Head, Listener};
use protocol::{Key, Keyring, Name, PlanId, SignedPlan, Signer};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Locks; nothing panics in the middle of a change of what is locked here.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) struct Shared {
    pub(crate) me: Name,
    pub(crate) fleet: Name,
    pub(crate) settings: Settings,
    pub(crate) limits: Limits,
    pub(crate) signer: Signer,
    /// None: streams are plain.
    pub(crate) tls: Option<Tls>,
    /// Where users are served.
    pub(crate) http: SocketAddr,
    /// Whose plans are believed.
    pub(crate) planners: Keyring,
    /// All enrolled devices, for openings.
    pub(crate) known: Listener,
    pub(crate) bus: Arc<dyn Bus>,
    pub(crate) pool: Arc<Pool>,
    pub(crate) peers: Peers,
    pub(crate) traffic: Traffic,
    pub(crate) wires: Wires,
    /// Streams to neighbours that no request uses.
    pub(crate) kept: Arc<Kept>,
    pub(crate) metrics: Metrics,
    /// The power mode that the plan wants.
    pub(crate) modes: Modes,
    pub(crate) blobs: Blobs,
    /// Traces on their way to a collector.
    pub(crate) outbox: Outbox,
    /// Model files whose digest was right.
    pub(crate) checked: Mutex<Known>,
    inbox: Mutex<Sender<Input>>,
    memory: Mutex<Memory>,
    /// Envelopes of plans that the core holds.
    plans: Mutex<BTreeMap<PlanId, Arc<SignedPlan>>>,
    /// Start of this agent, by its ledger.
    boot: AtomicU64,
    said: AtomicU64,
    sessions: AtomicU64,
    end: AtomicBool,
}

/// Plans in memory.
#[derive(Default)]
struct Memory {
    loaded: BTreeMap<PlanId, Arc<Loaded>>,
    /// Plans that a job works for; one that is not wanted any more when the job ends is dropped.
    wanted: BTreeSet<PlanId>,
    /// Plans whose stages may compute, by the core.
    ready: BTreeSet<PlanId>,
}

impl Shared {
    pub(crate) fn new(
        settings: Settings,
        roster: &Roster,
        signer: Signer,
        tls: Option<Tls>,
        http: SocketAddr,
        bus: Arc<dyn Bus>,
        inbox: Sender<Input>,
    ) -> Self {
        let threads = settings.threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
        let mut known = Listener::default();
        for (name, keys) in roster.agents() {
            known.trust(name.clone(), keys);
        }
        Self {
            me: settings.agent.clone(),
            fleet: roster.fleet.clone(),
            blobs: Blobs::new(&settings.state, settings.limits.send_bytes_s, settings.limits.fetch_bytes_s),
            limits: settings.limits,
            settings,
            signer,
            tls,
            http,
            planners: roster.planners(),
            peers: Peers::new(known.clone()),
            known,
            bus,
            pool: Arc::new(Pool::new(threads, kernels::Wait::default())),
            traffic: Traffic::default(),
            wires: Wires::default(),
            kept: Arc::default(),
            metrics: Metrics::default(),
            modes: Modes::default(),
            outbox: Outbox::default(),
            checked: Mutex::default(),
            inbox: Mutex::new(inbox),
            memory: Mutex::default(),
            plans: Mutex::default(),
            boot: AtomicU64::new(0),
            said: AtomicU64::new(0),
            // Sessions of two starts differ, so that a late frame is told from a new one.
            sessions: AtomicU64::new(clock::now().wall_ms << 20),
            end: AtomicBool::new(false),
        }
    }

    pub(crate) fn set_boot(&self, boot: u64) {
        self.boot.store(boot, Ordering::SeqCst);
    }

    /// Tells the core. After the end nobody listens.
    pub(crate) fn tell(&self, input: Input) {
        let _ = lock(&self.inbox).send(input);
    }

    pub(crate) fn end(&self) {
        self.end.store(true, Ordering::SeqCst);
        self.kept.end();
        self.modes.end();
        self.tell(Input::End);
    }

    pub(crate) fn ended(&self) -> bool {
        self.end.load(Ordering::SeqCst)
    }

    pub(crate) fn session(&self) -> u64 {
        self.sessions.fetch_add(1, Ordering::Relaxed)
    }

    /// Head of the next message on a key.
    pub(crate) fn head(&self, key: &Key) -> Head {
        Head {
            key: key.to_string(),
            sender: self.me.clone(),
            boot: self.boot.load(Ordering::SeqCst),
            sequence: self.said.fetch_add(1, Ordering::SeqCst) + 1,
            sent_ms: clock::now().wall_ms,
        }
    }

    /// A plan whose stages may compute.
    pub(crate) fn loaded(&self, plan: PlanId) -> Option<Arc<Loaded>> {
        lock(&self.memory).loaded.get(&plan).cloned()
    }

    pub(crate) fn serves(&self, plan: PlanId) -> bool {
        let memory = lock(&self.memory);
        memory.ready.contains(&plan) && memory.loaded.contains_key(&plan)
    }

    /// Whether what a job works for is still to be.
    pub(crate) fn is_wanted(&self, plan: PlanId) -> bool {
        lock(&self.memory).wanted.contains(&plan)
    }

    pub(crate) fn want(&self, plan: PlanId) {
        lock(&self.memory).wanted.insert(plan);
    }

    /// Keeps what a job has loaded, if it is still wanted.
    pub(crate) fn keep(&self, loaded: Loaded) {
        let mut memory = lock(&self.memory);
        if memory.wanted.contains(&loaded.plan.id) {
            memory.loaded.insert(loaded.plan.id, Arc::new(loaded));
        }
    }

    /// Lets a plan's stages go; a request that still runs holds its own to its end.
    pub(crate) fn unload(&self, plan: PlanId) {
        let mut memory = lock(&self.memory);
        memory.wanted.remove(&plan);
        memory.ready.remove(&plan);
        memory.loaded.remove(&plan);
    }

    /// Plans of which a stage can read its weights no more; they are out of memory with this.
    pub(crate) fn broken(&self) -> Vec<PlanId> {
        let mut memory = lock(&self.memory);
        let broken: Vec<PlanId> = memory.loaded.iter().filter(|(_, l)| l.is_broken()).map(|(id, _)| *id).collect();
        broken.iter().for_each(|id| drop(memory.loaded.remove(id)));
        broken
    }

    pub(crate) fn set_ready(&self, ready: impl IntoIterator<Item = PlanId>) {
        lock(&self.memory).ready = ready.into_iter().collect();
    }

    /// Bytes that another plan may take.
    pub(crate) fn free_bytes(&self) -> Option<u64> {
        let Some(most) = self.settings.memory_bytes else { return available() };
        let taken: u64 = lock(&self.memory).loaded.values().map(|l| l.bytes()).sum();
        Some(most.saturating_sub(taken))
    }

    /// Steps of the stages in memory, and the requests in all of them.
    pub(crate) fn steps(&self) -> (u64, u64) {
        let memory = lock(&self.memory);
        let stages = memory.loaded.values().flat_map(|l| &l.stages).map(|s| s.batch.counts());
        stages.fold((0, 0), |all, one| (all.0 + one.0, all.1 + one.1))
    }

    pub(crate) fn set_plans(&self, held: BTreeMap<PlanId, Arc<SignedPlan>>) {
        *lock(&self.plans) = held;
    }

    /// Plans that the core holds, the newest first.
    pub(crate) fn held(&self) -> Vec<Arc<SignedPlan>> {
        let mut held: Vec<_> = lock(&self.plans).values().cloned().collect();
        held.sort_by_key(|p| std::cmp::Reverse(p.order.generation));
        held
    }

    pub(crate) fn plan(&self, id: PlanId) -> Option<Arc<SignedPlan>> {
        lock(&self.plans).get(&id).cloned()
    }
}

/// `MemAvailable` of the system, bytes.
fn available() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|l| l.strip_prefix("MemAvailable:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kib| kib * 1024)
}
