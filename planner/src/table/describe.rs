//! Broken limits in words.

use super::{Table, Violation};

/// One sentence about a broken limit: what, where, by how much.
#[must_use]
pub fn describe(table: &Table, violation: &Violation) -> String {
    let service = |s: u32| table.services[s as usize].name.as_str();
    let device = |d: u32| table.devices[d as usize].name.as_str();
    let over = |by: f64| if by.is_finite() { format!("{:.1} % over its limit", 100.0 * by) } else { "without bound".into() };
    match *violation {
        Violation::Ttft { service: s, by } => format!("{}: time to first token is {}", service(s), over(by)),
        Violation::Tpot { service: s, by } => format!("{}: time per token is {}", service(s), over(by)),
        Violation::Total { service: s, by } => format!("{}: total time is {}", service(s), over(by)),
        Violation::Memory { pool, by } => {
            let pool = &table.pools[pool as usize];
            format!("{}: memory `{}` is {}", device(pool.device), pool.name, over(by))
        }
        Violation::Time { place, by } => {
            let place = &table.places[place as usize];
            format!("{}: booked time of processor {} is {}", device(place.device), place.processor, over(by))
        }
        Violation::Dynamic { device: d, by } => format!("{}: sustained power is {}", device(d), over(by)),
        Violation::Link { segment, by } => format!("link {}: booked rate is {}", table.segments[segment as usize].name, over(by)),
        Violation::Unreachable { service: s } => format!("{}: two of its devices have no link", service(s)),
        Violation::Shape { service: s, what } => format!("{}: {what}", service(s)),
        Violation::FleetPower { by } => format!("fleet: power is {}", over(by)),
        Violation::FleetLatency { by } => format!("fleet: mean latency score is {}", over(by)),
        Violation::FleetAccuracy { by } => format!("fleet: mean inaccuracy is {}", over(by)),
        Violation::FleetUnderuse { by } => format!("fleet: underutilisation is {}", over(by)),
        Violation::Bill { bill, by } => format!("fleet: {} of a day is {}", table.bills[bill as usize].name, over(by)),
    }
}
