//! A stage that two devices share: each has some KV heads of every layer and as large a part of the MLP's width, and
//! the partial sums of both meet twice a layer.
//!
//! With `t_1`, `t_2` the halves' own times of a layer in a pass of `n` tokens of `b` sequences, hidden width `h`, and a
//! link of latency `L` and `r` seconds a byte:
//!
//! ```text
//! bytes = n b h 16 / 8                       one way, half precision; both send at once
//! t     = max(t_1, t_2) + 2 (L + r bytes)    a layer
//! E     = E_1 + E_2 + 4 bytes e              e joules a byte of the link
//! ```
//!
//! Before its first layer a stage hands its states to the second device, one more message a pass. The ends of a model, its
//! token table and output matrix, are with the first device alone. Both processors are held for the whole of a pass, the
//! exchanges and the wait for the slower half included. A pass over the stage costs the larger of both overheads.
//! That both directions of a link run at once is assumed (full duplex), and that nothing is computed meanwhile.

use profiles::{Block, DeviceProfile, ModelProfile, Precision};

use super::pass::{self, Rates, Spent};
use super::power::energy_factor;
use super::pressure;
use super::request::Request;
use super::work::{self, Pass};
use crate::table::Hop;

/// Exchanges of partial sums in a layer: after attention and after the MLP.
pub const EXCHANGES: f64 = 2.0;
/// Bits of a number between two halves, whatever a precision says of hops: agents send half precision
/// (`agent/node/src/hop/exchange.rs`).
pub const SUM_BITS: f64 = 16.0;

/// Who computes one half, and how fast it is set to run.
#[derive(Clone, Copy, Debug)]
pub struct Half<'a> {
    pub profile: &'a DeviceProfile,
    /// Index among the profile's power modes, and the clock factor on top.
    pub mode: usize,
    pub clock: f64,
    /// Index among the profile's processors.
    pub processor: usize,
}

/// What is shared: a model at a precision, for requests of one kind, over a link.
#[derive(Clone, Copy, Debug)]
pub struct Sharing<'a> {
    pub model: &'a ModelProfile,
    pub precision: Precision,
    pub request: &'a Request,
    /// Sequences that memory is booked for.
    pub sequences: f64,
    pub hop: &'a Hop,
}

/// A pass over one block, or a sum of such, by both halves.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Together {
    /// Each half alone, the first device's first.
    pub halves: [Spent; 2],
    /// Of it, arithmetic: joules.
    pub op_j: [f64; 2],
    /// The slower half and the exchanges. Seconds.
    pub time_s: f64,
    /// Both ways. Bytes.
    pub sent_bytes: f64,
}

/// Equal blocks in a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Group {
    pub count: u32,
    pub prefill: Together,
    pub decode: Together,
    /// Resident on each device, one block.
    pub bytes: [f64; 2],
}

/// What a stage costs one request, waiting not included.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Stage {
    /// How long both processors are held.
    pub busy_s: f64,
    /// Between the two, both ways.
    pub sent_bytes: f64,
    pub halves: [Own; 2],
}

/// One device's part of a stage.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Own {
    pub memory_bytes: f64,
    pub dynamic_j: f64,
    /// Of `dynamic_j`, arithmetic.
    pub op_j: f64,
    /// Of the decode (or only) pass: shares of its whole time.
    pub dasi: f64,
    pub memory_saturation: f64,
}

impl Sharing<'_> {
    /// Bytes of a block's states in a pass, one way.
    fn states(&self, pass: Pass, width: u64) -> f64 {
        pass.tokens * pass.batch * width as f64 * SUM_BITS / 8.0
    }

    /// Width of the layers' states.
    fn width(&self) -> u64 {
        self.model.blocks.iter().map(|g| &g.block).filter(|b| !b.undivided()).map(|b| b.output_width).max().unwrap_or(0)
    }

    /// Handing a stage's states over before its first layer, in a pass: seconds and bytes.
    #[must_use]
    pub fn begin(&self, pass: Pass) -> (f64, f64) {
        let bytes = self.states(pass, self.width());
        (self.hop.latency_s + bytes * self.hop.s_per_byte, bytes)
    }

    /// Resident bytes of a stage beside its blocks, on each device: runtime and activations. The second never holds logits.
    #[must_use]
    pub fn beside_bytes(&self) -> [f64; 2] {
        let rows = self.request.rows() * profiles::activation_bits_held(self.precision.activation_bits) / 8.0;
        let widest = |of: &dyn Fn(&Block) -> bool| -> f64 {
            self.model.blocks.iter().map(|g| &g.block).filter(|b| of(b)).map(work::activations).fold(0.0, f64::max)
        };
        [widest(&|_| true), widest(&|b| !b.undivided())].map(|widest| pressure::RUNTIME_BYTES + widest * rows)
    }

    /// All blocks, the first device with so many KV heads; `None` where one of the two cannot run its part.
    #[must_use]
    pub fn groups(&self, halves: [Half<'_>; 2], first: u32) -> Option<Vec<Group>> {
        let all = self.model.divisible().filter(|&all| first > 0 && first < all && self.model.can_cut(first))?;
        let rates = [rates(&halves[0], self.precision)?, rates(&halves[1], self.precision)?];
        let own = [first, all - first];
        let mut groups = Vec::with_capacity(self.model.blocks.len());
        for g in &self.model.blocks {
            let parts = if g.block.undivided() { [Some(g.block.clone()), None] } else { own.map(|heads| g.block.part(heads)) };
            let bytes = [&parts[0], &parts[1]].map(|part| part.as_ref().map_or(0.0, |b| self.resident(b)));
            let one = |pass: Pass, decoding: bool| {
                if decoding && self.request.passes <= 0.0 {
                    return Some(Together::default());
                }
                self.pass(&parts, &rates, pass)
            };
            let (prefill, decode) = (one(self.request.prefill, false)?, one(self.request.decode, true)?);
            groups.push(Group { count: g.count, prefill, decode, bytes });
        }
        Some(groups)
    }

    /// One block in one pass.
    fn pass(&self, parts: &[Option<Block>; 2], rates: &[Rates; 2], pass: Pass) -> Option<Together> {
        let mut sum = Together::default();
        for (i, (part, rates)) in parts.iter().zip(rates).enumerate() {
            let Some(block) = part else { continue };
            let work = work::of_block(block, self.precision, pass, rates.cache_bytes);
            let (spent, clock) = pass::run(&work, rates, 0.0)?;
            sum.halves[i] = spent;
            sum.op_j[i] = work.ops * rates.joules_per_op * energy_factor(rates.clock * clock);
            sum.time_s = sum.time_s.max(spent.time_s);
        }
        if let [Some(layer), Some(_)] = parts {
            let bytes = self.states(pass, layer.output_width);
            sum.time_s += EXCHANGES * (self.hop.latency_s + bytes * self.hop.s_per_byte);
            sum.sent_bytes = EXCHANGES * 2.0 * bytes;
        }
        Some(sum)
    }

    fn resident(&self, block: &Block) -> f64 {
        work::weight_bytes(block, self.precision)
            + work::state_resident_bytes(block, self.precision, self.sequences, self.request.held_tokens)
    }

    /// KV heads of the first device: of the splits with which both halves of the whole model fit, or of all where none
    /// does, the fastest; among equals the one that gives the first device fewest. `None` where no split runs.
    #[must_use]
    pub fn split(&self, halves: [Half<'_>; 2], capacity_bytes: [f64; 2]) -> Option<(u32, Vec<Group>)> {
        let beside = self.beside_bytes();
        let mut best: Option<((bool, f64), u32, Vec<Group>)> = None;
        for first in 1..self.model.divisible()? {
            let Some(groups) = self.groups(halves, first) else { continue };
            let sum = |of: &dyn Fn(&Group) -> f64| groups.iter().map(|g| f64::from(g.count) * of(g)).sum::<f64>();
            let fits = (0..2).all(|i| sum(&|g| g.bytes[i]) + beside[i] <= capacity_bytes[i]);
            let r = self.request;
            let key = (!fits, sum(&|g| r.items * g.prefill.time_s + r.passes * g.decode.time_s));
            if best.as_ref().is_none_or(|(k, ..)| (key.0, key.1) < *k) {
                best = Some((key, first, groups));
            }
        }
        best.map(|(_, first, groups)| (first, groups))
    }

    /// Blocks `range` of the model as a stage; `None` where one of the two cannot run its part.
    #[must_use]
    pub fn stage(&self, halves: [Half<'_>; 2], first: u32, range: std::ops::Range<u32>) -> Option<Stage> {
        let r = self.request;
        let (mut prefill, mut decode) = (Together::default(), Together::default());
        let mut memory = self.beside_bytes();
        let mut at = 0u32;
        for g in self.groups(halves, first)? {
            let from = at.max(range.start);
            at = at.saturating_add(g.count);
            let count = f64::from(at.min(range.end).saturating_sub(from));
            prefill.add(&g.prefill, count);
            decode.add(&g.decode, count);
            (0..2).for_each(|i| memory[i] += count * g.bytes[i]);
        }
        let overhead = overhead_s(halves)?;
        let (first_begin, each_begin) = (self.begin(r.prefill), self.begin(r.decode));
        let first_s = prefill.time_s + overhead + first_begin.0;
        let each_s = if r.passes > 0.0 { decode.time_s + overhead + each_begin.0 } else { 0.0 };
        let (shown, shown_s) = if r.passes > 0.0 { (&decode, each_s) } else { (&prefill, first_s) };
        let own = |i: usize| Own {
            memory_bytes: memory[i],
            dynamic_j: r.items * prefill.halves[i].energy_j + r.passes * decode.halves[i].energy_j,
            op_j: r.items * prefill.op_j[i] + r.passes * decode.op_j[i],
            dasi: super::roofline::saturation(shown.halves[i].alu_s, shown_s),
            memory_saturation: super::roofline::saturation(shown.halves[i].memory_s, shown_s),
        };
        Some(Stage {
            busy_s: r.items * first_s + r.passes * each_s,
            sent_bytes: r.items * (prefill.sent_bytes + first_begin.1) + r.passes * (decode.sent_bytes + each_begin.1),
            halves: [own(0), own(1)],
        })
    }
}

impl Together {
    pub(super) fn add(&mut self, o: &Together, count: f64) {
        for i in 0..2 {
            self.halves[i] = self.halves[i] + o.halves[i].times(count);
            self.op_j[i] += count * o.op_j[i];
        }
        self.time_s += count * o.time_s;
        self.sent_bytes += count * o.sent_bytes;
    }
}

fn rates(half: &Half<'_>, precision: Precision) -> Option<Rates> {
    let processor = half.profile.processors.get(half.processor)?;
    Rates::of(half.profile, half.profile.modes.get(half.mode)?, processor, precision.weights, half.clock)
}

/// Fixed overhead of a pass over a shared stage: the larger of both.
#[must_use]
pub fn overhead_s(halves: [Half<'_>; 2]) -> Option<f64> {
    let of = |h: &Half<'_>| Some(h.profile.processors.get(h.processor)?.pass_overhead.value.get());
    Some(of(&halves[0])?.max(of(&halves[1])?))
}

/// Processors of two devices that share stages with each other, by index: each with the first of its kind that is left.
#[must_use]
pub fn matched(first: &DeviceProfile, second: &DeviceProfile) -> Vec<(usize, usize)> {
    let mut taken = vec![false; second.processors.len()];
    let mut all = Vec::new();
    for (i, p) in first.processors.iter().enumerate() {
        let other = second.processors.iter().enumerate().find(|(j, q)| !taken[*j] && q.kind == p.kind).map(|(j, _)| j);
        if let Some(j) = other {
            taken[j] = true;
            all.push((i, j));
        }
    }
    all
}

#[cfg(test)]
mod tests;
