//! Which rail of a Jetson feeds which, and what the module draws in all.
//!
//! Rails are matched by name, since one driver serves boards with different wiring. Sources of the
//! table: NVIDIA's device trees and forum answers, collected in telemetry research (section 2.2).

#[cfg(test)]
mod tests;

use crate::interface::Interface;
use crate::missing::Missing;
use crate::reading::{Grain, Quality, Quantity, Reading, Sensor};
use crate::scope::{Scope, add};

/// The module's whole input.
const INPUTS: &[&str] = &["VDD_IN", "POM_5V_IN"];

/// Rails fed by another rail.
const NESTED: &[(&str, &str)] = &[("VDDQ_VDD2_1V8AO", "VIN_SYS_5V0")];

/// Rails side by side whose sum is the module's input where no input rail is measured.
const PARTS: &[&[&str]] = &[
    &["VDD_GPU_SOC", "VDD_CPU_CV", "VIN_SYS_5V0"],  // AGX Orin
    &["VDD_GPU", "VDD_CPU_SOC_MSS", "VIN_SYS_5V0"], // AGX Thor
    &["GPU", "CPU", "SOC", "CV", "VDDRQ", "SYS5V"], // AGX Xavier
];

/// A rail as the driver tells it.
#[derive(Clone, Debug)]
pub(crate) struct Rail {
    pub label: String,
    /// W.
    pub power: Result<f64, Missing>,
    pub quality: Quality,
    pub source: String,
    pub grain: Grain,
}

/// Places every rail, and adds what the module draws in all.
pub(crate) fn readings(interface: Interface, rails: Vec<Rail>) -> Vec<Reading> {
    let labels: Vec<String> = rails.iter().map(|r| r.label.clone()).collect();
    let has = |name: &str| labels.iter().any(|l| l == name);
    let input = INPUTS.iter().find(|name| has(name));
    let parts = PARTS.iter().find(|set| set.iter().all(|name| has(name)));
    let place = |label: &str| -> Scope {
        let known = |name: &str| parts.is_some_and(|set| set.contains(&name));
        let feeder = NESTED.iter().find(|(name, feeder)| *name == label && (has(feeder) || input.is_some()));
        match (input, feeder) {
            (Some(_), _) if INPUTS.contains(&label) => Scope::Module,
            (Some(_), _) => Scope::rail(label, Scope::Module),
            (None, Some((_, feeder))) => Scope::rail(label, Scope::rail(feeder, Scope::Module)),
            (None, None) if known(label) => Scope::rail(label, Scope::Module),
            (None, None) => Scope::loose_rail(label),
        }
    };
    let mut out: Vec<Reading> = rails
        .into_iter()
        .map(|rail| {
            let sensor = Sensor::new(interface, &rail.label, Quantity::Power, place(&rail.label), &rail.source);
            sensor.reading(rail.power.and_then(|p| plausible(p, &rail.source)), rail.quality).with_grain(rail.grain)
        })
        .collect();
    if let (None, Some(set)) = (input, parts) {
        out.push(total(interface, set, &out));
    }
    out
}

/// Idle rails read a little below zero (calibration offset of the shunts); no Jetson draws a kilowatt.
fn plausible(power: f64, source: &str) -> Result<f64, Missing> {
    if (-0.5..1000.0).contains(&power) {
        Ok(power)
    } else {
        Err(Missing::Implausible { what: source.into(), text: format!("{power} W") })
    }
}

fn total(interface: Interface, set: &[&str], rails: &[Reading]) -> Reading {
    let parts: Vec<Reading> = rails.iter().filter(|r| set.contains(&r.name.as_str())).cloned().collect();
    let name = set.join(" + ");
    let sensor = Sensor::new(interface, &name, Quantity::Power, Scope::Module, "sum of the module's input rails");
    match add(&parts) {
        Ok(sum) => sensor.reading(Ok(sum.value().unwrap_or(f64::NAN)), Quality::Derived).with_grain(sum.grain),
        Err(error) => sensor.reading(Err(Missing::Failed { what: name, error: error.to_string() }), Quality::Derived),
    }
}
