//! What is booked on one thing of the fleet.

use super::context::Context;
use super::limit::{Excess, excess};
use super::row::NONE;
use crate::table::{BILLS, Table};

/// A sum and the number of its terms; no terms: exactly zero.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Load {
    pub value: f64,
    pub terms: u32,
}

impl Load {
    pub(super) fn add(&mut self, value: f64) {
        self.value += value;
        self.terms += 1;
    }

    pub(super) fn take(&mut self, value: f64) {
        self.terms -= 1;
        self.value = if self.terms == 0 { 0.0 } else { self.value - value };
    }
}

/// A device: what is booked, and what follows from that once settled.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct DeviceLoad {
    /// Stages on it.
    pub uses: u32,
    /// Mode, meaningful with a stage on it.
    pub mode: u32,
    /// Awake devices that need it.
    pub hosted: u32,
    pub dynamic_w: f64,
    pub power_w: f64,
    pub underuse: f64,
    /// Its part of every bill.
    pub bills: [f64; BILLS],
    pub excess: Excess,
}

impl Default for DeviceLoad {
    fn default() -> Self {
        DeviceLoad {
            uses: 0,
            mode: NONE,
            hosted: 0,
            dynamic_w: 0.0,
            power_w: 0.0,
            underuse: 0.0,
            bills: [0.0; BILLS],
            excess: Excess::default(),
        }
    }
}

impl DeviceLoad {
    /// Awake for its own sake.
    pub(super) fn rooted(&self, table: &Table, device: u32) -> bool {
        self.uses > 0 || !table.devices[device as usize].may_sleep
    }

    pub(super) fn awake(&self, table: &Table, device: u32) -> bool {
        self.rooted(table, device) || self.hosted > 0
    }

    /// Works out power, underuse and excess from what is booked.
    pub(super) fn settle(&mut self, table: &Table, context: &Context, device: u32, places: &[Load]) {
        let mode = match (self.uses > 0, self.awake(table, device)) {
            (true, _) => self.mode,
            (false, true) => context.idle_mode[device as usize],
            (false, false) => NONE,
        };
        self.excess = Excess::default();
        if mode == NONE {
            self.power_w = table.devices[device as usize].sleep_w;
            self.underuse = 0.0;
            self.bill(table, device, false);
            return;
        }
        let mode = &table.modes[mode as usize];
        self.power_w = mode.power_w(self.dynamic_w);
        self.bill(table, device, true);
        let (mut sum, mut slots) = (0.0, 0u32);
        for p in table.slots(mode) {
            let booked = places[p as usize].value;
            sum += booked;
            slots += 1;
            self.excess += excess(booked, mode.booked_cap);
        }
        let mean = sum / f64::from(slots.max(1));
        self.underuse = (1.0 - mean) / table.devices.len() as f64;
        self.excess += excess(self.dynamic_w, mode.dynamic_cap_w);
    }

    fn bill(&mut self, table: &Table, device: u32, awake: bool) {
        for (own, b) in self.bills.iter_mut().zip(&table.bills) {
            *own = b.per_w[device as usize] * self.power_w + if awake { b.awake[device as usize] } else { 0.0 };
        }
    }
}
