//! The event queue and what each event does.

mod people;
mod queue;
mod rest;

use super::check::{Checker, Violation};
use super::disk::SimDisk;
use super::engine::{Engine, Ill};
use super::net::Net;
use super::node::{Core, Ev, Hop, Msg, Node, Transaction};
use super::{Counts, Options, Outcome};
use crate::agent::{Action, Agent, Event, Identity, Job, Whom, read_plan};
use crate::controller::{self, Controller, Policy};
use crate::layout::Layout;
use crate::rules::{Flaw, Rules};
use crate::store::Contents;
use protocol::envelope;
use protocol::{Keyring, Name, PlanId, Signer};
use queue::Queue;
use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Seeds of the fleet's key, and of one that nobody trusts.
const KEY: [u8; 32] = [7; 32];
const STRANGER: [u8; 32] = [8; 32];
const FLEET: &str = "sim";
/// Between windows of an engine, between requests at an entry, between looks at the whole fleet.
const SAMPLE_MS: u64 = 2_000;
const REQUEST_MS: u64 = 1_000;
const LOOK_MS: u64 = 1_000;
/// The fleet must have been at rest this long, and then this long without a write.
const REST_MS: u64 = 9_000;
const QUIET_MS: u64 = 8_000;
/// By then a fleet at rest must have found that quiet.
const STILL_MS: u64 = 45_000;

/// How hard it blows; each seed has its own mix.
#[derive(Clone, Debug)]
pub(super) struct Storm {
    pub(super) on: bool,
    /// Chances: of a crash per storage step, of a failing step, of a failed download, of an engine's death.
    crash_step: f64,
    disk: f64,
    pub(super) fetch: f64,
    engine: f64,
    store_ms: u64,
}

/// An envelope that travels; what a real check of it said.
struct Envelope {
    bytes: Vec<u8>,
    verdict: Option<Option<Arc<Layout>>>,
}

pub(super) struct World {
    seed: u64,
    pub(super) options: Options,
    rules: Rules,
    pub(super) rng: Xoshiro256PlusPlus,
    pub(super) now: u64,
    queue: Queue<(usize, u64, Ev)>,
    events: u64,
    pub(super) nodes: Vec<Node>,
    pub(super) names: BTreeMap<Name, usize>,
    pub(super) agents: usize,
    net: Net,
    pub(super) storm: Storm,
    envelopes: Vec<Envelope>,
    numbers: BTreeMap<(PlanId, u64), usize>,
    layouts: BTreeMap<PlanId, Arc<Layout>>,
    ill: BTreeMap<u64, (Ill, Name)>,
    signer: Arc<Signer>,
    ring: Keyring,
    pub(super) checker: Checker,
    violation: Option<Violation>,
    trace: Vec<String>,
    fingerprint: u64,
    pub(super) counts: Counts,
    /// End of the storm; since when the fleet is at rest, and whether it had a good plan then; when it last wrote.
    calm_at: Option<u64>,
    rest_at: Option<(u64, bool)>,
    wrote_at: u64,
    /// Plans that agents gave up; when the last was added after the storm; whether the fleet has converged since, and
    /// the longest that this took.
    given_up: BTreeSet<PlanId>,
    fault_at: u64,
    converged: bool,
    converge_ms: u64,
    over: bool,
}

impl World {
    pub(super) fn new(seed: u64, options: Options, rules: Rules) -> Self {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        let agents = rng.random_range(options.fewest.max(2)..=options.agents.max(options.fewest).max(2));
        let controllers = rng.random_range(1..=2);
        let mut nodes = Vec::new();
        for i in 0..agents + controllers {
            let text = if i < agents { format!("a{i}") } else { format!("c{}", i - agents) };
            // Such short names are always names.
            let Ok(name) = Name::new(&text) else { continue };
            let mut node = Node::new(name, i >= agents);
            node.engine.small = rng.random_bool(0.2);
            nodes.push(node);
        }
        if rng.random_bool(0.1) {
            nodes[rng.random_range(0..agents)].lies = true;
        }
        let some = |rng: &mut Xoshiro256PlusPlus, most: f64| if rng.random_bool(0.4) { 0.0 } else { rng.random_range(0.0..most) };
        let storm = Storm {
            on: true,
            crash_step: some(&mut rng, 0.04),
            disk: some(&mut rng, 0.05),
            fetch: some(&mut rng, 0.5),
            engine: some(&mut rng, 0.2),
            store_ms: rng.random_range(1..60),
        };
        let net = Net::draw(&mut rng);
        let signer = Arc::new(Signer::from_seed(&KEY));
        let ring = Keyring::new([signer.public()]);
        let names = nodes.iter().enumerate().map(|(i, n)| (n.name.clone(), i)).collect();
        let checker = Checker::new(nodes.len());
        Self {
            seed,
            options,
            rules,
            rng,
            now: 0,
            queue: Queue::new(),
            events: 0,
            nodes,
            names,
            agents,
            net,
            storm,
            envelopes: Vec::new(),
            numbers: BTreeMap::new(),
            layouts: BTreeMap::new(),
            ill: BTreeMap::new(),
            signer,
            ring,
            checker,
            violation: None,
            trace: Vec::new(),
            fingerprint: 0xcbf2_9ce4_8422_2325,
            counts: Counts::default(),
            calm_at: None,
            rest_at: None,
            wrote_at: 0,
            given_up: BTreeSet::new(),
            fault_at: 0,
            converged: false,
            converge_ms: 0,
            over: false,
        }
    }

    pub(super) fn run(mut self) -> Outcome {
        self.script();
        while let Some((at, (node, life, ev))) = self.queue.pop() {
            self.now = at;
            let stale = !matches!(ev, Ev::Deliver { .. } | Ev::Restart | Ev::ClockStep | Ev::Operator { .. })
                && node != usize::MAX
                && self.nodes[node].life != life;
            if stale {
                continue;
            }
            self.counts.events += 1;
            self.stamp(at, node, &ev);
            self.step(node, ev);
            if self.over || self.violation.is_some() {
                break;
            }
        }
        let c = &self.checker;
        let counts = Counts { switches: c.switches, rollbacks: c.rollbacks, commits: c.commits, ..self.counts };
        let rest_ms = self.rest_at.map_or(self.now, |(since, _)| since).saturating_sub(self.calm_at.unwrap_or(self.now));
        let (violation, trace, fingerprint) = (self.violation, self.trace, self.fingerprint);
        Outcome { violation, trace, fingerprint, counts, rest_ms, converge_ms: self.converge_ms }
    }

    /// Draws what will happen by itself.
    fn script(&mut self) {
        let storm = self.options.storm_ms;
        for i in 0..self.nodes.len() {
            let at = self.rng.random_range(0..2_000);
            self.at(at, i, Ev::Restart);
        }
        // A large fleet loses more.
        let crashes = (6 * self.agents / 5).max(6);
        for _ in 0..self.rng.random_range(0..crashes) {
            let (at, node) = (self.rng.random_range(1_000..storm), self.rng.random_range(0..self.nodes.len()));
            self.at(at, node, Ev::Crash);
        }
        for _ in 0..self.rng.random_range(0..4) {
            let (at, node) = (self.rng.random_range(0..storm), self.rng.random_range(0..self.nodes.len()));
            self.at(at, node, Ev::ClockStep);
        }
        for _ in 0..2 * self.rng.random_range(0..3u32) {
            let at = self.rng.random_range(0..storm);
            self.at(at, usize::MAX, Ev::Partition);
        }
        for _ in 0..self.rng.random_range(0..6) {
            let at = self.rng.random_range(3_000..storm + 5_000);
            self.at(at, usize::MAX, Ev::Forge);
        }
        let mut at = self.rng.random_range(500..4_000);
        for content in 1..=self.rng.random_range(1..=4u64) {
            let controller = self.rng.random_range(self.agents..self.nodes.len());
            self.at(at, controller, Ev::Operator { content, left: 4 });
            if self.rng.random_bool(0.3) {
                // Two planners at once.
                let also = at + self.rng.random_range(0..200);
                for other in self.agents..self.nodes.len() {
                    if other != controller {
                        self.at(also, other, Ev::Operator { content: content + 100, left: 1 });
                    }
                }
            }
            at += self.rng.random_range(1_000..storm / 2);
        }
        let locks = if self.options.locks { self.rng.random_range(1..5) } else { 0 };
        for _ in 0..locks {
            let (at, agent) = (self.rng.random_range(0..storm), self.rng.random_range(0..self.agents));
            let until = at + self.rng.random_range(200..storm / 2);
            self.at(at, usize::MAX, Ev::Hold { agent, held: true });
            self.at(until, usize::MAX, Ev::Hold { agent, held: false });
        }
        self.at(storm, usize::MAX, Ev::Calm);
    }

    fn at(&mut self, at: u64, node: usize, ev: Ev) {
        self.events += 1;
        let life = self.nodes.get(node).map_or(0, |n| n.life);
        self.queue.put(at.max(self.now), self.events, (node, life, ev));
    }

    fn after(&mut self, ms: u64, node: usize, ev: Ev) {
        self.at(self.now + ms, node, ev);
    }

    fn stamp(&mut self, at: u64, node: usize, ev: &Ev) {
        for part in [at, node as u64] {
            self.fingerprint = (self.fingerprint ^ part).wrapping_mul(0x0100_0000_01b3);
        }
        if self.options.trace {
            let name = self.nodes.get(node).map_or("-", |n| n.name.as_str());
            let text = match ev {
                Ev::Tick | Ev::Look | Ev::Sample | Ev::Request => return,
                Ev::Deliver { msg: Msg::Hop(_) | Msg::Ask(_) | Msg::Status(_) | Msg::Lost, .. } => return,
                other => format!("{other:?}"),
            };
            self.trace.push(format!("{at:>7} {name} {text}"));
        }
    }

    fn judge(&mut self, node: usize, judged: Result<(), String>) {
        if let Err(what) = judged
            && self.violation.is_none()
        {
            self.violation = Some(Violation { at_ms: self.now, node: self.nodes[node].name.to_string(), what });
        }
    }

    fn step(&mut self, node: usize, ev: Ev) {
        match ev {
            Ev::Tick => {
                if self.nodes[node].tick_at == self.now {
                    self.nodes[node].tick_at = u64::MAX;
                    self.tell(node, Event::Tick, controller::Event::Tick);
                }
            }
            Ev::Deliver { from, msg } => self.deliver(from, node, msg),
            Ev::StoreStep => self.store_step(node),
            Ev::JobDone { job, plan, outcome } => self.job_done(node, job, plan, outcome),
            Ev::Drained(plan) => self.agent(node, Event::Drained { plan }),
            Ev::EngineDies(plan) => {
                self.nodes[node].engine.loaded.remove(&plan);
                if !self.storm.on {
                    // Such is this plan: a fault that the storm's end does not end.
                    self.fault_at = self.now;
                }
                self.agent(node, Event::Crashed { plan });
            }
            Ev::Sample => {
                self.after(SAMPLE_MS, node, Ev::Sample);
                let current = self.nodes[node].agent().and_then(|a| a.ledger().current.filter(|c| a.serves(c.id)));
                if let Some(current) = current {
                    let sample = Engine::sample(current.id, self.ill_here(current.id, node), &mut self.rng);
                    self.agent(node, Event::Health(sample));
                }
            }
            Ev::Request => self.request(node),
            Ev::Restart => self.restart(node),
            Ev::Crash => self.crash(node),
            Ev::ClockStep => {
                let most = if self.rng.random_bool(0.5) { 5_000 } else { 2 * 86_400_000i64 };
                self.nodes[node].off_ms = self.rng.random_range(-most..=most);
            }
            Ev::Partition => {
                if self.storm.on {
                    self.net.partition(self.nodes.len(), &mut self.rng);
                }
            }
            Ev::Forge => self.forge(),
            Ev::Operator { content, left } => self.operate(node, content, left),
            Ev::Hold { agent, held } => self.hold(agent, held),
            Ev::Calm => {
                self.storm.on = false;
                self.net.calm();
                for n in &mut self.nodes {
                    n.off_ms = 0;
                    n.lies = false;
                }
                // Nobody holds anything for ever.
                (0..self.agents).for_each(|agent| self.hold(agent, false));
                self.calm_at = Some(self.now);
                self.after(LOOK_MS, usize::MAX, Ev::Look);
            }
            Ev::Look => self.look(),
        }
    }

    fn send(&mut self, from: usize, to: usize, msg: Msg) {
        self.counts.messages += 1;
        let copies = self.net.send(from, to, &mut self.rng);
        if copies[0].is_none() {
            self.counts.lost += 1;
        }
        for delay in copies.into_iter().flatten() {
            self.after(delay, to, Ev::Deliver { from, msg: msg.clone() });
        }
    }

    fn deliver(&mut self, from: usize, to: usize, msg: Msg) {
        if matches!(self.nodes[to].core, Core::Down) {
            return;
        }
        match msg {
            Msg::Status(s) => self.tell(to, Event::Peer(Arc::clone(&s)), controller::Event::Peer(s)),
            Msg::Plan(number) => {
                if let Some(layout) = self.checked(number) {
                    self.tell(to, Event::Offer(Arc::clone(&layout)), controller::Event::Found(layout));
                }
            }
            Msg::Ask(which) => {
                let plan = match &self.nodes[to].core {
                    Core::Agent(a) => which.map_or_else(|| a.newest_plan(), |id| a.plan(id)).cloned(),
                    Core::Controller(c) => c.desired().cloned(),
                    Core::Down => None,
                };
                if let Some(plan) = plan {
                    if self.nodes[to].controls {
                        // Stored, then crashed before it was published: issued all the same.
                        self.issued(&plan);
                    }
                    let number = self.number(&plan);
                    self.send(to, from, Msg::Plan(number));
                }
            }
            Msg::Hop(hop) => self.hop(to, hop),
            Msg::Lost => {
                if !self.nodes[to].controls {
                    self.agent(to, Event::Lost(self.nodes[from].name.clone()));
                }
            }
        }
    }

    /// What the real check says about an envelope; done once for each.
    fn checked(&mut self, number: usize) -> Option<Arc<Layout>> {
        let unsigned = self.rules.has(Flaw::Unsigned);
        let envelope = &mut self.envelopes[number];
        let verdict = envelope.verdict.get_or_insert_with(|| {
            let mut opened = envelope::open(&envelope.bytes, &self.ring).ok();
            if unsigned && opened.is_none() {
                opened = claimed_id(&envelope.bytes).and_then(|id| envelope::reopen(&envelope.bytes, id).ok());
            }
            Layout::of(Arc::new(opened?)).ok().map(Arc::new)
        });
        let layout = verdict.clone()?;
        self.layouts.entry(layout.plan().id).or_insert_with(|| Arc::clone(&layout));
        Some(layout)
    }

    fn number(&mut self, layout: &Arc<Layout>) -> usize {
        let id = (layout.plan().id, layout.order().issued_ms);
        if let Some(n) = self.numbers.get(&id) {
            return *n;
        }
        self.envelopes.push(Envelope { bytes: layout.signed.bytes.clone(), verdict: None });
        self.numbers.insert(id, self.envelopes.len() - 1);
        self.envelopes.len() - 1
    }

    fn tell(&mut self, node: usize, agent: Event, controller: controller::Event) {
        if self.nodes[node].controls { self.controller(node, controller) } else { self.agent(node, agent) }
    }

    fn agent(&mut self, node: usize, event: Event) {
        let now = self.nodes[node].clock(self.now);
        let mut out = Vec::new();
        let Core::Agent(agent) = &mut self.nodes[node].core else { return };
        agent.handle(event, now, &mut out);
        let judged = self.checker.agent(node, agent);
        if self.options.trace {
            self.shown(node);
        }
        self.judge(node, judged);
        for action in out {
            self.act(node, action);
        }
        self.wake(node);
    }

    /// A line for a state that differs from the last.
    fn shown(&mut self, node: usize) {
        let Some(agent) = self.nodes[node].agent() else { return };
        let state = format!("{agent:?}");
        if self.nodes[node].shown != state {
            self.trace.push(format!("{:>7}   {state}", self.now));
            self.nodes[node].shown = state;
        }
    }

    fn wake(&mut self, node: usize) {
        let n = &self.nodes[node];
        let next = match &n.core {
            Core::Agent(a) => a.next_ms(),
            Core::Controller(c) => c.next_ms(),
            Core::Down => return,
        };
        let at = (n.started_ms + next).max(self.now + 1);
        if at < n.tick_at {
            self.nodes[node].tick_at = at;
            self.at(at, node, Ev::Tick);
        }
    }

    fn act(&mut self, node: usize, action: Action) {
        match action {
            Action::Store { write, ops } => self.store(node, write, ops),
            Action::Say(status) => {
                for to in (0..self.nodes.len()).filter(|to| *to != node) {
                    self.send(node, to, Msg::Status(Arc::clone(&status)));
                }
            }
            Action::Ask(Whom::Planner) => {
                for to in self.agents..self.nodes.len() {
                    self.send(node, to, Msg::Ask(None));
                }
            }
            Action::Ask(Whom::Agent(name)) => {
                if let Some(&to) = self.names.get(&name) {
                    self.send(node, to, Msg::Ask(None));
                }
            }
            Action::Start { job, plan, what } => {
                let ill = self.ill_here(plan, node);
                let (ms, outcome) = self.nodes[node].engine.begin(plan, what, ill, &self.storm, &mut self.rng);
                let warm = what == Job::Warm && outcome.is_ok();
                self.after(ms, node, Ev::JobDone { job, plan, outcome });
                let dies = ill == Some(Ill::Crashes) || (self.storm.on && self.rng.random_bool(self.storm.engine));
                if warm && dies {
                    let after = ms + self.rng.random_range(100..3_000);
                    self.after(after, node, Ev::EngineDies(plan));
                }
            }
            Action::Unload { plan } => drop(self.nodes[node].engine.loaded.remove(&plan)),
            Action::Admit { plan, open } => {
                if open.is_empty() && plan.is_some() {
                    self.counts.closings += 1;
                }
                let judged = self.checker.admits(node, plan, &open, &self.names);
                self.judge(node, judged);
            }
            Action::Drain { plan } => {
                let ms = self.rng.random_range(50..3_000);
                self.after(ms, node, Ev::Drained(plan));
            }
        }
    }

    fn job_done(&mut self, node: usize, job: u64, plan: PlanId, outcome: Result<(), crate::agent::Fault>) {
        self.agent(node, Event::Done { job, outcome });
        if self.nodes[node].agent().is_some_and(|a| a.serves(plan)) {
            self.checker.was_ready.insert((node, plan));
        }
    }

    fn ill_here(&self, plan: PlanId, node: usize) -> Option<Ill> {
        let content = self.layouts.get(&plan)?.signed.plan.seed;
        let (ill, victim) = self.ill.get(&content)?;
        (*victim == self.nodes[node].name).then_some(*ill)
    }

    fn controller(&mut self, node: usize, event: controller::Event) {
        let now = self.nodes[node].clock(self.now);
        let mut out = Vec::new();
        let Core::Controller(c) = &mut self.nodes[node].core else { return };
        let failed = c.handle(event, now, &mut out).err().map(|e| format!("controller: {e}"));
        self.judge(node, failed.map_or(Ok(()), Err));
        for action in out {
            self.control(node, action);
        }
        self.wake(node);
    }

    fn control(&mut self, node: usize, action: controller::Action) {
        match action {
            controller::Action::Store { write, ops } => self.store(node, write, ops),
            controller::Action::Publish(layout) => {
                self.issued(&layout);
                let number = self.number(&layout);
                for to in 0..self.agents {
                    self.send(node, to, Msg::Plan(number));
                }
            }
            controller::Action::Ask { agent, plan } => {
                if let Some(&to) = self.names.get(&agent) {
                    self.send(node, to, Msg::Ask(plan));
                }
            }
        }
    }

    /// A controller has given a plan out.
    fn issued(&mut self, layout: &Arc<Layout>) {
        let plan = layout.plan();
        if self.checker.genuine.insert(plan.id, Arc::clone(layout)).is_none() {
            self.counts.plans += 1;
            let fork = self.checker.genuine.values().filter(|l| l.plan().generation == plan.generation).count() > 1;
            self.counts.forks += u64::from(fork);
        }
    }

    fn store(&mut self, node: usize, write: u64, ops: Vec<crate::store::Op>) {
        self.wrote_at = self.now;
        self.nodes[node].store.push_back(Transaction { write, ops, done: 0 });
        if self.nodes[node].store.len() == 1 {
            let ms = self.rng.random_range(0..=self.storm.store_ms);
            self.after(ms, node, Ev::StoreStep);
        }
    }

    fn store_step(&mut self, node: usize) {
        let Some(front) = self.nodes[node].store.front() else { return };
        let (write, op, last) = (front.write, front.ops[front.done].clone(), front.done + 1 == front.ops.len());
        let crash = self.storm.on && self.storm.crash_step > 0.0 && self.rng.random_bool(self.storm.crash_step);
        if crash && self.rng.random_bool(0.5) {
            self.counts.torn += 1;
            return self.crash(node);
        }
        if self.storm.on && self.storm.disk > 0.0 && self.rng.random_bool(self.storm.disk) {
            self.counts.disk_faults += 1;
            self.nodes[node].disk.fail(&op, &mut self.rng);
            self.nodes[node].store.pop_front();
            self.stored(node, write, false);
            return;
        }
        let lie = self.nodes[node].lies && self.rng.random_bool(0.3);
        self.counts.lies += u64::from(lie);
        self.nodes[node].lied |= lie;
        self.nodes[node].disk.run(&op, lie);
        if let Some(front) = self.nodes[node].store.front_mut() {
            front.done += 1;
        }
        if crash {
            self.counts.torn += 1;
            return self.crash(node);
        }
        if self.options.crash_everywhere && !self.nodes[node].controls && !self.nodes[node].lied {
            self.crash_a_copy(node);
        }
        if last {
            self.nodes[node].store.pop_front();
            self.stored(node, write, true);
        } else {
            self.next_step(node);
        }
    }

    fn next_step(&mut self, node: usize) {
        let ms = self.rng.random_range(0..=self.storm.store_ms);
        self.after(ms, node, Ev::StoreStep);
    }

    fn stored(&mut self, node: usize, write: u64, ok: bool) {
        self.tell(node, Event::Stored { write, ok }, controller::Event::Stored { write, ok });
        if let (true, Core::Agent(agent)) = (ok, &self.nodes[node].core) {
            self.checker.acked(node, agent.ledger());
            let judged = self.checker.contradiction(&self.names, node);
            self.judge(node, judged);
        }
    }

    /// What would be found if the power went now, three times over.
    fn crash_a_copy(&mut self, node: usize) {
        for _ in 0..3 {
            let mut disk: SimDisk = self.nodes[node].disk.clone();
            disk.crash(&mut self.rng);
            let contents = disk.contents();
            let agent = self.begin(node, &contents);
            self.counts.starts += 1;
            let found = contents.ledger().0;
            let judged = self.checker.started(node, found.as_ref(), &agent);
            self.judge(node, judged);
        }
    }

    fn crash(&mut self, node: usize) {
        if matches!(self.nodes[node].core, Core::Down) || !self.storm.on {
            return;
        }
        self.counts.crashes += 1;
        let power = self.rng.random_bool(0.7);
        let down = self.rng.random_range(50..6_000);
        let n = &mut self.nodes[node];
        if power {
            n.disk.crash(&mut self.rng);
        }
        n.core = Core::Down;
        n.engine.loaded.clear();
        n.store.clear();
        n.life += 1;
        n.tick_at = u64::MAX;
        self.after(down, node, Ev::Restart);
        for to in (0..self.agents).filter(|to| *to != node) {
            self.send(node, to, Msg::Lost);
        }
    }

    fn begin(&self, node: usize, contents: &Contents) -> Agent {
        let identity = Identity { fleet: self.fleet(), agent: self.nodes[node].name.clone() };
        let seed = self.seed ^ (node as u64) << 32 ^ self.nodes[node].life;
        let now = self.nodes[node].clock(self.now);
        Agent::start(identity, self.rules.clone(), seed, contents, |id, bytes| self.read(id, bytes), now)
    }

    fn fleet(&self) -> Name {
        // The constant is a name.
        Name::new(FLEET).unwrap_or_else(|_| self.nodes[0].name.clone())
    }

    /// A stored plan; files that are bit for bit what was checked before are not parsed again.
    fn read(&self, id: PlanId, bytes: &Arc<[u8]>) -> Option<Arc<Layout>> {
        match self.layouts.get(&id) {
            Some(known) if known.signed.bytes[..] == bytes[..] => Some(Arc::clone(known)),
            _ => read_plan(id, bytes),
        }
    }

    fn restart(&mut self, node: usize) {
        if !matches!(self.nodes[node].core, Core::Down) {
            return;
        }
        self.nodes[node].started_ms = self.now;
        if self.storm.on && self.rng.random_bool(0.2) {
            // What has failed once fails again soon: a start on a disk that a process left in the middle of a write is
            // only put to the test by a power cut after it.
            let again = self.rng.random_range(0..500);
            self.after(again, node, Ev::Crash);
        }
        if !self.rules.has(Flaw::NoSettle) {
            self.nodes[node].disk.settle();
        }
        let contents = self.nodes[node].disk.contents();
        if self.nodes[node].controls {
            let identity = Identity { fleet: self.fleet(), agent: self.nodes[node].name.clone() };
            let seed = self.seed ^ (node as u64) << 40 ^ self.nodes[node].life;
            let (rules, signer) = (self.rules.clone(), Arc::clone(&self.signer));
            let c =
                Controller::start(identity, rules, Policy::default(), vec![signer], seed, &contents, |id, b| self.read(id, b));
            self.nodes[node].core = Core::Controller(Box::new(c));
        } else {
            let agent = self.begin(node, &contents);
            self.counts.starts += 1;
            if self.nodes[node].lied {
                self.checker.forget(node);
            } else {
                let found = contents.ledger().0;
                let judged = self.checker.started(node, found.as_ref(), &agent);
                self.judge(node, judged);
            }
            self.nodes[node].core = Core::Agent(Box::new(agent));
            self.after(SAMPLE_MS, node, Ev::Sample);
            self.after(REQUEST_MS, node, Ev::Request);
        }
        self.wake(node);
    }

    /// A request through one of the open pipelines.
    fn request(&mut self, node: usize) {
        self.after(REQUEST_MS, node, Ev::Request);
        let Some(agent) = self.nodes[node].agent() else { return };
        let (Some(plan), open) = agent.admitted() else { return };
        if open.is_empty() {
            return;
        }
        let pick = self.rng.random_range(0..open.len());
        let Some(agent) = self.nodes[node].agent() else { return };
        let o = &agent.admitted().1[pick];
        let layout = agent.plan(plan.id);
        let pipeline = layout.and_then(|l| l.pipelines.iter().find(|p| p.service == o.service && p.replica == o.replica));
        let Some(pipeline) = pipeline else { return };
        let members: Arc<[usize]> = pipeline.members.iter().filter_map(|s| self.names.get(s).copied()).collect();
        self.counts.requests += 1;
        self.hop(node, Hop { plan: plan.id, members, at: 0 });
    }

    /// A stage computes, if it has the plan, and passes on.
    fn hop(&mut self, node: usize, mut hop: Hop) {
        let Some(agent) = self.nodes[node].agent() else { return };
        let mut with = agent.serves(hop.plan).then_some(hop.plan);
        if self.rules.has(Flaw::AnyStage) {
            with = agent.in_memory().last();
        }
        let Some(with) = with else { return };
        self.counts.hops += 1;
        if with != hop.plan {
            let what = format!("a request of {:?} was computed with {with:?}", hop.plan);
            return self.judge(node, Err(what));
        }
        hop.at += 1;
        if let Some(&next) = hop.members.get(hop.at) {
            if next == node { self.hop(node, hop) } else { self.send(node, next, Msg::Hop(hop)) }
        }
    }
}

/// The id that an envelope's head claims; for the planted bug that believes it.
fn claimed_id(bytes: &[u8]) -> Option<PlanId> {
    let text = std::str::from_utf8(bytes).ok()?;
    let head = text.lines().nth(1)?;
    let order: protocol::Order = serde_json::from_str(head).ok()?;
    Some(order.id)
}
