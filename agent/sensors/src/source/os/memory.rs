//! Memory, swap, and the page faults that tell when weights do not fit.

use crate::interface::Interface;
use crate::missing::Missing;
use crate::reading::{Quantity, Reading, Sensor};
use crate::scope::Scope;
use crate::source::{Found, Host, Pace, Source};

const MEMINFO: &str = "/proc/meminfo";
const VMSTAT: &str = "/proc/vmstat";
/// `MemAvailable`, not `MemFree`: the page cache of a mapped model file counts as available.
const SIZES: &[&str] = &["MemTotal", "MemAvailable", "SwapTotal", "SwapFree"];
/// A rising major fault rate while decoding: the weights do not fit.
const EVENTS: &[&str] = &["pgmajfault", "pswpin", "oom_kill"];

#[derive(Debug)]
struct Memory;

pub(crate) fn find(host: &Host) -> Found {
    kilobytes(&host.files.read(MEMINFO)?, "MemTotal")?;
    Ok(Box::new(Memory))
}

impl Source for Memory {
    fn pace(&self) -> Pace {
        Pace::Slow
    }

    fn read(&mut self, host: &Host) -> Vec<Reading> {
        let sensor = |name: &str, quantity, path: &str| Sensor::new(Interface::Memory, name, quantity, Scope::Board, path);
        let info = host.files.read(MEMINFO);
        let events = host.files.read(VMSTAT);
        let mut out = Vec::new();
        for name in SIZES {
            let bytes = info.clone().and_then(|t| Ok(kilobytes(&t, name)? * 1024.0));
            out.push(sensor(name, Quantity::Memory, MEMINFO).measured(bytes));
        }
        for name in EVENTS {
            let count = events.clone().and_then(|t| field(&t, name, ' ', VMSTAT));
            out.push(sensor(name, Quantity::Events, VMSTAT).measured(count));
        }
        out
    }
}

/// `MemTotal:        7802068 kB`.
pub(super) fn kilobytes(text: &str, name: &str) -> Result<f64, Missing> {
    field(text, name, ':', MEMINFO)
}

fn field(text: &str, name: &str, separator: char, path: &str) -> Result<f64, Missing> {
    let line = text.lines().find_map(|l| l.split_once(separator).filter(|(n, _)| *n == name));
    let (_, value) = line.ok_or_else(|| Missing::absent(format!("{name} in {path}")))?;
    let word = value.split_whitespace().next().unwrap_or_default();
    word.parse().map_err(|_| Missing::malformed(path, value, "a number"))
}
