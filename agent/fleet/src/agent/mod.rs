//! The agent's core: from (state, event, time) to (state, actions).
//!
//! Level-triggered: an event only adds to what is known, then everything is derived anew from the
//! ledger *as it is on disk* and from what was heard. So a crash, a lost message and a repeated one all
//! lead to the same place, and nothing is done before it is durable.

mod admit;
mod health;
mod report;
mod slot;
mod start;
mod switch;

pub use health::Sample;
pub use start::{Identity, read_plan};

use crate::accept::{Verdict, judge};
use crate::backoff::{Backoff, Jitter};
use crate::layout::Layout;
use crate::rules::{Now, Rules, flawed};
use crate::safety::Governor;
use crate::store::{Op, transaction};
use protocol::ledger::{CONDEMNED, Record};
use protocol::{Ledger, Name, Phase, PlanId, PlanRef, SignedPlan, Status};
use slot::Slot;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What happens to an agent.
#[derive(Clone, Debug)]
pub enum Event {
    /// It is time; see [`Agent::next_ms`].
    Tick,
    /// A plan whose signature was checked.
    Offer(Arc<Layout>),
    /// A neighbour's status whose signature was checked.
    Peer(Arc<Status>),
    /// A neighbour's token on the bus is lost: what it said last counts no more until it says something new.
    Lost(Name),
    /// The way to the others is back.
    Reconnected,
    /// A job ended.
    Done { job: u64, outcome: Result<(), Fault> },
    /// The last request of a plan that takes no new ones has ended.
    Drained { plan: PlanId },
    /// The engine of a plan died.
    Crashed { plan: PlanId },
    /// How it went, once per window.
    Health(Sample),
    /// Whether this device must not be disturbed: no plan takes another's place here meanwhile.
    Hold(bool),
    /// All steps of a write were carried out, or one failed and the rest was left.
    Stored { write: u64, ok: bool },
}

/// Why a job failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Files cannot be had now; no fault of the plan.
    Unavailable(String),
    /// A file is not what its digest says; it will be fetched again. No fault of the plan.
    Corrupt(String),
    /// It does not fit into memory beside what is loaded.
    NoRoom,
    /// It cannot be loaded or does not compute.
    Failed(String),
}

/// Work towards a plan, done by the shell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Job {
    Fetch,
    Verify,
    Load,
    Warm,
}

/// Whom to ask for the newest plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whom {
    Planner,
    Agent(Name),
}

/// A pipeline that takes requests.
#[derive(Clone, Debug, PartialEq)]
pub struct Open {
    pub service: Name,
    pub replica: u32,
    /// Share of the pipeline's own share that its weakest device takes now.
    pub share: f64,
}

/// What the shell shall do, in this order.
#[derive(Clone, Debug)]
pub enum Action {
    /// Carry the steps out one after another, stop at the first that fails, and say [`Event::Stored`].
    Store { write: u64, ops: Vec<Op> },
    /// Publish.
    Say(Arc<Status>),
    /// Get the newest plan from there; the answer is an [`Event::Offer`].
    Ask(Whom),
    /// Begin a job; its end is [`Event::Done`].
    Start { job: u64, plan: PlanId, what: Job },
    /// Stop what runs of a plan and free its memory.
    Unload { plan: PlanId },
    /// From now on new requests go to these pipelines of this plan and to no others.
    Admit { plan: Option<PlanRef>, open: Vec<Open> },
    /// Say [`Event::Drained`] when the last request of this plan has ended.
    Drain { plan: PlanId },
}

struct Peer {
    status: Arc<Status>,
    seen_ms: u64,
    /// Its token was lost since.
    lost: bool,
}

struct Writing {
    number: u64,
    next: Ledger,
    forgotten: Vec<PlanId>,
}

/// One change of the ledger; one is written at a time.
enum Change {
    Accept(Arc<Layout>),
    Strike(PlanRef, String),
    Condemn(PlanRef, String),
    Flip(PlanRef),
    Prove(PlanRef),
    Commit(PlanRef),
    Boot,
}

/// An agent.
pub struct Agent {
    me: Name,
    rules: Rules,
    jitter: Jitter,
    boot: u64,
    started_ms: u64,
    /// As it is on disk.
    ledger: Ledger,
    writing: Option<Writing>,
    write_wait: Backoff,
    writes: u64,
    /// Plan files on disk.
    stored: BTreeSet<PlanId>,
    /// Plans that the ledger or a slot needs.
    plans: BTreeMap<PlanId, Arc<Layout>>,
    slots: BTreeMap<PlanId, Slot>,
    jobs: u64,
    /// Best acceptable plan that is not in the ledger yet.
    offered: Option<Arc<Layout>>,
    /// Failures that are not in the ledger yet.
    struck: Option<(PlanId, String)>,
    /// Healthy samples in a row of the current plan.
    healthy: (Option<PlanId>, u32),
    governor: Governor,
    peers: BTreeMap<Name, Peer>,
    /// Highest generation that any of them ever had.
    heard_of: u64,
    admitted: (Option<PlanRef>, Vec<Open>),
    /// Plans that take no new requests, and until when they are waited for.
    draining: BTreeMap<PlanId, u64>,
    /// Plan that a neighbour has no room for, until when we pause, and what earlier pauses brought.
    pause: Option<(PlanId, u64)>,
    pause_wait: Backoff,
    /// By its owner's lock.
    held: bool,
    ask_ms: u64,
    ask_peer: Backoff,
    sequence: u64,
    say_ms: u64,
    changed: bool,
    note: Option<String>,
}

impl Agent {
    /// Takes an event in and appends what is to be done.
    pub fn handle(&mut self, event: Event, now: Now, out: &mut Vec<Action>) {
        match event {
            Event::Tick => {}
            Event::Offer(layout) => self.offer(layout, now),
            Event::Peer(status) => {
                // Most of what is heard are heartbeats: they change nothing before the next look.
                if !self.heard(status, now) && now.mono_ms < self.next_ms() {
                    return;
                }
            }
            Event::Lost(name) => {
                if let Some(peer) = self.peers.get_mut(&name) {
                    peer.lost = true;
                }
            }
            Event::Reconnected => self.ask_ms = now.mono_ms,
            Event::Done { job, outcome } => self.done(job, outcome, now),
            Event::Drained { plan } => self.changed |= self.draining.remove(&plan).is_some(),
            Event::Crashed { plan } => self.crashed(plan, now),
            Event::Health(sample) => self.sampled(&sample, now),
            Event::Hold(held) => self.changed |= std::mem::replace(&mut self.held, held) != held,
            Event::Stored { write, ok } => self.written(write, ok, now),
        }
        self.reconcile(now, out);
    }

    /// When [`Event::Tick`] is due at the latest.
    #[must_use]
    pub fn next_ms(&self) -> u64 {
        let waits = self.slots.values().filter_map(Slot::next_ms);
        let write = (self.writing.is_none() && self.write_wait.failures() > 0).then(|| self.write_wait.at_ms());
        waits.chain(write).fold(self.say_ms.min(self.ask_ms), u64::min)
    }

    /// The newest plan's envelope, for neighbours that ask for it.
    #[must_use]
    pub fn newest_plan(&self) -> Option<&Arc<Layout>> {
        self.plans.get(&self.ledger.newest?.id)
    }

    /// A plan that this agent holds.
    #[must_use]
    pub fn plan(&self, id: PlanId) -> Option<&Arc<Layout>> {
        self.plans.get(&id)
    }

    /// The ledger as it is on disk.
    #[must_use]
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Whether a stage of this plan may compute here.
    #[must_use]
    pub fn serves(&self, plan: PlanId) -> bool {
        self.slots.get(&plan).is_some_and(Slot::is_ready)
    }

    /// Plan and pipelines that new requests go to.
    #[must_use]
    pub fn admitted(&self) -> (Option<PlanRef>, &[Open]) {
        (self.admitted.0, &self.admitted.1)
    }

    fn reconcile(&mut self, now: Now, out: &mut Vec<Action>) {
        let before = self.governor.share();
        self.governor.tick(&self.rules, now.mono_ms);
        self.changed |= (self.governor.share() - before).abs() > f64::EPSILON;
        self.write(now, out);
        self.advance(now, out);
        self.pausing(now);
        self.admit(now, out);
        self.ask(now, out);
        self.say(now, out);
    }

    fn offer(&mut self, layout: Arc<Layout>, now: Now) {
        let known = self.writing.as_ref().map_or(&self.ledger, |w| &w.next);
        let held = |id| self.plans.contains_key(&id);
        let verdict = self.lenient(judge(known, layout.order(), held, now.wall_ms), &layout);
        match verdict {
            Verdict::Take => {
                let better = self.offered.as_ref().is_none_or(|o| o.plan().generation < layout.plan().generation);
                if better {
                    self.offered = Some(layout);
                }
            }
            Verdict::Known => self.ask_peer.reset(),
            Verdict::Refuse(why) => self.note = Some(format!("refused a plan: {why}")),
        }
    }

    /// The verdict, or what a planted bug makes of it.
    #[cfg_attr(not(feature = "sim"), expect(clippy::unused_self, reason = "planted bugs exist in the simulator only"))]
    fn lenient(&self, verdict: Verdict, layout: &Layout) -> Verdict {
        use crate::accept::Refusal;
        let _ = layout;
        match verdict {
            Verdict::Refuse(Refusal::Older { .. }) if flawed!(self.rules, AnyGeneration) => Verdict::Take,
            Verdict::Refuse(Refusal::Fork { .. }) if flawed!(self.rules, Forks) => Verdict::Take,
            Verdict::Refuse(Refusal::Condemned) if flawed!(self.rules, Forgiving) => Verdict::Take,
            other => other,
        }
    }

    /// Takes a neighbour's status in; true where it says something new, or breaks a silence.
    fn heard(&mut self, status: Arc<Status>, now: Now) -> bool {
        if status.agent == self.me {
            return false;
        }
        self.heard_of = self.heard_of.max(status.newest.map_or(0, |n| n.generation));
        match self.peers.get_mut(&status.agent) {
            // One that was silent for long may have lost its count with its disk.
            Some(peer) if !status.is_after(&peer.status) && now.mono_ms.saturating_sub(peer.seen_ms) < self.rules.dead_ms => {
                false
            }
            Some(peer) => {
                let fresh = !peer.lost && now.mono_ms.saturating_sub(peer.seen_ms) < self.rules.lease_ms;
                let news = !fresh || !status.repeats(&peer.status);
                *peer = Peer { status, seen_ms: now.mono_ms, lost: false };
                news
            }
            None => {
                self.peers.insert(status.agent.clone(), Peer { status, seen_ms: now.mono_ms, lost: false });
                true
            }
        }
    }

    /// A neighbour's status, if it is not too old to act on and its token is there.
    fn fresh(&self, name: &Name, now: Now) -> Option<&Status> {
        let peer = self.peers.get(name)?;
        (!peer.lost && now.mono_ms.saturating_sub(peer.seen_ms) < self.rules.lease_ms).then_some(&*peer.status)
    }

    /// Whether nothing was heard of a neighbour for so long that nobody waits for it.
    fn silent(&self, name: &Name, now: Now) -> bool {
        let seen = self.peers.get(name).map_or(self.started_ms, |p| p.seen_ms);
        now.mono_ms.saturating_sub(seen) >= self.rules.dead_ms
    }

    /// The most urgent change that the ledger needs.
    fn change(&mut self, now: Now) -> Option<Change> {
        if let Some(layout) = self.offered.take() {
            let held = |id| self.plans.contains_key(&id);
            let verdict = self.lenient(judge(&self.ledger, layout.order(), held, now.wall_ms), &layout);
            if verdict == Verdict::Take {
                return Some(Change::Accept(layout));
            }
        }
        if let Some((id, why)) = self.struck.take() {
            let plan = [self.ledger.pending, self.ledger.current].into_iter().flatten().find(|p| p.id == id);
            if let Some(plan) = plan.filter(|p| self.on_trial(*p)) {
                return Some(Change::Strike(plan, why));
            }
        }
        if let Some((plan, why)) = self.contagion() {
            return Some(Change::Condemn(plan, why));
        }
        if let Some(plan) = self.flips(now) {
            return Some(Change::Flip(plan));
        }
        if let Some(plan) = self.proves() {
            return Some(Change::Prove(plan));
        }
        if let Some(plan) = self.commits() {
            return Some(Change::Commit(plan));
        }
        (self.ledger.boot != self.boot).then_some(Change::Boot)
    }

    fn write(&mut self, now: Now, out: &mut Vec<Action>) {
        if self.writing.is_some() || !self.write_wait.due(now.mono_ms) {
            return;
        }
        let Some(change) = self.change(now) else { return };
        let mut next = self.ledger.clone();
        next.boot = self.boot;
        next.sequence += 1;
        let mut fresh = None;
        match change {
            Change::Accept(layout) => {
                let plan = layout.plan();
                next.newest = Some(plan);
                next.pending = Some(plan);
                next.strikes = 0;
                next.time_floor_ms = next.time_floor_ms.max(layout.order().issued_ms);
                note(&mut next, plan, Phase::Fetching, "accepted".into(), now);
                fresh = Some(layout);
            }
            Change::Strike(plan, why) => {
                next.strikes += 1;
                let why = format!("strike {}: {why}", next.strikes);
                if next.strikes >= self.rules.strikes {
                    condemn(&mut next, plan, why, now);
                } else {
                    note(&mut next, plan, Phase::Loading, why, now);
                }
            }
            Change::Condemn(plan, why) => condemn(&mut next, plan, why, now),
            Change::Flip(plan) => {
                next.current = Some(plan);
                next.pending = None;
                note(&mut next, plan, Phase::Serving, "switched".into(), now);
            }
            Change::Prove(plan) => {
                next.proved = Some(plan);
                note(&mut next, plan, Phase::Serving, "healthy here".into(), now);
            }
            Change::Commit(plan) => {
                next.last_good = Some(plan);
                note(&mut next, plan, Phase::Serving, "healthy everywhere: last good".into(), now);
            }
            Change::Boot => {}
        }
        // What the older of the two ledgers names stays as well.
        let kept: BTreeSet<PlanId> = next.held().chain(self.ledger.held()).map(|p| p.id).collect();
        let forgotten: Vec<PlanId> = self.stored.iter().filter(|id| !kept.contains(id)).copied().collect();
        let file = fresh.as_ref().map(|l| (l.plan().id, Arc::from(l.signed.bytes.as_slice())));
        let Ok(ops) = transaction(&next, file, &forgotten, &self.rules) else { return };
        if let Some(layout) = fresh {
            self.stored.insert(layout.plan().id);
            self.plans.insert(layout.plan().id, layout);
        }
        self.writes += 1;
        self.writing = Some(Writing { number: self.writes, next, forgotten });
        out.push(Action::Store { write: self.writes, ops });
    }

    fn written(&mut self, write: u64, ok: bool, now: Now) {
        let Some(done) = self.writing.take_if(|w| w.number == write) else { return };
        if !ok {
            self.write_wait.failed(now.mono_ms, self.rules.retry_ms, &mut self.jitter);
            self.changed = true;
            // What led to the change is looked at anew; an offer comes again by asking.
            self.ask_ms = self.ask_ms.min(self.write_wait.at_ms());
            return;
        }
        self.write_wait.reset();
        for id in done.forgotten {
            self.stored.remove(&id);
        }
        self.ledger = done.next;
        self.note = None;
        self.changed = true;
    }

    fn ask(&mut self, now: Now, out: &mut Vec<Action>) {
        if now.mono_ms >= self.ask_ms {
            out.push(Action::Ask(Whom::Planner));
            self.ask_ms = now.mono_ms + self.jitter.around(self.rules.ask_ms);
        }
        if self.offered.is_some() || self.writing.is_some() || !self.ask_peer.due(now.mono_ms) {
            return;
        }
        let mine = self.ledger.newest.map_or(0, |n| n.generation);
        if self.heard_of <= mine {
            return self.ask_peer.reset();
        }
        let ahead = |p: &&Peer| p.status.newest.is_some_and(|n| n.generation > mine && !p.status.condemned.contains(&n.id));
        let ahead = self.peers.values().filter(ahead).map(|p| &p.status.agent).find(|n| self.fresh(n, now).is_some()).cloned();
        if let Some(agent) = ahead {
            out.push(Action::Ask(Whom::Agent(agent)));
            self.ask_peer.failed(now.mono_ms, self.rules.retry_ms, &mut self.jitter);
        } else {
            self.ask_peer.reset();
        }
    }

    /// The envelope of a plan that is held.
    #[must_use]
    pub fn envelope(&self, id: PlanId) -> Option<&Arc<SignedPlan>> {
        self.plans.get(&id).map(|l| &l.signed)
    }
}

fn note(ledger: &mut Ledger, plan: PlanRef, phase: Phase, why: String, now: Now) {
    ledger.note(Record { at_ms: now.wall_ms, plan, phase, why: why.chars().take(160).collect() });
}

/// Gives a plan up for good and turns back to the last good one.
fn condemn(ledger: &mut Ledger, plan: PlanRef, why: String, now: Now) {
    if ledger.condemned.len() >= CONDEMNED {
        ledger.condemned.remove(0);
    }
    ledger.condemned.push(plan.id);
    let given_up = |p: &PlanRef| ledger.condemned.contains(&p.id);
    let back = ledger.last_good.filter(|g| !given_up(g));
    if ledger.current.as_ref().is_some_and(given_up) {
        // It goes on, as well as it can, until the last good plan is ready.
        if back.is_none() {
            ledger.current = None;
        }
        if ledger.pending.as_ref().is_none_or(given_up) {
            ledger.pending = back;
        }
    } else if ledger.pending.as_ref().is_some_and(given_up) {
        ledger.pending = if ledger.current.is_none() { back } else { None };
    }
    note(ledger, plan, Phase::RolledBack, why, now);
}

impl std::fmt::Debug for Agent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let l = &self.ledger;
        let short = |p: Option<PlanRef>| p.map_or_else(|| "-".to_owned(), |p| format!("{}:{:?}", p.generation, p.id));
        let [newest, current, pending] = [l.newest, l.current, l.pending].map(short);
        let [good, proved, admitted] = [l.last_good, l.proved, self.admitted.0].map(short);
        write!(f, "{}: newest {newest} current {current} pending {pending} good {good} proved {proved}", self.me)?;
        write!(f, " strikes {} condemned {:?} admitted {admitted} x{} slots", l.strikes, l.condemned, self.admitted.1.len())?;
        self.slots.iter().try_for_each(|(id, s)| write!(f, " {id:?}={:?}", s.step))?;
        self.note.iter().try_for_each(|n| write!(f, " ({n})"))
    }
}
