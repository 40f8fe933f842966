//! Where and when it was measured, and what may have disturbed it.

use sensors::{Files, Sensors};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Steal time above this share of the wall disturbs a rate by as much as two good probes may differ.
const STEAL: f64 = 0.02;
/// Processor time that others took, as a share of all processors.
const OTHERS: f64 = 0.15;

/// Provenance of a probe.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Surroundings {
    /// The machine as its firmware names it, and its processor.
    pub machine: String,
    pub processor: String,
    pub cores: usize,
    pub kernel: String,
    /// `2026-11-26`, UTC.
    pub date: String,
    pub command: String,
    pub version: String,
    /// Governor, power mode, supply, …
    pub conditions: BTreeMap<String, String>,
    /// s.
    pub took_s: f64,
    /// Shares of all processors' time while it ran; nothing where the kernel does not say.
    pub steal: Option<f64>,
    pub others: Option<f64>,
    pub warnings: Vec<String>,
}

impl Surroundings {
    /// What can be said before anything is measured.
    #[must_use]
    pub fn look(files: &dyn Files, sensors: &mut Sensors, date: &str, command: &str, version: &str) -> Self {
        let conditions = sensors.conditions();
        let cpu = files.read("/proc/cpuinfo").unwrap_or_default();
        let value = |key: &str| {
            let line = cpu.lines().find(|l| l.split(':').next().is_some_and(|k| k.trim() == key))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        };
        let part = || Some(format!("Arm implementer {}, part {}", value("CPU implementer")?, value("CPU part")?));
        let mut this = Self {
            machine: sensors.board().model.clone(),
            processor: value("model name").or_else(part).unwrap_or_else(|| std::env::consts::ARCH.into()),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            kernel: conditions.get("kernel").cloned().unwrap_or_else(|| "unknown".into()),
            date: date.into(),
            command: command.into(),
            version: version.into(),
            ..Self::default()
        };
        if conditions.get("supply").is_some_and(|s| s == "battery") {
            this.warnings.push("it runs on its battery: many machines are slower then".into());
        }
        for (name, value) in conditions.iter().filter(|(n, _)| n.starts_with("governor")) {
            if value == "powersave" && !conditions.contains_key("turbo off") {
                this.warnings.push(format!("{name} is powersave: clocks may stay low"));
            }
        }
        if cfg!(debug_assertions) {
            this.warnings.push("built without --release: the engine's overheads are larger than they can be".into());
        }
        this.conditions = conditions;
        this
    }

    /// What happened between two looks at the processors.
    pub fn between(&mut self, before: &Processors, after: &Processors, own_s: f64) {
        let took = after.all_s - before.all_s;
        if took <= 0.0 {
            return;
        }
        let steal = ((after.steal_s - before.steal_s) / took).clamp(0.0, 1.0);
        let others = ((after.busy_s - before.busy_s - own_s) / took).clamp(0.0, 1.0);
        if steal > STEAL {
            self.warnings
                .push(format!("busy neighbours: the host kept {:.0} % of the processors' time for others", steal * 100.0));
        }
        if others > OTHERS {
            let share = others * 100.0;
            self.warnings.push(format!("busy neighbours: other processes used {share:.0} % of the processors' time"));
        }
        (self.steal, self.others) = (Some(steal), Some(others));
    }
}

/// Times of all processors since boot, s.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Processors {
    pub all_s: f64,
    pub busy_s: f64,
    pub steal_s: f64,
}

impl Processors {
    /// `None` where the kernel does not say. A tick of `/proc/stat` is a hundredth of a second.
    #[must_use]
    pub fn look(files: &dyn Files) -> Option<Self> {
        let text = files.read("/proc/stat").ok()?;
        let line = text.lines().find_map(|l| l.strip_prefix("cpu "))?;
        let ticks: Vec<f64> = line.split_whitespace().map_while(|w| w.parse().ok()).collect();
        // user, nice, system, idle, iowait, irq, softirq, steal; what guests use is in user already.
        let [user, nice, system, idle, wait, irq, soft, steal, ..] = ticks[..] else { return None };
        let busy = user + nice + system + irq + soft;
        Some(Self { all_s: (busy + idle + wait + steal) / 100.0, busy_s: busy / 100.0, steal_s: steal / 100.0 })
    }
}

/// Size of the largest cache that processor 0 reports, bytes. A virtual machine may be shown its host's.
#[must_use]
pub fn last_cache(files: &dyn Files) -> Option<u64> {
    const CACHE: &str = "/sys/devices/system/cpu/cpu0/cache";
    let size = |index: &String| {
        let text = files.read(&format!("{CACHE}/{index}/size")).ok()?;
        let text = text.trim();
        let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
        let unit = match unit {
            "" => 1,
            "K" => 1 << 10,
            "M" => 1 << 20,
            _ => return None,
        };
        number.parse::<u64>().ok()?.checked_mul(unit)
    };
    files.list(CACHE).ok()?.iter().filter(|n| n.starts_with("index")).filter_map(size).max()
}

#[cfg(test)]
mod tests {
    use super::*;
    use sensors::{Clock, Config, Listing, Stamp};
    use std::sync::Arc;
    use std::time::Duration;

    #[derive(Debug)]
    struct Still;
    impl Clock for Still {
        fn now(&self) -> Stamp {
            Stamp::at(Duration::ZERO)
        }
    }

    #[test]
    fn processors_are_counted_and_neighbours_named() {
        let listing = Listing::parse("[/proc]\nstat = cpu  1000 100 100 5000 0 0 0 50 0 0\\n").expect("a listing");
        let before = Processors::look(&listing).expect("eight numbers");
        assert!((before.busy_s - 12.0).abs() < 1e-9 && (before.all_s - 62.5).abs() < 1e-9, "{before:?}");
        listing.set("/proc/stat", "cpu  2000 100 100 5500 0 0 0 550 0 0\n");
        let after = Processors::look(&listing).expect("eight numbers");
        let mut s = Surroundings::default();
        s.between(&before, &after, 5.0);
        assert_eq!(s.warnings.len(), 2, "{s:?}");
        assert!((s.steal.unwrap_or(0.0) - 0.25).abs() < 1e-9 && (s.others.unwrap_or(0.0) - 0.25).abs() < 1e-9);
        listing.set("/proc/stat", "cpu  1 2 3\n");
        assert_eq!(Processors::look(&listing), None);
    }

    #[test]
    fn a_battery_is_warned_of_and_caches_are_read() {
        let text = "[/sys/class/power_supply/BAT0]\ntype = Battery\nuevent = |\n  POWER_SUPPLY_NAME=BAT0\n  POWER_SUPPLY_TYPE=Battery\n  POWER_SUPPLY_STATUS=Discharging\n  POWER_SUPPLY_VOLTAGE_NOW=11714000\n  POWER_SUPPLY_POWER_NOW=14280000\n  POWER_SUPPLY_CAPACITY=62\n[/sys/devices/system/cpu/cpu0/cache/index0]\nsize = 48K\n[/sys/devices/system/cpu/cpu0/cache/index3]\nsize = 32M\n";
        let listing = Listing::parse(text).expect("a listing");
        let mut sensors = Sensors::on_listing(&listing, Arc::new(Still), Config::default());
        let s = Surroundings::look(&listing, &mut sensors, "2026-11-26", "agent probe", "0");
        assert!(s.warnings.iter().any(|w| w.contains("battery")), "{s:?}");
        assert_eq!(last_cache(&listing), Some(32 << 20));
    }
}
