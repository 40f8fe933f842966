//! One service's deployment with what it books, kept flat so that a move reuses its buffers.

use super::context::Context;
use crate::search::state::limit::{Excess, excess};
use crate::table::{Chain, Choice, Deployment, Service, Stage, Table};

/// Stands for no option, no mode, no device.
pub const NONE: u32 = u32::MAX;

/// What one stage books.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Booked {
    pub share: f64,
    pub dynamic_w: f64,
    pub bytes: f64,
}

/// A deployment and its costs. The costs hold after [`Row::cost`] returned true.
#[derive(Debug, Default, PartialEq)]
pub struct Row {
    /// [`NONE`] when the service is not served.
    pub option: u32,
    /// Stages of all chains, one chain after the other.
    pub stages: Vec<Stage>,
    /// One past the last stage of each chain.
    pub ends: Vec<u32>,
    pub(super) booked: Vec<Booked>,
    /// Segment and bytes per second.
    pub(super) links: Vec<(u32, f64)>,
    pub(super) network_w: f64,
    pub(super) latency: f64,
    pub(super) inaccuracy: f64,
    pub(super) skip: f64,
    pub(super) excess: Excess,
}

impl Clone for Row {
    fn clone(&self) -> Self {
        let mut row = Row::default();
        row.clone_from(self);
        row
    }

    /// Keeps this row's buffers.
    fn clone_from(&mut self, other: &Self) {
        self.option = other.option;
        self.stages.clone_from(&other.stages);
        self.ends.clone_from(&other.ends);
        self.booked.clone_from(&other.booked);
        self.links.clone_from(&other.links);
        self.network_w = other.network_w;
        self.latency = other.latency;
        self.inaccuracy = other.inaccuracy;
        self.skip = other.skip;
        self.excess = other.excess;
    }
}

impl Row {
    /// A service that is not served.
    #[must_use]
    pub fn skipped() -> Self {
        Row { option: NONE, ..Row::default() }
    }

    /// Takes the shape of a deployment; costs are not valid until [`Row::cost`].
    pub fn read(&mut self, deployment: Option<&Deployment>) {
        self.stages.clear();
        self.ends.clear();
        self.option = deployment.map_or(NONE, |d| d.option);
        for chain in deployment.iter().flat_map(|d| &d.chains) {
            self.stages.extend_from_slice(&chain.stages);
            self.ends.push(self.stages.len() as u32);
        }
    }

    /// The deployment that this row stands for.
    #[must_use]
    pub fn write(&self) -> Option<Deployment> {
        (self.option != NONE).then(|| Deployment {
            option: self.option,
            chains: (0..self.ends.len()).map(|c| Chain { stages: self.stages[self.chain(c)].to_vec() }).collect(),
        })
    }

    /// Excess that this row counts for not being served.
    #[must_use]
    pub fn absence(&self) -> f64 {
        if self.option == NONE { self.excess.amount } else { 0.0 }
    }

    /// True when no limit of the service itself is broken.
    #[must_use]
    pub fn within_limits(&self) -> bool {
        self.excess.limits == 0
    }

    /// Number of chains.
    #[must_use]
    pub fn chains(&self) -> usize {
        self.ends.len()
    }

    /// Stages of one chain.
    #[must_use]
    pub fn chain(&self, c: usize) -> std::ops::Range<usize> {
        let start = if c == 0 { 0 } else { self.ends[c - 1] as usize };
        start..self.ends[c] as usize
    }

    /// Chain that a stage belongs to.
    #[must_use]
    pub fn chain_of(&self, stage: usize) -> usize {
        self.ends.iter().position(|&e| stage < e as usize).unwrap_or(self.ends.len().saturating_sub(1))
    }

    /// Puts a stage before the stage with index `at`, which belongs to chain `c`.
    pub fn insert(&mut self, c: usize, at: usize, stage: Stage) {
        self.stages.insert(at, stage);
        self.ends[c..].iter_mut().for_each(|e| *e += 1);
    }

    /// Takes a stage out of chain `c`.
    pub fn remove(&mut self, c: usize, at: usize) {
        self.stages.remove(at);
        self.ends[c..].iter_mut().for_each(|e| *e -= 1);
    }

    /// Removes a whole chain.
    pub fn remove_chain(&mut self, c: usize) {
        let range = self.chain(c);
        let n = range.len() as u32;
        self.stages.drain(range);
        self.ends.remove(c);
        self.ends[c..].iter_mut().for_each(|e| *e -= n);
    }

    /// Appends a chain.
    pub fn push_chain(&mut self, stages: &[Stage]) {
        self.stages.extend_from_slice(stages);
        self.ends.push(self.stages.len() as u32);
    }

    /// Replaces chain `c` by one stage.
    pub fn single(&mut self, c: usize, stage: Stage) {
        let range = self.chain(c);
        let gone = range.len() as u32 - 1;
        self.stages.drain(range.start + 1..range.end);
        self.stages[range.start] = stage;
        self.ends[c..].iter_mut().for_each(|e| *e -= gone);
    }

    /// Joins neighbours on one place.
    pub fn join(&mut self, c: usize) {
        let mut i = self.chain(c).start + 1;
        while i < self.chain(c).end {
            if self.stages[i].place == self.stages[i - 1].place {
                self.stages[i - 1].end = self.stages[i].end;
                self.remove(c, i);
            } else {
                i += 1;
            }
        }
    }

    /// Costs the row for service `s` and checks all of its shape that concerns no other service.
    /// False: malformed or out of reach; the costs are then not valid. With `partial`, fewer chains
    /// than the option's replicas are allowed.
    pub fn cost(&mut self, table: &Table, context: &Context, s: u32, partial: bool) -> bool {
        let service = &table.services[s as usize];
        self.booked.clear();
        self.links.clear();
        (self.network_w, self.latency, self.inaccuracy, self.skip) = (0.0, 0.0, 0.0, 0.0);
        self.excess = Excess::default();
        if self.option == NONE {
            self.stages.clear();
            self.ends.clear();
            self.skip = if service.skip_cost.is_finite() { service.skip_cost } else { 0.0 };
            self.excess = if service.skip_cost.is_finite() { Excess::default() } else { Excess::UNSERVED };
            return true;
        }
        let option = &service.options[self.option as usize];
        let full = if partial { self.chains() <= option.replicas as usize } else { self.chains() == option.replicas as usize };
        if !full || self.chains() == 0 {
            return false;
        }
        self.inaccuracy = service.answer_share * (1.0 - option.accuracy);
        for c in 0..self.chains() {
            if !self.well_formed(table, service, option, c) || !self.book(table, service, option, c) {
                return false;
            }
        }
        debug_assert!(context.apart.len() == table.services.len(), "the context belongs to the table");
        true
    }

    fn well_formed(&self, table: &Table, service: &Service, option: &Choice, c: usize) -> bool {
        let stages = &self.stages[self.chain(c)];
        if stages.is_empty() || stages.len() > option.max_stages as usize {
            return false;
        }
        let device = |stage: &Stage| table.places[stage.place as usize].device;
        let mut next = 0;
        for (i, stage) in stages.iter().enumerate() {
            if stage.start != next || stage.end <= stage.start || option.at[stage.place as usize].is_none() {
                return false;
            }
            next = stage.end;
            let clash = |o: &Stage| {
                let (a, b) = (&table.places[o.place as usize], &table.places[stage.place as usize]);
                a.device == b.device && (a.slot == b.slot || a.mode != b.mode)
            };
            if stages[..i].iter().any(clash) {
                return false;
            }
        }
        if next != option.blocks {
            return false;
        }
        if !service.first.is_empty() && !service.first.contains(&device(&stages[0])) {
            return false;
        }
        if service.pins.iter().any(|pin| !stages.iter().any(|stage| pin.contains(&device(stage)))) {
            return false;
        }
        let earlier = &self.stages[..self.chain(c).start];
        !earlier.iter().any(|o| stages.iter().any(|stage| device(o) == device(stage)))
    }

    /// The same sums as `table::evaluate`, in the same order within a chain.
    fn book(&mut self, table: &Table, service: &Service, option: &Choice, c: usize) -> bool {
        let range = self.chain(c);
        let stages = &self.stages[range];
        let rate = service.rate_hz / f64::from(option.replicas);
        let (mut ttft, mut tpot, mut total) = (0.0, 0.0, 0.0);
        for stage in stages {
            let Some(at) = &option.at[stage.place as usize] else { return false };
            let cost = at.stage(stage.start, stage.end);
            ttft += cost.ttft_s;
            tpot += cost.tpot_s;
            total += cost.total_s;
            self.booked.push(Booked { share: rate * cost.busy_s, dynamic_w: rate * cost.dynamic_j, bytes: cost.bytes });
        }
        let device = |i: usize| table.places[stages[i].place as usize].device;
        let last = stages.len() - 1;
        for m in option.messages(|i| stages[i].start, stages.len()) {
            let hop = table.hop(device(m.from), device(m.to));
            let [first, each] = m.seconds(hop);
            ttft += first;
            total += first;
            if m.decode.is_some() {
                tpot += each;
                total += option.passes * each;
            }
            let bytes = m.mean_bytes(option.passes);
            self.network_w += rate * bytes * hop.j_per_byte;
            self.links.extend(hop.segments.iter().map(|&g| (g, rate * bytes)));
        }
        for (transfers, at) in [(&option.enter, device(0)), (&option.leave, device(last))] {
            if let Some(t) = transfers.get(at as usize) {
                ttft += t.ttft_s;
                total += t.total_s;
                self.network_w += rate * t.energy_j;
                self.links.extend(t.segments.iter().map(|&g| (g, rate * t.bytes)));
            }
        }
        if !total.is_finite() {
            return false;
        }
        self.latency += service.share * total / service.total_ref_s / self.ends.len() as f64;
        for (value, cap) in [(ttft, service.ttft_cap_s), (tpot, service.tpot_cap_s), (total, service.total_cap_s)] {
            self.excess += excess(value, cap);
        }
        true
    }
}
