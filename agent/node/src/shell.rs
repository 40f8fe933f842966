//! The shell around the core: one thread that takes events in and carries actions out, in order.

use crate::clock;
use crate::loaded;
use crate::modes;
use crate::shared::Shared;
use fleet::Layout;
use fleet::agent::{Action, Agent, Event, Fault, Job, Whom};
use fleet::store::disk::Disk;
use protocol::bus::{Keep, Qos};
use protocol::command::{Command, Request};
use protocol::key::{Key, Pattern};
use protocol::{Name, PlanId, SignedPlan, Status, Topic, envelope, message, schema};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

/// What the core's thread hears.
pub(crate) enum Input {
    Event(Event),
    End,
}

/// How long an answer from the bus is waited for.
const ANSWER: Duration = Duration::from_secs(2);

pub(crate) struct Shell {
    pub(crate) shared: Arc<Shared>,
    pub(crate) disk: Disk,
    /// What neighbours and users are told of this device's addresses.
    pub(crate) hop: String,
    pub(crate) http: String,
}

impl Shell {
    /// Runs until the end.
    pub(crate) fn run(&self, mut core: Agent, inbox: &Receiver<Input>) {
        let mut out = Vec::new();
        let mut ledger = None;
        loop {
            let wait = core.next_ms().saturating_sub(clock::now().mono_ms);
            let event = match inbox.recv_timeout(Duration::from_millis(wait)) {
                Ok(Input::Event(event)) => event,
                Err(RecvTimeoutError::Timeout) => Event::Tick,
                Ok(Input::End) | Err(RecvTimeoutError::Disconnected) => return,
            };
            core.handle(event, clock::now(), &mut out);
            self.shared.set_ready(core.in_memory());
            if ledger != Some(core.ledger().sequence) {
                ledger = Some(core.ledger().sequence);
                self.shared.set_plans(held(&core));
                self.shared.modes.want(modes::of(&core, &self.shared.me));
            }
            for action in out.drain(..) {
                self.carry(action, &core);
            }
        }
    }

    fn event(&self, event: Event) {
        self.shared.tell(Input::Event(event));
    }

    fn carry(&self, action: Action, core: &Agent) {
        match action {
            // On this thread: nothing that follows from a change may happen before it is durable.
            Action::Store { write, ops } => {
                let ok = ops.iter().all(|op| self.disk.run(op).inspect_err(|e| self.shared.metrics.note(e.to_string())).is_ok());
                self.event(Event::Stored { write, ok });
            }
            Action::Say(status) => self.say(&status),
            Action::Ask(whom) => self.ask(whom),
            Action::Start { job, plan, what } => match core.plan(plan) {
                Some(layout) => self.start(job, Arc::clone(layout), what),
                None => self.event(Event::Done { job, outcome: Err(Fault::Unavailable("the plan is gone".into())) }),
            },
            Action::Unload { plan } => self.shared.unload(plan),
            Action::Admit { plan, open } => self.shared.traffic.admit(plan, open),
            Action::Drain { plan } => {
                if self.shared.traffic.drain(plan) {
                    self.event(Event::Drained { plan });
                }
            }
        }
    }

    fn say(&self, status: &Status) {
        let shared = &self.shared;
        // What the core has to say comes first.
        let note = status.note.clone().or_else(|| shared.modes.complaint());
        let status = Status { hop: Some(self.hop.clone()), http: Some(self.http.clone()), note, ..status.clone() };
        let key = Key::new(&shared.fleet, Topic::Status, &shared.me);
        let Ok(body) = serde_json::to_vec(&status) else { return };
        let sealed = message::seal(&shared.head(&key), &body, &shared.signer);
        let said = sealed
            .map_err(|e| e.to_string())
            .and_then(|bytes| shared.bus.publish(&key, &bytes, Qos::Assured, Keep::Last).map_err(|e| e.to_string()));
        // The next one is said soon.
        if let Err(why) = said {
            shared.metrics.note(why);
        }
    }

    /// The bus may let wait: the core's thread does not.
    fn ask(&self, whom: Whom) {
        let shared = Arc::clone(&self.shared);
        std::thread::spawn(move || match whom {
            Whom::Planner => {
                let desired = Pattern::from(Key::new(&shared.fleet, Topic::Desired, &shared.me));
                for found in shared.bus.last(&desired, ANSWER).unwrap_or_default() {
                    offer(&shared, &found.payload);
                }
            }
            Whom::Agent(name) => {
                let Some(newest) = shared.peers.status(&name).and_then(|s| s.newest) else { return };
                if let Ok(bytes) = envelope_of(&shared, &name, newest.id) {
                    offer(&shared, &bytes);
                }
            }
        });
    }

    fn start(&self, job: u64, layout: Arc<Layout>, what: Job) {
        let shared = Arc::clone(&self.shared);
        shared.want(layout.plan().id);
        std::thread::spawn(move || {
            let outcome = match what {
                Job::Fetch => loaded::fetch(&layout, &shared),
                Job::Verify => loaded::verify(&layout, &shared),
                Job::Load => loaded::load(&layout, &shared).map(|l| shared.keep(l)),
                Job::Warm => match shared.loaded(layout.plan().id) {
                    Some(loaded) => loaded::warm(&loaded),
                    None => Err(Fault::Unavailable("it was unloaded".into())),
                },
            };
            if let Err(fault) = &outcome {
                shared.metrics.note(format!("{what:?}: {fault:?}"));
            }
            shared.tell(Input::Event(Event::Done { job, outcome }));
        });
    }
}

/// Envelopes of the plans that the core holds.
pub(crate) fn held(core: &Agent) -> BTreeMap<PlanId, Arc<SignedPlan>> {
    let held = core.ledger().held().chain(core.ledger().newest);
    held.filter_map(|p| Some((p.id, Arc::clone(core.envelope(p.id)?)))).collect()
}

/// Gives the core a plan, if a trusted key signed it and it can be carried out.
pub(crate) fn offer(shared: &Shared, bytes: &[u8]) -> Option<Arc<Layout>> {
    let signed = envelope::open(bytes, &shared.planners).map_err(|e| shared.metrics.note(format!("refused a plan: {e}"))).ok()?;
    let layout = Layout::of(Arc::new(signed)).map_err(|e| shared.metrics.note(format!("refused a plan: {e}"))).ok()?;
    let layout = Arc::new(layout);
    shared.tell(Input::Event(Event::Offer(Arc::clone(&layout))));
    Some(layout)
}

/// Asks another agent for a plan that it holds. What comes is checked by whoever takes it.
pub(crate) fn envelope_of(shared: &Shared, agent: &Name, id: PlanId) -> Result<Vec<u8>, String> {
    let what = Request::Envelope { id };
    let command = Command { schema: schema::COMMAND.into(), expires_ms: clock::now().wall_ms + 60_000, what };
    let body = serde_json::to_vec(&command).map_err(|e| e.to_string())?;
    shared.bus.request(&Key::new(&shared.fleet, Topic::Rpc, agent), &body, ANSWER).map_err(|e| e.to_string())
}

/// Answers other agents: envelopes of plans, which vouch for themselves.
pub(crate) fn answer(shared: &Shared, body: &[u8]) -> Result<Vec<u8>, String> {
    let command = Command::read(body).map_err(|e| e.to_string())?;
    if command.expires_ms < clock::now().wall_ms {
        return Err("the command has expired".into());
    }
    match command.what {
        Request::Envelope { id } => {
            shared.plan(id).map(|p| p.bytes.clone()).ok_or_else(|| format!("no plan {id:?} is held here"))
        }
        Request::Status | Request::LookAgain => Err("this agent answers for envelopes; statuses are published".into()),
    }
}
