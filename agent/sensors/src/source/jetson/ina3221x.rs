//! Rails on JetPack 4: NVIDIA's own iio driver `ina3221x`, with power in mW.

use super::ina3221::{grain, usual_shunt_ohm};
use super::rails::{Rail, readings};
use crate::files::{Files, scaled, text};
use crate::interface::Interface;
use crate::missing::Missing;
use crate::reading::{Quality, Reading};
use crate::source::{Found, Host, Pace, Source, need_jetson};

pub(super) const DRIVER: &str = "/sys/bus/i2c/drivers/ina3221x";

#[derive(Debug)]
struct Ina3221x {
    /// Folder, number, label.
    channels: Vec<(String, u8, String)>,
}

pub(crate) fn find(host: &Host) -> Found {
    need_jetson(host)?;
    let files = &*host.files;
    let mut channels = Vec::new();
    let devices = match files.list(DRIVER) {
        Err(Missing::Absent { .. }) => return Err(Missing::not_here("JetPack 5 and later have the driver ina3221 instead")),
        devices => devices?,
    };
    for device in devices.iter().filter(|d| d.contains("-00")) {
        let dir = format!("{DRIVER}/{device}");
        for iio in files.list(&dir)?.iter().filter(|d| d.starts_with("iio:device")) {
            for n in 0..3 {
                let dir = format!("{dir}/{iio}");
                match text(files, &format!("{dir}/rail_name_{n}")) {
                    Ok(label) if label != "NC" && !label.is_empty() => channels.push((dir, n, label)),
                    Ok(_) | Err(Missing::Absent { .. }) => {}
                    Err(missing) => return Err(missing),
                }
            }
        }
    }
    if channels.is_empty() {
        return Err(Missing::absent("a named rail of the ina3221x"));
    }
    Ok(Box::new(Ina3221x { channels }))
}

impl Source for Ina3221x {
    fn pace(&self) -> Pace {
        Pace::Fast
    }

    fn read(&mut self, host: &Host) -> Vec<Reading> {
        let rails = self.channels.iter().map(|(dir, n, label)| rail(&*host.files, dir, *n, label)).collect();
        readings(Interface::Ina3221x, rails)
    }
}

fn rail(files: &dyn Files, dir: &str, n: u8, label: &str) -> Rail {
    let source = format!("{dir}/in_power{n}_input");
    let volts = scaled(files, &format!("{dir}/in_voltage{n}_input"), 1e-3).unwrap_or(0.0);
    Rail {
        label: label.into(),
        power: scaled(files, &source, 1e-3),
        // The driver multiplies its chip's volts and amperes.
        quality: Quality::Derived,
        source,
        grain: grain(volts, usual_shunt_ohm(), 0.0),
    }
}
