//! A stage of an assignment on two processors of one device, worked out exactly.

use std::borrow::Cow;

use scenarios::Scenario;

use crate::physics::request::Request;
use crate::physics::shared;
use crate::physics::together::Team;
use crate::physics::{Label, Model};
use crate::table::{self, Assignment, PlaceId, Table};

/// A stage on two processors of a device.
#[derive(Clone, Debug, PartialEq)]
pub struct Joint {
    pub device: usize,
    /// Indices of the profile's processors.
    pub processors: [usize; 2],
    /// KV heads of each, the first processor's first.
    pub heads: [u32; 2],
    pub stage: shared::Stage,
    /// Meetings of the two for one request, and how long they take in sum. Seconds.
    pub handshakes_s: f64,
}

/// Whether a place of an option is one of two processors together.
#[must_use]
pub fn is_joint(model: &Model, label: u32, place: PlaceId) -> bool {
    let device = model.table.places[place as usize].device as usize;
    model.joined_at(device).is_none() && model.first_heads(label, place).is_some()
}

/// The stage of two processors that a stage of a service's option stands for; `None` where it is on one, or on two devices.
#[must_use]
pub fn joint(scenario: &Scenario, model: &Model, service: usize, option: u32, st: &table::Stage) -> Option<Joint> {
    let place = &model.table.places[st.place as usize];
    let device = place.device as usize;
    let choice = model.table.services[service].options.get(option as usize)?;
    if !is_joint(model, choice.label, st.place) {
        return None;
    }
    let first = model.first_heads(choice.label, st.place)?;
    let label: &Label = model.labels.get(choice.label as usize)?;
    let wanted = &scenario.services[service];
    let profile = &wanted.models.get(label.model)?.value;
    let request = Request::new(profile.kind, wanted.prompt_tokens, label.budget.unwrap_or(wanted.answer_tokens), label.samples);
    let mode = &model.modes[place.mode as usize];
    let team = Team::of(&scenario.devices[device], mode.mode, mode.clock)?;
    let stage = team.stage(profile, label.precision_at(place.format), &request, first, st.start..st.end)?;
    let blocks = profile.chain().skip(st.start as usize).take(st.end.saturating_sub(st.start) as usize);
    let layers = blocks.filter(|b| !b.undivided()).count() as f64;
    let meetings = (shared::EXCHANGES * layers + 1.0) * (request.items + request.passes);
    Some(Joint {
        device,
        processors: team.processors,
        heads: [first, profile.divisible()? - first],
        stage,
        handshakes_s: meetings * team.handshake_s,
    })
}

/// The same assignment with every device on which no stage is shared in the mode whose processors keep a queue each.
///
/// Nothing costs another amount there, and no limit is tighter.
#[must_use]
pub fn plain<'a>(model: &Model, assignment: &'a Assignment) -> Cow<'a, Assignment> {
    if !model.modes.iter().any(|m| m.together) {
        return Cow::Borrowed(assignment);
    }
    let table = &model.table;
    let mut shares = vec![false; table.devices.len()];
    for (service, deployment) in table.services.iter().zip(&assignment.services) {
        let Some(d) = deployment else { continue };
        let label = service.options[d.option as usize].label;
        for st in d.chains.iter().flat_map(|c| &c.stages).filter(|st| is_joint(model, label, st.place)) {
            shares[table.places[st.place as usize].device as usize] = true;
        }
    }
    let mut out = assignment.clone();
    for st in out.services.iter_mut().flatten().flat_map(|d| &mut d.chains).flat_map(|c| &mut c.stages) {
        let place = &table.places[st.place as usize];
        if model.modes[place.mode as usize].together
            && !shares[place.device as usize]
            && let Some(own) = apart(model, table, st.place)
        {
            st.place = own;
        }
    }
    Cow::Owned(out)
}

/// The place of the same processor and format in the mode where it has a queue of its own.
fn apart(model: &Model, table: &Table, place: PlaceId) -> Option<PlaceId> {
    let own = &table.places[place as usize];
    let label = crate::physics::ModeLabel { together: false, ..model.modes[own.mode as usize] };
    let mode = table.devices[own.device as usize].modes.clone().find(|&m| model.modes[m as usize] == label)?;
    let same = |p: &u32| {
        let other = &table.places[*p as usize];
        (other.processor, other.format) == (own.processor, own.format)
    };
    table.modes[mode as usize].places.clone().find(same)
}

#[cfg(test)]
mod tests;
