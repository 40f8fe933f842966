//! Thermal zones and their trip points.

use crate::files::{Files, scaled, text};
use crate::interface::Interface;
use crate::missing::Missing;
use crate::reading::{Quantity, Reading, Sensor};
use crate::scope::Scope;
use crate::source::{Found, Host, Pace, Source};

const THERMAL: &str = "/sys/class/thermal";

#[derive(Debug)]
struct Zone {
    name: String,
    dir: String,
    /// Kind and file of the trip points that slow the machine down or stop it.
    trips: Vec<(String, String)>,
}

#[derive(Debug)]
struct Zones(Vec<Zone>);

pub(crate) fn find(host: &Host) -> Found {
    let files = &*host.files;
    let mut zones = Vec::new();
    for entry in files.list(THERMAL)?.iter().filter(|e| e.starts_with("thermal_zone")) {
        let dir = format!("{THERMAL}/{entry}");
        zones.push(Zone { name: text(files, &format!("{dir}/type"))?, trips: trips(files, &dir), dir });
    }
    if zones.is_empty() {
        return Err(Missing::absent(format!("{THERMAL}/thermal_zone0")));
    }
    Ok(Box::new(Zones(zones)))
}

fn trips(files: &dyn Files, dir: &str) -> Vec<(String, String)> {
    let mut out = Vec::new();
    for file in files.list(dir).unwrap_or_default() {
        if let Some(number) = file.strip_prefix("trip_point_").and_then(|f| f.strip_suffix("_type"))
            && let Ok(kind) = text(files, &format!("{dir}/{file}"))
            && ["passive", "hot", "critical"].contains(&kind.as_str())
        {
            out.push((kind, format!("{dir}/trip_point_{number}_temp")));
        }
    }
    out
}

impl Source for Zones {
    fn pace(&self) -> Pace {
        Pace::Slow
    }

    fn read(&mut self, host: &Host) -> Vec<Reading> {
        let files = &*host.files;
        let mut out = Vec::new();
        for zone in &self.0 {
            let sensor =
                |name: &str, path: &str| Sensor::new(Interface::Thermal, name, Quantity::Temperature, Scope::Board, path);
            let path = format!("{}/temp", zone.dir);
            out.push(sensor(&zone.name, &path).measured(scaled(files, &path, 1e-3).and_then(|t| plausible(t, &path))));
            for (kind, path) in &zone.trips {
                // Firmware leaves unused trip points at zero, at absolute zero or far above.
                if let Some(t) = scaled(files, path, 1e-3).and_then(|t| plausible(t, path)).ok().filter(|&t| t > 0.0) {
                    out.push(sensor(&format!("{} {kind}", zone.name), path).measured(Ok(t)));
                }
            }
        }
        out
    }
}

/// A power-gated unit of JetPack 5 reads -256 °C.
pub(super) fn plausible(celsius: f64, what: &str) -> Result<f64, Missing> {
    if celsius <= -200.0 {
        Err(Missing::Unpowered { what: what.into() })
    } else if (-60.0..=200.0).contains(&celsius) {
        Ok(celsius)
    } else {
        Err(Missing::Implausible { what: what.into(), text: format!("{celsius} °C") })
    }
}
