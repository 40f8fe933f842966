//! What slows a Jetson down: thermal alerts, and the counters of its over-current unit.
//!
//! Under load the clocks of an Orin often fall for electrical reasons, without any thermal alert.

use crate::files::{integer, text};
use crate::hwmon::{Chip, named};
use crate::interface::Interface;
use crate::missing::Missing;
use crate::reading::{Quantity, Reading, Sensor};
use crate::scope::Scope;
use crate::source::{Found, Host, Pace, Source, need_jetson};

const COOLING: &str = "/sys/class/thermal";

#[derive(Debug)]
struct Alerts(Vec<(String, String)>);

/// Cooling devices that are alerts; the states of fans and clock limits are no throttling.
pub(crate) fn find_alerts(host: &Host) -> Found {
    need_jetson(host)?;
    let files = &*host.files;
    let mut alerts = Vec::new();
    for device in files.list(COOLING)?.iter().filter(|d| d.starts_with("cooling_device")) {
        let dir = format!("{COOLING}/{device}");
        if let Ok(kind) = text(files, &format!("{dir}/type"))
            && (kind.ends_with("-throttle-alert") || kind == "hot-surface-alert")
        {
            alerts.push((kind, format!("{dir}/cur_state")));
        }
    }
    if alerts.is_empty() {
        return Err(Missing::absent("a cooling device named *-throttle-alert"));
    }
    Ok(Box::new(Alerts(alerts)))
}

impl Source for Alerts {
    fn pace(&self) -> Pace {
        Pace::Slow
    }

    fn read(&mut self, host: &Host) -> Vec<Reading> {
        let read = |(kind, path): &(String, String)| {
            let sensor = Sensor::new(Interface::JetsonThrottle, kind, Quantity::Flag, Scope::Module, path);
            sensor.measured(integer(&*host.files, path).map(|state| f64::from(state > 0.0)))
        };
        self.0.iter().map(read).collect()
    }
}

#[derive(Debug)]
struct OverCurrent(Vec<Chip>);

/// What each of the three alarms of `soctherm_oc` means.
const ALARMS: [&str; 3] = ["under-voltage", "average over-current", "instantaneous over-current"];

pub(crate) fn find_over_current(host: &Host) -> Found {
    need_jetson(host)?;
    Ok(Box::new(OverCurrent(named(&*host.files, &["soctherm_oc"])?)))
}

impl Source for OverCurrent {
    fn pace(&self) -> Pace {
        Pace::Slow
    }

    fn read(&mut self, host: &Host) -> Vec<Reading> {
        let mut out = Vec::new();
        for chip in &self.0 {
            for (n, name) in (1..).zip(ALARMS) {
                let file = format!("oc{n}_event_cnt");
                let sensor = Sensor::new(Interface::OverCurrent, name, Quantity::Events, Scope::Module, &chip.path(&file));
                out.push(sensor.measured(chip.integer(&*host.files, &file)));
            }
        }
        out
    }
}
