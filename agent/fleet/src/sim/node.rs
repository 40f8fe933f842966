//! One simulated device: a core, a disk, an engine, clocks.

use super::disk::SimDisk;
use super::engine::Engine;
use crate::agent::{Agent, Fault};
use crate::controller::Controller;
use crate::rules::Now;
use crate::store::Op;
use protocol::{Name, PlanId, Status};
use std::collections::VecDeque;
use std::sync::Arc;

/// Time of day at the start: a day in 2026.
const EPOCH_MS: u64 = 1_790_000_000_000;

pub(super) enum Core {
    Down,
    Agent(Box<Agent>),
    Controller(Box<Controller>),
}

/// A write on its way: steps, and how many are done.
pub(super) struct Transaction {
    pub(super) write: u64,
    pub(super) ops: Vec<Op>,
    pub(super) done: usize,
}

pub(super) struct Node {
    pub(super) name: Name,
    pub(super) controls: bool,
    pub(super) core: Core,
    pub(super) disk: SimDisk,
    /// Syncs of this disk may be lies.
    pub(super) lies: bool,
    /// One was; what it cost shows in some later crash.
    pub(super) lied: bool,
    pub(super) engine: Engine,
    pub(super) store: VecDeque<Transaction>,
    /// Events of an earlier life do not count.
    pub(super) life: u64,
    pub(super) started_ms: u64,
    /// What the time of day is off by.
    pub(super) off_ms: i64,
    pub(super) tick_at: u64,
    /// Last state in the trace.
    pub(super) shown: String,
}

impl Node {
    pub(super) fn new(name: Name, controls: bool) -> Self {
        Self {
            name,
            controls,
            core: Core::Down,
            disk: SimDisk::default(),
            lies: false,
            lied: false,
            engine: Engine::default(),
            store: VecDeque::new(),
            life: 0,
            started_ms: 0,
            off_ms: 0,
            tick_at: u64::MAX,
            shown: String::new(),
        }
    }

    pub(super) fn clock(&self, now_ms: u64) -> Now {
        Now { mono_ms: now_ms - self.started_ms, wall_ms: (EPOCH_MS + now_ms).saturating_add_signed(self.off_ms) }
    }

    pub(super) fn agent(&self) -> Option<&Agent> {
        if let Core::Agent(a) = &self.core { Some(a) } else { None }
    }
}

/// A request on its way through a pipeline.
#[derive(Clone, Debug)]
pub(super) struct Hop {
    pub(super) plan: PlanId,
    pub(super) members: Arc<[usize]>,
    pub(super) at: usize,
}

#[derive(Clone, Debug)]
pub(super) enum Msg {
    Status(Arc<Status>),
    /// An envelope, by number.
    Plan(usize),
    /// For a plan, or the newest.
    Ask(Option<PlanId>),
    Hop(Hop),
    /// The sender's token is lost; it may have gone on, or be back by now.
    Lost,
}

/// What the queue holds.
#[derive(Clone, Debug)]
pub(super) enum Ev {
    Tick,
    Deliver {
        from: usize,
        msg: Msg,
    },
    StoreStep,
    JobDone {
        job: u64,
        plan: PlanId,
        outcome: Result<(), Fault>,
    },
    Drained(PlanId),
    EngineDies(PlanId),
    Sample,
    Request,
    Restart,
    Crash,
    ClockStep,
    Partition,
    Forge,
    Operator {
        content: u64,
        left: u32,
    },
    /// The lock of an agent is taken, or given back.
    Hold {
        agent: usize,
        held: bool,
    },
    Calm,
    Look,
}
