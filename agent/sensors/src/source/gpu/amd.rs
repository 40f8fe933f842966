//! AMD GPUs: hwmon `amdgpu` and the files of the device beside it.

use crate::hwmon::{Chip, named};
use crate::interface::Interface;
use crate::missing::Missing;
use crate::reading::{Grain, Quantity, Reading, Sensor};
use crate::scope::Scope;
use crate::source::{Found, Host, Pace, Source};

#[derive(Debug)]
struct Gpu {
    chip: Chip,
    scope: Scope,
    name: String,
    /// Older drivers average, newer ones read; the first that answers.
    power: Option<&'static str>,
    ceiling_w: Option<f64>,
}

#[derive(Debug)]
struct Amd(Vec<Gpu>);

pub(crate) fn find(host: &Host) -> Found {
    let files = &*host.files;
    let mut gpus = Vec::new();
    for (n, chip) in named(files, &["amdgpu"])?.into_iter().enumerate() {
        let name = format!("amdgpu-{n}");
        // Only a processor with graphics has this rail (drivers/gpu/drm/amd/pm/amdgpu_pm.c), and there
        // the chip's power is the whole package's: adding it to RAPL would count it twice.
        let integrated = chip.text(files, "in1_label").is_ok_and(|l| l == "vddnb");
        let scope = if integrated { Scope::Package("package-0".into()) } else { Scope::Gpu(name.clone()) };
        let power = ["power1_average", "power1_input"].into_iter().find(|f| chip.integer(files, f).is_ok());
        let ceiling_w = chip.scaled(files, "power1_cap", 1e-6).ok().filter(|&w| w > 0.0).map(|w| w * 2.0);
        gpus.push(Gpu { chip, scope, name, power, ceiling_w });
    }
    Ok(Box::new(Amd(gpus)))
}

impl Source for Amd {
    fn pace(&self) -> Pace {
        Pace::Fast
    }

    fn read(&mut self, host: &Host) -> Vec<Reading> {
        let files = &*host.files;
        let mut out = Vec::new();
        for gpu in &self.0 {
            let sensor = |quantity, file: &str| {
                Sensor::new(Interface::AmdGpu, &gpu.name, quantity, gpu.scope.clone(), &gpu.chip.path(file))
            };
            let watts = match gpu.power {
                Some(file) => gpu.chip.scaled(files, file, 1e-6),
                None => Err(Missing::absent(gpu.chip.path("power1_average"))),
            };
            // The firmware averages over about a millisecond to a second, by generation; the kernel does not say.
            let grain = Grain { resolution: 1e-6, update_s: 0.1, wraps_at_j: None, ceiling_w: gpu.ceiling_w };
            out.push(sensor(Quantity::Power, gpu.power.unwrap_or("power1_average")).measured(watts).with_grain(grain));
            for (quantity, file, factor) in [
                (Quantity::Load, "device/gpu_busy_percent", 0.01),
                (Quantity::Memory, "device/mem_info_vram_used", 1.0),
                (Quantity::Temperature, "temp1_input", 1e-3),
            ] {
                out.push(sensor(quantity, file).measured(gpu.chip.scaled(files, file, factor)));
            }
        }
        out
    }
}
