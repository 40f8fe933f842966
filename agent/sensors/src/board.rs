//! Which machine this is.

use crate::files::{Files, text};
use serde::Serialize;

/// What kind of machine, as far as it decides which sensors to expect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Family {
    /// NVIDIA Jetson, by the number of its chip: 210 Nano, 186 TX2, 194 Xavier, 234 Orin, 264 Thor.
    Jetson {
        tegra: u16,
    },
    /// Raspberry Pi, by generation.
    Pi {
        generation: u8,
    },
    Pc,
    /// A virtual machine: its host has the sensors.
    Vm,
    Other,
}

/// The machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Board {
    /// As the firmware names it.
    pub model: String,
    pub family: Family,
    /// Jetson: release of the board support, as `36.4.4`. Unknown strings are no error.
    pub l4t: Option<String>,
}

impl Board {
    /// Reads device tree, firmware tables and processor flags. Never fails: an unknown machine is `Other`.
    #[must_use]
    pub fn identify(files: &dyn Files) -> Self {
        let tree = |name: &str| {
            let at = |root: &str| files.read(&format!("{root}/{name}")).ok();
            at("/proc/device-tree").or_else(|| at("/sys/firmware/devicetree/base")).unwrap_or_default()
        };
        let compatible = tree("compatible");
        let firmware = |name: &str| text(files, &format!("/sys/class/dmi/id/{name}")).unwrap_or_default();
        let family = family(&compatible, files, &firmware("sys_vendor"));
        let model = tree("model").trim_end_matches('\0').trim().to_owned();
        let model = if model.is_empty() { format!("{} {}", firmware("sys_vendor"), firmware("product_name")) } else { model };
        let model = if model.trim().is_empty() { "unknown".into() } else { model.trim().to_owned() };
        let l4t = matches!(family, Family::Jetson { .. }).then(|| release(files)).flatten();
        Self { model, family, l4t }
    }

    #[must_use]
    pub const fn is_jetson(&self) -> bool {
        matches!(self.family, Family::Jetson { .. })
    }

    #[must_use]
    pub const fn is_pi(&self) -> bool {
        matches!(self.family, Family::Pi { .. })
    }
}

fn family(compatible: &str, files: &dyn Files, vendor: &str) -> Family {
    for word in compatible.split('\0') {
        if let Some(number) = word.strip_prefix("nvidia,tegra") {
            let digits: String = number.chars().take_while(char::is_ascii_digit).collect();
            if let Ok(tegra) = digits.parse() {
                return Family::Jetson { tegra };
            }
        }
    }
    if compatible.contains("raspberrypi,") {
        let chips = [("bcm2712", 5), ("bcm2711", 4), ("bcm2837", 3), ("bcm2836", 2), ("bcm2835", 1)];
        let generation = chips.iter().find(|(chip, _)| compatible.contains(chip)).map_or(0, |&(_, g)| g);
        return Family::Pi { generation };
    }
    let cpu = files.read("/proc/cpuinfo").unwrap_or_default();
    let flags = cpu.lines().find(|l| l.starts_with("flags")).unwrap_or_default();
    if ["QEMU", "VMware", "Xen", "innotek", "Amazon EC2", "Google"].iter().any(|v| vendor.contains(v))
        || flags.split_whitespace().any(|f| f == "hypervisor")
    {
        return Family::Vm;
    }
    if flags.is_empty() { Family::Other } else { Family::Pc }
}

/// `# R36 (release), REVISION: 4.4, …` as `36.4.4`.
fn release(files: &dyn Files) -> Option<String> {
    let line = files.read("/etc/nv_tegra_release").ok()?;
    let major = line.split("# R").nth(1)?.split_whitespace().next()?.to_owned();
    let minor = line.split("REVISION:").nth(1)?.split(',').next()?.trim().to_owned();
    Some(format!("{major}.{minor}"))
}
