//! Whether each device of a pair keeps to its own memory and its own heat, which the table adds up.

use scenarios::Scenario;

use super::stage::{Halves, halves, sustained_w};
use crate::physics::{Model, pressure};
use crate::table::{Assignment, TOLERANCE, evaluate};

/// How far a pair's devices pass their own limits: largest load over limit; 1 or less: they keep them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Excess {
    /// Index in [`Model::joined`].
    pub pair: usize,
    pub memory: f64,
    pub heat: f64,
}

impl Excess {
    pub(super) fn broken(&self) -> bool {
        self.memory > 1.0 + TOLERANCE || self.heat > 1.0 + TOLERANCE
    }
}

/// Pairs whose devices do not both keep their limits under an assignment.
#[must_use]
pub fn excess(scenario: &Scenario, model: &Model, assignment: &Assignment) -> Vec<Excess> {
    if model.joined.is_empty() {
        return Vec::new();
    }
    let modes = evaluate(&model.table, assignment).modes;
    let loads = halves(scenario, model, assignment);
    let of = |(pair, load): (usize, &Halves)| {
        let joined = &model.joined[pair];
        let label = &model.modes[modes[joined.lead]? as usize];
        let partner = label.partner?;
        let mut e = Excess { pair, memory: 0.0, heat: 0.0 };
        for (i, (d, mode)) in [(joined.lead, label.mode), (joined.partner, partner.mode)].into_iter().enumerate() {
            let device = &scenario.devices[d];
            for (name, bytes) in &load.bytes[i] {
                let usable = device.profile.memories.get(name).map_or(0.0, |m| m.size.value.get() * m.usable.value.get());
                let limit = pressure::capacity_bytes(usable, device.memory_margin.value.get());
                e.memory = e.memory.max(bytes / limit.max(1.0));
            }
            if load.dynamic_w[i] > 0.0 {
                e.heat = e.heat.max(load.dynamic_w[i] / sustained_w(device, mode).max(1e-9));
            }
        }
        Some(e)
    };
    loads.iter().enumerate().filter_map(of).filter(Excess::broken).collect()
}
