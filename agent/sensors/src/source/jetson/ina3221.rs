//! Rails on JetPack 5, 6 and 7: the kernel's `ina3221` driver (Documentation/hwmon/ina3221).
//!
//! Channels 1 to 3 have a bus voltage in mV and a current in mA; 4 to 7 are shunt voltages and their sum.

use super::ina3221x;
use super::rails::{Rail, readings};
use crate::files::Files;
use crate::hwmon::{Chip, named};
use crate::interface::Interface;
use crate::missing::Missing;
use crate::reading::{Grain, Quality, Reading};
use crate::source::{Found, Host, Pace, Source, need_jetson};

/// TI's datasheet (SBOS576): the shunt converter counts 40 µV and ends at 163.8 mV.
const SHUNT_STEP_V: f64 = 40e-6;
const SHUNT_MAX_V: f64 = 0.1638;
/// On every Jetson module and developer kit that was seen, where the driver does not tell.
const SHUNT_OHM: f64 = 0.005;

#[derive(Debug)]
struct Ina3221 {
    channels: Vec<(Chip, u8, String)>,
}

pub(crate) fn find(host: &Host) -> Found {
    need_jetson(host)?;
    let files = &*host.files;
    let mut channels = Vec::new();
    if files.list(ina3221x::DRIVER).is_ok() {
        return Err(Missing::not_here("JetPack 4 has the driver ina3221x instead"));
    }
    for chip in named(files, &["ina3221"])? {
        for n in 1..=3 {
            // Without a label nothing is wired to the channel; `NC` says so.
            match chip.text(files, &format!("in{n}_label")) {
                Ok(label) if label != "NC" && !label.is_empty() => channels.push((chip.clone(), n, label)),
                Ok(_) | Err(Missing::Absent { .. }) => {}
                Err(missing) => return Err(missing),
            }
        }
    }
    if channels.is_empty() {
        return Err(Missing::absent("a labelled channel of the ina3221"));
    }
    Ok(Box::new(Ina3221 { channels }))
}

impl Source for Ina3221 {
    fn pace(&self) -> Pace {
        Pace::Fast
    }

    fn read(&mut self, host: &Host) -> Vec<Reading> {
        let rails = self.channels.iter().map(|(chip, n, label)| rail(&*host.files, chip, *n, label)).collect();
        readings(Interface::Ina3221, rails)
    }
}

fn rail(files: &dyn Files, chip: &Chip, n: u8, label: &str) -> Rail {
    let volts = chip.scaled(files, &format!("in{n}_input"), 1e-3);
    let amperes = chip.scaled(files, &format!("curr{n}_input"), 1e-3);
    let ohm = chip.scaled(files, &format!("shunt{n}_resistor"), 1e-6).ok().filter(|&r| r > 0.0).unwrap_or(SHUNT_OHM);
    let update_s = chip.scaled(files, "update_interval", 1e-3).unwrap_or(0.0);
    let v = volts.as_ref().copied().unwrap_or(0.0);
    Rail {
        label: label.into(),
        power: volts.and_then(|v| Ok(v * amperes?)),
        quality: Quality::Derived,
        source: format!("{0}/in{n}_input * {0}/curr{n}_input", chip.dir),
        grain: grain(v, ohm, update_s),
    }
}

/// What an INA3221 resolves at a bus voltage.
pub(super) fn grain(volts: f64, shunt_ohm: f64, update_s: f64) -> Grain {
    Grain {
        resolution: volts * SHUNT_STEP_V / shunt_ohm,
        update_s,
        wraps_at_j: None,
        ceiling_w: (volts > 0.0).then_some(volts * SHUNT_MAX_V / shunt_ohm),
    }
}

/// The shunt where a driver does not tell.
pub(super) const fn usual_shunt_ohm() -> f64 {
    SHUNT_OHM
}
