//! What a profile predicts for what telemetry measures.

use crate::physics::chain::{self, Stage};
use crate::physics::pass::Rates;
use crate::physics::request::Request;
use profiles::Precision;
use protocol::{Plan, PlannedService, PlannedStage};
use scenarios::{Scenario, Service};
use std::collections::BTreeMap;

/// Seconds of one step of a stage: a pass that appends a token to each of `rows` sequences, at the service's mean
/// context. `None` where the scenario does not have what the plan names, or the stage reads weights from storage or
/// shares its layers: there a step waits for more than this device; nor where a share of the requests goes on.
#[must_use]
pub fn step_s(scenario: &Scenario, plan: &Plan, service: &PlannedService, stage: &PlannedStage, rows: u32) -> Option<f64> {
    let some = stage.resident_share < 1.0 || service.experts.is_some();
    if some || stage.partner.is_some() || service.filter.is_some() || service.exit.is_some() {
        return None;
    }
    let profile = &scenario.devices.iter().find(|d| d.name == stage.device)?.profile;
    let planned = plan.devices.iter().find(|d| d.name == stage.device)?.mode.as_ref()?;
    let mode = profile.modes.iter().find(|m| m.id == planned.id)?;
    let processor = profile.processors.iter().find(|p| p.id == stage.processor)?;
    let wanted = scenario.services.iter().find(|s| s.name == service.name)?;
    let model = &wanted.models.iter().find(|m| m.value.id == service.model)?.value;
    let precision = Precision { weights: stage.weights.unwrap_or(service.precision.weights), ..service.precision };
    let rates = Rates::of(profile, mode, processor, precision.weights, planned.clock)?;
    let request = Request::new(model.kind, wanted.prompt_tokens, answer_tokens(wanted, service), rows);
    let stage = Stage { blocks: stage.start..stage.end, precision, rates, shared: None };
    let takes = chain::computed(model, &stage, request.decode, true)?.time_s;
    (takes > 0.0).then_some(takes)
}

/// Tokens of one sample of an answer, as planned.
pub(super) fn answer_tokens(wanted: &Service, planned: &PlannedService) -> u32 {
    planned.scaling.token_budget.unwrap_or(wanted.answer_tokens)
}

/// Power of a device, in watts, where each of its pipelines answers so many requests a second: the plan's own numbers, its
/// factor for power taken out again. `None` where it sleeps between requests, or the rate of a pipeline is not known.
#[must_use]
pub fn drawn_w(plan: &Plan, device: &str, rates_hz: &BTreeMap<(String, u32), f64>) -> Option<f64> {
    let planned = plan.devices.iter().find(|d| d.name == device)?;
    planned.mode.as_ref().filter(|m| !m.naps)?;
    let mut watts = planned.expected.power_w - planned.expected.dynamic_w;
    for service in &plan.services {
        for (replica, r) in (0..).zip(&service.replicas) {
            let joules: f64 = r.stages.iter().filter(|s| s.device == device).map(|s| s.dynamic_j).sum();
            if joules > 0.0 {
                watts += joules * rates_hz.get(&(service.name.clone(), replica))?;
            }
        }
    }
    let watts = watts / planned.fitted.and_then(|f| f.power).unwrap_or(1.0);
    (watts > 0.0).then_some(watts)
}
