//! Load and clock of a Jetson's GPU, for NVML on Tegra answers NotSupported to most.

use crate::files::{Files, scaled, text};
use crate::interface::Interface;
use crate::missing::Missing;
use crate::reading::{Quantity, Reading, Sensor};
use crate::scope::Scope;
use crate::source::{Found, Host, Pace, Source, need_jetson};

/// Where releases put the load, newest first; per mille.
const LOADS: &[&str] = &[
    "/sys/devices/platform/bus@0/17000000.gpu/load",
    "/sys/devices/platform/17000000.gpu/load",
    "/sys/devices/platform/17000000.ga10b/load",
    "/sys/devices/platform/gpu.0/load",
    "/sys/devices/gpu.0/load",
];
const DEVFREQ: &str = "/sys/class/devfreq";
/// Names of the GPU's node in the device tree, by generation.
const NODES: &[&str] = &["gpu", "ga10b", "gv11b", "gp10b", "gpu-gpc-0"];

#[derive(Debug)]
struct Gpu {
    load: Option<&'static str>,
    clock: Option<String>,
}

pub(crate) fn find(host: &Host) -> Found {
    need_jetson(host)?;
    let files = &*host.files;
    let load = LOADS.iter().copied().find(|path| files.read(path).is_ok());
    let clock = files.list(DEVFREQ).unwrap_or_default().into_iter().find(|d| is_gpu(files, d));
    if load.is_none() && clock.is_none() {
        return Err(Missing::absent("a GPU's load below /sys/devices and its clock below /sys/class/devfreq"));
    }
    Ok(Box::new(Gpu { load, clock: clock.map(|c| format!("{DEVFREQ}/{c}")) }))
}

fn is_gpu(files: &dyn Files, device: &str) -> bool {
    let node = text(files, &format!("{DEVFREQ}/{device}/device/of_node/name"));
    let own = device.rsplit('.').next().unwrap_or_default();
    NODES.contains(&node.as_deref().unwrap_or(own)) || NODES.contains(&own)
}

impl Source for Gpu {
    fn pace(&self) -> Pace {
        Pace::Fast
    }

    fn read(&mut self, host: &Host) -> Vec<Reading> {
        let files = &*host.files;
        let sensor =
            |name, quantity, path: &str| Sensor::new(Interface::JetsonGpu, name, quantity, Scope::Gpu("tegra".into()), path);
        let mut out = Vec::new();
        match self.load {
            Some(path) => out.push(sensor("gpu", Quantity::Load, path).measured(scaled(files, path, 1e-3).and_then(share))),
            None => out.push(sensor("gpu", Quantity::Load, LOADS[0]).measured(Err(Missing::absent("a GPU's load file")))),
        }
        for (name, file) in [("gpu", "cur_freq"), ("gpu max", "max_freq")] {
            if let Some(dir) = &self.clock {
                let path = format!("{dir}/{file}");
                out.push(sensor(name, Quantity::Frequency, &path).measured(scaled(files, &path, 1.0)));
            }
        }
        out
    }
}

fn share(load: f64) -> Result<f64, Missing> {
    if (0.0..=1.0).contains(&load) {
        Ok(load)
    } else {
        Err(Missing::Implausible { what: "the GPU's load".into(), text: load.to_string() })
    }
}
