//! One stage worked out again from the profiles: time, energy, saturations.

use profiles::{DeviceProfile, ModelProfile, Precision};
use scenarios::Service;

use crate::physics::nap::Nap;
use crate::physics::pass::{self, Rates, Spent};
use crate::physics::request::Request;
use crate::physics::{Adapters, ExpertCache, Gated, Label, ModeLabel, roofline, work};

/// What a stage costs a request, waiting not included, mean over all requests of the service; being woken and awake
/// included where its device naps.
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

/// What an option makes a chain do.
#[derive(Clone, Debug)]
pub(super) struct Job<'a> {
    pub model: &'a ModelProfile,
    pub precision: Precision,
    pub resident_share: f64,
    pub request: Request,
    pub gated: Gated<'a>,
    pub adapters: Option<Adapters>,
    pub experts: Option<ExpertCache>,
}

/// The job of an option's stages on places of a format; `None` where the service has not what the option speaks of.
pub(super) fn job<'a>(service: &'a Service, label: &Label, model: &'a ModelProfile, format: u32) -> Option<Job<'a>> {
    let answer = label.budget.unwrap_or(service.answer_tokens);
    Some(Job {
        model,
        precision: label.precision_at(format),
        resident_share: label.resident_share,
        request: Request::new(model.kind, service.prompt_tokens, answer, label.samples),
        gated: Gated::of(service, label.gate, model.kind)?,
        adapters: match label.adapters {
            Some(kept) => Some(Adapters::of(service, kept, model)?),
            None => None,
        },
        experts: match label.experts {
            Some(i) => Some(ExpertCache::of(service, i)?),
            None => None,
        },
    })
}

/// Blocks `start..end` of a job's chain on a processor in a mode. All zero where they cannot run there.
pub(super) fn cost(
    job: &Job<'_>,
    device: &DeviceProfile,
    mode: ModeLabel,
    processor: usize,
    blocks: std::ops::Range<u32>,
) -> StageCost {
    try_cost(job, device, mode, processor, blocks).unwrap_or_default()
}

fn try_cost(
    job: &Job<'_>,
    device: &DeviceProfile,
    mode: ModeLabel,
    processor: usize,
    blocks: std::ops::Range<u32>,
) -> Option<StageCost> {
    let processor = device.processors.get(processor)?;
    let rates = |format| Rates::of(device, device.modes.get(mode.mode)?, processor, format, mode.clock);
    let lead = job.gated.lead();
    let mut cost = StageCost::default();
    if let Some(filter) = job.gated.filter.as_ref().filter(|_| blocks.start < lead) {
        let rates = rates(filter.precision.weights)?;
        let (spent, _) = filter.run(&rates)?;
        cost.busy_s = spent.time_s + filter.request.items * rates.pass_overhead_s;
        cost.dynamic_j = spent.energy_j;
        cost.dasi = roofline::saturation(spent.alu_s, cost.busy_s);
        cost.memory_saturation = roofline::saturation(spent.memory_s, cost.busy_s);
    }
    if blocks.end > lead {
        let own = model(job, &rates(job.precision.weights)?, blocks.start.max(lead)..blocks.end)?;
        // Saturations are the model's where there is a part of it.
        cost = StageCost { busy_s: cost.busy_s + own.busy_s, dynamic_j: cost.dynamic_j + own.dynamic_j, ..own };
    }
    if mode.naps {
        let (nap, share) = (Nap::of(device, mode.mode)?, job.gated.share(blocks.start));
        cost.dynamic_j += nap.standing_w * cost.busy_s + share * nap.wake_j;
        cost.busy_s += share * nap.wake_s;
    }
    Some(cost)
}

/// Blocks of the model alone, by their numbers in the chain.
fn model(job: &Job<'_>, rates: &Rates, blocks: std::ops::Range<u32>) -> Option<StageCost> {
    let (request, gated) = (&job.request, &job.gated);
    // Of one request that goes through all of them, and as means.
    let (mut prefill, mut decode) = (Spent::default(), Spent::default());
    let (mut all_prefill, mut all_decode, mut op_j) = (Spent::default(), Spent::default(), 0.0);
    // Bytes of adapters that a request reads from storage in the mean.
    let mut paged = 0.0;
    let mut first = gated.lead();
    for g in &job.model.blocks {
        let last = first.saturating_add(g.count);
        let (from, to) = (first.max(blocks.start), last.min(blocks.end));
        first = last;
        if to <= from {
            continue;
        }
        let count = f64::from(to - from);
        let behind = f64::from(to.saturating_sub(from.max(gated.from)));
        let mean = count - behind + gated.passes * behind;
        paged += job.adapters.map_or(0.0, |a| mean * a.misses * a.beside(&g.block));
        let mut one = |pass: work::Pass, times: f64| -> Option<Spent> {
            let mut w = work::of_block(&g.block, job.precision, pass, rates.cache_bytes);
            let missing = job.experts.map_or(1.0 - job.resident_share, |cache| cache.miss(&g.block, pass)) * w.weight_bytes;
            if let Some(adapters) = &job.adapters {
                w = adapters.with(&g.block, pass, w);
            }
            let (spent, clock) = pass::run_missing(&w, rates, missing)?;
            op_j += times * mean * w.ops * rates.joules_per_op * crate::physics::power::energy_factor(rates.clock * clock);
            Some(spent)
        };
        if work::in_prefill(&g.block) {
            let spent = one(request.prefill, request.items)?;
            (prefill, all_prefill) = (prefill + spent.times(count), all_prefill + spent.times(mean));
        }
        if work::in_decode(&g.block) && request.passes > 0.0 {
            let spent = one(request.decode, request.passes)?;
            (decode, all_decode) = (decode + spent.times(count), all_decode + spent.times(mean));
        }
    }
    let overhead = rates.pass_overhead_s;
    let shown = if decode.time_s > 0.0 { decode } else { prefill };
    let begun = gated.share(blocks.start) * overhead;
    let (paged_s, paged_j) = match rates.storage.filter(|_| paged > 0.0) {
        Some((bandwidth, joules_per_byte)) => (paged / bandwidth, paged * joules_per_byte),
        None => (0.0, 0.0),
    };
    Some(StageCost {
        busy_s: request.items * (all_prefill.time_s + begun)
            + if request.passes > 0.0 { request.passes * (all_decode.time_s + begun) } else { 0.0 }
            + paged_s,
        dynamic_j: request.items * all_prefill.energy_j + request.passes * all_decode.energy_j + paged_j,
        dasi: roofline::saturation(shown.alu_s, shown.time_s + overhead),
        memory_saturation: roofline::saturation(shown.memory_s, shown.time_s + overhead),
        op_j,
    })
}
