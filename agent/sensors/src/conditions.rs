//! What a measurement depends on besides the device: mode, governor, supply, kernel.

use crate::board::Board;
use crate::files::{Files, text};
use crate::interface::Interface;
use crate::reading::{Quantity, Reading};
use std::collections::BTreeMap;

/// Files that name a condition in one word or line.
const FILES: &[(&str, &str)] = &[
    ("kernel", "/proc/sys/kernel/osrelease"),
    ("platform profile", "/sys/firmware/acpi/platform_profile"),
    ("turbo off", "/sys/devices/system/cpu/intel_pstate/no_turbo"),
    ("processors online", "/sys/devices/system/cpu/online"),
];
const CPUFREQ: &str = "/sys/devices/system/cpu/cpufreq";
const SUPPLIES: &str = "/sys/class/power_supply";

/// Conditions by name; what nobody tells is left out.
pub(crate) fn conditions(files: &dyn Files, board: &Board, readings: &[Reading]) -> BTreeMap<String, String> {
    let mut out = BTreeMap::new();
    let mut put = |name: &str, value: String| {
        if !value.is_empty() {
            out.insert(name.to_owned(), value);
        }
    };
    put("board", board.model.clone());
    put("l4t", board.l4t.clone().unwrap_or_default());
    for (name, path) in FILES {
        put(name, text(files, path).unwrap_or_default());
    }
    for policy in files.list(CPUFREQ).unwrap_or_default().iter().filter(|p| p.starts_with("policy")) {
        put(&format!("governor {policy}"), text(files, &format!("{CPUFREQ}/{policy}/scaling_governor")).unwrap_or_default());
    }
    for reading in readings.iter().filter(|r| r.value().is_some()) {
        match (reading.interface, reading.quantity) {
            // The mode's name: its number means another mode on another board.
            (Interface::Nvpmodel, Quantity::Mode) => put("power mode", reading.name.clone()),
            (Interface::Cpufreq, Quantity::Frequency) if reading.name.ends_with(" max") => {
                put(&format!("clock {} Hz", reading.name), reading.value().map_or_else(String::new, |hz| format!("{hz:.0}")));
            }
            (Interface::Battery, Quantity::Power) => put("supply", "battery".into()),
            _ => {}
        }
    }
    for supply in files.list(SUPPLIES).unwrap_or_default() {
        let mains = files.read(&format!("{SUPPLIES}/{supply}/uevent")).unwrap_or_default();
        if mains.contains("POWER_SUPPLY_TYPE=Mains") && mains.contains("POWER_SUPPLY_ONLINE=1") {
            put("supply", "mains".into());
        }
    }
    out
}
