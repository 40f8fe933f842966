//! Each interface: how it is found and how it is read.

pub(crate) mod battery;
pub(crate) mod gpu;
pub(crate) mod jetson;
pub(crate) mod meter;
pub(crate) mod os;
pub(crate) mod pi;
pub(crate) mod plug;
pub(crate) mod rapl;

use crate::board::Board;
use crate::clock::Clock;
use crate::config::Config;
use crate::deadline::Deadline;
use crate::files::Files;
use crate::interface::Interface;
use crate::missing::Missing;
use crate::reading::Reading;
use crate::runner::Runner;
use std::fmt::Debug;
use std::sync::Arc;

/// How often a source is worth reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pace {
    /// Ten times a second, while work runs: power, energy, GPU load.
    Fast,
    /// Once a second: temperatures, clocks, pressure, throttling.
    Slow,
    /// Every ten seconds: battery, power mode.
    Rare,
}

/// What sources read from.
#[derive(Clone, Debug)]
pub(crate) struct Host {
    pub files: Arc<dyn Files>,
    pub runner: Arc<dyn Runner>,
    pub clock: Arc<dyn Clock>,
    pub deadline: Deadline,
    pub board: Board,
    pub config: Config,
    /// The files are this machine's own: calls that cannot be given other roots make sense.
    pub live: bool,
}

/// A sensor interface that was found.
pub(crate) trait Source: Debug + Send {
    fn pace(&self) -> Pace;
    /// Every sensor of the interface, with a value or a reason.
    fn read(&mut self, host: &Host) -> Vec<Reading>;
}

pub(crate) type Found = Result<Box<dyn Source>, Missing>;

/// Looks for an interface on this machine.
pub(crate) fn find(interface: Interface, host: &Host) -> Found {
    match interface {
        Interface::Ina3221 => jetson::ina3221::find(host),
        Interface::Ina3221x => jetson::ina3221x::find(host),
        Interface::Ina238 => jetson::ina238::find(host),
        Interface::JetsonGpu => jetson::gpu::find(host),
        Interface::JetsonThrottle => jetson::throttle::find_alerts(host),
        Interface::OverCurrent => jetson::throttle::find_over_current(host),
        Interface::Nvpmodel => jetson::nvpmodel::find(host),
        Interface::PiThrottled => pi::throttled::find(host),
        Interface::PiVolt => pi::volt::find(host),
        Interface::PiPmic => pi::pmic::find(host),
        Interface::Rapl => rapl::find(host),
        Interface::CpuThrottle => os::cpu_throttle::find(host),
        Interface::Nvml => gpu::nvml::find(host),
        Interface::AmdGpu => gpu::amd::find(host),
        Interface::IntelGpu => gpu::intel::find(host),
        Interface::Battery => battery::find(host),
        Interface::Meter => meter::find(host),
        Interface::Shelly => plug::find(host, Interface::Shelly),
        Interface::Tasmota => plug::find(host, Interface::Tasmota),
        Interface::Thermal => os::thermal::find(host),
        Interface::HwmonTemp => os::hwmon_temp::find(host),
        Interface::Cpufreq => os::cpufreq::find(host),
        Interface::Memory => os::memory::find(host),
        Interface::Psi => os::psi::find(host),
        Interface::Cgroup => os::cgroup::find(host),
        Interface::System => os::system::find(host),
    }
}

/// Refuses an interface that only a Jetson has.
pub(crate) fn need_jetson(host: &Host) -> Result<(), Missing> {
    if host.board.is_jetson() { Ok(()) } else { Err(Missing::not_here("not a Jetson")) }
}

/// Refuses an interface that only a Raspberry Pi has.
pub(crate) fn need_pi(host: &Host) -> Result<(), Missing> {
    if host.board.is_pi() { Ok(()) } else { Err(Missing::not_here("not a Raspberry Pi")) }
}
