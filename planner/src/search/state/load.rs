//! What is booked on one thing of the fleet.

use super::context::Context;
use super::limit::{Excess, excess};
use super::row::NONE;
use crate::table::Table;

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
    pub excess: Excess,
}

impl Default for DeviceLoad {
    fn default() -> Self {
        DeviceLoad { uses: 0, mode: NONE, hosted: 0, dynamic_w: 0.0, power_w: 0.0, underuse: 0.0, excess: Excess::default() }
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
            return;
        }
        let mode = &table.modes[mode as usize];
        self.power_w = mode.power_w(self.dynamic_w);
        let mut sum = 0.0;
        for p in mode.places.clone() {
            let booked = places[p as usize].value;
            sum += booked;
            self.excess += excess(booked, mode.booked_cap);
        }
        let mean = sum / mode.places.len().max(1) as f64;
        self.underuse = (1.0 - mean) / table.devices.len() as f64;
        self.excess += excess(self.dynamic_w, mode.dynamic_cap_w);
    }
}
