//! What every rule sees: default power modes, one option a service, memory left.

use crate::physics::Model;
use crate::table::{Assignment, Chain, Choice, Cost, Deployment, PlaceId, Stage, Table};
use profiles::WeightFormat;
use scenarios::Scenario;

/// The fleet as a rule of thumb sees it.
pub(super) struct Board<'a> {
    pub(super) table: &'a Table,
    /// One place per processor, in each device's default mode; fastest memory first.
    pub(super) places: Vec<PlaceId>,
    model: &'a Model,
    /// Weight formats, the rule's first choice first.
    formats: &'a [WeightFormat],
}

impl<'a> Board<'a> {
    pub(super) fn new(scenario: &Scenario, model: &'a Model, formats: &'a [WeightFormat]) -> Self {
        let table = &model.table;
        let mut places = Vec::new();
        for (d, device) in table.devices.iter().enumerate() {
            let profile = &scenario.devices[d].profile;
            let default = scenario.devices[d].modes.first().unwrap_or(&profile.modes[0].id);
            // The default mode, clocks not lowered, booked as far as the scenario allows.
            let mode = device.modes.clone().max_by(|&a, &b| {
                let rank = |m: u32| {
                    let mode = &table.modes[m as usize];
                    let label = &model.modes[m as usize];
                    let own = mode.name.starts_with(default.as_str()) && !label.naps && !label.together;
                    (own, !mode.throttled, mode.booked_cap)
                };
                let (a, b) = (rank(a), rank(b));
                (a.0, a.1).cmp(&(b.0, b.1)).then(a.2.total_cmp(&b.2))
            });
            let Some(mode) = mode else { continue };
            for p in table.slots(&table.modes[mode as usize]) {
                let processor = &profile.processors[table.places[p as usize].processor as usize];
                places.push((processor.bandwidth.value.get() * processor.bandwidth_efficiency.value.get(), p));
            }
        }
        places.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        Self { table, places: places.into_iter().map(|(_, p)| p).collect(), model, formats }
    }

    /// The one option that a rule works with: whole in memory, in the first format there is.
    pub(super) fn option(&self, service: usize) -> Result<(u32, &'a Choice), String> {
        let service = &self.table.services[service];
        let rank = |o: &Choice| {
            let label = &self.model.labels[o.label as usize];
            let format = self.formats.iter().position(|&f| f == label.precision.weights).unwrap_or(usize::MAX);
            (label.naps, label.resident_share < 1.0, format)
        };
        let best = service.options.iter().zip(0..).min_by_key(|&(o, _)| rank(o));
        best.map(|(o, i)| (i, o)).ok_or_else(|| format!("{} has no option that was measured", service.name))
    }

    /// Cost of blocks at a place, if it can run there.
    pub(super) fn cost(&self, option: &Choice, place: PlaceId, start: u32, end: u32) -> Option<Cost> {
        option.at[place as usize].as_ref().map(|at| at.stage(start, end))
    }

    pub(super) fn allowed_first(&self, service: usize, place: PlaceId) -> bool {
        let first = &self.table.services[service].first;
        first.is_empty() || first.contains(&self.table.places[place as usize].device)
    }
}

/// Memory left in each pool while a rule places one service after the other.
pub(super) struct Memory {
    pub(super) left: Vec<f64>,
}

impl Memory {
    pub(super) fn new(table: &Table) -> Self {
        Self { left: table.pools.iter().map(|p| p.capacity_bytes).collect() }
    }

    pub(super) fn at(&self, table: &Table, place: PlaceId) -> f64 {
        self.left[table.places[place as usize].pool as usize]
    }

    pub(super) fn take(&mut self, table: &Table, place: PlaceId, bytes: f64) {
        self.left[table.places[place as usize].pool as usize] -= bytes;
    }
}

/// A chain per service, one replica each.
pub(super) fn assignment(chains: Vec<(u32, Vec<Stage>)>) -> Assignment {
    let services =
        chains.into_iter().map(|(option, stages)| Some(Deployment { option, chains: vec![Chain { stages }] })).collect();
    Assignment { services }
}
