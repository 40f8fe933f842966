//! Takes an agent's telemetry in.

use super::expect::{answer_tokens, drawn_w, step_s};
use super::fit::Drift;
use profiles::Quality;
use protocol::{Plan, Telemetry};
use scenarios::Scenario;
use std::collections::BTreeMap;

/// Fewest steps of a window that say something.
const STEPS: u64 = 8;
/// An entry's word about its load counts for so many of its windows.
const FRESH: f64 = 2.5;
/// Answers this much shorter or longer than planned share their energy otherwise between prompt and tokens.
const ALIKE: std::ops::RangeInclusive<f64> = 0.5..=2.0;

impl Drift {
    /// What a device says of its own stages under the plan that is served, and of its power, at `now_s` of any one clock.
    /// Each message counts once; the caller hands each over once. `scenario`: as the user wrote it.
    pub fn hear(&mut self, scenario: &Scenario, plan: &Plan, said: &Telemetry, now_s: f64) {
        let device = said.agent.as_str();
        let ours = said.stages.iter().filter(|s| s.plan.to_string() == plan.id && s.steps >= STEPS && s.rows > 0);
        for sample in ours {
            let Some(service) = plan.services.iter().find(|s| s.name == sample.service.as_str()) else { continue };
            let replica = service.replicas.get(sample.replica as usize);
            let stage = replica.and_then(|r| r.stages.get(sample.stage as usize));
            // A device speaks for itself alone.
            let Some(stage) = stage.filter(|s| s.device == device) else { continue };
            if let Some(expected_s) = step_s(scenario, plan, service, stage, sample.rows) {
                self.time(device, sample.step_p50_s / expected_s, sample.steps);
            }
        }
        if self.of != plan.id {
            self.of.clone_from(&plan.id);
            self.rates.clear();
        }
        self.load(scenario, plan, said, now_s);
        let Some(power) = said.power_w.filter(|p| p.quality == Quality::Measured) else { return };
        let fresh = |(key, (hz, at_s)): (&(String, u32), &(f64, f64))| {
            (now_s - at_s <= FRESH * said.window_s).then(|| (key.clone(), *hz))
        };
        let rates: BTreeMap<(String, u32), f64> = self.rates.iter().filter_map(fresh).collect();
        if let Some(expected_w) = drawn_w(plan, device, &rates) {
            self.power(device, power.value / expected_w);
        }
    }

    /// How much the pipelines that begin at this device have answered, in requests as planned.
    fn load(&mut self, scenario: &Scenario, plan: &Plan, said: &Telemetry, now_s: f64) {
        for sample in said.services.iter().filter(|s| s.plan.to_string() == plan.id && said.window_s > 0.0) {
            let planned = plan.services.iter().find(|s| s.name == sample.service.as_str());
            let wanted = scenario.services.iter().find(|s| s.name == sample.service.as_str());
            let Some((planned, wanted)) = planned.zip(wanted) else { continue };
            // Its entry knows, and no other.
            let entry = planned.replicas.get(sample.replica as usize).and_then(|r| r.stages.first());
            if entry.is_none_or(|s| s.device != said.agent.as_str()) {
                continue;
            }
            let key = (planned.name.clone(), sample.replica);
            let a_request = f64::from(answer_tokens(wanted, planned)) * f64::from(planned.scaling.samples);
            let requests = sample.tokens as f64 / a_request.max(1.0);
            let answered = sample.requests.saturating_sub(sample.failed);
            if answered == 0 && sample.tokens == 0 || ALIKE.contains(&(requests / answered.max(1) as f64)) {
                self.rates.insert(key, (requests / said.window_s, now_s));
            } else {
                self.rates.remove(&key);
            }
        }
    }
}
