//! A reading: a number with its unit, scope, source and quality, or the reason why there is none.

use crate::interface::Interface;
use crate::missing::Missing;
use crate::scope::Scope;
use serde::Serialize;
use std::fmt;

/// What is read; it fixes the unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Quantity {
    /// W.
    Power,
    /// J since an arbitrary start: only differences mean anything.
    Energy,
    /// V.
    Voltage,
    /// °C.
    Temperature,
    /// Hz.
    Frequency,
    /// Busy share, 0..1.
    Load,
    /// B.
    Memory,
    /// Share of time in which some or all tasks stood still, 0..1.
    Pressure,
    /// s that tasks stood still since boot.
    Stalled,
    /// 1 while it holds, else 0.
    Flag,
    /// How often it happened, since an arbitrary start.
    Events,
    /// Battery level, 0..1.
    Charge,
    /// Number of the power mode; the name of the reading is the mode's name.
    Mode,
    /// Processors that may be used, a fraction under a quota.
    Processors,
}

impl Quantity {
    /// Unit of the value; empty for plain numbers.
    #[must_use]
    pub const fn unit(self) -> &'static str {
        match self {
            Self::Power => "W",
            Self::Energy => "J",
            Self::Voltage => "V",
            Self::Temperature => "°C",
            Self::Frequency => "Hz",
            Self::Memory => "B",
            Self::Stalled => "s",
            Self::Load | Self::Pressure | Self::Charge | Self::Flag | Self::Events | Self::Mode | Self::Processors => "",
        }
    }
}

/// How a value came to be, best first: of several, the worst counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Quality {
    /// An instrument said so.
    Measured,
    /// Computed from measured values alone, as volts times amperes.
    Derived,
    /// A calibrated formula.
    Modelled,
    /// From a table, as a rated power.
    Assumed,
}

impl fmt::Display for Quality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Measured => "measured",
            Self::Derived => "derived",
            Self::Modelled => "modelled",
            Self::Assumed => "assumed",
        })
    }
}

/// The value, or why there is none.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Outcome {
    Value { value: f64, unit: &'static str, quality: Quality },
    Missing { missing: Missing },
}

/// What the instrument can and cannot resolve; energy accounts need it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Grain {
    /// Smallest step of the value, in its unit; 0 when it is negligible.
    pub resolution: f64,
    /// The value may be this old, in seconds.
    pub update_s: f64,
    /// An energy counter starts again at zero here, J.
    pub wraps_at_j: Option<f64>,
    /// More power than this cannot be, W.
    pub ceiling_w: Option<f64>,
}

impl Grain {
    /// Negligible steps, always fresh.
    pub const FINE: Self = Self { resolution: 0.0, update_s: 0.0, wraps_at_j: None, ceiling_w: None };
}

/// One reading of one sensor.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Reading {
    pub interface: Interface,
    /// The sensor's own name: `VDD_IN`, `tj-thermal`, `package-0`.
    pub name: String,
    pub quantity: Quantity,
    pub scope: Scope,
    /// File, command or address that it came from.
    pub source: String,
    #[serde(flatten)]
    pub outcome: Outcome,
    #[serde(skip)]
    pub grain: Grain,
}

impl Reading {
    /// The number; `None` when it is missing.
    #[must_use]
    pub fn value(&self) -> Option<f64> {
        match self.outcome {
            Outcome::Value { value, .. } => Some(value),
            Outcome::Missing { .. } => None,
        }
    }

    #[must_use]
    pub fn quality(&self) -> Option<Quality> {
        match self.outcome {
            Outcome::Value { quality, .. } => Some(quality),
            Outcome::Missing { .. } => None,
        }
    }

    #[must_use]
    pub fn missing(&self) -> Option<&Missing> {
        match &self.outcome {
            Outcome::Missing { missing } => Some(missing),
            Outcome::Value { .. } => None,
        }
    }

    /// The same reading with the instrument's grain.
    #[must_use]
    pub fn with_grain(mut self, grain: Grain) -> Self {
        self.grain = grain;
        self
    }
}

impl fmt::Display for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: ", self.interface, self.name)?;
        match &self.outcome {
            Outcome::Value { value, quality, .. } => {
                write!(f, "{} [{}, {quality}] from {}", shown(self.quantity, *value), self.scope, self.source)
            }
            Outcome::Missing { missing } => write!(f, "missing [{}]: {missing}", self.scope),
        }
    }
}

/// A value in a unit of handy size.
fn shown(quantity: Quantity, value: f64) -> String {
    match quantity {
        Quantity::Frequency => format!("{} MHz", short(value * 1e-6)),
        Quantity::Memory => format!("{} MiB", short((value / 1_048_576.0 * 10.0).round() / 10.0)),
        Quantity::Load => format!("{} % busy", short(value * 100.0)),
        Quantity::Pressure => format!("{} % of the time", short(value * 100.0)),
        Quantity::Stalled => format!("{} s in all", short(value)),
        Quantity::Charge => format!("{} % charged", short(value * 100.0)),
        Quantity::Flag => if value > 0.0 { "yes" } else { "no" }.into(),
        Quantity::Events => format!("{} times", short(value)),
        Quantity::Mode => format!("mode {}", short(value)),
        Quantity::Processors => format!("{} processors", short(value)),
        Quantity::Power | Quantity::Energy | Quantity::Voltage | Quantity::Temperature => {
            format!("{} {}", short(value), quantity.unit())
        }
    }
}

/// At most six decimals, no trailing zeros.
fn short(value: f64) -> String {
    let text = format!("{value:.6}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".into() } else { text.into() }
}

/// Which sensor: makes readings.
#[derive(Clone, Debug)]
pub(crate) struct Sensor {
    pub interface: Interface,
    pub name: String,
    pub quantity: Quantity,
    pub scope: Scope,
    pub source: String,
}

impl Sensor {
    pub(crate) fn new(interface: Interface, name: &str, quantity: Quantity, scope: Scope, source: &str) -> Self {
        Self { interface, name: name.into(), quantity, scope, source: source.into() }
    }

    /// A reading of this sensor. A number that is not finite is missing.
    pub(crate) fn reading(&self, value: Result<f64, Missing>, quality: Quality) -> Reading {
        let outcome = match value {
            Ok(value) if value.is_finite() => Outcome::Value { value, unit: self.quantity.unit(), quality },
            Ok(value) => {
                Outcome::Missing { missing: Missing::Implausible { what: self.source.clone(), text: value.to_string() } }
            }
            Err(missing) => Outcome::Missing { missing },
        };
        Reading {
            interface: self.interface,
            name: self.name.clone(),
            quantity: self.quantity,
            scope: self.scope.clone(),
            source: self.source.clone(),
            outcome,
            grain: Grain::FINE,
        }
    }

    pub(crate) fn measured(&self, value: Result<f64, Missing>) -> Reading {
        self.reading(value, Quality::Measured)
    }
}
