//! A shared stage of an assignment, worked out exactly, and what both devices of a pair bear under an assignment.

use std::collections::BTreeMap;

use scenarios::Scenario;

use crate::physics::request::Request;
use crate::physics::shared::{self, Half, Sharing};
use crate::physics::thermal::Body;
use crate::physics::{Joined, Model, joined};
use crate::table::{self, Assignment};

/// A stage on two devices.
#[derive(Clone, Debug, PartialEq)]
pub struct Shared<'a> {
    pub joined: &'a Joined,
    /// Index of each device's processor.
    pub processors: [usize; 2],
    /// KV heads of each, the first device's first.
    pub heads: [u32; 2],
    pub stage: shared::Stage,
    /// Energy of its exchanges for one request, joules.
    pub sent_j: f64,
    /// Dynamic energy of each device's part if no clock were lowered below its power mode's; infinite where it could not run.
    pub full_clock_j: [f64; 2],
}

/// The shared stage that a stage of a service's option stands for; `None` where it is on one device.
#[must_use]
pub fn shared<'a>(scenario: &Scenario, model: &'a Model, service: usize, option: u32, st: &table::Stage) -> Option<Shared<'a>> {
    let table = &model.table;
    let place = &table.places[st.place as usize];
    let pair = model.joined.iter().find(|j| j.lead == place.device as usize)?;
    let choice = table.services[service].options.get(option as usize)?;
    let label = model.labels.get(choice.label as usize)?;
    let profile = &scenario.services[service].models.get(label.model)?.value;
    let first = model.first_heads(choice.label, st.place)?;
    let wanted = &scenario.services[service];
    let request = Request::new(profile.kind, wanted.prompt_tokens, label.budget.unwrap_or(wanted.answer_tokens), label.samples);
    let sharing = Sharing {
        model: profile,
        precision: label.precision_at(place.format),
        request: &request,
        sequences: f64::from(label.concurrency) * request.samples,
        hop: table.hop(pair.lead as u32, pair.partner as u32),
    };
    let halves = joined::halves(scenario, pair, &model.modes[place.mode as usize], place.processor as usize)?;
    let range = st.start..st.end;
    let stage = sharing.stage(halves, first, range.clone())?;
    let full = sharing.stage(halves.map(|h| Half { clock: 1.0, ..h }), first, range);
    Some(Shared {
        joined: pair,
        processors: halves.map(|h| h.processor),
        heads: [first, profile.divisible()? - first],
        sent_j: stage.sent_bytes * sharing.hop.j_per_byte,
        full_clock_j: full.map_or([f64::INFINITY; 2], |f| f.halves.map(|h| h.dynamic_j)),
        stage,
    })
}

/// What the two devices of a pair bear.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Halves {
    /// Mean dynamic power of each, watts.
    pub dynamic_w: [f64; 2],
    /// The same if no clock were lowered.
    pub full_clock_w: [f64; 2],
    /// Resident bytes of each by memory.
    pub bytes: [BTreeMap<String, f64>; 2],
    /// Mean power of the exchanges, watts.
    pub sent_w: f64,
}

/// What every pair of a model bears under an assignment, in the order of [`Model::joined`].
#[must_use]
pub fn halves(scenario: &Scenario, model: &Model, assignment: &Assignment) -> Vec<Halves> {
    let mut all = vec![Halves::default(); model.joined.len()];
    for (s, deployment) in assignment.services.iter().enumerate() {
        let Some(d) = deployment else { continue };
        let rate = scenario.services[s].rate.value.get() / d.chains.len().max(1) as f64;
        for st in d.chains.iter().flat_map(|c| &c.stages) {
            let Some(shared) = shared(scenario, model, s, d.option, st) else { continue };
            let Some(at) = model.joined.iter().position(|j| j == shared.joined) else { continue };
            let sum = &mut all[at];
            sum.sent_w += rate * shared.sent_j;
            for (i, device) in [shared.joined.lead, shared.joined.partner].into_iter().enumerate() {
                let own = &shared.stage.halves[i];
                sum.dynamic_w[i] += rate * own.dynamic_j;
                sum.full_clock_w[i] += rate * shared.full_clock_j[i];
                let processor = &scenario.devices[device].profile.processors[shared.processors[i]];
                *sum.bytes[i].entry(processor.memory.clone()).or_default() += own.memory_bytes;
            }
        }
    }
    all
}

/// Largest mean dynamic power that one device of a pair sustains in a mode, watts.
#[must_use]
pub fn sustained_w(device: &scenarios::Device, mode: usize) -> f64 {
    let Some(mode) = device.profile.modes.get(mode) else { return 0.0 };
    let owner_w = device.power_cap.as_ref().map_or(f64::INFINITY, |c| c.value.get());
    let cap_w = mode.cap.as_ref().map_or(owner_w, |c| c.value.get().min(owner_w));
    Body::of(&device.profile.thermal, device.ambient).sustained_w(mode.idle.value.get(), cap_w)
}
