//! A stage that two processors of one device compute together: each has some KV heads of every layer and as large a part
//! of the MLP's width, over one memory, and they meet twice a layer.
//!
//! With `X_1`, `X_2` the bytes of both halves of a layer in a pass of `n` tokens of `b` sequences, hidden width `h`, `B_i`
//! what each reads alone, `C` what both together read, and `H` the time that a meeting takes:
//!
//! ```text
//! X_i = bytes of the half + 2 (2 n b h 16 / 8)      partial sums in half precision, own written, the other's read
//! B_i = min(B_i, C X_i / (X_1 + X_2))               so that both together never read faster than C
//! t   = max(t_1, t_2) + 2 H      a layer            t_i: the smooth roofline of the half at that rate
//! E   = E_1 + E_2
//! ```
//!
//! `C` is what the scenario says, else the larger of the two rates: processors of one package read from the same chips, and
//! what two of them reach together is in no profile. Under a power mode's cap each half has a part of the cap's room, as
//! large as its part of the energy. A pass over a stage takes the larger of both overheads and one meeting more. The
//! model's ends are with the first processor alone. Weights and cache are in the one memory once; runtime and
//! activations are counted for each of the two.
//!
//! That a meeting takes as long whatever is exchanged, and that nothing is computed meanwhile, is assumed.

use profiles::{Block, DeviceProfile, ModelProfile, Precision, WeightFormat};
use scenarios::Device;

use super::pass::{self, Rates, Spent};
use super::power::energy_factor;
use super::request::Request;
use super::roofline;
use super::shared::{EXCHANGES, Own, SUM_BITS, Stage, Together};
use super::work::{self, Pass, Work};

/// Two processors of a device at work together.
#[derive(Clone, Copy, Debug)]
pub struct Team<'a> {
    pub profile: &'a DeviceProfile,
    /// Index among the profile's power modes, and the clock factor on top.
    pub mode: usize,
    pub clock: f64,
    /// Indices among the profile's processors; the first has the model's ends.
    pub processors: [usize; 2],
    /// Time of one meeting, seconds.
    pub handshake_s: f64,
    /// Bytes per second that both read together with full clocks; `None`: what the faster reads alone.
    pub memory_rate: Option<f64>,
}

/// Equal blocks in a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Group {
    pub count: u32,
    pub prefill: Together,
    pub decode: Together,
}

impl<'a> Team<'a> {
    /// The two processors that a device's owner named, in a power mode; `None` where none are named.
    #[must_use]
    pub fn of(device: &'a Device, mode: usize, clock: f64) -> Option<Self> {
        let said = device.together?;
        let (first, second) = said.processors;
        Some(Self {
            profile: &device.profile,
            mode,
            clock,
            processors: [first, second],
            handshake_s: said.handshake.get(),
            memory_rate: said.memory_rate.map(|r| r.get()),
        })
    }

    fn rates(&self, format: WeightFormat) -> Option<[Rates; 2]> {
        let mode = self.profile.modes.get(self.mode)?;
        let of = |p: usize| Rates::of(self.profile, mode, self.profile.processors.get(p)?, format, self.clock);
        Some([of(self.processors[0])?, of(self.processors[1])?])
    }

    /// Bytes per second that both read together.
    fn ceiling(&self, rates: &[Rates; 2]) -> f64 {
        let Some(said) = self.memory_rate else { return rates[0].bandwidth.max(rates[1].bandwidth) };
        let clock = |p: usize| {
            let id = &self.profile.processors[p].id;
            self.profile.modes.get(self.mode).and_then(|m| m.clocks.get(id)).map_or(1.0, |c| c.memory.value.get())
        };
        said * clock(self.processors[0]).max(clock(self.processors[1]))
    }

    /// Fixed overhead of a pass over a stage: the larger of both, and the meeting before the first layer. Seconds.
    #[must_use]
    pub fn overhead_s(&self) -> Option<f64> {
        let of = |p: usize| Some(self.profile.processors.get(p)?.pass_overhead.value.get());
        Some(of(self.processors[0])?.max(of(self.processors[1])?) + self.handshake_s)
    }

    /// All blocks, the first processor with so many KV heads; `None` where one of the two cannot run its part.
    #[must_use]
    pub fn groups(&self, model: &ModelProfile, precision: Precision, request: &Request, first: u32) -> Option<Vec<Group>> {
        let all = model.divisible().filter(|&all| first > 0 && first < all && model.can_cut(first))?;
        let rates = self.rates(precision.weights)?;
        let mut groups = Vec::with_capacity(model.blocks.len());
        for g in &model.blocks {
            let whole = g.block.undivided();
            let parts = if whole { [Some(g.block.clone()), None] } else { [first, all - first].map(|heads| g.block.part(heads)) };
            let prefill = self.pass(&parts, &rates, precision, request.prefill)?;
            let decode =
                if request.passes > 0.0 { self.pass(&parts, &rates, precision, request.decode)? } else { Together::default() };
            groups.push(Group { count: g.count, prefill, decode });
        }
        Some(groups)
    }

    /// One block in one pass.
    fn pass(&self, parts: &[Option<Block>; 2], rates: &[Rates; 2], precision: Precision, pass: Pass) -> Option<Together> {
        let work = |i: usize, block: &Block| work::of_block(block, precision, pass, rates[i].cache_bytes);
        let [Some(one), Some(other)] = parts else {
            let own = work(0, parts[0].as_ref()?);
            let (spent, clock) = pass::run(&own, &rates[0], 0.0)?;
            let op_j = own.ops * rates[0].joules_per_op * energy_factor(rates[0].clock * clock);
            return Some(Together {
                halves: [spent, Spent::default()],
                op_j: [op_j, 0.0],
                time_s: spent.time_s,
                sent_bytes: 0.0,
            });
        };
        let states = pass.tokens * pass.batch * one.output_width as f64 * SUM_BITS / 8.0;
        let mut works = [work(0, one), work(1, other)];
        works.iter_mut().for_each(|w| w.activation_bytes += EXCHANGES * 2.0 * states);
        let bytes = works[0].bytes() + works[1].bytes();
        let ceiling = self.ceiling(rates);
        let shared = |i: usize| Rates { bandwidth: rates[i].bandwidth.min(ceiling * works[i].bytes() / bytes), ..rates[i] };
        let shared = [shared(0), shared(1)];
        // The mode's cap is on both together: where it binds, each has its part of what the cap leaves.
        let free = both(&works, &[0, 1].map(|i| Rates { headroom_w: f64::INFINITY, ..shared[i] }))?;
        let headroom_w = rates[0].headroom_w.min(rates[1].headroom_w);
        let energy_j = free.halves[0].energy_j + free.halves[1].energy_j;
        let mut sum = if energy_j <= headroom_w * free.time_s {
            free
        } else {
            let room = |i: usize| headroom_w * free.halves[i].energy_j / energy_j;
            both(&works, &[0, 1].map(|i| Rates { headroom_w: room(i), ..shared[i] }))?
        };
        sum.time_s += EXCHANGES * self.handshake_s;
        Some(sum)
    }

    /// KV heads of the first processor, with which the whole model takes a request the least time, and what its blocks
    /// cost then; among equals the fewest. `None` where no split runs.
    #[must_use]
    pub fn split(&self, model: &ModelProfile, precision: Precision, request: &Request) -> Option<(u32, Vec<Group>)> {
        let mut best: Option<(f64, u32, Vec<Group>)> = None;
        for first in 1..model.divisible()? {
            let Some(groups) = self.groups(model, precision, request, first) else { continue };
            let of = |g: &Group| f64::from(g.count) * (request.items * g.prefill.time_s + request.passes * g.decode.time_s);
            let time_s: f64 = groups.iter().map(of).sum();
            if best.as_ref().is_none_or(|(least, ..)| time_s < *least) {
                best = Some((time_s, first, groups));
            }
        }
        best.map(|(_, first, groups)| (first, groups))
    }

    /// Blocks `range` of the model as a stage, memory not counted; `None` where one of the two cannot run its part.
    #[must_use]
    pub fn stage(
        &self,
        model: &ModelProfile,
        precision: Precision,
        request: &Request,
        first: u32,
        range: std::ops::Range<u32>,
    ) -> Option<Stage> {
        let (mut prefill, mut decode) = (Together::default(), Together::default());
        let mut at = 0u32;
        for g in self.groups(model, precision, request, first)? {
            let from = at.max(range.start);
            at = at.saturating_add(g.count);
            let count = f64::from(at.min(range.end).saturating_sub(from));
            prefill.add(&g.prefill, count);
            decode.add(&g.decode, count);
        }
        let overhead = self.overhead_s()?;
        let first_s = prefill.time_s + overhead;
        let each_s = if request.passes > 0.0 { decode.time_s + overhead } else { 0.0 };
        let (shown, shown_s) = if request.passes > 0.0 { (&decode, each_s) } else { (&prefill, first_s) };
        let own = |i: usize| Own {
            memory_bytes: 0.0,
            dynamic_j: request.items * prefill.halves[i].energy_j + request.passes * decode.halves[i].energy_j,
            op_j: request.items * prefill.op_j[i] + request.passes * decode.op_j[i],
            dasi: roofline::saturation(shown.halves[i].alu_s, shown_s),
            memory_saturation: roofline::saturation(shown.halves[i].memory_s, shown_s),
        };
        Some(Stage { busy_s: request.items * first_s + request.passes * each_s, sent_bytes: 0.0, halves: [own(0), own(1)] })
    }
}

/// Both halves at once: the slower one's time.
fn both(works: &[Work; 2], rates: &[Rates; 2]) -> Option<Together> {
    let mut sum = Together::default();
    for (i, (work, rates)) in works.iter().zip(rates).enumerate() {
        let (spent, clock) = pass::run(work, rates, 0.0)?;
        sum.halves[i] = spent;
        sum.op_j[i] = work.ops * rates.joules_per_op * energy_factor(rates.clock * clock);
        sum.time_s = sum.time_s.max(spent.time_s);
    }
    Some(sum)
}

#[cfg(test)]
mod tests;
