//! The linter's own account of requests of which a share goes on: behind a filter, or past an exit.
//!
//! Written from the plan file's words: a filter sees every request, the model's first block those that it passes, blocks
//! behind an exit a share of these. Times are those of a request that goes all the way, booked time and energy are means.

use profiles::{ModelKind, ModelProfile, Precision};
use protocol::PlannedService;
use scenarios::Service;

use super::account;
use super::cost::{self, Held, Request, Spot, StageCost};
use super::note::{Notes, near};
use super::structure::{Placed, Served};
use crate::physics::pressure::RUNTIME_BYTES;

/// What passes on a share of a service's requests.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gate<'a> {
    pub(super) filter: Option<Filter<'a>>,
    /// Share of the requests that the model's first block sees.
    pub(super) admitted: f64,
    /// Blocks of the model that all of these go through, and the share of them that goes on.
    exit: (u32, f64),
    /// Share of all requests that are answered wrongly because of it.
    pub(super) loses: f64,
}

/// The model in front.
#[derive(Clone, Copy, Debug)]
pub(super) struct Filter<'a> {
    pub(super) model: &'a ModelProfile,
    pub(super) precision: Precision,
    pub(super) request: Request,
}

impl<'a> Gate<'a> {
    /// As the plan says, where the scenario offers it; `None`: it offers no such thing.
    pub(super) fn resolve(w: &'a Service, p: &PlannedService, model: &ModelProfile, notes: &mut Notes) -> Option<Self> {
        let open = Self { filter: None, admitted: 1.0, exit: (u32::MAX, 1.0), loses: 0.0 };
        let same = |a: f64, b: f64| near(a, b, 1e-9);
        match (&p.filter, &p.exit) {
            (None, None) => Some(open),
            (Some(f), None) => {
                let offered = w.prefilters.iter().find(|o| {
                    o.model.id == f.model
                        && o.weights == f.weights
                        && same(o.passes.get(), f.passes)
                        && same(o.loses.get(), f.loses)
                });
                notes.check(offered.is_some(), "filter", &p.name, || {
                    format!("the scenario offers no filter {} at {} with these shares", f.model, f.weights)
                });
                let o = offered?;
                let precision = Precision { weights: o.weights, kv_bits: 16, activation_bits: 16 };
                let filter = Filter { model: &o.model, precision, request: looking(&o.model, model, w) };
                Some(Self { filter: Some(filter), admitted: o.passes.get(), loses: o.loses.get(), ..open })
            }
            (None, Some(e)) => {
                let of_model = |i: usize| w.models.get(i).is_some_and(|m| m.value.id == p.model);
                let offered = w.early_exits.iter().find(|o| {
                    of_model(o.model)
                        && o.after_block == e.after_block
                        && same(o.passes.get(), e.passes)
                        && same(o.loses.get(), e.loses)
                });
                notes.check(offered.is_some(), "exit", &p.name, || {
                    format!("the scenario offers no exit of {} after block {} with these shares", p.model, e.after_block)
                });
                let o = offered?;
                Some(Self { exit: (o.after_block, o.passes.get()), loses: o.loses.get(), ..open })
            }
            (Some(_), Some(_)) => {
                notes.fatal("filter", p.name.as_str(), "a filter and an exit at once: nobody measured them together");
                None
            }
        }
    }

    /// Share of the requests that get to a block of the model.
    pub(super) fn share(&self, block: u32) -> f64 {
        self.admitted * if block >= self.exit.0 { self.exit.1 } else { 1.0 }
    }

    /// Share of the requests that get to a stage.
    pub(super) fn reached(&self, placed: &Placed<'_>) -> f64 {
        if placed.stage.filters { 1.0 } else { self.share(placed.stage.start) }
    }

    /// Whether every request goes all the way.
    pub(super) fn open(&self) -> bool {
        self.filter.is_none() && self.exit.0 == u32::MAX
    }
}

/// What a filter reads of a request: its own kind of input, and it answers with a word.
fn looking(filter: &ModelProfile, model: &ModelProfile, w: &Service) -> Request {
    let mut asked = w.clone();
    asked.answer_tokens = 1;
    if filter.kind == ModelKind::Feedforward && model.kind != ModelKind::Feedforward {
        asked.prompt_tokens = 1;
    }
    Request::new(filter.kind, &asked, None, 1)
}

/// What a stage says of the gate: where the filter is, who gets there.
pub(super) fn check(s: &Served<'_>, replica: usize, index: usize, subject: &str, notes: &mut Notes) {
    let placed = &s.replicas[replica][index];
    let due = s.gate.filter.is_some() && index == 0;
    notes.check(placed.stage.filters == due, "filter", subject, || {
        if due { "the filter begins the first stage".into() } else { "a filter has no place here".into() }
    });
    let share = s.gate.reached(placed);
    let said = placed.stage.reached.unwrap_or(1.0);
    notes.check(near(share, said, 1e-9), "reached", subject, || format!("{share} of the requests get to it, not {said}"));
    notes.check(placed.stage.partner.is_none() || s.gate.open(), "pair-gate", subject, || {
        "requests that may not go all the way are not worked on by two devices together".into()
    });
}

/// A stage on a spot: times of a request that goes all the way, booked time and energy as means over all requests.
pub(super) fn stage(s: &Served<'_>, request: &Request, placed: &Placed<'_>, spot: Spot<'_>) -> Option<StageCost> {
    let mut sum = StageCost::default();
    if let Some(filter) = s.gate.filter.filter(|_| placed.stage.filters) {
        let blocks = u32::try_from(filter.model.block_count()).ok()?;
        sum = cost::stage(filter.model, (0, blocks), filter.precision, &filter.request, spot, Held::WHOLE)?;
    }
    let (start, end) = (placed.stage.start, placed.stage.end);
    if end <= start {
        return Some(sum);
    }
    let of = |range| cost::stage(s.model, range, placed.precision, request, spot, s.held(placed.stage.resident_share));
    let whole = of((start, end))?;
    let (mut busy_s, mut dynamic_j) = (whole.busy_s, whole.dynamic_j);
    let cut = s.gate.exit.0;
    if start < cut && cut < end {
        // The stage has begun for all; blocks behind the exit are worked for some.
        let begun = spot.processor.pass_overhead.value.get() * (request.items + request.passes);
        let behind = of((cut, end))?;
        busy_s -= (1.0 - s.gate.exit.1) * (behind.busy_s - begun);
        dynamic_j -= (1.0 - s.gate.exit.1) * behind.dynamic_j;
    }
    let share = s.gate.share(start);
    Some(StageCost {
        first_s: sum.first_s + whole.first_s,
        each_s: whole.each_s,
        alone_s: sum.alone_s + whole.alone_s,
        busy_s: sum.busy_s + share * busy_s,
        dynamic_j: sum.dynamic_j + share * dynamic_j,
        ..whole
    })
}

/// Resident bytes of the filter, with the cache of so many requests.
pub(super) fn memory(filter: &Filter<'_>, sequences: f64) -> f64 {
    let (precision, request) = (filter.precision, &filter.request);
    let held: f64 = filter
        .model
        .chain()
        .map(|b| account::resident_weights(b, precision) + account::resident_state(b, precision, sequences, request.held))
        .sum();
    let widest = filter.model.chain().map(account::moved_elements).fold(0.0, f64::max);
    held + RUNTIME_BYTES + widest * request.rows() * profiles::activation_bits_held(precision.activation_bits) / 8.0
}
