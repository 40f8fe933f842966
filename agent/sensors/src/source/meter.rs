//! Meters on I2C that somebody wired in: INA219, INA226 and relatives, through hwmon.
//!
//! The chip does not know what it feeds. Until the user says so, its power stands for nothing wider;
//! and a wrong `shunt_resistor` scales every value.

use crate::hwmon::{Chip, named};
use crate::interface::Interface;
use crate::reading::{Grain, Quantity, Reading, Sensor};
use crate::scope::Scope;
use crate::source::{Found, Host, Pace, Source};

const CHIPS: &[&str] = &["ina219", "ina220", "ina226", "ina228", "ina230", "ina231", "ina260", "ina237", "ina238"];

#[derive(Debug)]
struct Meters(Vec<Chip>);

pub(crate) fn find(host: &Host) -> Found {
    // On a Jetson the INA238 is the carrier board's own.
    let own = if host.board.is_jetson() { &CHIPS[..CHIPS.len() - 2] } else { CHIPS };
    Ok(Box::new(Meters(named(&*host.files, own)?)))
}

impl Source for Meters {
    fn pace(&self) -> Pace {
        Pace::Fast
    }

    fn read(&mut self, host: &Host) -> Vec<Reading> {
        let read = |chip: &Chip| {
            let files = &*host.files;
            // Two meters cannot both be the board; then each stands for itself.
            let said = host.config.meter_scope.clone().filter(|_| self.0.len() == 1);
            let scope = said.unwrap_or_else(|| Scope::loose_rail(&chip.name));
            let sensor = Sensor::new(Interface::Meter, &chip.name, Quantity::Power, scope, &chip.path("power1_input"));
            let update_s = chip.scaled(files, "update_interval", 1e-3).unwrap_or(0.0);
            // The power register counts 20 (INA219) or 25 (INA226) current steps; with the usual 10 mΩ
            // shunt that is 20 or 25 mW (drivers/hwmon/ina2xx.c).
            let grain = Grain { resolution: 0.025, update_s, wraps_at_j: None, ceiling_w: None };
            sensor.measured(chip.scaled(files, "power1_input", 1e-6)).with_grain(grain)
        };
        self.0.iter().map(read).collect()
    }
}
