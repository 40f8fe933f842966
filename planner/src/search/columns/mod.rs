//! Columns: one chain of one option of one service, with every cost and load that it brings.
//!
//! A deployment is as many columns as its option has replicas. All limits that concern one chain
//! alone are checked when a column is made, so that a program over columns only has to couple them.

mod price;
#[cfg(test)]
mod tests;

pub use price::{Care, Found, Pricing, enumerate, price};

use std::collections::BTreeSet;

use crate::table::{Assignment, Chain, Choice, Deployment, Table, over};

/// One chain and what it books, for its share of the requests (rate over replicas).
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    pub service: u32,
    pub option: u32,
    pub chain: Chain,
    /// Chains that its option needs.
    pub replicas: u32,
    /// Time to first token, per token, and of the whole request, seconds.
    pub ttft_s: f64,
    pub tpot_s: f64,
    pub total_s: f64,
    /// Contribution to the mean latency score.
    pub latency: f64,
    /// Contribution to the mean inaccuracy.
    pub inaccuracy: f64,
    /// Mean power of its messages, watts.
    pub network_w: f64,
    /// By place: booked share of time, mean dynamic watts, resident bytes.
    pub loads: Vec<Load>,
    /// Bytes per second by segment, sorted by segment.
    pub segments: Vec<(u32, f64)>,
    /// Modes that it needs, sorted.
    pub modes: Vec<u32>,
}

/// What a stage books on its place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Load {
    pub place: u32,
    pub booked: f64,
    pub dynamic_w: f64,
    pub bytes: f64,
}

impl Column {
    /// Costs a chain; `None` when it breaks a limit by itself. Agrees with [`crate::table::evaluate`].
    #[must_use]
    pub fn new(table: &Table, service: u32, option: u32, chain: &Chain) -> Option<Column> {
        let s = &table.services[service as usize];
        let o = &s.options[option as usize];
        let rate = s.rate_hz / f64::from(o.replicas);
        let mut c = Column {
            service,
            option,
            chain: chain.clone(),
            replicas: o.replicas,
            ttft_s: 0.0,
            tpot_s: 0.0,
            total_s: 0.0,
            latency: 0.0,
            inaccuracy: s.answer_share * (1.0 - o.accuracy) / f64::from(o.replicas),
            network_w: 0.0,
            loads: Vec::with_capacity(chain.stages.len()),
            segments: Vec::new(),
            modes: Vec::with_capacity(chain.stages.len()),
        };
        if !well_formed(table, o, chain) {
            return None;
        }
        for stage in &chain.stages {
            let cost = o.at[stage.place as usize].as_ref()?.stage(stage.start, stage.end);
            c.ttft_s += cost.ttft_s;
            c.tpot_s += cost.tpot_s;
            c.total_s += cost.total_s;
            c.loads.push(Load {
                place: stage.place,
                booked: rate * cost.busy_s,
                dynamic_w: rate * cost.dynamic_j,
                bytes: cost.bytes,
            });
            c.modes.push(table.places[stage.place as usize].mode);
        }
        c.modes.sort_unstable();
        c.modes.dedup();
        c.send(table, o, rate);
        c.latency = s.share * c.total_s / s.total_ref_s / f64::from(o.replicas);
        let devices: Vec<u32> = c.modes.iter().map(|&m| table.modes[m as usize].device).collect();
        // Sorted modes of one device stand side by side.
        let one_mode = devices.windows(2).all(|w| w[0] != w[1]);
        let first = table.places[chain.stages[0].place as usize].device;
        let ok = one_mode
            && c.total_s.is_finite()
            && !over(c.ttft_s, s.ttft_cap_s)
            && !over(c.tpot_s, s.tpot_cap_s)
            && !over(c.total_s, s.total_cap_s)
            && (s.first.is_empty() || s.first.contains(&first))
            && s.pins.iter().all(|pin| pin.iter().any(|d| devices.contains(d)))
            && c.fits(table);
        ok.then_some(c)
    }

    /// Books the messages between stages, from the origin and back.
    fn send(&mut self, table: &Table, o: &Choice, rate: f64) {
        let stages = &self.chain.stages;
        let device = |i: usize| table.places[stages[i].place as usize].device;
        let last = stages.len() - 1;
        let mut segments: Vec<(u32, f64)> = Vec::new();
        for m in o.messages(|i| stages[i].start, stages.len()) {
            let hop = table.hop(device(m.from), device(m.to));
            let [first, each] = m.seconds(hop);
            self.ttft_s += first;
            self.total_s += first;
            if m.decode.is_some() {
                self.tpot_s += each;
                self.total_s += o.passes * each;
            }
            let bytes = m.mean_bytes(o.passes);
            self.network_w += rate * bytes * hop.j_per_byte;
            segments.extend(hop.segments.iter().map(|&g| (g, rate * bytes)));
        }
        for (transfers, at) in [(&o.enter, device(0)), (&o.leave, device(last))] {
            if let Some(t) = transfers.get(at as usize) {
                self.ttft_s += t.ttft_s;
                self.total_s += t.total_s;
                self.network_w += rate * t.energy_j;
                segments.extend(t.segments.iter().map(|&g| (g, rate * t.bytes)));
            }
        }
        segments.sort_by_key(|&(g, _)| g);
        for (g, b) in segments {
            match self.segments.last_mut() {
                Some((last, sum)) if *last == g => *sum += b,
                _ => self.segments.push((g, b)),
            }
        }
    }

    /// True when the column alone keeps the capacities of what it uses.
    fn fits(&self, table: &Table) -> bool {
        self.loads.iter().all(|l| {
            let place = &table.places[l.place as usize];
            let mode = &table.modes[place.mode as usize];
            let same = |f: &dyn Fn(u32) -> bool, v: &dyn Fn(&Load) -> f64| -> f64 {
                self.loads.iter().filter(|o| f(o.place)).map(v).sum()
            };
            let bytes = same(&|p| table.places[p as usize].pool == place.pool, &|o| o.bytes);
            let dynamic = same(&|p| table.places[p as usize].mode == place.mode, &|o| o.dynamic_w);
            !mode.curve.is_empty()
                && !over(l.booked, mode.booked_cap)
                && !over(dynamic, mode.dynamic_cap_w)
                && !over(bytes, table.pools[place.pool as usize].capacity_bytes)
        }) && self.segments.iter().all(|&(g, b)| !over(b, table.segments[g as usize].capacity_bytes_s))
    }
}

/// Contiguous, covering, on distinct places, few enough stages.
fn well_formed(table: &Table, o: &Choice, chain: &Chain) -> bool {
    let mut next = 0;
    let mut ok = !chain.stages.is_empty() && chain.stages.len() <= o.max_stages as usize;
    for (i, stage) in chain.stages.iter().enumerate() {
        ok &= stage.start == next && stage.end > stage.start && stage.end <= o.blocks;
        ok &= (stage.place as usize) < table.places.len();
        let slot = |s: &crate::table::Stage| table.places.get(s.place as usize).map(|p| p.slot);
        ok &= chain.stages[..i].iter().all(|other| slot(other) != slot(stage));
        next = stage.end;
    }
    ok && next == o.blocks
}

/// Distinct columns in the order in which they came.
#[derive(Clone, Debug, Default)]
pub struct Pool {
    columns: Vec<Column>,
    known: BTreeSet<(u32, u32, Chain)>,
}

impl Pool {
    /// Adds a column; false when it was known.
    pub fn add(&mut self, column: Column) -> bool {
        let new = self.known.insert((column.service, column.option, column.chain.clone()));
        if new {
            self.columns.push(column);
        }
        new
    }

    /// Adds every chain of an assignment that keeps its own limits.
    pub fn add_assignment(&mut self, table: &Table, a: &Assignment) {
        for (s, d) in a.services.iter().enumerate() {
            let Some(d) = d else { continue };
            for chain in &d.chains {
                if let Some(c) = Column::new(table, s as u32, d.option, chain) {
                    self.add(c);
                }
            }
        }
    }

    #[must_use]
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    #[must_use]
    pub fn knows(&self, service: u32, option: u32, chain: &Chain) -> bool {
        self.known.contains(&(service, option, chain.clone()))
    }
}

/// The assignment that chosen columns make; services without one are skipped.
#[must_use]
pub fn assignment(table: &Table, columns: &[Column], chosen: &[usize]) -> Assignment {
    let mut services: Vec<Option<Deployment>> = vec![None; table.services.len()];
    for &i in chosen {
        let c = &columns[i];
        services[c.service as usize]
            .get_or_insert_with(|| Deployment { option: c.option, chains: Vec::new() })
            .chains
            .push(c.chain.clone());
    }
    Assignment { services }
}
