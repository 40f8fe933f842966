//! Which service to place first.

use crate::table::{Choice, Service, Table};

/// A key by service, larger is harder. Kind 0: the share of the fleet's memory and time that its
/// lightest option takes; 1: the time share; 2: how near its best deadline is. All over the share of
/// devices that it may use.
pub(super) fn keys(table: &Table, kind: u32) -> Vec<f64> {
    let memory: f64 = table.pools.iter().map(|p| p.capacity_bytes).sum::<f64>().max(1.0);
    table
        .services
        .iter()
        .map(|service| service.options.iter().map(|o| need(table, service, o, memory, kind)).fold(f64::INFINITY, f64::min))
        .map(|k| if k.is_finite() { k } else { f64::MAX })
        .collect()
}

fn need(table: &Table, service: &Service, option: &Choice, memory: f64, kind: u32) -> f64 {
    let n = table.devices.len().max(1) as f64;
    let mut least = f64::INFINITY;
    let mut devices = 0.0;
    let mut last = None;
    for (place, at) in option.at.iter().enumerate() {
        let Some(at) = at else { continue };
        let place = &table.places[place];
        if last != Some(place.device) && service.pins.iter().all(|pin| pin.contains(&place.device)) {
            last = Some(place.device);
            devices += 1.0;
        }
        let cost = at.stage(0, option.blocks);
        let time = service.rate_hz * cost.busy_s / table.modes[place.mode as usize].booked_cap.max(1e-9) / n;
        let near =
            (cost.total_s / service.total_cap_s).max(cost.tpot_s / service.tpot_cap_s).max(cost.ttft_s / service.ttft_cap_s);
        least = least.min(match kind {
            0 => cost.bytes * f64::from(option.replicas) / memory + time,
            1 => time,
            _ => near + 1e-3 * time,
        });
    }
    least * n / f64::max(devices, 0.5)
}
