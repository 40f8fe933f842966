//! A whole assignment with everything that it books, changed service by service.
//!
//! `table::evaluate` says what an assignment costs; this says the same, updated from the services
//! that a move touches only. A [`Change`] is applied as a transaction and may be undone bit for bit.
//! Deployments in a state are always well-formed: limits may be broken, shapes never are.

mod change;
mod context;
pub mod limit;
mod load;
mod row;
mod transaction;

#[cfg(test)]
mod tests;

pub use change::Change;
pub use context::Context;
pub use row::{NONE, Row};

use crate::table::{Assignment, BILLS, Table};
use limit::{Excess, excess};
use load::{DeviceLoad, Load};
use transaction::Journal;

/// Accepted changes after which all sums are made anew, so that rounding cannot pile up.
const RESUM: u32 = 2048;

/// Sums over the fleet.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Totals {
    network_w: f64,
    device_w: f64,
    latency: f64,
    inaccuracy: f64,
    underuse: f64,
    skip: f64,
    bills: [f64; BILLS],
    excess: Excess,
}

/// Where an assignment stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Score {
    /// Power in watts, latency, inaccuracy, underuse, as in `table::Evaluation`.
    pub values: [f64; 4],
    /// Weighted sum of the four, weighted bills and finite skip costs.
    pub objective: f64,
    /// Finite skip costs and weighted bills, part of the objective.
    pub skip: f64,
    /// Sum of the relative excesses of all broken limits; zero when feasible.
    pub violation: f64,
}

impl Score {
    /// True when no limit is broken and every service that must be served is.
    #[must_use]
    pub fn feasible(&self) -> bool {
        self.violation <= 0.0
    }
}

/// A well-formed assignment under change.
#[derive(Clone, Debug)]
pub struct State<'t> {
    pub table: &'t Table,
    pub context: &'t Context,
    rows: Vec<Row>,
    devices: Vec<DeviceLoad>,
    places: Vec<Load>,
    pools: Vec<Load>,
    segments: Vec<Load>,
    /// By device: the service of each stage on it, in no meaningful order.
    on: Vec<Vec<u32>>,
    /// Devices with a stage, and where each stands in that list.
    used: Vec<u32>,
    used_at: Vec<u32>,
    totals: Totals,
    journal: Journal,
    since_resum: u32,
    partial: bool,
}

impl<'t> State<'t> {
    /// All services unserved.
    #[must_use]
    pub fn empty(table: &'t Table, context: &'t Context) -> Self {
        let mut state = State {
            table,
            context,
            rows: vec![Row::skipped(); table.services.len()],
            devices: vec![DeviceLoad::default(); table.devices.len()],
            places: vec![Load::default(); table.places.len()],
            pools: vec![Load::default(); table.pools.len()],
            segments: vec![Load::default(); table.segments.len()],
            on: vec![Vec::new(); table.devices.len()],
            used: Vec::new(),
            used_at: vec![NONE; table.devices.len()],
            totals: Totals::default(),
            journal: Journal::new(table),
            since_resum: 0,
            partial: false,
        };
        for (s, row) in state.rows.iter_mut().enumerate() {
            row.cost(table, context, s as u32, false);
        }
        state.resum();
        state
    }

    /// Allows fewer chains than an option's replicas, for building a deployment chain by chain.
    pub fn set_partial(&mut self, partial: bool) {
        self.partial = partial;
    }

    /// A state with this assignment; a service whose deployment is malformed, out of reach or in the
    /// way of an earlier one is left unserved. The second value counts those.
    #[must_use]
    pub fn load(table: &'t Table, context: &'t Context, assignment: &Assignment) -> (Self, u32) {
        let mut state = State::empty(table, context);
        let dropped = state.reload(assignment);
        (state, dropped)
    }

    /// Replaces the assignment, as [`State::load`] does.
    pub fn reload(&mut self, assignment: &Assignment) -> u32 {
        let mut change = Change::default();
        for s in 0..self.rows.len() as u32 {
            change.clear();
            change.blank(s);
            self.apply(&mut change);
        }
        let mut dropped = 0;
        for (s, deployment) in assignment.services.iter().enumerate().take(self.rows.len()) {
            if deployment.is_some() {
                change.clear();
                change.blank(s as u32).read(deployment.as_ref());
                dropped += u32::from(!self.apply(&mut change));
            }
        }
        self.resum();
        dropped
    }

    /// The assignment that this state stands for.
    #[must_use]
    pub fn assignment(&self) -> Assignment {
        Assignment { services: self.rows.iter().map(Row::write).collect() }
    }

    #[must_use]
    pub fn row(&self, service: u32) -> &Row {
        &self.rows[service as usize]
    }

    #[must_use]
    pub fn services(&self) -> u32 {
        self.rows.len() as u32
    }

    /// Mode of a device that has a stage.
    #[must_use]
    pub fn mode(&self, device: u32) -> Option<u32> {
        let load = &self.devices[device as usize];
        (load.uses > 0).then_some(load.mode)
    }

    /// Stages on a device.
    #[must_use]
    pub fn uses(&self, device: u32) -> u32 {
        self.devices[device as usize].uses
    }

    /// True when the device draws more than its sleep power.
    #[must_use]
    pub fn awake(&self, device: u32) -> bool {
        self.devices[device as usize].awake(self.table, device)
    }

    /// Devices with a stage.
    #[must_use]
    pub fn used(&self) -> &[u32] {
        &self.used
    }

    /// The service of each stage on a device.
    #[must_use]
    pub fn on(&self, device: u32) -> &[u32] {
        &self.on[device as usize]
    }

    /// Mean dynamic power of a device, watts.
    #[must_use]
    pub fn dynamic_w(&self, device: u32) -> f64 {
        self.devices[device as usize].dynamic_w
    }

    /// Booked share of a place's processor.
    #[must_use]
    pub fn booked(&self, place: u32) -> f64 {
        self.places[self.table.places[place as usize].slot as usize].value
    }

    /// Resident bytes of a pool.
    #[must_use]
    pub fn pool_bytes(&self, pool: u32) -> f64 {
        self.pools[pool as usize].value
    }

    /// Objectives and excess.
    #[must_use]
    pub fn score(&self) -> Score {
        let (t, table) = (&self.totals, self.table);
        let values = [t.network_w + t.device_w, t.latency, t.inaccuracy, t.underuse];
        let w = &table.weights;
        let bill = |i: usize, b: &crate::table::Bill| t.bills[i] + b.network_per_w * t.network_w;
        let billed: f64 = table.bills.iter().enumerate().map(|(i, b)| b.weight * bill(i, b)).sum();
        let skip = t.skip + billed;
        let objective = skip + w.power * values[0] + w.latency * values[1] + w.inaccuracy * values[2] + w.underuse * values[3];
        let mut all = t.excess;
        all += excess(values[0], table.power_cap_w);
        all += excess(values[1], table.latency_cap);
        all += excess(values[2], table.inaccuracy_cap);
        all += excess(values[3], table.underuse_cap);
        for (i, b) in table.bills.iter().enumerate() {
            all += excess(bill(i, b), b.cap);
        }
        let violation = if all.limits > 0 { all.amount.max(f64::MIN_POSITIVE) } else { 0.0 };
        Score { values, objective, skip, violation }
    }

    /// Makes every sum anew, in the order of the table.
    pub fn resum(&mut self) {
        let table = self.table;
        self.since_resum = 0;
        self.places.iter_mut().chain(&mut self.pools).chain(&mut self.segments).for_each(|l| *l = Load::default());
        self.devices.iter_mut().for_each(|d| *d = DeviceLoad::default());
        self.on.iter_mut().for_each(Vec::clear);
        self.totals = Totals::default();
        for (s, row) in self.rows.iter().enumerate() {
            let t = &mut self.totals;
            t.network_w += row.network_w;
            t.latency += row.latency;
            t.inaccuracy += row.inaccuracy;
            t.skip += row.skip;
            t.excess += row.excess;
            for (stage, booked) in row.stages.iter().zip(&row.booked) {
                let place = &table.places[stage.place as usize];
                let device = &mut self.devices[place.device as usize];
                device.uses += 1;
                device.mode = place.mode;
                device.dynamic_w += booked.dynamic_w;
                self.places[place.slot as usize].add(booked.share);
                self.pools[place.pool as usize].add(booked.bytes);
                self.on[place.device as usize].push(s as u32);
            }
            for &(segment, bytes_s) in &row.links {
                self.segments[segment as usize].add(bytes_s);
            }
        }
        self.used.clear();
        self.used_at.fill(NONE);
        for d in 0..table.devices.len() {
            if self.devices[d].uses > 0 {
                self.used_at[d] = self.used.len() as u32;
                self.used.push(d as u32);
            }
            if self.devices[d].rooted(table, d as u32) {
                for &h in &self.context.hosts[d] {
                    self.devices[h as usize].hosted += 1;
                }
            }
        }
        for d in 0..table.devices.len() {
            let mut load = self.devices[d];
            load.settle(table, self.context, d as u32, &self.places);
            self.totals.device_w += load.power_w;
            self.totals.underuse += load.underuse;
            (0..BILLS).for_each(|i| self.totals.bills[i] += load.bills[i]);
            self.totals.excess += load.excess;
            self.devices[d] = load;
        }
        for (pool, load) in table.pools.iter().zip(&self.pools) {
            self.totals.excess += excess(load.value, pool.capacity_bytes);
        }
        for (segment, load) in table.segments.iter().zip(&self.segments) {
            self.totals.excess += excess(load.value, segment.capacity_bytes_s);
        }
    }
}
