//! RAPL: energy counters of x86 processors below `/sys/class/powercap`.
//!
//! Only root reads them since CVE-2020-8694. They start again at zero after `max_energy_range_uj`.

use crate::files::{scaled, text};
use crate::interface::Interface;
use crate::missing::Missing;
use crate::reading::{Grain, Quantity, Reading, Sensor};
use crate::scope::Scope;
use crate::source::{Found, Host, Pace, Source};

const POWERCAP: &str = "/sys/class/powercap";

/// The counters move about every millisecond (Intel SDM vol. 3B, 15.10.1: "updated every ~1 ms").
const UPDATE_S: f64 = 1e-3;
/// Smallest step on common processors, 2^-14 J (energy status unit of server parts; clients have 2^-16).
const STEP_J: f64 = 1.0 / 16384.0;
/// No package draws more, where the zone does not tell its own limits.
const CEILING_W: f64 = 1500.0;
/// A package may exceed its limits for milliseconds; no known one by more than this, and none that is small stays below the floor.
const OVER_LIMIT: f64 = 3.0;
const CEILING_FLOOR_W: f64 = 100.0;

#[derive(Debug)]
struct Zone {
    name: String,
    scope: Scope,
    dir: String,
    grain: Grain,
}

#[derive(Debug)]
struct Rapl(Vec<Zone>);

pub(crate) fn find(host: &Host) -> Found {
    let files = &*host.files;
    let entries = files.list(POWERCAP)?;
    let mut zones: Vec<Zone> = Vec::new();
    // `intel-rapl:` before `intel-rapl-mmio:`, which repeats the same packages.
    let msr = entries.iter().filter(|e| e.starts_with("intel-rapl:"));
    for entry in msr.chain(entries.iter().filter(|e| e.starts_with("intel-rapl-mmio:"))) {
        let dir = format!("{POWERCAP}/{entry}");
        let name = match text(files, &format!("{dir}/name")) {
            Err(Missing::Absent { .. }) => {
                let error = "it is listed but empty: a container masks it".into();
                return Err(Missing::Failed { what: dir, error });
            }
            name => name?,
        };
        // Zone `intel-rapl:0:2` lies inside `intel-rapl:0`.
        let parent = match entry.splitn(3, ':').collect::<Vec<_>>()[..] {
            [kind, number, _] => Some(text(files, &format!("{POWERCAP}/{kind}:{number}/name"))?),
            _ => None,
        };
        let (name, scope) = place(&name, parent.as_deref());
        if zones.iter().all(|z| z.name != name) {
            // Long-term and short-term limit.
            let limits = [0, 1].map(|n| scaled(files, &format!("{dir}/constraint_{n}_power_limit_uw"), 1e-6).unwrap_or(0.0));
            let limit = limits.into_iter().fold(0.0, f64::max);
            let wraps_at_j = scaled(files, &format!("{dir}/max_energy_range_uj"), 1e-6).ok().filter(|&j| j > 0.0);
            let ceiling = if limit > 0.0 { (limit * OVER_LIMIT).clamp(CEILING_FLOOR_W, CEILING_W) } else { CEILING_W };
            let ceiling_w = Some(ceiling);
            zones.push(Zone { name, scope, dir, grain: Grain { resolution: STEP_J, update_s: UPDATE_S, wraps_at_j, ceiling_w } });
        }
    }
    if zones.is_empty() {
        return Err(Missing::absent(format!("{POWERCAP}/intel-rapl:0")));
    }
    Ok(Box::new(Rapl(zones)))
}

/// Core and uncore are inside their package; memory is beside it; `psys` is the whole platform.
fn place(name: &str, parent: Option<&str>) -> (String, Scope) {
    match (name, parent) {
        ("psys", _) => (name.into(), Scope::Board),
        ("dram", Some(package)) => {
            let name = format!("{package} dram");
            (name.clone(), Scope::rail(&name, Scope::Board))
        }
        (part, Some(package)) => {
            let name = format!("{package} {part}");
            (name.clone(), Scope::rail(&name, Scope::Package(package.into())))
        }
        (name, None) => (name.into(), Scope::Package(name.into())),
    }
}

impl Source for Rapl {
    fn pace(&self) -> Pace {
        Pace::Fast
    }

    fn read(&mut self, host: &Host) -> Vec<Reading> {
        let read = |zone: &Zone| {
            let path = format!("{}/energy_uj", zone.dir);
            let sensor = Sensor::new(Interface::Rapl, &zone.name, Quantity::Energy, zone.scope.clone(), &path);
            let joules = scaled(&*host.files, &path, 1e-6).and_then(|j| {
                // Firmware without a platform meter leaves it at zero.
                if zone.name == "psys" && j <= 0.0 { Err(Missing::NotSupported { what: path.clone() }) } else { Ok(j) }
            });
            sensor.measured(joules).with_grain(zone.grain)
        };
        self.0.iter().map(read).collect()
    }
}
