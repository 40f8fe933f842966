//! Of all power readings, the one that stands for the machine.

use crate::interface::Interface;
use crate::missing::Missing;
use crate::reading::{Quality, Quantity, Reading, Sensor};
use crate::scope::{Scope, add};

/// Stands wherever energy was not measured.
pub const NO_POWER_SENSOR: &str = "no power sensor: energy is modelled";

/// The power that stands for the machine: of the widest scope, there of the best quality; packages and GPUs
/// are added where nothing wider is known. Missing, with the scope of the board, when there is none.
///
/// Rails never stand for the machine, nor does a meter of which nobody said what it feeds.
#[must_use]
pub fn power(readings: &[Reading]) -> Reading {
    let watts = |r: &&Reading| r.quantity == Quantity::Power && r.value().is_some();
    let whole = readings.iter().filter(watts).filter(|r| r.scope.rank() <= Scope::Module.rank());
    if let Some(best) = whole.min_by_key(|r| (r.scope.rank(), r.quality())) {
        return best.clone();
    }
    let parts = disjoint(readings.iter().filter(watts).cloned());
    let none = || {
        let sensor = Sensor::new(Interface::System, "power", Quantity::Power, Scope::Board, "");
        sensor.reading(Err(Missing::not_here(NO_POWER_SENSOR)), Quality::Measured)
    };
    add(&parts).unwrap_or_else(|_| none())
}

/// Packages, GPUs and the memory beside them, each once: what may be added.
pub(crate) fn disjoint(readings: impl Iterator<Item = Reading>) -> Vec<Reading> {
    let mut candidates: Vec<Reading> = readings.filter(|r| is_part(&r.scope)).collect();
    candidates.sort_by_key(|r| (r.scope.rank(), r.quality(), r.name.clone()));
    let mut kept: Vec<Reading> = Vec::new();
    for reading in candidates {
        if kept.iter().all(|k| !k.scope.overlaps(&reading.scope)) {
            kept.push(reading);
        }
    }
    // Memory alone is no machine.
    if kept.iter().any(|r| matches!(r.scope, Scope::Package(_) | Scope::Gpu(_))) { kept } else { Vec::new() }
}

/// A package, a GPU, or a rail beside them that hangs on the board itself.
pub(crate) fn is_part(scope: &Scope) -> bool {
    match scope {
        Scope::Package(_) | Scope::Gpu(_) => true,
        Scope::Rail { name, within: Some(within) } => **within == Scope::Board && name.ends_with("dram"),
        _ => false,
    }
}
