//! What the kernel and the operating system tell on every machine.

pub(crate) mod cgroup;
pub(crate) mod cpu_throttle;
pub(crate) mod cpufreq;
pub(crate) mod hwmon_temp;
pub(crate) mod memory;
pub(crate) mod psi;
pub(crate) mod system;
pub(crate) mod thermal;
