//! Scalar costs on the lattice, and the least cost to go from each of its nodes.

use super::{Lattice, Prices, Window};
use crate::table::{Choice, Cost, Hop, Table, Transfer, eased};

/// One scalar cost of everything a chain does: a price list applied, or one of its three times.
#[derive(Clone, Debug)]
pub struct Tariff {
    /// By local place and block: cost of blocks `0..b`.
    pub prefix: Vec<f64>,
    /// By local place: cost of a stage besides its blocks.
    pub stage: Vec<f64>,
    /// The same by local place and first block, where stages do not all begin alike; else empty.
    pub begins: Vec<f64>,
    /// By local device: paid once, when a chain first touches a mode there; by local place, as modes differ.
    pub touch: Vec<f64>,
    /// By pair of local devices and cut: cost of the hop, `pair * blocks + cut`.
    pub hop: Vec<f64>,
    /// By pair of local devices: message from the last stage to the one that begins a decode pass; zero without such passes.
    pub back: Vec<f64>,
    /// By local device, with whatever every chain of the option pays.
    pub enter: Vec<f64>,
    pub leave: Vec<f64>,
    /// By local place: where a stage may start and end.
    pub windows: Vec<Window>,
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
        let open = !prices.shut.contains(&(l.service, l.option));
        let flat = if !open {
            f64::INFINITY
        } else {
            (prices.inaccuracy * s.answer_share * (1.0 - o.accuracy) - prices.reward[l.service as usize]) / replicas
        };
        let cost = |p: u32, c: &Cost| {
            let p = p as usize;
            per_s * c.total_s
                + rate * (prices.booked[p] * c.busy_s + prices.dynamic_w[p] * c.dynamic_j)
                + prices.bytes[p] * c.bytes
        };
        let bytes = |j: f64, segments: &[u32]| {
            rate * (prices.network_w * j + segments.iter().map(|&g| prices.segment[g as usize]).sum::<f64>())
        };
        let message = |h: &Hop, count: f64, volume: f64, share: f64| {
            if !h.latency_s.is_finite() {
                return f64::INFINITY;
            }
            per_s * (count * h.latency_s + volume * h.s_per_byte) + share * volume * bytes(h.j_per_byte, &h.segments)
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
        for w in prices.windows.iter().filter(|w| w.service == l.service) {
            if let Some(p) = l.places.iter().position(|&p| p == w.place) {
                tariff.windows[p] = tariff.windows[p].and(*w);
            }
        }
        tariff
    }

    /// One of the times: 0 ttft, 1 tpot, 2 total.
    #[must_use]
    pub fn time(table: &Table, l: &Lattice, x: usize) -> Tariff {
        let o = &table.services[l.service as usize].options[l.option as usize];
        let cost = |_: u32, c: &Cost| [c.ttft_s, c.tpot_s, c.total_s][x];
        // A message is seen by its count and volume; ttft and tpot see one part of it only, so they are filled below.
        let message = |h: &Hop, count: f64, volume: f64, _: f64| {
            if h.latency_s.is_finite() { count * h.latency_s + volume * h.s_per_byte } else { f64::INFINITY }
        };
        let transfer = |t: &Transfer| [t.ttft_s, 0.0, t.total_s][x];
        let mut tariff = Tariff::build(table, l, o, cost, message, transfer, 0.0);
        if x < 2 {
            tariff.part(table, l, o, x);
        }
        tariff
    }

    /// Adds `rate * (time - cap)` of kind `x` to every chain's cost.
    pub fn add_late(&mut self, l: &Lattice, x: usize, rate: f64, cap: f64) {
        let time = &l.times[x];
        let add = |to: &mut [f64], more: &[f64]| to.iter_mut().zip(more).for_each(|(a, b)| *a += rate * b);
        add(&mut self.prefix, &time.prefix);
        add(&mut self.stage, &time.stage);
        add(&mut self.begins, &time.begins);
        add(&mut self.hop, &time.hop);
        add(&mut self.back, &time.back);
        add(&mut self.enter, &time.enter);
        add(&mut self.leave, &time.leave);
        self.enter.iter_mut().for_each(|e| *e -= rate * eased(cap));
    }

    fn build(
        table: &Table,
        l: &Lattice,
        o: &Choice,
        cost: impl Fn(u32, &Cost) -> f64,
        message: impl Fn(&Hop, f64, f64, f64) -> f64,
        transfer: impl Fn(&Transfer) -> f64,
        flat: f64,
    ) -> Tariff {
        let n = l.devices.len();
        let passes = o.passes.max(0.0);
        let mut t = Tariff {
            prefix: Vec::with_capacity(l.places.len() * (l.blocks + 1)),
            stage: Vec::with_capacity(l.places.len()),
            begins: Vec::new(),
            touch: vec![0.0; l.places.len()],
            hop: vec![0.0; n * n * l.blocks],
            back: vec![0.0; n * n],
            enter: l.devices.iter().map(|&d| flat + o.enter.get(d as usize).map_or(0.0, &transfer)).collect(),
            leave: l.devices.iter().map(|&d| o.leave.get(d as usize).map_or(0.0, &transfer)).collect(),
            windows: l.places.iter().map(|&p| Window::open(l.service, p)).collect(),
        };
        for &p in &l.places {
            if let Some(at) = &o.at[p as usize] {
                t.prefix.extend((0..=o.blocks).map(|b| cost(p, &at.prefix(b))));
                t.stage.push(cost(p, &at.per_stage));
            }
        }
        if l.places.iter().any(|&p| o.at[p as usize].as_ref().is_some_and(|at| !at.begins.is_empty())) {
            for &p in &l.places {
                let Some(at) = &o.at[p as usize] else { continue };
                t.begins.extend((0..o.blocks).map(|b| cost(p, at.begin(b))));
            }
        }
        let back_share = o.cuts.last().map_or(1.0, |c| c.share);
        for (i, &a) in l.devices.iter().enumerate() {
            for (j, &b) in l.devices.iter().enumerate() {
                let hop = table.hop(a, b);
                for cut in 1..l.blocks {
                    let c = o.cuts[cut];
                    let passes = if cut > o.loop_start as usize { passes } else { 0.0 };
                    let volume = c.prefill_bytes + passes * c.decode_bytes;
                    t.hop[(i * n + j) * l.blocks + cut] = message(hop, 1.0 + passes, volume, c.share);
                }
                if passes > 0.0 {
                    t.back[i * n + j] = message(hop, passes, passes * o.return_bytes, back_share);
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
                        _ if o.passes > 0.0 && cut > o.loop_start as usize => time(c.decode_bytes),
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
        self.prefix[row + end] - self.prefix[row + start] + self.begin(l, place, start)
    }

    /// Cost of a stage on a local place besides its blocks.
    #[must_use]
    pub fn begin(&self, l: &Lattice, place: usize, start: usize) -> f64 {
        self.begins.get(place * l.blocks + start).copied().unwrap_or(self.stage[place])
    }

    #[must_use]
    pub fn hop(&self, l: &Lattice, from: usize, to: usize, cut: usize) -> f64 {
        self.hop[(from * l.devices.len() + to) * l.blocks + cut]
    }
}

/// Least cost to go: entry `[k-1][open_node]` is the least cost of everything from a stage that starts at
/// the node (its own entry not included) when it and at most `k - 1` stages after it may follow, and
/// these must meet the pins still open.
///
/// Valid as a lower bound for every real chain: deadlines are not seen, and a place may come back two
/// stages later. Touching a device again is free, so an entry is charged only where it cannot be a
/// return: with the first device known, the pass remembers the second one too and is exact in this for
/// chains of up to four stages; without it, for up to two. Later entries go free.
#[derive(Clone, Debug)]
pub struct ToGo {
    layers: Vec<Layer>,
    /// By device of the second stage: the layer of third stages, when a fourth may follow.
    third: Vec<Layer>,
    first: Option<usize>,
}

/// Costs to go of one number of stages left.
#[derive(Clone, Debug)]
struct Layer {
    /// By `open_node`.
    cost: Vec<f64>,
    /// By pins open after it, local place and end: blocks up to there and all that follows.
    ends: Vec<f64>,
}

/// What entering a device costs besides the hop.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Entry {
    /// The first visit: its touch price.
    Pays,
    /// A return: nothing.
    Back,
    /// It cannot be told: the lesser of both.
    Maybe,
}

/// By pins open, cut and local place: least cost of going on after a stage, at all, or to another device.
struct Onward {
    any: Vec<f64>,
    away: Vec<f64>,
}

impl ToGo {
    /// Backward pass, for one first device (local) or for any.
    #[must_use]
    pub fn new(l: &Lattice, t: &Tariff, first: Option<usize>) -> ToGo {
        let nd = l.devices.len();
        let starts = |d: &usize| first.map_or(l.may_start[*d], |f| f == *d);
        let least = |d: usize| (0..nd).filter(starts).map(|f| t.back[d * nd + f]).fold(f64::INFINITY, f64::min);
        // Where decode passes begin at a later stage, it may be the last one: then nothing goes back.
        let back: Vec<f64> = (0..nd).map(|d| if l.loop_start > 0 { 0.0 } else { least(d) }).collect();
        let size = (l.pins as usize + 1) * l.blocks * l.places.len();
        let mut onward = Onward { any: vec![f64::INFINITY; size], away: vec![f64::INFINITY; size] };
        let mut togo = ToGo { layers: Vec::with_capacity(l.stages), third: Vec::new(), first };
        // Whether an entry into stage `index + 1` can be told from a return.
        let known = if first.is_some() { 3 } else { 2 };
        for k in 1..=l.stages {
            let index = l.stages - k + 1;
            let entry = |d: usize| match first {
                Some(f) if f == d => Entry::Back,
                _ if index >= known => Entry::Maybe,
                _ => Entry::Pays,
            };
            let entries: Vec<Entry> = (0..nd).map(entry).collect();
            let layer = match togo.layers.last() {
                None => layer(l, t, &back, index, &onward, |_| None),
                Some(_) if index == 2 && !togo.third.is_empty() => {
                    for d in 0..nd {
                        onward.fill(l, t, &togo.third[d].cost, &entries, Some(d));
                    }
                    layer(l, t, &back, index, &onward, |d| togo.third.get(d))
                }
                Some(next) => {
                    if index == 3 && first.is_some() {
                        togo.third = (0..nd)
                            .map(|second| {
                                let visit = |d: usize| if first == Some(d) || d == second { Entry::Back } else { Entry::Pays };
                                let entries: Vec<Entry> = (0..nd).map(visit).collect();
                                onward.fill(l, t, &next.cost, &entries, None);
                                layer(l, t, &back, index, &onward, |_| Some(next))
                            })
                            .collect();
                    }
                    onward.fill(l, t, &next.cost, &entries, None);
                    layer(l, t, &back, index, &onward, |_| Some(next))
                }
            };
            togo.layers.push(layer);
        }
        togo
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
        t.enter[d] + t.touch[place] + self.layers[l.stages - 1].cost[l.open_node(l.pins, 0, place)]
    }

    /// Least cost from an `open_node` of stage `index`, counted from one; `before` is the device of the stage before.
    #[must_use]
    pub fn get(&self, index: usize, before: usize, node: usize) -> f64 {
        match self.third.get(before) {
            Some(layer) if index == 3 => layer.cost[node],
            _ => self.layers[self.layers.len() - index].cost[node],
        }
    }

    /// The layer of second stages: a lower bound from every stage but the first. Empty when chains have one stage.
    #[must_use]
    pub fn into_second(mut self) -> Vec<f64> {
        self.layers.pop();
        self.layers.pop().map(|layer| layer.cost).unwrap_or_default()
    }
}

/// Minima of windows that slide over a row: entry `b` is the least of `values[b + 1..=last(b)]`.
#[derive(Default)]
struct Sliding {
    /// Positions whose value is below all later ones in the window.
    queue: Vec<usize>,
    least: Vec<f64>,
}

impl Sliding {
    /// Linear where `last` does not fall, as it never does where longer stages need more.
    fn fill(&mut self, values: &[f64], n: usize, last: impl Fn(usize) -> usize) {
        self.queue.clear();
        self.least.clear();
        let (mut head, mut next, mut before) = (0, 1, 0);
        for b in 0..n {
            let end = last(b);
            if end < before {
                self.least.truncate(b);
                self.least.extend((b..n).map(|b| {
                    let end = last(b);
                    values[(b + 1).min(end + 1)..=end].iter().copied().fold(f64::INFINITY, f64::min)
                }));
                return;
            }
            before = end;
            while next <= end {
                while self.queue.len() > head && self.queue.last().is_some_and(|&q| values[q] >= values[next]) {
                    self.queue.pop();
                }
                self.queue.push(next);
                next += 1;
            }
            while self.queue.get(head).is_some_and(|&q| q <= b) {
                head += 1;
            }
            self.least.push(self.queue.get(head).map_or(f64::INFINITY, |&q| values[q]));
        }
    }
}

/// One layer: the stage at each node, then the end, or another device, or another place of the mode.
/// `next` gives the layer after it, which may depend on the device.
#[expect(clippy::needless_range_loop, reason = "the index is a block number in several arrays")]
fn layer<'a>(
    l: &Lattice,
    t: &Tariff,
    back: &[f64],
    index: usize,
    onward: &Onward,
    next: impl Fn(usize) -> Option<&'a Layer>,
) -> Layer {
    let (np, nb) = (l.places.len(), l.blocks);
    let masks = l.pins as usize + 1;
    let mut made = Layer { cost: vec![f64::INFINITY; masks * nb * np], ends: vec![f64::INFINITY; masks * np * (nb + 1)] };
    let mut out = vec![f64::INFINITY; nb + 1];
    let mut best = vec![f64::INFINITY; nb];
    let mut work = Stay::default();
    for p in 0..np {
        let d = l.device_of[p];
        let row = p * (nb + 1);
        let window = &t.windows[p];
        let (from, to) = (window.end.0.max(1) as usize, nb.min(window.end.1 as usize));
        for after in (0..=l.pins).filter(|after| after & l.meets[d] == 0) {
            let at = l.ends(after, p);
            out.fill(f64::INFINITY);
            for e in from..=to {
                let blocks = t.prefix[row + e];
                (made.ends[at + e], out[e]) = if e < nb {
                    let node = l.open_node(after, e, p);
                    (blocks + onward.any[node], blocks + onward.away[node])
                } else if after == 0 {
                    let finish = blocks + t.leave[d] + if index > 1 { back[d] } else { 0.0 };
                    (finish, finish)
                } else {
                    (f64::INFINITY, f64::INFINITY)
                };
            }
            work.sliding.fill(&out, nb, |b| l.reach(b, p));
            best.copy_from_slice(&work.sliding.least);
            if let Some(next) = next(d) {
                work.stay(l, t, next, (after, p), (from, to), &mut best);
            }
            for b in (0..nb).filter(|&b| window.start.0 as usize <= b && b <= window.start.1 as usize) {
                let cost = best[b] - t.prefix[row + b] + t.begin(l, p, b);
                // Before this stage, any of the pins that its device meets may have been open.
                for open in (0..=l.pins).filter(|open| open & !l.meets[d] == after) {
                    made.cost[l.open_node(open, b, p)] = cost;
                }
            }
        }
    }
    made
}

/// Costs of a stage that is followed by one on another place of its mode, and room to work them out.
#[derive(Default)]
struct Stay {
    sliding: Sliding,
    /// By end of the first stage: its blocks from the first on, the hop, and what follows without other limits.
    free: Vec<f64>,
}

impl Stay {
    /// Lowers `best`, by start of the stage on `p`, where going on at another place of its mode is cheaper; the two
    /// of them within what memory and cooling hold together.
    fn stay(
        &mut self,
        l: &Lattice,
        t: &Tariff,
        next: &Layer,
        (after, p): (u32, usize),
        (from, to): (usize, usize),
        best: &mut [f64],
    ) {
        let nb = l.blocks;
        let (d, row) = (l.device_of[p], p * (nb + 1));
        for q in l.mode_run[p].clone().filter(|&q| l.slot_of[q] != l.slot_of[p]) {
            self.free.clear();
            self.free.resize(nb, f64::INFINITY);
            for e in from..=to.min(nb - 1) {
                self.free[e] = t.prefix[row + e] + t.hop(l, d, d, e) + next.cost[l.open_node(after, e, q)];
            }
            self.sliding.fill(&self.free, nb, |b| l.reach(b, p).min(nb - 1));
            let joint = l.joint(p, q);
            let (at, window) = (l.ends(after, q), &t.windows[q]);
            for b in 0..nb {
                // The unrestricted cost first: most are too dear for a closer look.
                if self.sliding.least[b] >= best[b] {
                    continue;
                }
                let Some(joint) = joint else {
                    best[b] = self.sliding.least[b];
                    continue;
                };
                for e in b + 1..=l.reach(b, p).min(nb - 1) {
                    let last = joint[b * (nb + 1) + e] as usize;
                    let starts = window.start.0 as usize <= e && e <= window.start.1 as usize;
                    if self.free[e] < best[b] && starts && last > e {
                        let end = next.ends[at + e + 1..=at + last].iter().copied().fold(f64::INFINITY, f64::min);
                        let rest = end - t.prefix[q * (nb + 1) + e] + t.begin(l, q, e);
                        best[b] = best[b].min(t.prefix[row + e] + t.hop(l, d, d, e) + rest);
                    }
                }
            }
        }
    }
}

impl Onward {
    #[expect(clippy::needless_range_loop, reason = "the index is a place in several arrays")]
    /// Fills in the least costs of going on from a stage at any place, or at the places of device `only`.
    fn fill(&mut self, l: &Lattice, t: &Tariff, next: &[f64], entries: &[Entry], only: Option<usize>) {
        let (np, nd) = (l.places.len(), l.devices.len());
        let mut enter = vec![0.0; nd];
        let mut away = vec![0.0; nd];
        for (open, cut) in (0..=l.pins).flat_map(|open| (1..l.blocks).map(move |cut| (open, cut))) {
            let at = l.open_node(open, cut, 0);
            let row = &next[at..at + np];
            enter.fill(f64::INFINITY);
            for p in 0..np {
                let d = l.device_of[p];
                let touch = match entries[d] {
                    // Where touching is forbidden, so is coming back.
                    Entry::Back | Entry::Maybe if t.touch[p] == f64::INFINITY => f64::INFINITY,
                    Entry::Back => 0.0,
                    Entry::Maybe => t.touch[p].min(0.0),
                    Entry::Pays => t.touch[p],
                };
                enter[d] = f64::min(enter[d], row[p] + touch);
            }
            for from in (0..nd).filter(|&from| only.is_none_or(|d| d == from)) {
                away[from] =
                    (0..nd).filter(|&to| to != from).map(|to| enter[to] + t.hop(l, from, to, cut)).fold(f64::INFINITY, f64::min);
            }
            for p in (0..np).filter(|&p| only.is_none_or(|d| d == l.device_of[p])) {
                let d = l.device_of[p];
                // On the same device only another place of the same mode; they stand side by side.
                let stay =
                    l.mode_run[p].clone().filter(|&q| l.slot_of[q] != l.slot_of[p]).map(|q| row[q]).fold(f64::INFINITY, f64::min);
                self.away[at + p] = away[d];
                self.any[at + p] = away[d].min(stay + t.hop(l, d, d, cut));
            }
        }
    }
}
