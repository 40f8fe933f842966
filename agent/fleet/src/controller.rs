//! The planner's side of a fleet: one desired plan, made durable before it is published.
//!
//! It refuses a plan whose parent is not the fleet's newest plan. That does not stop two planners that
//! apply in the same moment; then the agents keep the first that each saw, and the planners mend it: the
//! one whose plan has the greater hash issues it again as a plan that settles the other, and the other
//! adopts that. A planner also adopts a newer plan that the agents hold, and after a failed plan issues
//! the last good content as a new generation, so that the whole fleet agrees again.

use crate::agent::Identity;
use crate::backoff::{Backoff, Jitter};
use crate::layout::{Layout, Unusable};
use crate::rules::{Now, Rules};
use crate::store::{Contents, Op, transaction};
use protocol::envelope::{self, EnvelopeError, Terms};
use protocol::limits::SETTLED;
use protocol::{BlobRef, Digest, Keyring, Ledger, Name, Plan, PlanId, PlanRef, Signer, Status, canonical};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Which files a plan's models are, by its names of them.
pub type Models = BTreeMap<String, BlobRef>;

/// What happens to a controller.
#[derive(Clone, Debug)]
pub enum Event {
    Tick,
    Peer(Arc<Status>),
    /// A plan that an agent held, its signature checked.
    Found(Arc<Layout>),
    Stored {
        write: u64,
        ok: bool,
    },
}

/// What its shell shall do.
#[derive(Clone, Debug)]
pub enum Action {
    Store {
        write: u64,
        ops: Vec<Op>,
    },
    /// Put the plan where every agent finds it, and tell them.
    Publish(Arc<Layout>),
    /// Ask an agent for a plan, or for its newest; the answer is [`Event::Found`].
    Ask {
        agent: Name,
        plan: Option<PlanId>,
    },
}

/// Why a plan is not applied.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    #[error("its parent is {}, the fleet's newest plan is {}: plan again from that", shown(.given), .newest.map_or("none".into(), |n| n.to_string()))]
    NotParent { given: Option<PlanId>, newest: Option<PlanRef> },
    #[error("another plan is being stored")]
    Busy,
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    #[error(transparent)]
    Unusable(#[from] Unusable),
    #[error("the controller's ledger has no JSON form: {0}")]
    Ledger(#[from] serde_json::Error),
}

fn shown(id: &Option<PlanId>) -> String {
    id.map_or_else(|| "none".to_owned(), |i| format!("{i:?}"))
}

/// How a controller acts by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// An agent takes a plan this long after it was issued.
    pub life_ms: u64,
    /// Publishes again this often to whom has not got it.
    pub publish_ms: u64,
    /// The one that should settle a fork has this long before the other does.
    pub settle_ms: u64,
}

impl Default for Policy {
    fn default() -> Self {
        Self { life_ms: 3_600_000, publish_ms: 5_000, settle_ms: 10_000 }
    }
}

struct Writing {
    number: u64,
    next: Ledger,
    layout: Option<Arc<Layout>>,
}

/// A controller. Its ledger's `newest` is the desired plan, `last_good` the last that its fleet proved.
pub struct Controller {
    rules: Rules,
    policy: Policy,
    /// Two while one key replaces the other: who knows either believes the plan.
    signers: Vec<Arc<Signer>>,
    jitter: Jitter,
    ledger: Ledger,
    plans: BTreeMap<PlanId, Arc<Layout>>,
    stored: BTreeSet<PlanId>,
    writing: Option<Writing>,
    writes: u64,
    agents: BTreeMap<Name, (Arc<Status>, u64)>,
    publish_ms: u64,
    ask: Backoff,
    /// Since when a fork or a failure was seen, and of which desired plan.
    trouble: Option<(PlanId, u64)>,
}

impl Controller {
    /// Starts from a folder's contents, as an agent does.
    #[must_use]
    pub fn start(
        identity: Identity,
        rules: Rules,
        policy: Policy,
        signers: Vec<Arc<Signer>>,
        seed: u64,
        contents: &Contents,
        mut read: impl FnMut(PlanId, &Arc<[u8]>) -> Option<Arc<Layout>>,
    ) -> Self {
        let found = contents.ledger().0.filter(|l| l.fleet == identity.fleet && l.agent == identity.agent);
        let mut ledger = found.unwrap_or_else(|| Ledger::new(identity.fleet, identity.agent));
        let mut plans = BTreeMap::new();
        for plan in ledger.held() {
            if let Some(layout) = contents.plans.get(&plan.id).and_then(|bytes| read(plan.id, bytes)) {
                plans.insert(plan.id, layout);
            }
        }
        for held in [&mut ledger.current, &mut ledger.last_good] {
            *held = held.take_if(|p| plans.contains_key(&p.id));
        }
        Self {
            rules,
            policy,
            signers,
            jitter: Jitter::new(seed),
            ledger,
            stored: contents.plans.keys().copied().collect(),
            plans,
            writing: None,
            writes: 0,
            agents: BTreeMap::new(),
            publish_ms: 0,
            ask: Backoff::default(),
            trouble: None,
        }
    }

    /// The plan that agents shall carry out.
    #[must_use]
    pub fn desired(&self) -> Option<&Arc<Layout>> {
        self.plans.get(&self.ledger.current?.id)
    }

    /// The fleet's newest plan as far as this controller knows: the parent of the next.
    #[must_use]
    pub fn newest(&self) -> Option<PlanRef> {
        let heard = self.agents.values().filter_map(|(s, _)| s.newest);
        let mine = self.ledger.current.or(self.ledger.newest);
        // Of a fork its own branch counts.
        heard.chain(mine).max_by_key(|n| (n.generation, Some(*n) == mine))
    }

    /// The last word of each agent.
    pub fn statuses(&self) -> impl Iterator<Item = &Arc<Status>> {
        self.agents.values().map(|(s, _)| s)
    }

    /// The controller's own record.
    #[must_use]
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// When [`Event::Tick`] is due.
    #[must_use]
    pub fn next_ms(&self) -> u64 {
        self.publish_ms
    }

    /// Signs a plan and which files its models are, stores it, then publishes it.
    ///
    /// # Errors
    /// When its parent is not the fleet's newest plan, or it cannot be carried out by anyone.
    pub fn apply(&mut self, plan: &Plan, models: &Models, now: Now, out: &mut Vec<Action>) -> Result<(), ApplyError> {
        if self.writing.is_some() {
            return Err(ApplyError::Busy);
        }
        let newest = self.newest();
        let given = plan.parent.as_deref().and_then(|p| p.parse().ok());
        if given != newest.map(|n| n.id) || plan.generation != newest.map_or(1, |n| n.generation + 1) {
            return Err(ApplyError::NotParent { given, newest });
        }
        self.issue(plan, models, self.branches(newest), now, out)
    }

    /// Other plans of a generation that agents hold: branches of a fork.
    fn branches(&self, of: Option<PlanRef>) -> Vec<PlanId> {
        let Some(of) = of else { return Vec::new() };
        let held = self.agents.values().filter_map(|(s, _)| s.newest);
        let other = held.filter(|n| n.generation == of.generation && n.id != of.id).map(|n| n.id);
        other.collect::<BTreeSet<_>>().into_iter().take(SETTLED).collect()
    }

    fn issue(
        &mut self,
        plan: &Plan,
        models: &Models,
        settles: Vec<PlanId>,
        now: Now,
        out: &mut Vec<Action>,
    ) -> Result<(), ApplyError> {
        // A planner whose clock was ahead once must not lock the fleet out for that long.
        let floors = self.agents.values().map(|(s, _)| s.time_floor_ms);
        let before = self.plans.values().map(|l| l.order().issued_ms);
        let issued_ms = floors.chain(before).fold(now.wall_ms, u64::max);
        let expires_ms = issued_ms.saturating_add(self.policy.life_ms);
        let terms = Terms { issued_ms, expires_ms, settles, models: models.clone() };
        let bytes = envelope::seal(plan, &terms, &self.signers.iter().map(|s| &**s).collect::<Vec<_>>())?;
        let signed = envelope::open(&bytes, &Keyring::new(self.signers.iter().map(|s| s.public())))?;
        let layout = Arc::new(Layout::of(Arc::new(signed))?);
        Ok(self.put(layout, out)?)
    }

    fn put(&mut self, layout: Arc<Layout>, out: &mut Vec<Action>) -> Result<(), serde_json::Error> {
        let mut next = self.ledger.clone();
        next.newest = Some(layout.plan());
        next.current = next.newest;
        self.write(next, Some(layout), out)
    }

    fn write(&mut self, mut next: Ledger, layout: Option<Arc<Layout>>, out: &mut Vec<Action>) -> Result<(), serde_json::Error> {
        next.sequence += 1;
        let file = layout.as_ref().map(|l| (l.plan().id, Arc::from(l.signed.bytes.as_slice())));
        let kept: BTreeSet<PlanId> = next.held().chain(self.ledger.held()).map(|p| p.id).collect();
        let forget: Vec<PlanId> = self.stored.iter().filter(|id| !kept.contains(id)).copied().collect();
        let ops = transaction(&next, file, &forget, &self.rules)?;
        self.stored.retain(|id| kept.contains(id));
        self.stored.extend(layout.as_ref().map(|l| l.plan().id));
        self.writes += 1;
        self.writing = Some(Writing { number: self.writes, next, layout });
        out.push(Action::Store { write: self.writes, ops });
        Ok(())
    }

    /// Takes an event in and appends what is to be done.
    ///
    /// # Errors
    /// When a plan that it issues by itself cannot be signed or stored; it tries again at the next tick.
    pub fn handle(&mut self, event: Event, now: Now, out: &mut Vec<Action>) -> Result<(), ApplyError> {
        match event {
            Event::Tick => {}
            Event::Peer(status) => {
                let known = self.agents.get(&status.agent);
                let silent = |seen: u64| now.mono_ms.saturating_sub(seen) >= self.rules.dead_ms;
                if known.is_none_or(|(k, seen)| status.is_after(k) || silent(*seen)) {
                    self.agents.insert(status.agent.clone(), (status, now.mono_ms));
                }
            }
            Event::Found(layout) => {
                let newer = self.ledger.current.is_none_or(|d| layout.plan().generation > d.generation);
                if self.writing.is_some() || layout.order().fleet != self.ledger.fleet {
                } else if newer {
                    // An answer ends the wait for one: what is asked for next is another plan.
                    self.ask.reset();
                    self.put(layout, out)?;
                } else if self.best().is_some_and(|(g, _)| g == layout.plan()) && self.ledger.last_good != Some(layout.plan()) {
                    self.ask.reset();
                    let next = Ledger { last_good: Some(layout.plan()), ..self.ledger.clone() };
                    self.write(next, Some(layout), out)?;
                }
            }
            Event::Stored { write, ok } => {
                if let Some(done) = self.writing.take_if(|w| w.number == write)
                    && ok
                {
                    self.ledger = done.next;
                    if let Some(layout) = done.layout {
                        self.plans.insert(layout.plan().id, Arc::clone(&layout));
                        out.push(Action::Publish(layout));
                    }
                    let ledger = &self.ledger;
                    self.plans.retain(|id, _| ledger.held().any(|p| p.id == *id));
                }
            }
        }
        self.look(now, out)
    }

    /// Compares the fleet with what is desired.
    fn look(&mut self, now: Now, out: &mut Vec<Action>) -> Result<(), ApplyError> {
        if now.mono_ms < self.publish_ms || self.writing.is_some() {
            return Ok(());
        }
        self.publish_ms = now.mono_ms + self.jitter.around(self.policy.publish_ms);
        let desired = self.ledger.current;
        let ahead = |s: &Status| s.newest.filter(|n| desired.is_none_or(|d| n.generation > d.generation));
        let holds = |s: &Status| ahead(s).is_some_and(|n| !s.condemned.contains(&n.id));
        if let Some(agent) = self.agents.values().find(|(s, _)| holds(s)).map(|(s, _)| s.agent.clone()) {
            self.request(agent, None, now, out);
            return Ok(());
        }
        if let Some(failed) = self.agents.values().filter_map(|(s, _)| ahead(s)).max() {
            // Another planner's plan, which failed before this one got it.
            return self.restore(failed, now, out);
        }
        let Some(layout) = self.desired().cloned() else { return Ok(()) };
        let plan = layout.plan();
        let latest = self.agents.values().map(|(s, _)| s.time_floor_ms).fold(now.wall_ms, u64::max);
        if layout.order().expires_ms < latest.saturating_add(self.policy.life_ms / 2) {
            // The same plan with a later expiry, so that a device takes it which was off for long, or which
            // once took a plan of a planner whose clock was ahead.
            let settles = layout.order().settles.clone();
            return self.issue(&layout.signed.plan, &layout.order().models, settles, now, out);
        }
        if self.agents.values().any(|(s, _)| s.newest.is_none_or(|n| n.generation < plan.generation)) {
            out.push(Action::Publish(Arc::clone(&layout)));
        }
        let others = self.branches(Some(plan));
        let failed = self.agents.values().any(|(s, _)| s.condemned.contains(&plan.id));
        // An agent on another branch than the parent refuses the child, and takes a grandchild.
        let order = layout.order();
        let astray =
            |n: PlanRef| n.generation + 1 == plan.generation && Some(n.id) != order.parent && !order.settles.contains(&n.id);
        let stranded = self.agents.values().any(|(s, _)| s.newest.is_some_and(astray));
        if others.is_empty() && !failed && !stranded {
            self.trouble = None;
            self.ask.reset();
            return self.proved(&layout, out);
        }
        if failed && others.is_empty() {
            return self.restore(plan, now, out);
        }
        // A branch that no agent took is not seen by the planner of the other: nobody else will settle it. One look is
        // waited for, as statuses may be older than the plan.
        let unseen = !self.agents.values().any(|(s, _)| s.newest == Some(plan));
        let wait = if unseen { self.policy.settle_ms.min(self.policy.publish_ms / 2) } else { self.policy.settle_ms };
        let waited = now.mono_ms.saturating_sub(self.since(plan, now)) >= wait;
        if others.is_empty() || waited || others.iter().all(|o| *o < plan.id) {
            let again = follow(&layout.signed.plan, plan)?;
            self.issue(&again, &layout.order().models, others, now, out)?;
        }
        Ok(())
    }

    /// Since when a plan has been in trouble.
    fn since(&mut self, plan: PlanRef, now: Now) -> u64 {
        match self.trouble {
            Some((id, since)) if id == plan.id => since,
            _ => {
                self.trouble = Some((plan.id, now.mono_ms));
                now.mono_ms
            }
        }
    }

    /// Asks an agent for a plan, more rarely each time.
    fn request(&mut self, agent: Name, plan: Option<PlanId>, now: Now, out: &mut Vec<Action>) {
        if self.ask.due(now.mono_ms) {
            self.ask.failed(now.mono_ms, (1_000, 10_000), &mut self.jitter);
            out.push(Action::Ask { agent, plan });
        }
    }

    /// Issues the last good content once more, under a new generation, after a plan that failed.
    fn restore(&mut self, failed: PlanRef, now: Now, out: &mut Vec<Action>) -> Result<(), ApplyError> {
        let mine = self.ledger.last_good;
        if let Some((good, agent)) = self.best().filter(|(g, _)| mine.is_none_or(|m| m.generation < g.generation)) {
            self.request(agent, Some(good.id), now, out);
            return Ok(());
        }
        // One look later, so that whoever has given it up has said so.
        if let Some(good) = mine.and_then(|g| self.plans.get(&g.id)).cloned()
            && now.mono_ms > self.since(failed, now)
        {
            // What has failed under its new generation as well is not issued a third time: the agents are
            // back on the old one, and a person or the optimiser must say what next.
            let same = self.plans.get(&failed.id).map(|f| same_content(&f.signed.plan, &good.signed.plan));
            if same == Some(true) {
                return Ok(());
            }
            let again = follow(&good.signed.plan, failed)?;
            self.issue(&again, &good.order().models, Vec::new(), now, out)?;
        }
        Ok(())
    }

    /// The latest plan that an agent calls good, and that agent.
    fn best(&self) -> Option<(PlanRef, Name)> {
        let good = |(s, _): &(Arc<Status>, u64)| Some((s.last_good?, s.agent.clone()));
        self.agents.values().filter_map(good).max_by_key(|(g, _)| *g)
    }

    /// Remembers the desired plan as good once all of its devices call it so.
    fn proved(&mut self, layout: &Arc<Layout>, out: &mut Vec<Action>) -> Result<(), ApplyError> {
        let plan = layout.plan();
        let good = |n: &Name| self.agents.get(n).is_some_and(|(s, _)| s.last_good == Some(plan));
        let used = layout.pipelines.iter().flat_map(|p| &p.members);
        if self.ledger.last_good != Some(plan) && used.clone().next().is_some() && used.clone().all(good) {
            let next = Ledger { last_good: Some(plan), ..self.ledger.clone() };
            self.write(next, None, out)?;
        }
        Ok(())
    }
}

/// Whether two plans differ in nothing but their place in the fleet's order.
fn same_content(a: &Plan, b: &Plan) -> bool {
    let placed = Plan { id: b.id.clone(), parent: b.parent.clone(), generation: b.generation, ..a.clone() };
    placed == *b
}

/// A plan's content as the successor of another plan.
///
/// # Errors
/// When it has no canonical form, which cannot be.
pub fn follow(content: &Plan, parent: PlanRef) -> Result<Plan, serde_json::Error> {
    let mut plan = content.clone();
    plan.parent = Some(parent.id.to_string());
    plan.generation = parent.generation + 1;
    plan.id.clear();
    plan.id = Digest::of(&canonical::bytes(&plan)?).to_string();
    Ok(plan)
}

impl std::fmt::Debug for Controller {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: desired {:?} good {:?}", self.ledger.agent, self.ledger.current, self.ledger.last_good)
    }
}
