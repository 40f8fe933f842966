//! Applies a change and takes it back, bit for bit.

use super::limit::excess;
use super::load::{DeviceLoad, Load};
use super::row::{NONE, Row};
use super::{Change, RESUM, State, Totals};
use crate::table::{BILLS, Table};

/// What a transaction found before it changed it.
#[derive(Clone, Debug)]
pub(super) struct Journal {
    stamp: u32,
    devices: Old<DeviceLoad>,
    places: Old<Load>,
    pools: Old<Load>,
    segments: Old<Load>,
    totals: Totals,
    since_resum: u32,
}

/// First values of one kind of thing; a stamp says what was saved in this transaction.
#[derive(Clone, Debug)]
struct Old<T> {
    stamps: Vec<u32>,
    saved: Vec<(u32, T)>,
}

impl<T: Copy> Old<T> {
    fn new(n: usize) -> Self {
        Old { stamps: vec![0; n], saved: Vec::new() }
    }

    fn keep(&mut self, stamp: u32, i: u32, value: T) {
        if self.stamps[i as usize] != stamp {
            self.stamps[i as usize] = stamp;
            self.saved.push((i, value));
        }
    }

    fn restore(&mut self, into: &mut [T]) {
        for (i, value) in self.saved.drain(..) {
            into[i as usize] = value;
        }
    }
}

impl Journal {
    pub(super) fn new(table: &Table) -> Self {
        Journal {
            stamp: 0,
            devices: Old::new(table.devices.len()),
            places: Old::new(table.places.len()),
            pools: Old::new(table.pools.len()),
            segments: Old::new(table.segments.len()),
            totals: Totals::default(),
            since_resum: 0,
        }
    }

    fn begin(&mut self) {
        // After four thousand million moves old stamps would come round again.
        if self.stamp == u32::MAX {
            self.stamp = 0;
            let Journal { devices, places, pools, segments, .. } = self;
            devices.stamps.fill(0);
            [places, pools, segments].into_iter().for_each(|o| o.stamps.fill(0));
        }
        self.stamp += 1;
        self.devices.saved.clear();
        self.places.saved.clear();
        self.pools.saved.clear();
        self.segments.saved.clear();
    }
}

impl State<'_> {
    /// Applies a change. False: it is malformed, or in another service's way (mode, apart), and the
    /// state is as before. After true the change holds the former rows and [`State::undo`] may be
    /// called with it once.
    pub fn apply(&mut self, change: &mut Change) -> bool {
        for i in 0..change.services().len() {
            let (s, row) = change.pair(i);
            if !row.cost(self.table, self.context, s, self.partial) {
                return false;
            }
        }
        if self.since_resum >= RESUM {
            self.resum();
        }
        self.journal.begin();
        self.journal.totals = self.totals;
        self.journal.since_resum = self.since_resum;
        self.since_resum += 1;
        let n = change.services().len();
        for i in 0..n {
            let (s, row) = change.pair(i);
            std::mem::swap(&mut self.rows[s as usize], row);
            self.take(s, row);
        }
        for i in 0..n {
            let s = change.services()[i];
            if !self.put(s) {
                self.roll_back(change, i);
                return false;
            }
        }
        self.settle();
        true
    }

    /// Takes back the change just applied.
    pub fn undo(&mut self, change: &mut Change) {
        let n = change.services().len();
        self.roll_back(change, n);
    }

    /// Removes what a former row booked.
    fn take(&mut self, s: u32, row: &Row) {
        let t = &mut self.totals;
        t.network_w -= row.network_w;
        t.latency -= row.latency;
        t.inaccuracy -= row.inaccuracy;
        t.skip -= row.skip;
        t.excess -= row.excess;
        let stamp = self.journal.stamp;
        for (stage, booked) in row.stages.iter().zip(&row.booked) {
            let place = &self.table.places[stage.place as usize];
            let d = place.device as usize;
            self.journal.devices.keep(stamp, place.device, self.devices[d]);
            self.journal.places.keep(stamp, place.slot, self.places[place.slot as usize]);
            self.journal.pools.keep(stamp, place.pool, self.pools[place.pool as usize]);
            self.places[place.slot as usize].take(booked.share);
            self.pools[place.pool as usize].take(booked.bytes);
            let device = &mut self.devices[d];
            device.uses -= 1;
            device.dynamic_w = if device.uses == 0 { 0.0 } else { device.dynamic_w - booked.dynamic_w };
            self.leave(s, place.device);
        }
        for &(segment, bytes_s) in &row.links {
            self.journal.segments.keep(stamp, segment, self.segments[segment as usize]);
            self.segments[segment as usize].take(bytes_s);
        }
    }

    /// Books a row. False, with a part of it booked, when another service stands in the way.
    fn put(&mut self, s: u32) -> bool {
        let row = std::mem::take(&mut self.rows[s as usize]);
        let t = &mut self.totals;
        t.network_w += row.network_w;
        t.latency += row.latency;
        t.inaccuracy += row.inaccuracy;
        t.skip += row.skip;
        t.excess += row.excess;
        let stamp = self.journal.stamp;
        let mut clear = true;
        for (stage, booked) in row.stages.iter().zip(&row.booked) {
            let place = &self.table.places[stage.place as usize];
            let d = place.device as usize;
            self.journal.devices.keep(stamp, place.device, self.devices[d]);
            self.journal.places.keep(stamp, place.slot, self.places[place.slot as usize]);
            self.journal.pools.keep(stamp, place.pool, self.pools[place.pool as usize]);
            self.places[place.slot as usize].add(booked.share);
            self.pools[place.pool as usize].add(booked.bytes);
            let device = &mut self.devices[d];
            clear &= device.uses == 0 || device.mode == place.mode;
            device.mode = place.mode;
            device.uses += 1;
            device.dynamic_w += booked.dynamic_w;
            let apart = &self.context.apart[s as usize];
            clear &= apart.is_empty() || !self.on[d].iter().any(|o| apart.contains(o));
            self.enter(s, place.device);
        }
        for &(segment, bytes_s) in &row.links {
            self.journal.segments.keep(stamp, segment, self.segments[segment as usize]);
            self.segments[segment as usize].add(bytes_s);
        }
        self.rows[s as usize] = row;
        clear
    }

    /// Works out what follows from the bookings of the devices, pools and segments touched.
    fn settle(&mut self) {
        let (table, context, stamp) = (self.table, self.context, self.journal.stamp);
        let roots = self.journal.devices.saved.len();
        for i in 0..roots {
            let (d, old) = self.journal.devices.saved[i];
            let (was, is) = (old.rooted(table, d), self.devices[d as usize].rooted(table, d));
            if was != is {
                for &h in &context.hosts[d as usize] {
                    self.journal.devices.keep(stamp, h, self.devices[h as usize]);
                    let hosted = &mut self.devices[h as usize].hosted;
                    *hosted = if is { *hosted + 1 } else { *hosted - 1 };
                }
            }
        }
        let t = &mut self.totals;
        for &(d, old) in &self.journal.devices.saved {
            let device = &mut self.devices[d as usize];
            device.settle(table, context, d, &self.places);
            t.device_w += device.power_w - old.power_w;
            t.underuse += device.underuse - old.underuse;
            (0..BILLS).for_each(|i| t.bills[i] += device.bills[i] - old.bills[i]);
            t.excess += device.excess;
            t.excess -= old.excess;
        }
        for &(i, old) in &self.journal.pools.saved {
            let cap = table.pools[i as usize].capacity_bytes;
            t.excess += excess(self.pools[i as usize].value, cap);
            t.excess -= excess(old.value, cap);
        }
        for &(i, old) in &self.journal.segments.saved {
            let cap = table.segments[i as usize].capacity_bytes_s;
            t.excess += excess(self.segments[i as usize].value, cap);
            t.excess -= excess(old.value, cap);
        }
        if t.excess.limits == 0 {
            t.excess.amount = 0.0;
        }
    }

    /// Restores all; the rows of the first `put` services and the one after them are on their devices.
    fn roll_back(&mut self, change: &mut Change, put: usize) {
        let n = change.services().len();
        for i in 0..n {
            let s = change.services()[i];
            if i <= put {
                for k in 0..self.rows[s as usize].stages.len() {
                    self.leave(s, self.table.places[self.rows[s as usize].stages[k].place as usize].device);
                }
            }
        }
        for i in 0..n {
            let (s, row) = change.pair(i);
            for stage in &row.stages {
                self.enter(s, self.table.places[stage.place as usize].device);
            }
            std::mem::swap(&mut self.rows[s as usize], row);
        }
        self.journal.devices.restore(&mut self.devices);
        self.journal.places.restore(&mut self.places);
        self.journal.pools.restore(&mut self.pools);
        self.journal.segments.restore(&mut self.segments);
        self.totals = self.journal.totals;
        self.since_resum = self.journal.since_resum;
    }

    fn enter(&mut self, s: u32, device: u32) {
        let list = &mut self.on[device as usize];
        if list.is_empty() {
            self.used_at[device as usize] = self.used.len() as u32;
            self.used.push(device);
        }
        list.push(s);
    }

    fn leave(&mut self, s: u32, device: u32) {
        let list = &mut self.on[device as usize];
        if let Some(i) = list.iter().rposition(|&o| o == s) {
            list.swap_remove(i);
        }
        if list.is_empty() {
            let at = self.used_at[device as usize] as usize;
            self.used.swap_remove(at);
            self.used_at[device as usize] = NONE;
            if let Some(&moved) = self.used.get(at) {
                self.used_at[moved as usize] = at as u32;
            }
        }
    }
}
