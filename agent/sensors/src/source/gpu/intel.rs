//! Intel's discrete GPUs: hwmon `i915` or `xe` with an energy counter.

use crate::hwmon::{Chip, named};
use crate::interface::Interface;
use crate::reading::{Grain, Quantity, Reading, Sensor};
use crate::scope::Scope;
use crate::source::{Found, Host, Pace, Source};

/// No card draws more, where the driver does not tell its limit.
const CEILING_W: f64 = 1000.0;

#[derive(Debug)]
struct Intel(Vec<(Chip, String)>);

pub(crate) fn find(host: &Host) -> Found {
    let chips = named(&*host.files, &["i915", "xe"])?;
    let named = |(n, c): (usize, Chip)| (c, format!("intel-{n}"));
    Ok(Box::new(Intel(chips.into_iter().enumerate().map(named).collect())))
}

impl Source for Intel {
    fn pace(&self) -> Pace {
        Pace::Fast
    }

    fn read(&mut self, host: &Host) -> Vec<Reading> {
        let files = &*host.files;
        let read = |(chip, name): &(Chip, String)| {
            // `energy1_input` is the card, where there are several.
            let file = "energy1_input";
            let sensor = Sensor::new(Interface::IntelGpu, name, Quantity::Energy, Scope::Gpu(name.clone()), &chip.path(file));
            let limit = chip.scaled(files, "power1_max", 1e-6).ok().filter(|&w| w > 0.0);
            // The driver widens the hardware's 32 bits to 64: it does not wrap (drivers/gpu/drm/i915/i915_hwmon.c).
            let grain = Grain {
                resolution: 1e-4,
                update_s: 1e-2,
                wraps_at_j: None,
                ceiling_w: Some(limit.map_or(CEILING_W, |w| w * 2.0)),
            };
            sensor.measured(chip.scaled(files, file, 1e-6)).with_grain(grain)
        };
        self.0.iter().map(read).collect()
    }
}
