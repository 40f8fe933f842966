//! Throttle bits of the firmware, accumulated.
//!
//! The firmware's "has occurred" bits mean nothing for long: the kernel's hwmon driver clears them
//! every two seconds (drivers/hwmon/raspberrypi-hwmon.c). So what was seen once stays seen here.

#[cfg(test)]
mod tests;

use crate::interface::Interface;
use crate::missing::Missing;
use crate::reading::{Quantity, Reading, Sensor};
use crate::scope::Scope;
use crate::source::{Found, Host, Pace, Source, need_pi};

const COMMAND: &[&str] = &["vcgencmd", "get_throttled"];
const FILE: &str = "/sys/devices/platform/soc/soc:firmware/get_throttled";

/// Meaning of bit n; bit n + 16 says that it has occurred.
const BITS: [&str; 4] = ["under-voltage", "frequency capped", "throttled", "soft temperature limit"];

#[derive(Debug)]
struct Throttled {
    seen: u32,
}

pub(crate) fn find(host: &Host) -> Found {
    need_pi(host)?;
    bits(host)?;
    Ok(Box::new(Throttled { seen: 0 }))
}

impl Source for Throttled {
    fn pace(&self) -> Pace {
        Pace::Slow
    }

    fn read(&mut self, host: &Host) -> Vec<Reading> {
        let now = bits(host);
        if let Ok((bits, _)) = now {
            self.seen |= (bits | bits >> 16) & 0xf;
        }
        let source = now.as_ref().map_or("vcgencmd get_throttled", |&(_, source)| source);
        let mut out = Vec::new();
        for (n, name) in BITS.iter().enumerate() {
            let sensor = |name: &str| Sensor::new(Interface::PiThrottled, name, Quantity::Flag, Scope::Board, source);
            let flag = |bits: u32| f64::from(bits >> n & 1);
            out.push(sensor(name).measured(now.clone().map(|(bits, _)| flag(bits))));
            // What was seen was seen, whether or not it can be read now.
            out.push(sensor(&format!("{name} seen")).measured(Ok(flag(self.seen))));
        }
        out
    }
}

/// The mask and where it came from: a file that not every kernel has, or the firmware's command.
fn bits(host: &Host) -> Result<(u32, &'static str), Missing> {
    if let Ok(text) = host.files.read(FILE) {
        return Ok((parse(&text)?, FILE));
    }
    let said = host.runner.run(COMMAND)?;
    let value = said.trim().strip_prefix("throttled=");
    let value = value.ok_or_else(|| Missing::malformed("vcgencmd get_throttled", &said, "`throttled=` and a mask"))?;
    Ok((parse(value)?, "vcgencmd get_throttled"))
}

/// Hexadecimal, with or without `0x`.
fn parse(text: &str) -> Result<u32, Missing> {
    let digits = text.trim().trim_start_matches("0x");
    u32::from_str_radix(digits, 16).map_err(|_| Missing::malformed("the throttle mask", text, "a hexadecimal number"))
}
