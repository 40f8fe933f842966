//! Rooflines of the processors in use, with the stages as operating points.

use super::{Material, quality, services};
use crate::physics::ExpertCache;
use crate::physics::pass::{Rates, run};
use crate::physics::request::Request;
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
    let mode = profile.modes.iter().find(|x| x.id == planned.id)?;
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
        points.extend(operating(wanted, service, stage, &rates, &device.name));
    }
    Some(Roofline { device: device.name.clone(), processor: processor.into(), ceilings, points })
}

/// A stage's prefill pass and its decode pass.
fn operating(
    wanted: &Service,
    service: &PlannedService,
    stage: &PlannedStage,
    rates: &Rates,
    device: &str,
) -> Vec<OperatingPoint> {
    let Some(model) = wanted.models.iter().map(|m| &m.value).find(|m| m.id == service.model) else { return Vec::new() };
    let answer = service.scaling.token_budget.unwrap_or(wanted.answer_tokens);
    let request = Request::new(model.kind, wanted.prompt_tokens, answer, service.scaling.samples);
    let blocks: Vec<&profiles::Block> =
        model.blocks.iter().flat_map(|g| std::iter::repeat_n(&g.block, g.count as usize)).collect();
    let blocks = &blocks[(stage.start as usize).min(blocks.len())..(stage.end as usize).min(blocks.len())];
    // Of a shared stage what this device has of each block.
    let own = |block: &&profiles::Block| -> Option<profiles::Block> {
        let Some(partner) = &stage.partner else { return Some((*block).clone()) };
        match (block.divisible(), stage.device == device) {
            (Some(all), true) => block.part(all.saturating_sub(partner.kv_heads)),
            (Some(_), false) => block.part(partner.kv_heads),
            (None, first) => first.then(|| (*block).clone()),
        }
    };
    let blocks: Vec<profiles::Block> = blocks.iter().filter_map(own).collect();
    let point = |phase: &str, pass: Pass, runs: fn(&profiles::Block) -> bool| {
        let (mut ops, mut bytes, mut seconds) = (0.0, 0.0, 0.0);
        for block in blocks.iter().filter(|b| runs(b)) {
            let w: Work = work::of_block(block, service.precision, pass, rates.cache_bytes);
            ops += w.ops;
            bytes += w.bytes();
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
