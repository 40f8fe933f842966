//! Rooflines of the processors in use, with the stages as operating points.

use super::{Material, quality, services};
use crate::physics::ExpertCache;
use crate::physics::pass::{Rates, run};
use crate::physics::request::Request;
use crate::physics::together::Team;
use crate::physics::work::{self, Pass, Work};
use protocol::{PlannedDevice, PlannedService, PlannedStage};
use reports::{Ceiling, CeilingKind, OperatingPoint, Roofline};
use scenarios::Service;

pub(super) fn all(m: &Material<'_>) -> Vec<Roofline> {
    let awake = m.plan.devices.iter().enumerate().filter(|(_, d)| d.awake);
    awake.flat_map(|(i, d)| m.scenario.devices[i].profile.processors.iter().filter_map(move |p| one(m, i, d, &p.id))).collect()
}

/// Every stage of a processor.
fn stages<'a>(
    m: &'a Material<'_>,
    device: &'a str,
    processor: &'a str,
) -> Vec<(&'a Service, &'a PlannedService, &'a PlannedStage)> {
    let here = |st: &&PlannedStage| {
        st.device == device && st.processor == processor
            || st.partner.as_ref().is_some_and(|p| p.device == device && p.processor == processor)
    };
    let pairs = m.scenario.services.iter().zip(&m.plan.services);
    pairs.flat_map(|(w, s)| s.replicas.iter().flat_map(|r| &r.stages).filter(here).map(move |st| (w, s, st))).collect()
}

fn one(m: &Material<'_>, index: usize, device: &PlannedDevice, processor: &str) -> Option<Roofline> {
    let used = stages(m, &device.name, processor);
    if used.is_empty() {
        return None;
    }
    let profile = &m.scenario.devices[index].profile;
    let p = profile.processors.iter().find(|p| p.id == processor)?;
    let planned = device.mode.as_ref()?;
    let at = profile.modes.iter().position(|x| x.id == planned.id)?;
    let mode = &profile.modes[at];
    let mut ceilings: Vec<Ceiling> = Vec::new();
    let mut points = Vec::new();
    for (wanted, service, stage) in used {
        let rates = Rates::of(profile, mode, p, service.precision.weights, planned.clock)?;
        let label = services::weights(service.precision.weights);
        if ceilings.is_empty() {
            ceilings.push(Ceiling {
                kind: CeilingKind::Bandwidth,
                label: "memory".into(),
                rate: rates.bandwidth,
                quality: quality(p.bandwidth.quality.max(p.bandwidth_efficiency.quality)),
            });
        }
        if ceilings.iter().all(|c| c.label != label) {
            let kernel = p.kernels.get(&service.precision.weights)?;
            ceilings.push(Ceiling {
                kind: CeilingKind::Peak,
                label,
                rate: rates.peak * rates.clock,
                quality: quality(kernel.peak.quality.max(kernel.efficiency.quality)),
            });
        }
        let part = Part { device: &m.scenario.devices[index], mode: at, clock: planned.clock, processor };
        points.extend(operating(wanted, service, stage, &rates, &part));
    }
    Some(Roofline { device: device.name.clone(), processor: processor.into(), ceilings, points })
}

/// Whose points are shown: a processor as its device is set.
struct Part<'a> {
    device: &'a scenarios::Device,
    mode: usize,
    clock: f64,
    processor: &'a str,
}

impl Part<'_> {
    /// Seconds of this processor's part of every group's block, in prefill and in decode, of a stage that it shares with
    /// another of its device: both read from one memory, so that each is slower than alone. `None` of any other stage.
    fn shared(
        &self,
        model: &profiles::ModelProfile,
        s: &PlannedService,
        st: &PlannedStage,
        r: &Request,
    ) -> Option<Vec<[f64; 2]>> {
        let partner = st.partner.as_ref().filter(|p| p.device == st.device)?;
        let team = Team::of(self.device, self.mode, self.clock)?;
        let precision = profiles::Precision { weights: st.weights.unwrap_or(s.precision.weights), ..s.precision };
        let groups = team.groups(model, precision, r, model.divisible()?.checked_sub(partner.kv_heads)?)?;
        let i = usize::from(st.processor != self.processor);
        Some(groups.iter().map(|g| [g.prefill.halves[i].time_s, g.decode.halves[i].time_s]).collect())
    }
}

/// A stage's prefill pass and its decode pass.
fn operating(
    wanted: &Service,
    service: &PlannedService,
    stage: &PlannedStage,
    rates: &Rates,
    part: &Part<'_>,
) -> Vec<OperatingPoint> {
    let Some(model) = wanted.models.iter().map(|m| &m.value).find(|m| m.id == service.model) else { return Vec::new() };
    let answer = service.scaling.token_budget.unwrap_or(wanted.answer_tokens);
    let request = Request::new(model.kind, wanted.prompt_tokens, answer, service.scaling.samples);
    let blocks: Vec<(usize, &profiles::Block)> =
        model.blocks.iter().enumerate().flat_map(|(at, g)| std::iter::repeat_n((at, &g.block), g.count as usize)).collect();
    let blocks = &blocks[(stage.start as usize).min(blocks.len())..(stage.end as usize).min(blocks.len())];
    let leads = stage.device == part.device.name && stage.processor == part.processor;
    // Of a shared stage what this device, or this processor of it, has of each block.
    let own = |&(at, block): &(usize, &profiles::Block)| -> Option<(usize, profiles::Block)> {
        let Some(partner) = &stage.partner else { return Some((at, block.clone())) };
        let own = match (block.divisible(), leads) {
            (Some(all), true) => block.part(all.saturating_sub(partner.kv_heads)),
            (Some(_), false) => block.part(partner.kv_heads),
            (None, first) => first.then(|| block.clone()),
        };
        Some((at, own?))
    };
    let blocks: Vec<(usize, profiles::Block)> = blocks.iter().filter_map(own).collect();
    let shared = part.shared(model, service, stage, &request);
    let point = |phase: &str, pass: Pass, runs: fn(&profiles::Block) -> bool| {
        let (mut ops, mut bytes, mut seconds) = (0.0, 0.0, 0.0);
        for (at, block) in blocks.iter().filter(|(_, b)| runs(b)) {
            let w: Work = work::of_block(block, service.precision, pass, rates.cache_bytes);
            ops += w.ops;
            bytes += w.bytes();
            if let Some(times) = &shared {
                seconds += times[*at][usize::from(phase == "decode")];
                continue;
            }
            let cache = service.experts.map(|e| ExpertCache { holds: e.holds, hits: e.hits });
            seconds += run(&w, rates, cache.map_or(1.0 - stage.resident_share, |c| c.miss(block, pass)))?.0.time_s;
        }
        (ops > 0.0 && bytes > 0.0 && seconds > 0.0).then(|| OperatingPoint {
            label: format!("{} {phase}", service.name),
            intensity_ops_per_byte: ops / bytes,
            attained_ops_per_s: ops / seconds,
            quality: reports::Quality::Modelled,
        })
    };
    let prefill = point("prefill", request.prefill, work::in_prefill);
    let decode = if request.passes > 0.0 { point("decode", request.decode, work::in_decode) } else { None };
    prefill.into_iter().chain(decode).collect()
}
