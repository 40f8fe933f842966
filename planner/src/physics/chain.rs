//! A model cut into stages, each with a precision and rates of its own, with nobody else there: what one request
//! takes on such a pipeline. A plan's table makes the same sums for one precision; here each stage may have another.
//!
//! Per pass a stage costs its fixed overhead and its blocks ([`pass::run`]); between two stages crosses a message,
//! and after the last stage a token's number goes the same way back. Before the first pass each stream is opened.
//!
//! Where two processors share a stage, each has a share of every layer's heads and of its MLP's width, at the same time:
//! the slower of the two counts, and twice a layer each sends its part of a sum to the other.

use super::link::message_latency_s;
use super::pass::{self, Rates, Spent};
use super::request::{Request, TOKEN_BYTES};
use super::work::{self, Pass, Work};
use profiles::{Block, LinkProfile, Mixer, ModelProfile, Precision};

/// Round trips before a request's first state can cross: the answer to the challenge of a stream that is kept
/// (`agent/node/src/hop/kept.rs`). The first request after a start, and more at a time than streams are kept, take three
/// more: TCP's connection, the hellos of TLS 1.3, the caller's certificate and the challenge; a packet that is lost there
/// costs a second, as TCP knows no round trip yet (RFC 6298, 2.1).
const OPENING_ROUND_TRIPS: f64 = 1.0;
/// Tokens that a prompt's pieces have at most (`engine::model::PREFILL`): so many cross in one message.
const PIECE_TOKENS: f64 = 256.0;
/// Bytes of a number of a partial sum (`agent/node/src/hop/exchange.rs`).
const SUM_BYTES: f64 = 2.0;
/// Numbers of a partial sum that both send at the same time; of more, one waits for the other's (there too).
const AT_ONCE: f64 = 5_120.0;

/// Blocks of a model on a processor.
#[derive(Clone, Debug, PartialEq)]
pub struct Stage {
    pub blocks: std::ops::Range<u32>,
    pub precision: Precision,
    pub rates: Rates,
    /// Share of each layer that this processor has, (0, 1), where one like it has the rest.
    pub shared: Option<f64>,
}

/// What one request takes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Chained {
    /// The whole prompt, to the first token. Seconds.
    pub ttft_s: f64,
    /// One decode pass at the mean context. Seconds.
    pub tpot_s: f64,
    pub total_s: f64,
    /// Dynamic energy of the whole request, links included. Joules.
    pub dynamic_j: f64,
    /// Sums that two halves of a stage exchange in a decode pass, and the seconds of `tpot_s` that they take.
    pub exchanges: f64,
    pub exchange_s: f64,
}

/// Runs a request through stages that follow each other; `None` where a processor cannot run its stage.
#[must_use]
pub fn run(model: &ModelProfile, stages: &[Stage], link: &LinkProfile, request: &Request) -> Option<Chained> {
    let one = |pass: Pass, decoding: bool| -> Option<Spent> {
        let mut sum = Spent::default();
        for stage in stages {
            sum = sum + computed(model, stage, pass, decoding)?;
        }
        Some(sum + crossed(model, stages, link, pass) + exchanged(model, stages, link, pass, decoding))
    };
    let prefill = one(request.prefill, false)?;
    let decode = if request.passes > 0.0 { one(request.decode, true)? } else { Spent::default() };
    let total = prefill.times(request.items) + decode.times(request.passes);
    let streams = stages.len().saturating_sub(1) + stages.iter().filter(|s| s.shared.is_some()).count();
    let opening_s =
        streams as f64 * OPENING_ROUND_TRIPS * 2.0 * message_latency_s(link.latency.value.get(), link.loss.value.get());
    Some(Chained {
        ttft_s: opening_s + prefill.time_s,
        tpot_s: decode.time_s,
        total_s: opening_s + total.time_s,
        dynamic_j: total.energy_j,
        exchanges: stages.iter().filter(|s| s.shared.is_some()).map(|s| 2.0 * layers(model, s, true).count() as f64).sum(),
        exchange_s: exchanged(model, stages, link, request.decode, true).time_s,
    })
}

/// A layer has heads to share; token table and output matrix do not.
fn is_layer(block: &Block) -> bool {
    matches!(block.mixer, Mixer::Attention { .. })
}

fn runs(block: &Block, decoding: bool) -> bool {
    if decoding { work::in_decode(block) } else { work::in_prefill(block) }
}

/// Layers of a stage that run in a pass.
fn layers<'m>(model: &'m ModelProfile, stage: &Stage, decoding: bool) -> impl Iterator<Item = &'m Block> {
    let count = stage.blocks.end.saturating_sub(stage.blocks.start) as usize;
    let inside = model.chain().skip(stage.blocks.start as usize).take(count);
    inside.filter(move |block| is_layer(block) && runs(block, decoding))
}

/// A share of a layer's heads and width. Norms, sums and launches are the whole layer's on both sides.
fn part(work: &Work, share: f64) -> Work {
    Work {
        ops: work.ops * share,
        attention_ops: work.attention_ops * share,
        following_ops: work.following_ops * share,
        weight_bytes: work.weight_bytes * share,
        state_bytes: work.state_bytes * share,
        ..*work
    }
}

/// States to each partner, and two sums a layer between it and the stage's processor.
fn exchanged(model: &ModelProfile, stages: &[Stage], link: &LinkProfile, pass: Pass, decoding: bool) -> Spent {
    let mut sum = Spent::default();
    let (latency, loss) = (link.latency.value.get(), link.loss.value.get());
    let rate = link.bandwidth.value.get() * (1.0 - loss);
    let tokens = pass.tokens * pass.batch;
    let pieces = (tokens / PIECE_TOKENS).ceil().max(1.0);
    for stage in stages.iter().filter(|s| s.shared.is_some()) {
        for (i, block) in layers(model, stage, decoding).enumerate() {
            let numbers = tokens * block.output_width as f64;
            let message_s = pieces * message_latency_s(latency, loss) + SUM_BYTES * numbers / rate;
            let turns = if numbers / pieces > AT_ONCE { 2.0 } else { 1.0 };
            // The first layer's input crosses too, one way.
            let begins = f64::from(u8::from(i == 0));
            sum.time_s += (2.0 * turns + begins) * message_s;
            sum.energy_j += (4.0 + begins) * SUM_BYTES * numbers * link.joules_per_byte.value.get();
        }
    }
    sum
}

/// One pass over one stage, links not counted; `None` where its processor cannot run it.
#[must_use]
pub fn computed(model: &ModelProfile, stage: &Stage, pass: Pass, decoding: bool) -> Option<Spent> {
    let mut sum = Spent { time_s: stage.rates.pass_overhead_s, ..Spent::default() };
    let mut first = 0u32;
    for g in &model.blocks {
        let (from, to) = (first.max(stage.blocks.start), first.saturating_add(g.count).min(stage.blocks.end));
        first = first.saturating_add(g.count);
        if to > from && runs(&g.block, decoding) {
            let work = work::of_block(&g.block, stage.precision, pass, stage.rates.cache_bytes);
            let spent = match stage.shared.filter(|_| is_layer(&g.block)) {
                None => pass::run(&work, &stage.rates, 0.0)?.0,
                Some(share) => {
                    let of = |share| pass::run(&part(&work, share), &stage.rates, 0.0);
                    let (one, other) = (of(share)?.0, of(1.0 - share)?.0);
                    let slower = if one.time_s >= other.time_s { one } else { other };
                    Spent { energy_j: one.energy_j + other.energy_j, ..slower }
                }
            };
            sum = sum + spent.times(f64::from(to - from));
        }
    }
    Some(sum)
}

/// Messages of one pass: states forward, a token back over every link.
fn crossed(model: &ModelProfile, stages: &[Stage], link: &LinkProfile, pass: Pass) -> Spent {
    let mut sum = Spent::default();
    for stage in stages.iter().take(stages.len().saturating_sub(1)) {
        let last = model.chain().nth(stage.blocks.end.saturating_sub(1) as usize);
        let width = last.map_or(0.0, |block| block.output_width as f64);
        let states = pass.tokens * pass.batch * width * profiles::activation_bits_sent(stage.precision.activation_bits) / 8.0;
        let bytes = states + pass.batch * TOKEN_BYTES;
        let (latency, loss) = (link.latency.value.get(), link.loss.value.get());
        let rate = link.bandwidth.value.get() * (1.0 - loss);
        sum.time_s += 2.0 * message_latency_s(latency, loss) + bytes / rate;
        sum.energy_j += bytes * link.joules_per_byte.value.get();
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::physics::whole;
    use crate::testing::{board, tiny_llm};
    use profiles::{Catalogue, WeightFormat};

    fn stage(blocks: std::ops::Range<u32>, weights: WeightFormat) -> Stage {
        let device = board();
        let rates = Rates::of(&device, &device.modes[0], &device.processors[0], weights, 1.0).unwrap();
        Stage { blocks, precision: Precision { weights, kv_bits: 16, activation_bits: 16 }, rates, shared: None }
    }

    #[test]
    fn two_halves_read_half_of_the_layers_each_and_exchange_two_sums_a_layer() {
        let model = tiny_llm("tiny", 4, 256);
        let request = Request::new(model.kind, 64, 16, 1);
        let link = Catalogue::builtin().link("loopback").unwrap();
        let all = model.chain().count() as u32;
        let alone = stage(0..all, WeightFormat::W8);
        let of = |shared| run(&model, &[Stage { shared, ..alone.clone() }], link, &request).unwrap();
        let (one, half, uneven) = (of(None), of(Some(0.5)), of(Some(0.75)));
        assert_eq!((one.exchanges, one.exchange_s, half.exchanges), (0.0, 0.0, 8.0));
        // 256 halves: eight sums and the states before the first layer.
        let message_s = link.latency.value.get() + 512.0 / link.bandwidth.value.get();
        assert!((half.exchange_s - 9.0 * message_s).abs() < 1e-12, "{half:?}");
        // What is left without the exchanges is less than alone, and more than half: table, head and overhead are not shared.
        let computed = |c: Chained| c.tpot_s - c.exchange_s;
        assert!(computed(half) < computed(uneven) && computed(uneven) < one.tpot_s, "{half:?} {uneven:?} {one:?}");
        assert!(computed(half) > 0.5 * one.tpot_s && half.dynamic_j > one.dynamic_j, "both work, and the link");
        // A prompt of 64 tokens is too much to be sent both ways at once.
        let prompt_s = link.latency.value.get() + 64.0 * 512.0 / link.bandwidth.value.get();
        let opening_s = 2.0 * OPENING_ROUND_TRIPS * link.latency.value.get();
        assert!(half.ttft_s > opening_s + 17.0 * prompt_s, "{half:?}");
    }

    #[test]
    fn one_stage_is_the_whole_model_and_a_cut_adds_its_overhead_and_its_message() {
        let model = tiny_llm("tiny", 4, 256);
        let request = Request::new(model.kind, 64, 16, 1);
        let link = Catalogue::builtin().link("loopback").unwrap();
        let all = model.chain().count() as u32;
        let one = run(&model, &[stage(0..all, WeightFormat::W8)], link, &request).unwrap();
        let alone =
            whole::run(&model, stage(0..all, WeightFormat::W8).precision, &request, &stage(0..all, WeightFormat::W8).rates)
                .unwrap();
        assert!((one.ttft_s - alone.prefill.time_s).abs() < 1e-15 && (one.tpot_s - alone.decode.time_s).abs() < 1e-15);
        assert!((one.total_s - alone.total().time_s).abs() < 1e-12 && (one.dynamic_j - alone.total().energy_j).abs() < 1e-12);
        let two = run(&model, &[stage(0..3, WeightFormat::W8), stage(3..all, WeightFormat::W8)], link, &request).unwrap();
        // 256 halves and a token's number there, two latencies, and the second stage's overhead.
        let message = 2.0 * link.latency.value.get() + 516.0 / link.bandwidth.value.get();
        let overhead = stage(0..1, WeightFormat::W8).rates.pass_overhead_s;
        assert!((two.tpot_s - one.tpot_s - overhead - message).abs() < 1e-12, "{two:?} {one:?}");
    }

    #[test]
    fn each_stage_has_its_own_precision() {
        let model = tiny_llm("tiny", 4, 256);
        let request = Request::new(model.kind, 64, 16, 1);
        let link = Catalogue::builtin().link("loopback").unwrap();
        let all = model.chain().count() as u32;
        let at = |a, b| run(&model, &[stage(0..3, a), stage(3..all, b)], link, &request).unwrap().tpot_s;
        let (wide, mixed, narrow) = (
            at(WeightFormat::W8, WeightFormat::W8),
            at(WeightFormat::W8, WeightFormat::W4),
            at(WeightFormat::W4, WeightFormat::W4),
        );
        assert!(narrow < mixed && mixed < wide, "{narrow} {mixed} {wide}");
    }
}
