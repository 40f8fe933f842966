//! The calls into NVML, each round with a deadline: a GPU that fell off the bus can hang.

#[cfg(test)]
mod tests;

use crate::interface::Interface;
use crate::missing::Missing;
use crate::reading::{Grain, Quality, Quantity, Reading, Sensor};
use crate::scope::Scope;
use crate::source::{Found, Host, Pace, Source};
use nvml_wrapper::bitmasks::device::ThrottleReasons;
use nvml_wrapper::enum_wrappers::device::{Clock, TemperatureSensor};
use nvml_wrapper::error::NvmlError;
use nvml_wrapper::{Device, Nvml as Library};
use std::sync::Arc;
use std::time::Duration;

/// The first round starts the driver where no daemon keeps it up: seconds.
const START_LIMIT: Duration = Duration::from_secs(10);
/// Power and energy are renewed at most every 100 ms on boards that were looked at (zeus, energy.md).
const UPDATE_S: f64 = 0.1;
/// Short peaks exceed the enforced limit, none by this much.
const OVER_LIMIT: f64 = 2.0;

#[derive(Debug)]
struct Nvml(Arc<Library>);

pub(crate) fn find(host: &Host) -> Found {
    if !host.live {
        return Err(Missing::not_here(super::ELSEWHERE));
    }
    let library = host.deadline.run("nvml", START_LIMIT, Library::init)?.map_err(|e| reason("libnvidia-ml.so.1", &e))?;
    let library = Arc::new(library);
    let shared = Arc::clone(&library);
    let count = host.deadline.run("nvml", START_LIMIT, move || shared.device_count())?;
    match count.map_err(|e| reason("nvml", &e))? {
        0 => Err(Missing::absent("an NVIDIA GPU")),
        _ => Ok(Box::new(Nvml(library))),
    }
}

impl Source for Nvml {
    fn pace(&self) -> Pace {
        Pace::Fast
    }

    fn read(&mut self, host: &Host) -> Vec<Reading> {
        let library = Arc::clone(&self.0);
        let limit = host.config.file_limit * 5;
        let round = host.deadline.run("nvml", limit, move || {
            let count = library.device_count().unwrap_or(0);
            (0..count).flat_map(|n| gpu(n, library.device_by_index(n))).collect::<Vec<_>>()
        });
        round.unwrap_or_else(|missing| {
            let sensor = Sensor::new(Interface::Nvml, "nvidia-0", Quantity::Power, Scope::Gpu("nvidia-0".into()), "nvml");
            vec![sensor.measured(Err(missing))]
        })
    }
}

fn gpu(n: u32, device: Result<Device<'_>, NvmlError>) -> Vec<Reading> {
    let name = format!("nvidia-{n}");
    let sensor =
        |quantity, call: &str| Sensor::new(Interface::Nvml, &name, quantity, Scope::Gpu(name.clone()), &format!("nvml {call}"));
    let device = match device {
        Ok(device) => device,
        Err(error) => return vec![sensor(Quantity::Power, "DeviceGetHandleByIndex").measured(Err(reason("nvml", &error)))],
    };
    let ceiling_w = device.enforced_power_limit().ok().map(|mw| f64::from(mw) * 1e-3 * OVER_LIMIT);
    let grain = |resolution| Grain { resolution, update_s: UPDATE_S, wraps_at_j: None, ceiling_w };
    let mut out = Vec::new();
    let power = positive(device.power_usage().map(|mw| f64::from(mw) * 1e-3), "nvmlDeviceGetPowerUsage");
    out.push(sensor(Quantity::Power, "PowerUsage").measured(power).with_grain(grain(1e-3)));
    let energy = positive(device.total_energy_consumption().map(wide).map(|mj| mj * 1e-3), "nvmlDeviceGetTotalEnergyConsumption");
    out.push(sensor(Quantity::Energy, "TotalEnergyConsumption").measured(energy).with_grain(grain(1e-3)));
    let load =
        device.utilization_rates().map(|u| f64::from(u.gpu) / 100.0).map_err(|e| reason("nvmlDeviceGetUtilizationRates", &e));
    out.push(sensor(Quantity::Load, "UtilizationRates").measured(load));
    // A total of zero is Jetson's way of saying that memory is not the GPU's own.
    let memory = device.memory_info().map_err(|e| reason("nvmlDeviceGetMemoryInfo", &e));
    let memory = memory.and_then(|m| if m.total > 0 { Ok(wide(m.used)) } else { Err(unsupported("nvmlDeviceGetMemoryInfo")) });
    out.push(sensor(Quantity::Memory, "MemoryInfo used").measured(memory));
    let temperature = positive(device.temperature(TemperatureSensor::Gpu).map(f64::from), "nvmlDeviceGetTemperature");
    out.push(sensor(Quantity::Temperature, "Temperature").measured(temperature));
    let clock = positive(device.clock_info(Clock::SM).map(|mhz| f64::from(mhz) * 1e6), "nvmlDeviceGetClockInfo");
    out.push(sensor(Quantity::Frequency, "ClockInfo SM").measured(clock));
    let reasons = device.current_throttle_reasons().map_err(|e| reason("nvmlDeviceGetCurrentClocksThrottleReasons", &e));
    for (bits, cause) in causes() {
        let flag = reasons.clone().map(|r| f64::from(r.intersects(bits)));
        let sensor = Sensor::new(
            Interface::Nvml,
            &format!("{name} {cause}"),
            Quantity::Flag,
            Scope::Gpu(name.clone()),
            "nvml ThrottleReasons",
        );
        out.push(sensor.reading(flag, Quality::Measured));
    }
    out
}

/// Throttle reasons by what causes them.
fn causes() -> [(ThrottleReasons, &'static str); 3] {
    let thermal = ThrottleReasons::SW_THERMAL_SLOWDOWN | ThrottleReasons::HW_THERMAL_SLOWDOWN;
    let electrical = ThrottleReasons::HW_POWER_BRAKE_SLOWDOWN;
    [(thermal, "thermal slowdown"), (electrical, "power brake"), (ThrottleReasons::SW_POWER_CAP, "power cap")]
}

/// Success with zero is no value: a GPU that answers draws something and is warm.
fn positive(value: Result<f64, NvmlError>, call: &str) -> Result<f64, Missing> {
    match value {
        Ok(v) if v > 0.0 => Ok(v),
        Ok(_) => Err(unsupported(call)),
        Err(error) => Err(reason(call, &error)),
    }
}

fn unsupported(what: &str) -> Missing {
    Missing::NotSupported { what: what.into() }
}

#[expect(clippy::cast_precision_loss, reason = "bytes and millijoules are below 2^53")]
fn wide(n: u64) -> f64 {
    n as f64
}

/// What an error of NVML means for a reading.
fn reason(what: &str, error: &NvmlError) -> Missing {
    let what = what.to_owned();
    match error {
        NvmlError::LibloadingError(_) | NvmlError::LibraryNotFound | NvmlError::DriverNotLoaded => Missing::Absent { what },
        NvmlError::NotSupported | NvmlError::FailedToLoadSymbol(_) | NvmlError::FunctionNotFound => {
            Missing::NotSupported { what }
        }
        NvmlError::NoPermission | NvmlError::OperatingSystem => Missing::Denied { what },
        other => Missing::Failed { what, error: other.to_string() },
    }
}
