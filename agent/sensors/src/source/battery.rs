//! Batteries: everything from one read of `uevent`.
//!
//! While the battery discharges, its power is the board's. While it charges it is not.

#[cfg(test)]
mod tests;

use crate::interface::Interface;
use crate::missing::Missing;
use crate::reading::{Grain, Quality, Quantity, Reading, Sensor};
use crate::scope::Scope;
use crate::source::{Found, Host, Pace, Source};
use std::collections::BTreeMap;

const SUPPLIES: &str = "/sys/class/power_supply";
/// Embedded controllers renew their values every 1 to 30 s.
const UPDATE_S: f64 = 10.0;

#[derive(Debug)]
struct Batteries(Vec<String>);

type Properties = BTreeMap<String, String>;

fn properties(host: &Host, path: &str) -> Result<Properties, Missing> {
    let text = host.files.read(path)?;
    let pair = |l: &str| {
        l.strip_prefix("POWER_SUPPLY_").and_then(|l| l.split_once('=')).map(|(k, v)| (k.to_owned(), v.trim().to_owned()))
    };
    Ok(text.lines().filter_map(pair).collect())
}

pub(crate) fn find(host: &Host) -> Found {
    let mut found = Vec::new();
    for supply in host.files.list(SUPPLIES)? {
        let path = format!("{SUPPLIES}/{supply}/uevent");
        // A mouse has a battery too: its scope is `Device`.
        if let Ok(p) = properties(host, &path)
            && p.get("TYPE").map_or(supply.starts_with("BAT"), |t| t == "Battery")
            && p.get("SCOPE").is_none_or(|s| s != "Device")
        {
            found.push(supply);
        }
    }
    if found.is_empty() {
        return Err(Missing::absent("a battery"));
    }
    Ok(Box::new(Batteries(found)))
}

impl Source for Batteries {
    fn pace(&self) -> Pace {
        Pace::Rare
    }

    fn read(&mut self, host: &Host) -> Vec<Reading> {
        let mut out = Vec::new();
        for name in &self.0 {
            let path = format!("{SUPPLIES}/{name}/uevent");
            // Two batteries take turns: one alone is not the board.
            let scope = if self.0.len() == 1 { Scope::Board } else { Scope::loose_rail(name) };
            let sensor = |quantity| Sensor::new(Interface::Battery, name, quantity, scope.clone(), &path);
            let p = properties(host, &path);
            let (watts, quality) = match p.as_ref().map_err(Clone::clone).and_then(|p| power(p, &path)) {
                Ok((watts, quality)) => (Ok(watts), quality),
                Err(missing) => (Err(missing), Quality::Measured),
            };
            let grain = Grain { resolution: 1e-3, update_s: UPDATE_S, wraps_at_j: None, ceiling_w: None };
            out.push(sensor(Quantity::Power).reading(watts, quality).with_grain(grain));
            out.push(sensor(Quantity::Charge).measured(p.and_then(|p| number(&p, "CAPACITY", &path)).map(|c| c / 100.0)));
        }
        out
    }
}

fn number(p: &Properties, key: &str, path: &str) -> Result<f64, Missing> {
    let text = p.get(key).ok_or_else(|| Missing::absent(format!("{key} in {path}")))?;
    text.parse::<i32>().map(f64::from).map_err(|_| Missing::malformed(path, text, "a whole number"))
}

/// W; from µW, or from µV times µA. Its sign differs between drivers.
fn power(p: &Properties, path: &str) -> Result<(f64, Quality), Missing> {
    match p.get("STATUS").map(String::as_str) {
        Some("Discharging") => {}
        Some(status) => return Err(Missing::not_here(format!("the battery is not discharging ({status})"))),
        None => return Err(Missing::absent(format!("STATUS in {path}"))),
    }
    match number(p, "POWER_NOW", path) {
        Ok(microwatts) => Ok((microwatts.abs() * 1e-6, Quality::Measured)),
        Err(Missing::Absent { .. }) => {
            let (v, a) = (number(p, "VOLTAGE_NOW", path)?, number(p, "CURRENT_NOW", path)?);
            Ok((v.abs() * a.abs() * 1e-12, Quality::Derived))
        }
        Err(missing) => Err(missing),
    }
}
