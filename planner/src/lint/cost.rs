//! The linter's own time and energy of a stage, and of a request over a chain.

use profiles::{DeviceProfile, ModelKind, ModelProfile, Phase, PowerMode, Precision, Processor};
use scenarios::Service;

use super::account::{self, Account, Pass};
use super::adapters::Adapters;
use super::experts::Experts;
use crate::physics::pass::BLOCK_CLOCK_MIN;
use crate::physics::power::{Leakage, byte_factor, energy_factor};
use crate::physics::roofline;

/// The passes of one request of a service, as a plan serves it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request {
    /// Prompt tokens (or frames) of the first pass.
    prompt: f64,
    /// First passes: items of a feed-forward model.
    pub(super) items: f64,
    /// Decode passes after the first token.
    pub(super) passes: f64,
    /// Mean tokens before a decode pass.
    context: f64,
    pub(super) samples: f64,
    /// Most tokens of one sequence.
    pub(super) held: f64,
}

impl Request {
    pub(super) fn new(kind: ModelKind, service: &Service, budget: Option<u32>, samples: u32) -> Self {
        let prompt = f64::from(service.prompt_tokens.max(1));
        let answer = f64::from(budget.unwrap_or(service.answer_tokens));
        if kind == ModelKind::Feedforward {
            return Self { prompt: 1.0, items: prompt, passes: 0.0, context: 0.0, samples: 1.0, held: 0.0 };
        }
        // A language model's first pass yields the first token; a speech model's yields none.
        let first = if kind == ModelKind::Llm { 1.0 } else { 0.0 };
        Self {
            prompt,
            items: 1.0,
            passes: (answer - first).max(0.0),
            context: prompt + 0.5 * answer,
            samples: f64::from(samples.max(1)),
            held: prompt + answer,
        }
    }

    pub(super) fn first_pass(&self) -> Pass {
        Pass { new: self.prompt, before: 0.0, sequences: 1.0 }
    }

    pub(super) fn decode_pass(&self) -> Pass {
        Pass { new: 1.0, before: self.context, sequences: self.samples }
    }

    /// Most rows of activations at once.
    pub(super) fn rows(&self) -> f64 {
        self.prompt.max(self.samples)
    }

    /// Payload of a cut before block `b` in the first pass and in each decode pass, bytes.
    pub(super) fn cut(&self, chain: &[&profiles::Block], b: usize, activation_bits: u8) -> (f64, f64) {
        let bytes = |block: &profiles::Block| block.output_width as f64 * profiles::activation_bits_sent(activation_bits) / 8.0;
        let sender = chain[..b].iter().rev().find(|block| block.phase != Phase::Decode);
        let asked = if chain[b].role == profiles::Role::Head { 1.0 } else { self.prompt };
        let first = sender.map_or(0.0, |block| self.items * asked * bytes(block));
        let last = chain[b - 1];
        let decodes = last.phase != Phase::Prefill && self.passes > 0.0;
        (first, if decodes { self.samples * bytes(last) } else { 0.0 })
    }
}

/// Where a stage runs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spot<'a> {
    pub(super) device: &'a DeviceProfile,
    pub(super) mode: &'a PowerMode,
    pub(super) processor: &'a Processor,
    /// Factor on the mode's arithmetic clock.
    pub(super) clock: f64,
}

/// What of a model is in memory.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held {
    /// Share of its weights; each pass reads the rest from storage.
    pub(super) resident_share: f64,
    pub(super) adapters: Option<Adapters>,
    pub(super) experts: Option<Experts>,
}

impl Held {
    /// All of it, and nothing beside.
    pub(super) const WHOLE: Held = Held { resident_share: 1.0, adapters: None, experts: None };
}

/// What a stage costs one request.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct StageCost {
    /// All first passes, one decode pass: processor time, waiting not included.
    pub(super) first_s: f64,
    pub(super) each_s: f64,
    /// The whole request.
    pub(super) alone_s: f64,
    /// Mean over all requests of the service, of which some may not get here: booked time, and energy.
    pub(super) busy_s: f64,
    pub(super) dynamic_j: f64,
    /// Shares of the decode (or only) pass that arithmetic and memory alone would take.
    pub(super) arithmetic: f64,
    pub(super) memory: f64,
}

/// One pass, or a sum of such: seconds, of them arithmetic's and memory's own, joules.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Spent {
    pub(super) time: f64,
    pub(super) arithmetic: f64,
    pub(super) memory: f64,
    pub(super) energy: f64,
}

impl Spent {
    /// So many times as much.
    pub(super) fn by(self, count: f64) -> Self {
        Self {
            time: self.time * count,
            arithmetic: self.arithmetic * count,
            memory: self.memory * count,
            energy: self.energy * count,
        }
    }

    pub(super) fn add(&mut self, o: Spent) {
        self.time += o.time;
        self.arithmetic += o.arithmetic;
        self.memory += o.memory;
        self.energy += o.energy;
    }
}

/// Cost of blocks `start..end` of a model for one request; `None` where they cannot run there.
pub(super) fn stage(
    model: &ModelProfile,
    range: (u32, u32),
    precision: Precision,
    request: &Request,
    spot: Spot<'_>,
    held: Held,
) -> Option<StageCost> {
    let (mut first, mut each) = (Spent::default(), Spent::default());
    // Bytes of one adapter, which a request may have to wait for.
    let mut adapter = 0.0;
    let mut at = 0u32;
    for group in &model.blocks {
        let begin = at.max(range.0);
        at = at.saturating_add(group.count);
        let count = f64::from(at.min(range.1).saturating_sub(begin));
        if count <= 0.0 {
            continue;
        }
        adapter += count * held.adapters.map_or(0.0, |a| a.bytes(&group.block));
        let cost = |pass: Pass| -> Option<Spent> {
            let cache = spot.processor.cache.as_ref().map_or(0.0, |c| c.value.get());
            let mut work = account::block(&group.block, precision, pass, cache);
            let missing = match held.experts {
                Some(experts) => experts.missing(&group.block, &work),
                None => (1.0 - held.resident_share) * work.weights,
            };
            if let Some(adapters) = held.adapters {
                adapters.add(&group.block, pass, &mut work);
            }
            let s = run(&work, precision, spot, missing)?;
            Some(s.by(count))
        };
        if group.block.phase != Phase::Decode {
            first.add(cost(request.first_pass())?);
        }
        if group.block.phase != Phase::Prefill && request.passes > 0.0 {
            each.add(cost(request.decode_pass())?);
        }
    }
    let misses = held.adapters.map_or(0.0, |a| a.misses);
    let (load_s, load_j) = if misses > 0.0 && adapter > 0.0 {
        let storage = spot.device.storage.as_ref()?;
        (adapter / storage.bandwidth.value.get(), adapter * storage.joules_per_byte.value.get())
    } else {
        (0.0, 0.0)
    };
    let overhead = spot.processor.pass_overhead.value.get();
    let first_s = request.items * (first.time + overhead);
    let each_s = if request.passes > 0.0 { each.time + overhead } else { 0.0 };
    let shown = if each.time > 0.0 { each } else { first };
    let whole = if shown.time > 0.0 { shown.time + overhead } else { f64::INFINITY };
    Some(StageCost {
        first_s: first_s + load_s,
        each_s,
        alone_s: first_s + request.passes * each_s + load_s,
        busy_s: first_s + request.passes * each_s + misses * load_s,
        dynamic_j: request.items * first.energy + request.passes * each.energy + misses * load_j,
        arithmetic: (shown.arithmetic / whole).min(1.0),
        memory: (shown.memory / whole).min(1.0),
    })
}

/// Arithmetic of a block at a clock: one row at the rate of single tokens, the others at the prompt's, attention at
/// its own, and the elements that come out.
fn arithmetic_s(work: &Account, kernel: &profiles::Kernel, processor: &profiles::Processor, f: f64) -> f64 {
    let prompt = kernel.peak.value.get() * kernel.efficiency.value.get();
    let single = kernel.vector.as_ref().map_or(prompt, |v| v.value.get());
    let attending = processor.attention.as_ref().map_or(prompt, |v| v.value.get());
    let element = processor.element.as_ref().map_or(0.0, |v| v.value.get());
    let products = work.ops - work.attention;
    let a_row = products / work.rows.max(1.0);
    let alone = if work.rows > 0.0 { a_row } else { 0.0 };
    let slower = alone * (1.0 / single - 1.0 / prompt) + work.attention * (1.0 / attending - 1.0 / prompt);
    let first = if kernel.sample.is_some() { work.ops - work.following } else { work.ops };
    first / (prompt * f) + (slower + work.elements * element) / f
}

/// One block in one pass that reads so many bytes of its weights from storage, under the mode's cap at every instant: the arithmetic clock falls until the
/// power fits, then the memory waits.
pub(super) fn run(work: &Account, precision: Precision, spot: Spot<'_>, missing: f64) -> Option<Spent> {
    run_within(work, precision, spot, missing, reads(spot), room(spot))
}

/// Bytes per second that a spot reads from its memory alone.
pub(super) fn reads(spot: Spot<'_>) -> f64 {
    let p = spot.processor;
    let memory = spot.mode.clocks.get(&p.id).map_or(1.0, |c| c.memory.value.get());
    p.bandwidth.value.get() * p.bandwidth_efficiency.value.get() * memory
}

/// Dynamic power that its mode's cap leaves a spot, watts.
pub(super) fn room(spot: Spot<'_>) -> f64 {
    spot.mode.cap.as_ref().map_or(f64::INFINITY, |cap| {
        let leak = Leakage::of(&spot.device.thermal).watts(spot.device.thermal.throttle.value.get());
        cap.value.get() - spot.mode.idle.value.get() - leak
    })
}

/// The same at a rate of its memory, and with so much power.
pub(super) fn run_within(
    work: &Account,
    precision: Precision,
    spot: Spot<'_>,
    missing: f64,
    reads: f64,
    room: f64,
) -> Option<Spent> {
    let Spot { device, mode, processor, clock } = spot;
    let kernel = processor.kernels.get(&precision.weights)?;
    let compute = mode.clocks.get(&processor.id).map_or(1.0, |c| c.compute.value.get());
    let bytes = work.weights + work.rest;
    let mut memory_s = bytes / reads;
    let memory_j = bytes * processor.joules_per_byte.value.get();
    let clocked = processor.clocked_share.as_ref().map_or(0.0, |share| share.value.get());
    // A mode's own measurement replaces the law there; clocks lowered further follow the law from it.
    let measured = mode.clocks.get(&processor.id).and_then(|c| c.byte_energy.as_ref());
    let anchor = measured.map_or(1.0, |m| m.value.get() / byte_factor(compute, clocked));
    let mut storage_j = 0.0;
    if missing > 0.0 {
        let storage = device.storage.as_ref()?;
        memory_s += missing / storage.bandwidth.value.get();
        storage_j += missing * storage.joules_per_byte.value.get();
    }
    let behind = kernel.sample.as_ref().map_or(0.0, |rate| work.following / rate.value.get());
    let launches = work.launches * processor.launch.value.get();
    let at = |share: f64| {
        let f = compute * clock * share;
        let (arithmetic, following) = (arithmetic_s(work, kernel, processor, f), behind / f);
        Spent {
            time: roofline::time_s(arithmetic, memory_s, processor.overlap.value) + following + launches,
            arithmetic: arithmetic + following,
            memory: memory_s,
            energy: anchor * memory_j * byte_factor(f, clocked)
                + storage_j
                + work.ops * kernel.joules_per_op.value.get() * energy_factor(f),
        }
    };
    let over = |s: &Spent| s.energy > room * s.time;
    let full = at(1.0);
    if !full.time.is_finite() {
        return None;
    }
    if full.energy <= 0.0 || !over(&full) {
        return Some(full);
    }
    if room <= 0.0 {
        return None;
    }
    let slow = at(BLOCK_CLOCK_MIN);
    if over(&slow) {
        let time = slow.energy / room;
        return Some(Spent { time, memory: slow.memory.max(time - launches), ..slow });
    }
    // Bisection on the logarithm of the clock.
    let (mut low, mut high) = (BLOCK_CLOCK_MIN.ln(), 0.0f64);
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if over(&at(middle.exp())) { high = middle } else { low = middle }
    }
    Some(at(low.exp()))
}
