//! Figures that are no plain decode or prefill: matrix products, flash that computes, cached experts, windows of layers.

use profiles::literature::{ExpertCache, FlashArray, Gemm, LayerWindow, Neurons};
use profiles::precision::Role;
use profiles::{Block, Mlp};

use super::Unpredictable;
use super::setting::{self, Ready};
use crate::physics::flash::{self, Array};
use crate::physics::work::{self, Pass};
use crate::physics::{pass, pressure, stream, whole};

/// Rate in 1e9 operations per second, and power in watts, of a matrix product.
pub(super) fn gemm(g: &Gemm) -> Result<(f64, f64), Unpredictable> {
    let mut device = setting::device(&g.device)?.clone();
    let chosen = setting::processor(&mut device, &g.processor, g.weights)?;
    if let (Some(share), Some(kernel)) = (g.efficiency, chosen.kernels.get_mut(&g.weights)) {
        kernel.efficiency.value = share;
    }
    let rates = setting::rates(&device, &g.processor, g.weights)?;
    let block = Block::new("product", u64::from(g.inner) * u64::from(g.columns), u64::from(g.columns));
    let precision = profiles::Precision { weights: g.weights, kv_bits: 16, activation_bits: 16 };
    let rows = Pass { tokens: f64::from(g.rows), context: 0.0, batch: 1.0 };
    let work = work::of_block(&block, precision, rows, rates.cache_bytes);
    let (spent, _) = pass::run(&work, &rates, 0.0).ok_or_else(|| Unpredictable::Power(device.id.clone()))?;
    let time_s = spent.time_s + rates.pass_overhead_s;
    let dynamic_w = spent.energy_j / time_s;
    Ok((work.ops / time_s / 1e9, dynamic_w + setting::standing_w(&device, dynamic_w)?))
}

/// Decode rate with the weights in computing flash; `state` is the rate of the memory of caches, bytes per second.
pub(super) fn flash(ready: &Ready, array: &FlashArray, state: f64) -> Result<f64, Unpredictable> {
    let array = Array {
        channels: f64::from(array.channels),
        chips_per_channel: f64::from(array.chips_per_channel),
        dies_per_chip: f64::from(array.dies_per_chip),
        page_bytes: array.page.get(),
        read_s: array.read.get(),
        channel_bandwidth: array.channel.get(),
    };
    let processor = pass::Rates { bandwidth: state, ..ready.rates };
    let pass = ready.request.decode;
    let mut time_s = processor.pass_overhead_s;
    for group in ready.model.blocks.iter().filter(|g| work::in_decode(&g.block)) {
        let work = work::of_block(&group.block, ready.precision, pass, processor.cache_bytes);
        let products = 2.0 * group.block.active_parameters() as f64 * pass.tokens * pass.batch;
        let spent =
            flash::run(&work, products, &array, &processor).ok_or_else(|| Unpredictable::Power(ready.device.id.clone()))?;
        time_s += f64::from(group.count) * spent.time_s;
    }
    Ok(ready.request.samples / time_s)
}

/// Bytes of one expert of a block, and how many there are and run.
fn experts_of(block: &Block, ready: &Ready) -> (f64, f64, f64) {
    match block.mlp {
        Mlp::Experts { experts, active, parameters_per_expert } => {
            let each = parameters_per_expert as f64 * block.bits_per_weight(ready.precision.weights) / 8.0;
            (each, f64::from(experts), f64::from(active))
        }
        _ => (0.0, 0.0, 0.0),
    }
}

/// Decode rate of a mixture of experts of which memory holds a part; the rest is read one layer ahead.
pub(super) fn experts(ready: &Ready, cache: &ExpertCache) -> Result<f64, Unpredictable> {
    let (format, pass, rates) = (ready.precision.weights, ready.request.decode, &ready.rates);
    let (mut pinned, mut all, mut used, mut layers) = (pressure::RUNTIME_BYTES, 0.0, 0.0, 0.0);
    let mut busy_s = rates.pass_overhead_s;
    for group in &ready.model.blocks {
        let (block, count) = (&group.block, f64::from(group.count));
        let (each, experts, active) = experts_of(block, ready);
        let bits = block.bits_per_weight(format);
        pinned += count
            * (block.parameters.saturating_sub(block.tied) as f64 * bits / 8.0
                + work::state_resident_bytes(block, ready.precision, pass.batch, ready.request.held_tokens));
        all += count * experts * each;
        used += count * active * each;
        layers += if experts > 0.0 { count } else { 0.0 };
        let mut work = work::of_block(block, ready.precision, pass, rates.cache_bytes);
        let idle = 1.0 - cache.active.get();
        work.weight_bytes -= idle * active * each;
        work.ops -= idle * 2.0 * active * each * 8.0 / bits.max(f64::MIN_POSITIVE);
        let (spent, _) = pass::run(&work, rates, 0.0).ok_or_else(|| Unpredictable::Power(ready.device.id.clone()))?;
        busy_s += count * spent.time_s;
    }
    let Some(memory) = cache.memory else { return Ok(ready.request.samples / busy_s) };
    let (storage, _) = rates.storage.ok_or_else(|| Unpredictable::Storage(ready.device.id.clone()))?;
    let miss = stream::expert_miss(memory.get(), pinned, all);
    Ok(ready.request.samples / stream::prefetched_s(busy_s, miss * used / storage, layers))
}

/// Decimal gigabytes that the master rank of a tensor-parallel group holds: both ends of the model whole, a window of
/// layers and the cache in parts.
pub(super) fn window(w: &LayerWindow) -> Result<f64, Unpredictable> {
    let model = setting::model(&w.model)?;
    let (bytes, ranks) = (w.bits / 8.0, f64::from(w.ranks.max(1)));
    let part = |b: &Block| b.total_parameters() as f64 * bytes;
    let ends: f64 = model.chain().filter(|b| b.role != Role::Body).map(part).sum();
    let layers: Vec<f64> = model.chain().filter(|b| b.role == Role::Body).map(|b| part(b) / ranks).collect();
    let cache = model.sequence_elements(u64::from(w.tokens)) as f64 * bytes / ranks;
    Ok((ends + stream::window_bytes(&layers, w.layers as usize) + cache + pressure::RUNTIME_BYTES) / 1e9)
}

/// Time of a token that reads the whole model, over that of one that reads fresh neurons alone.
pub(super) fn neurons(ready: &Ready, n: &Neurons) -> Result<f64, Unpredictable> {
    let work_s = match n.work {
        Some(work) => work.get(),
        None => ready.alone()?.decode.time_s,
    };
    let weights: f64 = ready.model.weight_bytes(ready.precision.weights).get();
    let sparse = stream::Sparse { mlp: n.mlp.get(), active: n.active.get(), fresh: n.fresh.get() };
    let naive = stream::on_demand_s(work_s, weights / n.whole.get());
    let ours = stream::on_demand_s(work_s * sparse.work_share(), sparse.read_bytes(weights) / n.single.get());
    Ok(naive / ours)
}

/// Bytes and launches of one decode pass, and its operations: what a fit is linear in.
pub(super) fn sums(ready: &Ready) -> (f64, f64, f64) {
    let works = whole::works(&ready.model, ready.precision, ready.request.decode, true, ready.rates.cache_bytes);
    works.fold((0.0, 0.0, 0.0), |(bytes, launches, ops), (count, w)| {
        (bytes + count * w.bytes(), launches + count * w.launches, ops + count * w.ops)
    })
}
