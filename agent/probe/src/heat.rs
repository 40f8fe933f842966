//! Power and temperature under known loads: idle, reading, multiplying, and idle again while the die is still warm.
//! From that trace come idle power, energy per byte and per operation, thermal resistance and capacitance, leakage.

use crate::fit::leakage::{self, Leakage};
use crate::fit::thermal::{self, Thermal};
use crate::fit::{Moment, Unfit};
use crate::runs::median;
use sensors::{Interface, Pace, Quantity, Reading, Sensors, ThrottleWatch};
use serde::{Deserialize, Serialize};

/// Loads by number: what [`Moment::load`] means.
pub const IDLE: u8 = 0;
pub const READING: u8 = 1;
pub const MULTIPLYING: u8 = 2;

/// A load ends this far below the temperature at which the firmware slows down, K.
const SHORT_OF_THROTTLE_K: f64 = 4.0;

/// What a load did.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Done {
    pub seconds: f64,
    /// Read from memory.
    pub bytes: f64,
    /// Two a multiply-add.
    pub operations: f64,
}

/// Something that keeps the machine busy in a known way, or lets it rest.
pub trait Load {
    /// Runs the load of that number for about so many seconds.
    fn run(&mut self, which: u8, seconds: f64) -> Done;
}

/// How long.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Times {
    /// Of each phase, s: idle, reading, multiplying, cooling.
    pub phases: [f64; 4],
    /// Between two readings, s.
    pub step: f64,
}

impl Times {
    /// Power of each load; heat moves too slowly to be fitted on most boards.
    pub const QUICK: Self = Self { phases: [3.0, 3.0, 4.0, 2.0], step: 0.5 };
    /// A step response of a board with a heat sink: time constants of one to two minutes.
    pub const FULL: Self = Self { phases: [30.0, 60.0, 120.0, 90.0], step: 0.5 };
}

/// What was seen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Heat {
    /// Of what the power is: `board`, `module`, `package:0`, …
    pub scope: String,
    pub sensor: String,
    /// `measured`, `derived` or `modelled`.
    pub quality: String,
    /// Which temperature; nothing where there is none.
    pub thermometer: Option<String>,
    /// W without leakage, at idle.
    pub idle_w: f64,
    /// W of the whole while reading and while multiplying, medians.
    pub reading_w: f64,
    pub multiplying_w: f64,
    /// B/s and operations a second of those two.
    pub read_rate: f64,
    pub multiply_rate: f64,
    /// J a byte read, and J an operation: above idle and leakage.
    pub joules_per_byte: f64,
    pub joules_per_op: f64,
    pub thermal: Result<Thermal, Unfit>,
    pub leakage: Result<Leakage, Unfit>,
    /// Where the firmware slows down, °C, where it says so.
    pub throttle_c: Option<f64>,
    /// What slowed the machine meanwhile.
    pub throttled: Vec<String>,
    pub trace: Vec<Moment>,
}

/// Runs the loads and watches. `None` without a power sensor: then energy is modelled.
pub fn record(sensors: &mut Sensors, load: &mut dyn Load, times: Times) -> Option<Heat> {
    let clock = sensors.clock();
    let mut watch = ThrottleWatch::default();
    // Energy counters give power from the second read on.
    load.run(IDLE, times.step);
    sensors.read(Pace::Rare);
    load.run(IDLE, times.step);
    let first = sensors.read(Pace::Rare);
    let power = sensors::power(&first);
    power.value()?;
    let thermometer = thermometer(&first);
    let throttle_c = throttle_c(&first);
    watch.observe(&first);
    let start = clock.now();
    let (mut trace, mut throttled) = (Vec::new(), Vec::new());
    let mut work = [Done::default(); 3];
    for (phase, which) in [IDLE, READING, MULTIPLYING, IDLE].into_iter().enumerate() {
        let began = clock.now();
        while clock.now().since_s(began) < times.phases[phase] {
            let done = load.run(which, times.step);
            let total = &mut work[usize::from(which)];
            total.seconds += done.seconds;
            total.bytes += done.bytes;
            total.operations += done.operations;
            let readings = sensors.read(Pace::Rare);
            let at_s = clock.now().since_s(start);
            let celsius = thermometer.as_ref().and_then(|name| temperature(&readings, name));
            if let Some(watts) = of(&readings, &power) {
                trace.push(Moment { at_s, watts, celsius: celsius.unwrap_or(f64::NAN), load: which });
            }
            throttled.extend(watch.observe(&readings).active.into_iter().map(|(_, name)| name));
            // A throttled load is another load: it tells nothing about this one.
            let hot = celsius.zip(throttle_c).is_some_and(|(t, most)| t > most - SHORT_OF_THROTTLE_K);
            if which != IDLE && hot {
                throttled.push(format!("load ended at {:.0} °C", celsius.unwrap_or(f64::NAN)));
                break;
            }
        }
    }
    throttled.sort();
    throttled.dedup();
    let found = Found { power: &power, thermometer, throttle_c, throttled };
    Some(judge(trace, work, found))
}

struct Found<'r> {
    power: &'r Reading,
    thermometer: Option<String>,
    throttle_c: Option<f64>,
    throttled: Vec<String>,
}

/// From a trace to coefficients.
fn judge(trace: Vec<Moment>, work: [Done; 3], found: Found<'_>) -> Heat {
    let of_load = |which: u8| {
        let watts: Vec<f64> = trace.iter().filter(|m| m.load == which).map(|m| m.watts).collect();
        median(&watts).unwrap_or(0.0)
    };
    let timed: Vec<Moment> = trace.iter().copied().filter(|m| m.celsius.is_finite()).collect();
    let leakage = leakage::fit(&timed);
    let mean = [IDLE, READING, MULTIPLYING].map(of_load);
    // Without leakage where it is known, else what the meter says.
    let base = match &leakage {
        Ok(l) => [IDLE, READING, MULTIPLYING].map(|i| l.base_w.get(usize::from(i)).copied().unwrap_or(mean[usize::from(i)])),
        Err(_) => mean,
    };
    let rate = |done: Done, what: f64| if done.seconds > 0.0 { what / done.seconds } else { 0.0 };
    let read = work[usize::from(READING)];
    let multiply = work[usize::from(MULTIPLYING)];
    let (per_byte, per_op) = energies(
        [base[1] - base[0], base[2] - base[0]],
        [rate(read, read.bytes), rate(multiply, multiply.bytes)],
        [rate(read, read.operations), rate(multiply, multiply.operations)],
    );
    Heat {
        scope: found.power.scope.to_string(),
        sensor: found.power.name.clone(),
        quality: found.power.quality().map_or_else(|| "unknown".into(), |q| q.to_string()),
        thermometer: found.thermometer,
        idle_w: base[0],
        reading_w: mean[1],
        multiplying_w: mean[2],
        read_rate: rate(read, read.bytes),
        multiply_rate: rate(multiply, multiply.operations),
        joules_per_byte: per_byte,
        joules_per_op: per_op,
        thermal: thermal::fit(&timed),
        leakage,
        throttle_c: found.throttle_c,
        throttled: found.throttled,
        trace,
    }
}

/// `W = J/B · B/s + J/op · op/s` for two loads, neither coefficient below zero.
fn energies(watts: [f64; 2], bytes: [f64; 2], operations: [f64; 2]) -> (f64, f64) {
    let determinant = bytes[0] * operations[1] - bytes[1] * operations[0];
    if determinant.abs() > 0.0 && determinant.is_finite() {
        let per_byte = (watts[0] * operations[1] - watts[1] * operations[0]) / determinant;
        let per_op = (bytes[0] * watts[1] - bytes[1] * watts[0]) / determinant;
        if per_byte >= 0.0 && per_op >= 0.0 {
            return (per_byte, per_op);
        }
    }
    let alone = |w: f64, rate: f64| if rate > 0.0 { (w / rate).max(0.0) } else { 0.0 };
    (alone(watts[0], bytes[0]), alone(watts[1], operations[1]))
}

/// The same sensor's power in a later reading.
fn of(readings: &[Reading], power: &Reading) -> Option<f64> {
    let now = sensors::power(readings);
    (now.scope == power.scope && now.name == power.name).then(|| now.value()).flatten()
}

/// The processor's own temperature, of several the hottest: it stays the same one over a trace.
fn thermometer(readings: &[Reading]) -> Option<String> {
    const WORDS: [&str; 8] = ["tj", "cpu", "x86_pkg", "package", "tctl", "tdie", "soc", "core"];
    let trip = |n: &str| [" passive", " hot", " critical"].iter().any(|t| n.ends_with(t));
    let all = readings.iter().filter(|r| r.quantity == Quantity::Temperature && r.value().is_some() && !trip(&r.name));
    let rank = |r: &&Reading| {
        let name = r.name.to_lowercase();
        let word = WORDS.iter().position(|w| name.contains(w)).unwrap_or(WORDS.len());
        let celsius = r.value().unwrap_or(0.0);
        (word, (-celsius * 1000.0) as i64)
    };
    all.filter(|r| matches!(r.interface, Interface::Thermal | Interface::HwmonTemp))
        .filter(|r| !r.name.contains("nvme"))
        .min_by_key(rank)
        .map(|r| r.name.clone())
}

fn temperature(readings: &[Reading], name: &str) -> Option<f64> {
    readings.iter().find(|r| r.quantity == Quantity::Temperature && r.name == name).and_then(Reading::value)
}

/// The lowest temperature at which a zone slows the machine.
fn throttle_c(readings: &[Reading]) -> Option<f64> {
    let passive = readings.iter().filter(|r| r.quantity == Quantity::Temperature && r.name.ends_with(" passive"));
    passive.filter_map(Reading::value).min_by(f64::total_cmp)
}

#[cfg(test)]
mod tests;
