//! What the search looks up again and again, worked out once per table.

use super::row::NONE;
use crate::table::Table;

/// Facts that follow from a [`Table`] alone.
#[derive(Clone, Debug, PartialEq)]
pub struct Context {
    /// By device: every other device that must be awake when it is.
    pub hosts: Vec<Vec<u32>>,
    /// By device: mode in which it waits awake without a stage; [`NONE`] without modes.
    pub idle_mode: Vec<u32>,
    /// By service: services that must share no device with it, either way round.
    pub apart: Vec<Vec<u32>>,
    /// By service: devices where at least one option runs at one place at least.
    pub devices: Vec<Vec<u32>>,
}

impl Context {
    #[must_use]
    pub fn new(table: &Table) -> Self {
        let mut apart: Vec<Vec<u32>> = table.services.iter().map(|s| s.apart.clone()).collect();
        for (s, service) in table.services.iter().enumerate() {
            for &o in &service.apart {
                apart[o as usize].push(s as u32);
            }
        }
        for list in &mut apart {
            list.sort_unstable();
            list.dedup();
        }
        Context {
            hosts: (0..table.devices.len() as u32).map(|d| hosts(table, d)).collect(),
            idle_mode: table.devices.iter().map(|d| idle_mode(table, d.modes.clone())).collect(),
            apart,
            devices: table.services.iter().map(|s| devices(table, s)).collect(),
        }
    }
}

/// Follows `needs` to its end; a ring ends where it began.
fn hosts(table: &Table, device: u32) -> Vec<u32> {
    let mut list = Vec::new();
    let mut next = table.devices[device as usize].needs;
    while let Some(h) = next {
        if h == device || list.contains(&h) {
            break;
        }
        list.push(h);
        next = table.devices[h as usize].needs;
    }
    list
}

fn idle_mode(table: &Table, modes: std::ops::Range<u32>) -> u32 {
    modes.min_by(|&a, &b| table.modes[a as usize].power_w(0.0).total_cmp(&table.modes[b as usize].power_w(0.0))).unwrap_or(NONE)
}

fn devices(table: &Table, service: &crate::table::Service) -> Vec<u32> {
    let mut runs = vec![false; table.devices.len()];
    for option in &service.options {
        for (place, at) in option.at.iter().enumerate() {
            if at.is_some() {
                runs[table.places[place].device as usize] = true;
            }
        }
    }
    (0..runs.len() as u32).filter(|&d| runs[d as usize]).collect()
}
