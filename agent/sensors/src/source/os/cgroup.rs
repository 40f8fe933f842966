//! Limits of this process's control group: the smallest along the way up to the root.

use super::memory::kilobytes;
use super::psi;
use crate::files::{Files, text};
use crate::interface::Interface;
use crate::missing::Missing;
use crate::reading::{Quality, Quantity, Reading, Sensor};
use crate::scope::Scope;
use crate::source::{Found, Host, Pace, Source};

const MOUNT: &str = "/sys/fs/cgroup";
/// Version 1 writes "no limit" as a number beyond any memory (the largest multiple of a page below 2^63).
const NONE_V1: f64 = 9.2e18;

#[derive(Debug)]
struct Cgroup {
    /// Own group and its ancestors, below the mount; version 2.
    groups: Vec<String>,
    /// Folder of version 1's memory controller.
    v1: Option<String>,
}

pub(crate) fn find(host: &Host) -> Found {
    let files = &*host.files;
    let own = files.read("/proc/self/cgroup")?;
    let v2 = own.lines().find_map(|l| l.strip_prefix("0::"));
    let v1 = own.lines().find_map(|l| l.split_once(":memory:").map(|(_, path)| path));
    let groups = v2.map(|path| lineage(MOUNT, path)).unwrap_or_default();
    // In a hybrid layout version 2 is mounted elsewhere and has no memory controller.
    let groups: Vec<String> = groups.into_iter().filter(|g| files.list(g).is_ok()).collect();
    let folders = v1.map(|path| lineage(&format!("{MOUNT}/memory"), path)).unwrap_or_default();
    let v1 = folders.into_iter().find(|g| files.read(&format!("{g}/memory.limit_in_bytes")).is_ok());
    if v1.is_none() && !groups.iter().any(|g| files.read(&format!("{g}/memory.current")).is_ok()) {
        return Err(Missing::absent("the memory controller of this process's group"));
    }
    Ok(Box::new(Cgroup { groups, v1 }))
}

/// `/a/b` as `MOUNT/a/b`, `MOUNT/a`, `MOUNT`. Inside a container only the mount itself may exist.
fn lineage(mount: &str, path: &str) -> Vec<String> {
    let mut out = Vec::new();
    let mut rest = path.trim().trim_end_matches('/');
    while !rest.is_empty() {
        out.push(format!("{mount}{rest}"));
        rest = rest.rsplit_once('/').map_or("", |(parent, _)| parent);
    }
    out.push(mount.to_owned());
    out
}

impl Cgroup {
    /// Bytes; `None` without a limit.
    fn limit(&self, files: &dyn Files) -> Option<f64> {
        let number = |path: String| text(files, &path).ok().and_then(|t| t.parse::<f64>().ok());
        let v2 = self.groups.iter().filter_map(|g| number(format!("{g}/memory.max")));
        let v1 = self.v1.iter().filter_map(|g| number(format!("{g}/memory.limit_in_bytes"))).filter(|&n| n < NONE_V1);
        v2.chain(v1).reduce(f64::min)
    }

    fn used(&self, files: &dyn Files) -> Result<f64, Missing> {
        let paths = self.groups.iter().map(|g| format!("{g}/memory.current"));
        let v1 = self.v1.iter().map(|g| format!("{g}/memory.usage_in_bytes"));
        let mut last = Missing::absent("memory.current");
        for path in paths.chain(v1) {
            match crate::files::integer(files, &path) {
                Ok(bytes) => return Ok(bytes),
                Err(missing) => last = missing,
            }
        }
        Err(last)
    }

    /// Processors: quota over period, the smallest.
    fn processors(&self, files: &dyn Files) -> Option<f64> {
        let quota = |g: &String| {
            let text = text(files, &format!("{g}/cpu.max")).ok()?;
            let (quota, period) = text.split_once(' ')?;
            Some(quota.parse::<f64>().ok()? / period.parse::<f64>().ok().filter(|&p| p > 0.0)?)
        };
        self.groups.iter().filter_map(quota).reduce(f64::min)
    }
}

impl Source for Cgroup {
    fn pace(&self) -> Pace {
        Pace::Slow
    }

    fn read(&mut self, host: &Host) -> Vec<Reading> {
        let files = &*host.files;
        let group = self.v1.as_ref().or(self.groups.first()).map_or(MOUNT, String::as_str);
        let sensor = |name: &str, quantity| Sensor::new(Interface::Cgroup, name, quantity, Scope::Group, group);
        let memory = files.read("/proc/meminfo").and_then(|t| Ok(kilobytes(&t, "MemTotal")? * 1024.0));
        let limit = match (self.limit(files), memory) {
            (Some(limit), Ok(all)) => Ok(limit.min(all)),
            (Some(limit), Err(_)) => Ok(limit),
            (None, all) => all,
        };
        let mut out = vec![
            sensor("memory limit", Quantity::Memory).reading(limit, Quality::Derived),
            sensor("memory used", Quantity::Memory).measured(self.used(files)),
        ];
        if let Some(n) = self.processors(files) {
            out.push(sensor("processors", Quantity::Processors).reading(Ok(n), Quality::Derived));
        }
        let pressure = self.groups.first().map(|g| format!("{g}/memory.pressure"));
        if let Some(path) = pressure
            && let Ok(text) = files.read(&path)
        {
            let both = psi::line(&text, "some", &path);
            out.push(sensor("memory some", Quantity::Pressure).measured(both.map(|(share, _)| share)));
        }
        out
    }
}
