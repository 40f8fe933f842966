//! Scalar costs on the lattice, and the least cost to go from each of its nodes.

use super::{Lattice, Prices};
use crate::table::{Choice, Cost, Hop, Table, Transfer};

/// One scalar cost of everything a chain does: a price list applied, or one of its three times.
#[derive(Clone, Debug)]
pub struct Tariff {
    /// By local place and block: cost of blocks `0..b`.
    pub prefix: Vec<f64>,
    /// By local place: cost of a stage besides its blocks.
    pub stage: Vec<f64>,
    /// By local device: paid once, when a chain first touches a mode there; by local place, as modes differ.
    pub touch: Vec<f64>,
    /// By pair of local devices and cut: cost of the hop, `pair * blocks + cut`.
    pub hop: Vec<f64>,
    /// By pair of local devices: message from the last stage to the first; zero without decode passes.
    pub back: Vec<f64>,
    /// By local device, with whatever every chain of the option pays.
    pub enter: Vec<f64>,
    pub leave: Vec<f64>,
}

impl Tariff {
    /// Prices applied to one option.
    #[must_use]
    pub fn prices(table: &Table, l: &Lattice, prices: &Prices) -> Tariff {
        let s = &table.services[l.service as usize];
        let o = &s.options[l.option as usize];
        let replicas = f64::from(o.replicas);
        let rate = s.rate_hz / replicas;
        let per_s = prices.latency * s.share / s.total_ref_s / replicas;
        let flat =
            (prices.inaccuracy * s.answer_share * (1.0 - o.accuracy) - prices.reward[l.service as usize]) / replicas;
        let cost = |p: u32, c: &Cost| {
            let p = p as usize;
            per_s * c.total_s
                + rate * (prices.booked[p] * c.busy_s + prices.dynamic_w[p] * c.dynamic_j)
                + prices.bytes[p] * c.bytes
        };
        let bytes = |j: f64, segments: &[u32]| {
            rate * (prices.network_w * j + segments.iter().map(|&g| prices.segment[g as usize]).sum::<f64>())
        };
        let message = |h: &Hop, count: f64, volume: f64| {
            if !h.latency_s.is_finite() {
                return f64::INFINITY;
            }
            per_s * (count * h.latency_s + volume * h.s_per_byte) + volume * bytes(h.j_per_byte, &h.segments)
        };
        let transfer = |t: &Transfer| {
            if !t.total_s.is_finite() {
                return f64::INFINITY;
            }
            let segments: f64 = t.segments.iter().map(|&g| prices.segment[g as usize]).sum();
            per_s * t.total_s + rate * (prices.network_w * t.energy_j + t.bytes * segments)
        };
        let mut tariff = Tariff::build(table, l, o, cost, message, transfer, flat);
        let modes = table.modes.len();
        tariff.touch = l.mode_of.iter().map(|&m| prices.touch[l.service as usize * modes + m as usize]).collect();
        tariff
    }

    /// One of the times: 0 ttft, 1 tpot, 2 total.
    #[must_use]
    pub fn time(table: &Table, l: &Lattice, x: usize) -> Tariff {
        let o = &table.services[l.service as usize].options[l.option as usize];
        let cost = |_: u32, c: &Cost| [c.ttft_s, c.tpot_s, c.total_s][x];
        // A message is seen by its count and volume; ttft and tpot see one part of it only, so they are filled below.
        let message = |h: &Hop, count: f64, volume: f64| {
            if h.latency_s.is_finite() { count * h.latency_s + volume * h.s_per_byte } else { f64::INFINITY }
        };
        let transfer = |t: &Transfer| [t.ttft_s, 0.0, t.total_s][x];
        let mut tariff = Tariff::build(table, l, o, cost, message, transfer, 0.0);
        if x < 2 {
            tariff.part(table, l, o, x);
        }
        tariff
    }

    fn build(
        table: &Table,
        l: &Lattice,
        o: &Choice,
        cost: impl Fn(u32, &Cost) -> f64,
        message: impl Fn(&Hop, f64, f64) -> f64,
        transfer: impl Fn(&Transfer) -> f64,
        flat: f64,
    ) -> Tariff {
        let n = l.devices.len();
        let passes = o.passes.max(0.0);
        let mut t = Tariff {
            prefix: Vec::with_capacity(l.places.len() * (l.blocks + 1)),
            stage: Vec::with_capacity(l.places.len()),
            touch: vec![0.0; l.places.len()],
            hop: vec![0.0; n * n * l.blocks],
            back: vec![0.0; n * n],
            enter: l.devices.iter().map(|&d| flat + o.enter.get(d as usize).map_or(0.0, &transfer)).collect(),
            leave: l.devices.iter().map(|&d| o.leave.get(d as usize).map_or(0.0, &transfer)).collect(),
        };
        for &p in &l.places {
            if let Some(at) = &o.at[p as usize] {
                t.prefix.extend(at.sum.iter().map(|c| cost(p, c)));
                t.stage.push(cost(p, &at.per_stage));
            }
        }
        for (i, &a) in l.devices.iter().enumerate() {
            for (j, &b) in l.devices.iter().enumerate() {
                let hop = table.hop(a, b);
                for cut in 1..l.blocks {
                    let c = o.cuts[cut];
                    t.hop[(i * n + j) * l.blocks + cut] =
                        message(hop, 1.0 + passes, c.prefill_bytes + passes * c.decode_bytes);
                }
                if passes > 0.0 {
                    t.back[i * n + j] = message(hop, passes, passes * o.return_bytes);
                }
            }
        }
        t
    }

    /// Messages as ttft (the prefill message) or tpot (one decode message) sees them.
    fn part(&mut self, table: &Table, l: &Lattice, o: &Choice, x: usize) {
        let n = l.devices.len();
        for (i, &a) in l.devices.iter().enumerate() {
            for (j, &b) in l.devices.iter().enumerate() {
                let hop = table.hop(a, b);
                let time = |bytes: f64| hop.latency_s + bytes * hop.s_per_byte;
                for cut in 1..l.blocks {
                    let c = o.cuts[cut];
                    self.hop[(i * n + j) * l.blocks + cut] = match x {
                        0 => time(c.prefill_bytes),
                        _ if o.passes > 0.0 => time(c.decode_bytes),
                        _ => 0.0,
                    };
                }
                self.back[i * n + j] = if x == 1 && o.passes > 0.0 { time(o.return_bytes) } else { 0.0 };
            }
        }
    }

    /// Cost of blocks `start..end` on a local place, entry not included.
    #[must_use]
    pub fn stage(&self, l: &Lattice, place: usize, start: usize, end: usize) -> f64 {
        let row = place * (l.blocks + 1);
        self.prefix[row + end] - self.prefix[row + start] + self.stage[place]
    }

    #[must_use]
    pub fn hop(&self, l: &Lattice, from: usize, to: usize, cut: usize) -> f64 {
        self.hop[(from * l.devices.len() + to) * l.blocks + cut]
    }
}

/// Least cost to go: entry `[k-1][node]` is the least cost of everything from a stage that starts at
/// the node (its own entry not included) when it and at most `k - 1` stages after it may follow.
///
/// Valid as a lower bound for every real chain: places may repeat, modes may mix, deadlines are not
/// seen. What a chain pays once per mode is charged at the second stage (and at the third when the
/// first device is known, so that a return to it is free); later entries might be returns and go free.
#[derive(Clone, Debug)]
pub struct ToGo {
    layers: Vec<Vec<f64>>,
    first: Option<usize>,
}

impl ToGo {
    /// Backward pass, for one first device (local) or for any.
    #[must_use]
    pub fn new(l: &Lattice, t: &Tariff, first: Option<usize>) -> ToGo {
        let (np, nd, nb) = (l.places.len(), l.devices.len(), l.blocks);
        let back: Vec<f64> = (0..nd)
            .map(|d| match first {
                Some(f) => t.back[d * nd + f],
                None => (0..nd).filter(|&f| l.may_start[f]).map(|f| t.back[d * nd + f]).fold(f64::INFINITY, f64::min),
            })
            .collect();
        let charged = if first.is_some() { 3 } else { 2 };
        let mut layers: Vec<Vec<f64>> = Vec::with_capacity(l.stages);
        let mut onward = vec![f64::INFINITY; nb * nd];
        for k in 1..=l.stages {
            let index = l.stages - k + 1;
            if let Some(next) = layers.last() {
                onward_costs(l, t, next, index < charged, first, &mut onward);
            }
            let mut layer = vec![f64::INFINITY; nb * np];
            for p in 0..np {
                let d = l.device_of[p];
                let row = p * (nb + 1);
                let finish = t.prefix[row + nb] + t.leave[d] + if index > 1 { back[d] } else { 0.0 };
                for b in 0..nb {
                    let reach = l.reach(b, p);
                    let mut best = if reach == nb { finish } else { f64::INFINITY };
                    for e in b + 1..=reach.min(nb - 1) {
                        best = best.min(t.prefix[row + e] + onward[e * nd + d]);
                    }
                    layer[b * np + p] = best - t.prefix[row + b] + t.stage[p];
                }
            }
            layers.push(layer);
        }
        ToGo { layers, first }
    }

    /// Least cost of a whole chain.
    #[must_use]
    pub fn least(&self, l: &Lattice, t: &Tariff) -> f64 {
        (0..l.places.len()).map(|p| self.start(l, t, p)).fold(f64::INFINITY, f64::min)
    }

    /// Least cost of a whole chain that starts at a local place.
    #[must_use]
    pub fn start(&self, l: &Lattice, t: &Tariff, place: usize) -> f64 {
        let d = l.device_of[place];
        if !l.may_start[d] || self.first.is_some_and(|f| f != d) {
            return f64::INFINITY;
        }
        t.enter[d] + t.touch[place] + self.layers[l.stages - 1][place]
    }

    /// Least cost from a node when `left` stages may still be used, its own included.
    #[must_use]
    pub fn get(&self, left: usize, node: usize) -> f64 {
        self.layers[left - 1][node]
    }

    /// The layer of second stages: a lower bound from every stage but the first. Empty when chains have one stage.
    #[must_use]
    pub fn into_second(mut self) -> Vec<f64> {
        self.layers.pop();
        self.layers.pop().unwrap_or_default()
    }
}

/// By cut and local device: least cost of going on to any place.
fn onward_costs(l: &Lattice, t: &Tariff, next: &[f64], charged: bool, first: Option<usize>, onward: &mut [f64]) {
    let (np, nd) = (l.places.len(), l.devices.len());
    let (mut stay, mut enter) = (vec![0.0; nd], vec![0.0; nd]);
    for cut in 1..l.blocks {
        stay.fill(f64::INFINITY);
        enter.fill(f64::INFINITY);
        for p in 0..np {
            let (d, v) = (l.device_of[p], next[cut * np + p]);
            stay[d] = f64::min(stay[d], v);
            let touch = if charged && first != Some(d) { t.touch[p] } else { 0.0 };
            enter[d] = f64::min(enter[d], v + touch);
        }
        for from in 0..nd {
            let mut best = f64::INFINITY;
            for to in 0..nd {
                let v = if from == to { stay[to] } else { enter[to] };
                best = best.min(v + t.hop(l, from, to, cut));
            }
            onward[cut * nd + from] = best;
        }
    }
}
