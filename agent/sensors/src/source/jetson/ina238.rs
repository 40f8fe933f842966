//! The INA238 on the carrier board of the AGX Thor developer kit: what the whole board draws.
//!
//! Custom carriers have none; then the module's rails are all there is.

use crate::hwmon::{Chip, named};
use crate::interface::Interface;
use crate::reading::{Quantity, Reading, Sensor};
use crate::scope::Scope;
use crate::source::{Found, Host, Pace, Source, need_jetson};

#[derive(Debug)]
struct Ina238 {
    chips: Vec<(Chip, String)>,
}

pub(crate) fn find(host: &Host) -> Found {
    need_jetson(host)?;
    let files = &*host.files;
    let label = |chip: &Chip| ["in1_label", "power1_label", "label"].iter().find_map(|l| chip.text(files, l).ok());
    let chips = named(files, &["ina238"])?;
    let chips = chips.into_iter().map(|c| (c.clone(), label(&c).unwrap_or_else(|| "ina238".into()))).collect();
    Ok(Box::new(Ina238 { chips }))
}

impl Source for Ina238 {
    fn pace(&self) -> Pace {
        Pace::Fast
    }

    fn read(&mut self, host: &Host) -> Vec<Reading> {
        let read = |(chip, label): &(Chip, String)| {
            let scope = if label == "VIN" { Scope::Board } else { Scope::loose_rail(label) };
            let sensor = Sensor::new(Interface::Ina238, label, Quantity::Power, scope, &chip.path("power1_input"));
            sensor.measured(chip.scaled(&*host.files, "power1_input", 1e-6))
        };
        self.chips.iter().map(read).collect()
    }
}
