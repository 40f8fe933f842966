//! The under-voltage alarm of the kernel's `rpi_volt` driver.

use crate::hwmon::{Chip, named};
use crate::interface::Interface;
use crate::reading::{Quantity, Reading, Sensor};
use crate::scope::Scope;
use crate::source::{Found, Host, Pace, Source, need_pi};

const ALARM: &str = "in0_lcrit_alarm";

#[derive(Debug)]
struct Volt(Vec<Chip>);

pub(crate) fn find(host: &Host) -> Found {
    need_pi(host)?;
    Ok(Box::new(Volt(named(&*host.files, &["rpi_volt"])?)))
}

impl Source for Volt {
    fn pace(&self) -> Pace {
        Pace::Slow
    }

    fn read(&mut self, host: &Host) -> Vec<Reading> {
        let read = |chip: &Chip| {
            let sensor = Sensor::new(Interface::PiVolt, "under-voltage alarm", Quantity::Flag, Scope::Board, &chip.path(ALARM));
            sensor.measured(chip.integer(&*host.files, ALARM))
        };
        self.0.iter().map(read).collect()
    }
}
