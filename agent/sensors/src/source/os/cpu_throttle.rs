//! Thermal throttle counters of x86 processors. A few counts are normal boost behaviour.

use crate::files::integer;
use crate::interface::Interface;
use crate::missing::Missing;
use crate::reading::{Quantity, Reading, Sensor};
use crate::scope::Scope;
use crate::source::{Found, Host, Pace, Source};

const CPUS: &str = "/sys/devices/system/cpu";

#[derive(Debug)]
struct CpuThrottle(Vec<String>);

pub(crate) fn find(host: &Host) -> Found {
    let is_cpu = |n: &str| n.strip_prefix("cpu").is_some_and(|d| !d.is_empty() && d.bytes().all(|b| b.is_ascii_digit()));
    let dirs = host.files.list(CPUS)?.into_iter().filter(|n| is_cpu(n)).map(|n| format!("{CPUS}/{n}/thermal_throttle"));
    let dirs: Vec<String> = dirs.filter(|d| host.files.list(d).is_ok()).collect();
    if dirs.is_empty() {
        return Err(Missing::absent(format!("{CPUS}/cpu0/thermal_throttle")));
    }
    Ok(Box::new(CpuThrottle(dirs)))
}

impl Source for CpuThrottle {
    fn pace(&self) -> Pace {
        Pace::Slow
    }

    fn read(&mut self, host: &Host) -> Vec<Reading> {
        let counts = |file: &str| -> Result<Vec<f64>, Missing> {
            self.0.iter().map(|dir| integer(&*host.files, &format!("{dir}/{file}"))).collect()
        };
        let sensor = |name: &str| {
            let source = format!("{CPUS}/cpu*/thermal_throttle/{name}_throttle_count");
            let scope = Scope::Package("cpu".into());
            Sensor::new(Interface::CpuThrottle, &format!("{name} throttled"), Quantity::Events, scope, &source)
        };
        vec![
            sensor("core").measured(counts("core_throttle_count").map(|c| c.iter().sum())),
            // Every processor of a package repeats the package's count.
            sensor("package").measured(counts("package_throttle_count").map(|c| c.iter().copied().fold(0.0, f64::max))),
        ]
    }
}
