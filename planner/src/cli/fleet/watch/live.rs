//! What the live page shows: the plan's predictions beside what the agents said last.

use super::super::log::when;
use super::super::session::{Sample, Session};
use super::Seen as Heard;
use super::decide::used;
use crate::drift::Drift;
use protocol::telemetry::ServiceSample;
use protocol::{Fitted, Name, Phase, Plan, PlanRef, PlannedDevice, PlannedService, Replica, Status, Telemetry};
use reports::{Compared, Live, LiveDevice, LivePlan, LiveService, LiveStage, Moment, Quality, Seen, Standing};
use scenarios::Scenario;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Samples of power that are kept of each device, and for how long, s.
const MOMENTS: usize = 240;
const SPAN_S: f64 = 900.0;

/// What earlier looks saw and the last one does not show.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// Power by when it was heard, s of the watch.
    power: BTreeMap<Name, VecDeque<(f64, f64)>>,
    /// The last window of each pipeline in which somebody was answered, its length, and when it was heard.
    answered: BTreeMap<(Name, u32), (ServiceSample, f64, f64)>,
    /// What was taken in already.
    taken: BTreeMap<Name, (u64, u64)>,
}

impl Memory {
    pub(super) fn look(&mut self, session: &Session, now_s: f64) {
        for sample in session.samples() {
            self.take(sample, now_s);
        }
    }

    fn take(&mut self, Sample { telemetry, order, .. }: &Sample, now_s: f64) {
        if self.taken.insert(telemetry.agent.clone(), *order) == Some(*order) {
            return;
        }
        if let Some(power) = telemetry.power_w {
            let kept = self.power.entry(telemetry.agent.clone()).or_default();
            kept.push_back((now_s, power.value));
            while kept.len() > MOMENTS || kept.front().is_some_and(|(at, _)| now_s - at > SPAN_S) {
                kept.pop_front();
            }
        }
        for s in telemetry.services.iter().filter(|s| s.requests > 0) {
            self.answered.insert((s.service.clone(), s.replica), (s.clone(), telemetry.window_s, now_s));
        }
    }
}

/// Everything that a look knows.
pub(super) struct Look<'a> {
    pub(super) scenario: &'a Scenario,
    pub(super) file: &'a str,
    pub(super) plan: Option<&'a Plan>,
    pub(super) session: &'a Session,
    pub(super) heard: &'a Heard,
    pub(super) memory: &'a Memory,
    pub(super) drift: &'a Drift,
    pub(super) lost: &'a BTreeSet<String>,
    pub(super) doing: &'a str,
    /// Seconds of the watch, and milliseconds since 1970.
    pub(super) now_s: f64,
    pub(super) wall_ms: u64,
}

/// The page's value.
pub(super) fn state(look: &Look<'_>) -> Live {
    let devices: Vec<LiveDevice> = look.scenario.devices.iter().map(|d| look.device(&d.name)).collect();
    let (standing, summary) = look.standing();
    Live {
        schema: reports::LIVE_SCHEMA.into(),
        fleet: look.scenario.name.clone(),
        scenario_file: look.file.into(),
        tool: concat!("planner ", env!("CARGO_PKG_VERSION")).into(),
        through: look.session.through.to_string(),
        at: when(look.wall_ms),
        standing,
        summary,
        doing: look.doing.into(),
        plan: look.plan.map(plan),
        planned_power_w: look.plan.map(|p| p.totals.power_w).filter(|w| *w > 0.0),
        power: total(&devices),
        services: look.plan.map(|p| look.services(p)).unwrap_or_default(),
        devices,
        events: Vec::new(),
        notes: look.session.notes.clone(),
    }
}

fn missing(why: impl Into<String>) -> Seen {
    Seen { why: why.into(), ..Seen::default() }
}

fn quality(q: profiles::Quality) -> Quality {
    match q {
        profiles::Quality::Measured => Quality::Measured,
        profiles::Quality::Fitted => Quality::Fitted,
        profiles::Quality::Datasheet => Quality::Datasheet,
        profiles::Quality::Assumed => Quality::Assumed,
    }
}

/// Power of all devices, where each says it: a part is no total.
fn total(devices: &[LiveDevice]) -> Seen {
    let without: Vec<&str> = devices.iter().filter(|d| d.power.value.is_none()).map(|d| d.name.as_str()).collect();
    if !without.is_empty() {
        return missing(format!("no power is known of {}", without.join(", ")));
    }
    let value = devices.iter().filter_map(|d| d.power.value).sum();
    let quality = devices.iter().map(|d| d.power.quality).max().unwrap_or_default();
    Seen { value: Some(value), quality, why: format!("sum of {} devices", devices.len()), old_s: None }
}

fn plan(plan: &Plan) -> LivePlan {
    let c = &plan.certificate;
    let mut stages = Vec::new();
    for service in &plan.services {
        for (replica, r) in (0..).zip(&service.replicas) {
            // A partner has a part of the same blocks.
            let parts = r.stages.iter().flat_map(|s| {
                let partner = s.partner.iter().map(move |p| (s, &p.device, p.memory_bytes));
                std::iter::once((s, &s.device, s.memory_bytes)).chain(partner)
            });
            stages.extend(parts.map(|(s, device, memory_bytes)| LiveStage {
                service: service.name.clone(),
                replica,
                device: device.clone(),
                model: service.model.clone(),
                start: s.start,
                end: s.end,
                weights: s.weights.unwrap_or(service.precision.weights).to_string(),
                memory_bytes,
            }));
        }
    }
    LivePlan {
        id: plan.id.clone(),
        parent_id: plan.parent.clone(),
        generation: plan.generation,
        objective: c.objective.clone(),
        unit: c.unit.clone(),
        value: c.value,
        bound: c.bound,
        gap: c.gap,
        status: c.status.clone(),
        stages,
    }
}

/// `rolled_back` as people read it.
fn words(phase: Phase) -> String {
    let word = serde_json::to_value(phase).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default();
    word.replace('_', " ")
}

impl Look<'_> {
    fn reference(&self) -> Option<PlanRef> {
        self.plan.and_then(|p| Some(PlanRef { generation: p.generation, id: p.id.parse().ok()? }))
    }

    fn standing(&self) -> (Standing, String) {
        let Some(plan) = self.plan else { return (Standing::Neutral, "the fleet has no plan yet".into()) };
        let used = used(plan);
        let out: Vec<&str> = used.iter().filter(|n| self.lost.contains(**n)).copied().collect();
        if !out.is_empty() {
            return (Standing::Bad, format!("{} of its plan is lost", out.join(", ")));
        }
        let serves = |n: &str| self.session.statuses().any(|s| s.agent.as_str() == n && s.active == self.reference());
        let serving = used.iter().filter(|n| serves(n)).count();
        let without: Vec<&str> =
            self.lost.iter().filter(|n| !plan.devices.iter().any(|d| d.name == **n)).map(String::as_str).collect();
        let mut text = format!("{serving} of {} devices of the plan serve generation {}", used.len(), plan.generation);
        if !without.is_empty() {
            text += &format!(", made without {}, which is lost", without.join(", "));
        }
        (if serving == used.len() && without.is_empty() { Standing::Fine } else { Standing::Odd }, text)
    }

    fn device(&self, name: &str) -> LiveDevice {
        let planned = self.plan.and_then(|p| p.devices.iter().find(|d| d.name == name));
        let status = self.session.statuses().find(|s| s.agent.as_str() == name).map(|s| &**s);
        let (state, standing) = self.stands(name, planned, status);
        let silent = self.lost.contains(name) || status.is_none();
        let sample = self.session.samples().find(|s| s.telemetry.agent.as_str() == name);
        let t = sample.map(|s| &s.telemetry);
        // What a device that is lost said last is of the past, however short.
        let age_s = |s: &Sample| self.wall_ms.saturating_sub(s.heard_ms) as f64 / 1e3;
        let old_s = sample.and_then(|s| if silent { Some(age_s(s)) } else { self.old_s(s) });
        let field = |key: &str, value: Option<f64>, quality: Quality, unmeasured: &str| match (value, t) {
            (Some(value), _) => Seen { value: Some(value), quality, why: String::new(), old_s },
            (None, None) => missing(if silent { "it is not heard" } else { "its agent has not said any measurement yet" }),
            (None, Some(t)) => missing(t.missing.get(key).map_or(unmeasured, String::as_str)),
        };
        let power = t.and_then(|t| t.power_w);
        let positive = |v: f64| Some(v).filter(|v| *v > 0.0);
        LiveDevice {
            name: name.into(),
            standing,
            state,
            phase: status.map(|s| words(s.phase)),
            generation: status.and_then(|s| s.active).map(|p| p.generation),
            share: status.map(|s| s.share),
            planned_power_w: planned.and_then(|d| positive(d.expected.power_w)),
            power: field(
                "power_w",
                power.map(|p| p.value),
                power.map_or_else(Quality::default, |p| quality(p.quality)),
                "its agent does not say why",
            ),
            planned_temperature_c: planned.and_then(|d| positive(d.expected.temperature_c)),
            throttle_c: planned.and_then(|d| positive(d.expected.throttle_c)),
            temperature: field("temperature_c", t.and_then(|t| t.temperature_c), Quality::Measured, "its agent does not say why"),
            pressure: field(
                "memory_pressure",
                t.and_then(|t| t.memory_pressure),
                Quality::Measured,
                "its agent does not say why",
            ),
            memory: field("memory_bytes", t.and_then(|t| t.memory_bytes), Quality::Measured, "it serves no model"),
            throttled: throttled(t),
            heard_s: self.heard.ago_s(name, self.now_s),
            note: status.and_then(|s| s.note.clone()).unwrap_or_default(),
            time_factor: self.factor(name, planned, |f| Some(f.time)),
            power_factor: self.factor(name, planned, |f| f.power),
            history: self.history(name),
        }
    }

    /// What telemetry makes of a profile, and what the plan counts with.
    fn factor(&self, name: &str, planned: Option<&PlannedDevice>, of: fn(&Fitted) -> Option<f64>) -> Seen {
        let counted = planned.and_then(|d| d.fitted.as_ref()).and_then(of);
        let counted = counted.map_or("the plan counts with the profile".to_owned(), |f| format!("the plan counts with {f}"));
        let Some(fitted) = self.drift.seen(name) else { return missing("too few windows in which it served") };
        match of(&fitted) {
            Some(value) => Seen {
                value: Some(value),
                quality: Quality::Fitted,
                why: format!("{} windows; {counted}", fitted.samples),
                old_s: None,
            },
            None => missing("its power was not measured in enough windows of a known load"),
        }
    }

    /// Age of a sample where it is no longer of now.
    fn old_s(&self, sample: &Sample) -> Option<f64> {
        let age_s = self.wall_ms.saturating_sub(sample.heard_ms) as f64 / 1e3;
        (age_s > 2.0 * sample.telemetry.window_s + 2.0).then_some(age_s)
    }

    fn stands(&self, name: &str, planned: Option<&PlannedDevice>, status: Option<&Status>) -> (String, Standing) {
        let in_use = self.plan.is_some_and(|p| used(p).contains(name));
        let asleep = planned.is_some_and(|d| !d.awake);
        let serves = status.is_some_and(|s| s.active.is_some() && s.active == self.reference());
        let (text, standing) = match status {
            _ if self.lost.contains(name) && in_use => ("lost", Standing::Bad),
            _ if self.lost.contains(name) && self.plan.is_some() && planned.is_none() => {
                ("lost, planned without it", Standing::Odd)
            }
            None if asleep => ("asleep as planned", Standing::Fine),
            None => ("not heard", if in_use { Standing::Bad } else { Standing::Neutral }),
            _ if self.lost.contains(name) => ("not heard any more", Standing::Neutral),
            Some(s) if s.phase == Phase::RolledBack => ("rolled back", Standing::Odd),
            Some(_) if serves && in_use => ("serves the plan", Standing::Fine),
            Some(_) if !in_use => ("nothing to do", Standing::Fine),
            Some(_) => ("on its way to the plan", Standing::Odd),
        };
        (text.into(), standing)
    }

    fn history(&self, name: &str) -> Vec<Moment> {
        let kept = self.memory.power.iter().find(|(n, _)| n.as_str() == name).map(|(_, kept)| kept);
        kept.into_iter().flatten().map(|(at, value)| Moment { ago_s: (self.now_s - at).max(0.0), value: *value }).collect()
    }

    fn services(&self, plan: &Plan) -> Vec<LiveService> {
        let of = |service: &PlannedService| -> Vec<LiveService> {
            (0..).zip(&service.replicas).map(|(i, replica)| self.service(plan, service, i, replica)).collect()
        };
        plan.services.iter().flat_map(of).collect()
    }

    fn service(&self, plan: &Plan, service: &PlannedService, number: u32, replica: &Replica) -> LiveService {
        let mut devices: Vec<&str> = Vec::new();
        for device in replica.stages.iter().flat_map(protocol::PlannedStage::devices) {
            if devices.last() != Some(&device) {
                devices.push(device);
            }
        }
        let kept = self.memory.answered.iter().find(|((name, n), _)| name.as_str() == service.name && *n == number);
        let kept = kept.map(|(_, kept)| kept).filter(|(s, ..)| s.plan.to_string() == plan.id);
        let sample = kept.map(|(s, ..)| s);
        let window_s = kept.map(|(_, window_s, _)| *window_s);
        let old_s = kept
            .map(|(_, window_s, at)| (self.now_s - at, *window_s))
            .filter(|(age, w)| *age > 1.5 * w + 2.0)
            .map(|(age, _)| age);
        let why = "nobody has asked for it under this plan yet";
        let share = self.scenario.services.iter().find(|s| s.name == service.name).map_or(0.9, |s| s.deadline.percentile.get());
        let compared =
            |predicted: f64, of: [Option<Option<f64>>; 2]| compare(predicted, share, of.map(Option::flatten), why, old_s);
        let first = |pick: fn(&ServiceSample) -> Option<f64>| sample.map(pick);
        LiveService {
            name: service.name.clone(),
            replica: number,
            model: service.model.clone(),
            precision: service.precision.to_string(),
            devices: devices.join(" → "),
            window_s,
            requests: sample.map(|s| s.requests),
            failed: sample.map(|s| s.failed),
            tokens: sample.map(|s| s.tokens),
            why: why.into(),
            ttft: compared(replica.ttft_s, [first(|s| s.ttft_p50_s), first(|s| s.ttft_p90_s)]),
            tpot: compared(replica.tpot_s, [first(|s| s.tpot_p50_s), first(|s| s.tpot_p90_s)]),
            energy: self.energy(service, &devices, sample, window_s, old_s),
        }
    }

    /// Joules that the devices drew in a window over the answers in it: more than an answer's own share, since devices
    /// idle between answers, so the two are not set against each other.
    fn energy(
        &self,
        service: &PlannedService,
        devices: &[&str],
        sample: Option<&ServiceSample>,
        window_s: Option<f64>,
        old_s: Option<f64>,
    ) -> Compared {
        let power = |name: &str| {
            let sample = self.session.samples().find(|s| s.telemetry.agent.as_str() == name);
            sample.and_then(|s| s.telemetry.power_w).map(|p| p.value)
        };
        let answers = sample.map_or(0, |s| s.requests - s.failed.min(s.requests));
        let drawn: Result<Vec<f64>, &str> = devices.iter().map(|name| power(name).ok_or(*name)).collect();
        let seen = match (drawn, window_s) {
            (Err(name), _) => missing(format!("no power is known of {name}")),
            (Ok(_), None) => missing("nobody has asked for it under this plan yet"),
            (Ok(_), _) if answers == 0 => missing("no request was answered"),
            (Ok(watts), Some(s)) => Seen {
                value: Some(watts.iter().sum::<f64>() * s / answers as f64),
                quality: Quality::Measured,
                why: "all that its devices drew, idle included".into(),
                old_s,
            },
        };
        let predicted = Some(service.expected.energy_j).filter(|j| *j > 0.0);
        Compared { predicted, of: "an answer's own".into(), seen, median: None, off: None }
    }
}

/// A prediction at a percentile beside the nearest that an agent tells, the 50th or the 90th.
fn compare(predicted: f64, share: f64, [p50, p90]: [Option<f64>; 2], why: &str, old_s: Option<f64>) -> Compared {
    let predicted = Some(predicted).filter(|p| *p > 0.0);
    let (value, name, median) = if share >= 0.7 { (p90, "p90", p50) } else { (p50, "p50", None) };
    let seen = match value {
        Some(_) => Seen { value, quality: Quality::Measured, why: name.into(), old_s },
        None => missing(why),
    };
    let off = predicted.zip(value).map(|(p, v)| v / p - 1.0);
    Compared { predicted, of: format!("p{:.0}", 100.0 * share), seen, median, off }
}

fn throttled(t: Option<&Telemetry>) -> String {
    match t.map(|t| (t.throttled, t.missing.get("throttled"))) {
        Some((Some(true), _)) => "yes".into(),
        Some((Some(false), _)) => "no".into(),
        Some((None, Some(why))) => format!("not known: {why}"),
        Some((None, None)) | None => "not known".into(),
    }
}

#[cfg(test)]
mod tests;
