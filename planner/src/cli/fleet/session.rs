//! The controller at work for one command: its ledger in the fleet's folder, its fleet behind one agent.

use super::enrol::{failure, next, owner, roster};
use super::http::{Agent, HttpError};
use super::log::{Entry, Log};
use super::models;
use crate::cli::args::Fleet;
use crate::cli::exit::Failure;
use fleet::agent::{Identity, read_plan};
use fleet::controller::{Action, ApplyError, Event, Policy};
use fleet::enrol::{Owners, Roster};
use fleet::store::disk::Disk;
use fleet::{Controller, Layout, Now, Rules};
use protocol::message::{self, Listener};
use protocol::{Key, Keyring, Name, Plan, PlanId, PlanRef, Status, Telemetry, envelope};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Between two looks at the fleet.
const STEP: Duration = Duration::from_millis(200);
/// Looks within which a newer plan of the agents must have been fetched.
const LOOKS: u32 = 50;

pub(crate) struct Session {
    agent: Agent,
    roster: Roster,
    known: Listener,
    planners: Keyring,
    controller: Controller,
    disk: Disk,
    /// The last word of each agent.
    heard: BTreeMap<Name, Arc<Status>>,
    /// What each agent measured last.
    samples: BTreeMap<Name, Sample>,
    /// False: it only looks, and the controller does not hear what it could act on.
    acts: bool,
    pub(crate) log: Log,
    /// What agents noted about what they refuse.
    pub(crate) notes: Vec<String>,
    /// Who answered the last time, and what it is asked through.
    pub(crate) through: Name,
    /// What an agent refused when a plan was handed over.
    refused: Option<HttpError>,
    /// The fleet's.
    folder: PathBuf,
}

/// What an agent measured.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    pub(crate) telemetry: Telemetry,
    /// Boot and sequence of the message.
    pub(crate) order: (u64, u64),
    /// When it was first heard here, ms since 1970.
    pub(crate) heard_ms: u64,
}

/// What an agent tells about its fleet.
#[derive(Deserialize)]
struct Told {
    fleet: Name,
    agent: Name,
    statuses: Vec<String>,
    #[serde(default)]
    telemetry: Vec<String>,
    #[serde(default)]
    notes: Vec<String>,
}

fn now() -> Now {
    #[expect(clippy::disallowed_methods, reason = "a signature says when it was made; a command waits in real time")]
    let wall = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let ms = u64::try_from(wall.as_millis()).unwrap_or(u64::MAX);
    // One command is short: its clock counts as one that only runs.
    Now { mono_ms: ms, wall_ms: ms }
}

pub(crate) fn unreached(error: &HttpError) -> Failure {
    let help = match error {
        HttpError::Unreached { .. } => {
            "\n  help: name an agent that runs with --agent HOST:PORT; it says its address when it starts"
        }
        HttpError::NoAgent { .. } => "\n  help: --agent takes the address after `serves on`",
        HttpError::Refused { status: 401, .. } => "\n  help: --api-key KEY",
        HttpError::Refused { .. } => "",
    };
    Failure::remote(format!("error: {error}{help}"))
}

fn issue(error: &ApplyError) -> Failure {
    let help = match error {
        ApplyError::NotParent { .. } => {
            "\n  help: `planner status --save NEWEST.json` writes the fleet's plan, `planner optimize --parent NEWEST.json` plans from it"
        }
        _ => "",
    };
    Failure::input(format!("error: the plan is not applied: {error}{help}"))
}

impl Session {
    pub(crate) fn open(args: &Fleet, acts: bool) -> Result<Self, Failure> {
        let folder = &args.fleet;
        let list = Roster::read(&roster(folder)).map_err(|e| failure(&e))?;
        let owners = Owners::read(&owner(folder), &next(folder)).map_err(|e| failure(&e))?;
        let signers = [Some(owners.now), owners.next].into_iter().flatten().map(Arc::new).collect();
        let stored = |e: fleet::store::disk::DiskError| Failure::input(format!("error: {e}"));
        let disk = Disk::open(&folder.join("controller")).map_err(stored)?;
        let contents = disk.read().map_err(stored)?;
        let planner = Name::new("planner").map_err(Failure::bug)?;
        let identity = Identity { fleet: list.fleet.clone(), agent: planner.clone() };
        let policy = Policy { publish_ms: 1_000, ..Policy::default() };
        let read = |id, bytes: &Arc<[u8]>| read_plan(id, bytes);
        let controller = Controller::start(identity, Rules::default(), policy, signers, now().wall_ms, &contents, read);
        let mut known = Listener::default();
        for (name, keys) in list.agents() {
            known.trust(name.clone(), keys);
        }
        Ok(Self {
            agent: Agent { address: args.agent.clone(), api_key: args.api_key.clone() },
            planners: list.planners(),
            roster: list,
            known,
            controller,
            disk,
            heard: BTreeMap::new(),
            samples: BTreeMap::new(),
            acts,
            log: Log::open(folder)?,
            folder: folder.clone(),
            notes: Vec::new(),
            through: planner,
            refused: None,
        })
    }

    /// Where it asks.
    pub(super) fn address(&self) -> &str {
        &self.agent.address
    }

    /// Asks another agent from now on.
    pub(super) fn reach(&mut self, agent: Name, address: String) {
        (self.through, self.agent.address) = (agent, address);
    }

    pub(crate) fn newest(&self) -> Option<PlanRef> {
        self.controller.newest().max(self.heard.values().filter_map(|s| s.newest).max())
    }

    /// The newest plan that any agent gives.
    pub(crate) fn newest_plan(&self) -> Option<Plan> {
        let newest = self.newest()?;
        let held = self.controller.desired().filter(|l| l.plan() == newest).map(|l| l.signed.plan.clone());
        let holders = || self.heard.values().filter(|s| s.newest == Some(newest)).map(|s| &s.agent);
        held.or_else(|| holders().find_map(|agent| Some(self.envelope(agent, newest.id)?.signed.plan.clone())))
    }

    /// Seconds by which this machine's clock is behind the newest plan that an agent has taken.
    pub(crate) fn behind_s(&self) -> Option<f64> {
        let floor = self.heard.values().map(|s| s.time_floor_ms).max()?;
        Some(floor.saturating_sub(now().wall_ms) as f64 / 1e3)
    }

    pub(crate) fn layout(&self) -> Option<&Arc<Layout>> {
        self.controller.desired()
    }

    pub(crate) fn roster(&self) -> &Roster {
        &self.roster
    }

    pub(crate) fn statuses(&self) -> impl Iterator<Item = &Arc<Status>> {
        self.heard.values()
    }

    pub(crate) fn refused(&mut self) -> Option<HttpError> {
        self.refused.take()
    }

    /// Looks at the fleet once, and does what the controller wants done.
    pub(crate) fn poll(&mut self) -> Result<(), Failure> {
        let body = self.agent.get("/fleet/status").map_err(|e| unreached(&e))?;
        let no_agent = || unreached(&HttpError::NoAgent { address: self.agent.address.clone() });
        let told: Told = serde_json::from_slice(&body).map_err(|_| no_agent())?;
        if told.fleet != self.roster.fleet {
            let (theirs, ours) = (told.fleet, &self.roster.fleet);
            let message = format!("error: {} is of fleet `{theirs}`, the folder's roster is of `{ours}`", told.agent);
            return Err(Failure::input(format!("{message}\n  help: name the fleet's folder with --fleet")));
        }
        (self.notes, self.through) = (told.notes, told.agent);
        for sealed in &told.statuses {
            // One that is not believed is as if it were not there; `status` shows who is missing.
            let Some(status) = self.believed(sealed).map(Arc::new) else { continue };
            self.heard.insert(status.agent.clone(), Arc::clone(&status));
            if self.acts {
                self.handle(Event::Peer(status))?;
            }
        }
        for sealed in &told.telemetry {
            let Some((head, telemetry)) = self.vouched(sealed, |body| Telemetry::read(body).ok()) else { continue };
            let order = (head.boot, head.sequence);
            let known = self.samples.get(&head.sender).map(|s| s.order);
            if telemetry.agent == head.sender && known.is_none_or(|known| known < order) {
                self.samples.insert(head.sender, Sample { telemetry, order, heard_ms: now().wall_ms });
            }
        }
        if self.acts { self.handle(Event::Tick) } else { Ok(()) }
    }

    /// What each agent measured last.
    pub(crate) fn samples(&self) -> impl Iterator<Item = &Sample> {
        self.samples.values()
    }

    /// A status whose signature is that of the agent that it is about.
    fn believed(&self, sealed: &str) -> Option<Status> {
        let (head, status) = self.vouched(sealed, |body| Status::read(body).ok())?;
        (status.agent == head.sender).then_some(status)
    }

    /// What an agent of this fleet has signed about itself.
    fn vouched<T>(&self, sealed: &str, read: impl FnOnce(&[u8]) -> Option<T>) -> Option<(message::Head, T)> {
        #[derive(Deserialize)]
        struct Head {
            key: String,
        }
        let head: Head = serde_json::from_str(sealed.lines().nth(1)?).ok()?;
        let key: Key = head.key.parse().ok()?;
        let (head, body) = self.known.vouched(sealed.as_bytes(), &key).ok()?;
        let content = read(body)?;
        (key.fleet() == self.roster.fleet.as_str() && key.agent() == head.sender.as_str()).then_some((head, content))
    }

    fn handle(&mut self, event: Event) -> Result<(), Failure> {
        let mut out = Vec::new();
        let handled = self.controller.handle(event, now(), &mut out);
        self.carry(out)?;
        handled.map_err(|e| issue(&e))
    }

    fn carry(&mut self, actions: Vec<Action>) -> Result<(), Failure> {
        for action in actions {
            match action {
                Action::Store { write, ops } => {
                    let failed = ops.iter().find_map(|op| self.disk.run(op).err());
                    self.handle(Event::Stored { write, ok: failed.is_none() })?;
                    if let Some(e) = failed {
                        return Err(Failure::input(format!("error: the controller's ledger is not written: {e}")));
                    }
                }
                Action::Publish(layout) => {
                    self.refused = self.agent.put("/fleet/plan", &layout.signed.bytes).err();
                }
                Action::Ask { agent, plan } => self.fetch(&agent, plan)?,
            }
        }
        Ok(())
    }

    /// Asks an agent for a plan. One that does not come now is asked for again.
    fn fetch(&mut self, agent: &Name, plan: Option<PlanId>) -> Result<(), Failure> {
        let newest = || self.statuses().find(|s| s.agent == *agent).and_then(|s| s.newest).map(|n| n.id);
        let Some(id) = plan.or_else(newest) else { return Ok(()) };
        self.envelope(agent, id).map_or(Ok(()), |layout| self.handle(Event::Found(Arc::new(layout))))
    }

    /// A plan that an agent holds, its signature checked.
    fn envelope(&self, agent: &Name, id: PlanId) -> Option<Layout> {
        let bytes = self.agent.get(&format!("/fleet/agents/{agent}/plans/{id}")).ok()?;
        let signed = envelope::open(&bytes, &self.planners).ok()?;
        Layout::of(Arc::new(signed)).ok()
    }

    pub(crate) fn step(&mut self) -> Result<(), Failure> {
        std::thread::sleep(STEP);
        self.poll()
    }

    /// Looks until the newest plan of the agents is known here: another planner may have issued it.
    pub(crate) fn adopt(&mut self) -> Result<(), Failure> {
        self.poll()?;
        for _ in 0..LOOKS {
            let known = self.layout().map(|l| l.plan());
            if self.newest().is_none_or(|n| known.is_some_and(|k| k.generation >= n.generation)) {
                return Ok(());
            }
            self.step()?;
        }
        // The agents hold it in their ledgers but none gives it: its parent can still be named.
        Ok(())
    }

    /// Signs and publishes a plan.
    pub(crate) fn apply(&mut self, plan: &Plan, by: &str) -> Result<PlanRef, Failure> {
        let (issued, out) = self.issue(plan)?;
        self.log.keep(plan)?;
        self.log.add(Entry { plan: issued, at_ms: now().wall_ms, by: by.into(), outcome: "issued".into() })?;
        self.carry(out)?;
        Ok(issued)
    }

    /// What [`Self::apply`] would begin with: the plan fits the fleet, and is its newest plan's successor.
    pub(crate) fn rehearse(&mut self, plan: &Plan) -> Result<PlanRef, Failure> {
        self.issue(plan).map(|(issued, _)| issued)
    }

    /// Issues a plan; nothing has left or is stored until its actions are carried out.
    fn issue(&mut self, plan: &Plan) -> Result<(PlanRef, Vec<Action>), Failure> {
        if plan.fleet != self.roster.fleet.as_str() {
            let message = format!("error: the plan is for fleet `{}`, this is fleet `{}`", plan.fleet, self.roster.fleet);
            return Err(Failure::input(format!(
                "{message}\n  help: a fleet is named in `planner keygen` as its scenario's `name:`"
            )));
        }
        let enrolled: Vec<&str> = self.roster.agents().map(|(n, _)| n.as_str()).collect();
        let awake = plan.devices.iter().filter(|d| d.awake);
        if let Some(missing) = awake.map(|d| d.name.as_str()).find(|d| !enrolled.contains(d)) {
            return Err(Failure::input(format!(
                "error: the plan uses `{missing}`, which is not enrolled\n  help: planner enroll {missing}"
            )));
        }
        let mut out = Vec::new();
        self.controller.apply(plan, &models::of(&self.folder, plan)?, now(), &mut out).map_err(|e| issue(&e))?;
        let issued = PlanRef { generation: plan.generation, id: plan.id.parse().map_err(Failure::bug)? };
        Ok((issued, out))
    }
}
