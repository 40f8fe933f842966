//! One stage worked out again from the profiles: time, energy, saturations.

use profiles::{DeviceProfile, ModelProfile, Precision};
use scenarios::Service;

use crate::physics::nap::Nap;
use crate::physics::pass::{self, Rates, Spent};
use crate::physics::request::Request;
use crate::physics::{Label, ModeLabel, roofline, work};

/// What a stage costs one request, waiting not included; being woken and awake included where its device naps.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct StageCost {
    pub busy_s: f64,
    pub dynamic_j: f64,
    /// Of the decode (or only) pass.
    pub dasi: f64,
    pub memory_saturation: f64,
    /// Energy of arithmetic alone, for saying which assumption matters.
    pub op_j: f64,
}

/// The request that an option makes a chain serve.
pub(super) fn request(service: &Service, label: &Label, model: &ModelProfile) -> Request {
    Request::new(model.kind, service.prompt_tokens, label.budget.unwrap_or(service.answer_tokens), label.samples)
}

/// Blocks `start..end` of an option's model on a processor in a mode. All zero where they cannot run there.
pub(super) fn cost(
    model: &ModelProfile,
    (precision, resident_share): (Precision, f64),
    request: &Request,
    device: &DeviceProfile,
    mode: ModeLabel,
    processor: usize,
    blocks: std::ops::Range<u32>,
) -> StageCost {
    try_cost(model, (precision, resident_share), request, device, mode, processor, blocks).unwrap_or_default()
}

fn try_cost(
    model: &ModelProfile,
    (precision, resident_share): (Precision, f64),
    request: &Request,
    device: &DeviceProfile,
    mode: ModeLabel,
    processor: usize,
    blocks: std::ops::Range<u32>,
) -> Option<StageCost> {
    let processor = device.processors.get(processor)?;
    let rates = Rates::of(device, device.modes.get(mode.mode)?, processor, precision.weights, mode.clock)?;
    let (mut prefill, mut decode, mut op_j) = (Spent::default(), Spent::default(), 0.0);
    let mut first = 0u32;
    for g in &model.blocks {
        let (from, to) = (first.max(blocks.start), (first.saturating_add(g.count)).min(blocks.end));
        first = first.saturating_add(g.count);
        let count = f64::from(to.saturating_sub(from));
        if count <= 0.0 {
            continue;
        }
        let mut one = |pass: work::Pass, times: f64| -> Option<Spent> {
            let w = work::of_block(&g.block, precision, pass, rates.cache_bytes);
            let (spent, clock) = pass::run(&w, &rates, 1.0 - resident_share)?;
            op_j += times * count * w.ops * rates.joules_per_op * crate::physics::power::energy_factor(rates.clock * clock);
            Some(spent.times(count))
        };
        if work::in_prefill(&g.block) {
            prefill = prefill + one(request.prefill, request.items)?;
        }
        if work::in_decode(&g.block) && request.passes > 0.0 {
            decode = decode + one(request.decode, request.passes)?;
        }
    }
    let overhead = rates.pass_overhead_s;
    let shown = if decode.time_s > 0.0 { decode } else { prefill };
    let shown_s = shown.time_s + overhead;
    let busy_s = request.items * (prefill.time_s + overhead)
        + if request.passes > 0.0 { request.passes * (decode.time_s + overhead) } else { 0.0 };
    let nap = if mode.naps { Some(Nap::of(device, mode.mode)?) } else { None };
    Some(StageCost {
        busy_s: busy_s + nap.map_or(0.0, |n| n.wake_s),
        dynamic_j: request.items * prefill.energy_j + request.passes * decode.energy_j + nap.map_or(0.0, |n| n.joules(busy_s)),
        dasi: roofline::saturation(shown.alu_s, shown_s),
        memory_saturation: roofline::saturation(shown.memory_s, shown_s),
        op_j,
    })
}
