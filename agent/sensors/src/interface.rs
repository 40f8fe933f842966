//! The ways by which a machine tells about itself.

use serde::Serialize;
use std::fmt;

macro_rules! interfaces {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $what:literal;)+) => {
        /// A way by which a machine tells about itself.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum Interface { $(#[doc = $what] #[doc = ""] $(#[$doc])* #[serde(rename = $text)] $name,)+ }

        impl Interface {
            /// All, in the order in which they are shown.
            pub const ALL: &'static [Interface] = &[$(Self::$name),+];
            /// Short name in tables and messages.
            #[must_use]
            pub const fn name(self) -> &'static str { match self { $(Self::$name => $text),+ } }
            /// What it tells.
            #[must_use]
            pub const fn what(self) -> &'static str { match self { $(Self::$name => $what),+ } }
        }
    };
}

interfaces! {
    /// JetPack 5 to 7: the kernel's hwmon driver.
    Ina3221 = "ina3221", "power of a Jetson's rails";
    /// JetPack 4: NVIDIA's iio driver.
    Ina3221x = "ina3221x", "power of a Jetson's rails on JetPack 4";
    /// The carrier board's meter, on Thor.
    Ina238 = "ina238", "power of the whole board";
    JetsonGpu = "jetson-gpu", "GPU load and clock";
    JetsonThrottle = "jetson-throttle", "thermal throttle alerts";
    OverCurrent = "over-current", "over-current and under-voltage events";
    Nvpmodel = "nvpmodel", "power mode";
    PiThrottled = "pi-throttled", "under-voltage and throttle bits";
    PiVolt = "pi-volt", "under-voltage alarm";
    PiPmic = "pi-pmic", "power of the Pi 5's rails";
    Rapl = "rapl", "energy of package, memory and platform";
    CpuThrottle = "cpu-throttle", "thermal throttle events of x86 processors";
    Nvml = "nvml", "NVIDIA GPU: power, energy, load, memory, clocks";
    AmdGpu = "amdgpu", "AMD GPU: power, load, memory";
    IntelGpu = "intel-gpu", "Intel GPU: energy";
    Battery = "battery", "battery power and level";
    /// INA219, INA226 and relatives that somebody wired in.
    Meter = "ina-meter", "power at an added I2C meter";
    Shelly = "shelly", "power at the wall";
    Tasmota = "tasmota", "power at the wall";
    Thermal = "thermal", "temperatures and trip points";
    HwmonTemp = "hwmon-temp", "temperatures of processor and storage";
    Cpufreq = "cpufreq", "processor clocks";
    Memory = "memory", "memory, swap, page faults";
    Psi = "psi", "pressure on memory, processor, storage";
    Cgroup = "cgroup", "limits of this process's group";
    /// What the library `sysinfo` adds.
    System = "system", "processor load and this process's memory";
}

impl Interface {
    /// True when it can tell what something draws.
    #[must_use]
    pub const fn gives_power(self) -> bool {
        matches!(
            self,
            Self::Ina3221
                | Self::Ina3221x
                | Self::Ina238
                | Self::PiPmic
                | Self::Rapl
                | Self::Nvml
                | Self::AmdGpu
                | Self::IntelGpu
                | Self::Battery
                | Self::Meter
                | Self::Shelly
                | Self::Tasmota
        )
    }
}

impl fmt::Display for Interface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
