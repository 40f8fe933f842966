//! A plan read back into table terms.

use protocol::{Plan, PlannedDevice, PlannedService, PlannedStage};
use scenarios::{Method, Scenario};

use crate::physics::Model;
use crate::table::{Assignment, Chain, Deployment, Stage};

/// The assignment that a plan states; `None` where the plan does not fit the scenario's table (an unknown
/// name, an option that was dropped, a load level that is not offered).
#[must_use]
pub fn assignment_of(scenario: &Scenario, model: &Model, plan: &Plan) -> Option<Assignment> {
    let known = |d: &scenarios::Device| plan.devices.iter().any(|p| p.name == d.name);
    let read = running_of(scenario, model, plan);
    let whole = scenario.devices.iter().all(known) && read.services.iter().all(Option::is_some);
    // A mode that is not offered counts even where nothing runs in it.
    let modes = scenario.devices.iter().enumerate().all(|(d, device)| {
        plan.devices.iter().find(|p| p.name == device.name).is_none_or(|p| mode(scenario, model, d, p).is_some())
    });
    (whole && modes).then_some(read)
}

/// What of a plan still fits the scenario, service by service: devices that the plan does not know sleep,
/// a service whose devices, option or load level are gone is not served.
#[must_use]
pub fn running_of(scenario: &Scenario, model: &Model, plan: &Plan) -> Assignment {
    let set = |(d, device): (usize, &scenarios::Device)| {
        mode(scenario, model, d, plan.devices.iter().find(|p| p.name == device.name)?).flatten()
    };
    let modes: Vec<Option<u32>> = scenario.devices.iter().enumerate().map(set).collect();
    let services = scenario.services.iter().enumerate().map(|(s, wanted)| {
        let planned = plan.services.iter().find(|p| p.name == wanted.name)?;
        deployment(scenario, model, s, planned, &modes)
    });
    Assignment { services: services.collect() }
}

/// The table's mode of a planned device: outer `None` where there is none such, inner where it sleeps.
fn mode(scenario: &Scenario, model: &Model, d: usize, planned: &PlannedDevice) -> Option<Option<u32>> {
    let Some(set) = &planned.mode else { return Some(None) };
    let near = |a: f64, b: f64| (a - b).abs() < 1e-9;
    let fits = |m: &u32| {
        let label = &model.modes[*m as usize];
        scenario.devices[d].profile.modes.get(label.mode).is_some_and(|p| p.id == set.id)
            && near(label.clock, set.clock)
            && near(label.level, set.booked_cap)
    };
    model.table.devices[d].modes.clone().find(fits).map(Some)
}

fn deployment(
    scenario: &Scenario,
    model: &Model,
    s: usize,
    planned: &PlannedService,
    modes: &[Option<u32>],
) -> Option<Deployment> {
    let wanted = &scenario.services[s];
    let method = match planned.scaling.method.as_str() {
        "single" => Method::Single,
        "majority" => Method::Majority,
        "best-of-n" => Method::BestOfN,
        _ => return None,
    };
    let share = planned.replicas.first()?.stages.first()?.resident_share;
    let option = model.table.services[s].options.iter().position(|o| {
        let l = &model.labels[o.label as usize];
        wanted.models[l.model].value.id == planned.model
            && l.precision == planned.precision
            && l.method == method
            && l.samples == planned.scaling.samples
            && l.budget == planned.scaling.token_budget
            && l.replicas as usize == planned.replicas.len()
            && (l.resident_share - share).abs() < 1e-9
    })?;
    let stage = |st: &PlannedStage| {
        let d = scenario.devices.iter().position(|x| x.name == st.device)?;
        let processor = scenario.devices[d].profile.processors.iter().position(|p| p.id == st.processor)?;
        let mut places = model.table.modes[modes[d]? as usize].places.clone();
        let place = places.find(|&p| model.table.places[p as usize].processor as usize == processor)?;
        Some(Stage { place, start: st.start, end: st.end })
    };
    let chain = |r: &protocol::Replica| Some(Chain { stages: r.stages.iter().map(stage).collect::<Option<_>>()? });
    Some(Deployment { option: option as u32, chains: planned.replicas.iter().map(chain).collect::<Option<_>>()? })
}
