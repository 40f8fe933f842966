//! The linter's own cost of a stage that two devices share.
//!
//! Written from the plan file's words: the second device has the last KV heads of every layer, each with the query heads
//! that share it, and as large a part of the MLP's width; norms are on both, the model's ends on the first alone. Twice a
//! layer each sends the other its partial sums and waits for the slower one; before the first layer the states cross once.

use profiles::{Block, Mixer, Mlp, ModelProfile, Phase, WeightFormat};
use scenarios::Scenario;

use super::account::{self, Pass};
use super::cost::{self, Request, Spent, Spot, StageCost};
use super::note::Notes;
use super::route::Route;
use super::structure::{Mate, Placed, Served};
use crate::physics::pressure::RUNTIME_BYTES;

/// What a shared stage costs: each device's part, and bytes between them for one request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Both {
    pub(super) own: StageCost,
    pub(super) other: StageCost,
    pub(super) sent_bytes: f64,
}

/// KV heads of a model whose layers can be divided: dense layers with attention, each once a pass, alike in their KV heads.
pub(super) fn heads(model: &ModelProfile) -> Option<u32> {
    let mut all = None;
    for group in &model.blocks {
        let b = &group.block;
        if b.loops != 1 || b.phase != Phase::Both {
            return None;
        }
        match (&b.mixer, &b.mlp) {
            (Mixer::None, Mlp::None) => {}
            (Mixer::Attention { heads, kv_heads, .. }, Mlp::Dense) if *kv_heads > 1 && heads % kv_heads == 0 => {
                if all.is_some_and(|a| a != *kv_heads) {
                    return None;
                }
                all = Some(*kv_heads);
            }
            _ => return None,
        }
    }
    all
}

/// Whether the plan may divide this stage so.
pub(super) fn check(scenario: &Scenario, s: &Served<'_>, placed: &Placed<'_>, subject: &str, notes: &mut Notes) {
    let Some(mate) = placed.mate else { return };
    let name = |d: usize| scenario.devices[d].name.as_str();
    if placed.device == mate.device {
        return super::together::check(scenario, s, placed, mate, subject, notes);
    }
    let asked = scenario.pairs.iter().any(|p| p.devices == (placed.device, mate.device));
    notes.check(asked, "pair", subject, || {
        format!("the scenario has no pair of {} and {}", name(placed.device), name(mate.device))
    });
    divided(s, placed, mate, subject, notes);
    let format = placed.precision.weights;
    let processor = &scenario.devices[mate.device].profile.processors[mate.processor];
    notes.check(processor.kernels.contains_key(&format), "kernel", subject, || {
        format!("{} of {} has no {format} kernel", processor.id, name(mate.device))
    });
    notes.check(!s.wanted.survives_loss, "pair-loss", subject, || "a service that survives a loss shares no stage".into());
}

/// Whether the stage's layers can be divided by so many heads, and its weights.
pub(super) fn divided(s: &Served<'_>, placed: &Placed<'_>, mate: Mate, subject: &str, notes: &mut Notes) {
    let all = heads(s.model);
    notes.check(all.is_some(), "pair-model", subject, || format!("layers of {} cannot be divided", s.model.id));
    let all = all.unwrap_or(0);
    let inside = mate.kv_heads >= 1 && mate.kv_heads < all;
    notes.check(inside, "pair-heads", subject, || {
        format!("{} of {all} KV heads for the second; 1 to {} can be", mate.kv_heads, all.saturating_sub(1))
    });
    let whole = s.model.blocks.iter().all(|g| match g.block.mixer {
        Mixer::Attention { heads, kv_heads, head_dim, .. } if inside => {
            let columns = u64::from(heads / kv_heads) * u64::from(all - mate.kv_heads) * u64::from(head_dim);
            columns % 32 == 0
        }
        _ => true,
    });
    notes.check(whole, "pair-heads", subject, || "the cut between the heads is not at a block of 32 columns".into());
    let format = placed.precision.weights;
    let exact = !matches!(format, WeightFormat::Ternary | WeightFormat::Sherry);
    notes.check(exact, "pair-format", subject, || format!("weights in {format} are not divided"));
    notes.check(placed.stage.resident_share >= 1.0, "pair-format", subject, || "streamed weights are not divided".into());
}

/// One device's part of a block; `None`: none of it.
pub(super) fn part(block: &Block, own: u32, all: u32, first: bool) -> Option<Block> {
    let Mixer::Attention { heads, head_dim, window, .. } = block.mixer else { return first.then(|| block.clone()) };
    let of = |n: u64| (n * u64::from(own) + u64::from(all) / 2) / u64::from(all);
    let norms = block.kept.min(block.parameters);
    let mut b = block.clone();
    b.mixer = Mixer::Attention { heads: heads * own / all, kv_heads: own, head_dim, window };
    b.parameters = norms + of(block.parameters - norms);
    b.multiplied = of(block.multiplied);
    b.read = block.read.min(norms) + of(block.read.saturating_sub(norms));
    Some(b)
}

/// Bytes of the states that cross once in a pass, one way: two of each number.
pub(super) fn states(block: &Block, pass: Pass) -> f64 {
    2.0 * pass.new * pass.sequences * block.output_width as f64
}

/// Both halves of a stage, from how long a pass takes and what each half spends in it, first pass and decoding.
pub(super) fn halves(request: &Request, whole: [f64; 2], own: [[Spent; 2]; 2]) -> [StageCost; 2] {
    let first_s = request.items * whole[0];
    let busy_s = first_s + request.passes * whole[1];
    let shown = usize::from(request.passes > 0.0);
    let of = |d: usize| StageCost {
        first_s,
        each_s: whole[1],
        alone_s: busy_s,
        busy_s,
        dynamic_j: request.items * own[0][d].energy + request.passes * own[1][d].energy,
        arithmetic: (own[shown][d].arithmetic / whole[shown]).min(1.0),
        memory: (own[shown][d].memory / whole[shown]).min(1.0),
    };
    [of(0), of(1)]
}

/// The stage on both spots over a link; `None` where one cannot run its part.
pub(super) fn stage(
    model: &ModelProfile,
    placed: &Placed<'_>,
    mate: Mate,
    request: &Request,
    spots: [Spot<'_>; 2],
    link: &Route,
) -> Option<Both> {
    let (precision, all) = (placed.precision, heads(model)?);
    let shares = [all.checked_sub(mate.kv_heads).filter(|h| *h > 0)?, mate.kv_heads];
    let widest = model.blocks.iter().map(|g| &g.block).filter(|b| b.mixer != Mixer::None).max_by_key(|b| b.output_width)?;
    let passes = [(request.first_pass(), request.items), (request.decode_pass(), request.passes)];
    // By pass: how long it takes, and each device's own.
    let mut whole = [0.0f64; 2];
    let mut own = [[Spent::default(); 2]; 2];
    let mut sent_bytes = 0.0;
    for (i, (pass, times)) in passes.into_iter().enumerate().filter(|(_, (_, times))| *times > 0.0) {
        let mut at = 0u32;
        for group in &model.blocks {
            let begin = at.max(placed.stage.start);
            at = at.saturating_add(group.count);
            let count = f64::from(at.min(placed.stage.end).saturating_sub(begin));
            if count <= 0.0 {
                continue;
            }
            let mut slower = 0.0f64;
            for (d, spot) in spots.iter().enumerate() {
                let Some(block) = part(&group.block, shares[d], all, d == 0) else { continue };
                let cache = spot.processor.cache.as_ref().map_or(0.0, |c| c.value.get());
                let s = cost::run(&account::block(&block, precision, pass, cache), precision, *spot, 0.0)?;
                slower = slower.max(s.time);
                own[i][d].add(s.by(count));
            }
            whole[i] += count * slower;
            if group.block.mixer != Mixer::None {
                let bytes = states(&group.block, pass);
                whole[i] += count * 2.0 * link.time_s(bytes);
                sent_bytes += times * count * 4.0 * bytes;
            }
        }
        let bytes = states(widest, pass);
        let overhead = spots.iter().map(|s| s.processor.pass_overhead.value.get()).fold(0.0, f64::max);
        whole[i] += overhead + link.time_s(bytes);
        sent_bytes += times * bytes;
    }
    let [own, other] = halves(request, whole, own);
    Some(Both { own, other, sent_bytes })
}

/// Resident bytes on both devices.
pub(super) fn memory(model: &ModelProfile, placed: &Placed<'_>, mate: Mate, request: &Request, sequences: f64) -> [f64; 2] {
    let Some(all) = heads(model).filter(|all| mate.kv_heads < *all) else { return [0.0; 2] };
    let precision = placed.precision;
    let shares = [all - mate.kv_heads, mate.kv_heads];
    [0, 1].map(|d: usize| {
        let (mut held, mut widest) = (0.0, 0.0f64);
        for (at, block) in model.chain().enumerate() {
            let Some(own) = part(block, shares[d], all, d == 0) else { continue };
            widest = widest.max(account::moved_elements(block));
            if (placed.stage.start as usize..placed.stage.end as usize).contains(&at) {
                held += account::resident_weights(&own, precision);
                held += account::resident_state(&own, precision, sequences, request.held);
            }
        }
        held + RUNTIME_BYTES + widest * request.rows() * profiles::activation_bits_held(precision.activation_bits) / 8.0
    })
}
