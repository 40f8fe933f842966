//! Units as types: a watt cannot be added to a joule.
//!
//! SI base inside (`f64` seconds, joules, watts, bytes, kelvin differences; degrees Celsius for
//! absolute temperature). Text form carries the unit: `15 W`, `8 GiB`, `900 ms`, `204.8 GB/s`.

#[cfg(test)]
mod tests;
mod text;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::ops::{Add, AddAssign, Div, Mul, Neg, Sub};
use std::str::FromStr;

pub use text::significant;
use text::{exact, parse, show};

/// Why a text is not a quantity of the wanted kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnitError {
    #[error("`{text}` has no unit; write for example `{example}`")]
    Missing { text: String, example: &'static str },
    #[error("`{unit}` is not a unit of {quantity}; write for example `{example}`")]
    Unknown { unit: String, quantity: &'static str, example: &'static str },
    #[error("`{text}` is not a number; write for example `{example}`")]
    Number { text: String, example: &'static str },
}

macro_rules! quantity {
    ($(#[$doc:meta])* $name:ident, $quantity:literal, $example:literal, [$(($unit:literal, $factor:expr)),+ $(,)?]) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
        pub struct $name(pub f64);

        impl $name {
            pub const ZERO: Self = Self(0.0);
            /// Units accepted in text, with the factor to the base unit.
            pub const UNITS: &'static [(&'static str, f64)] = &[$(($unit, $factor)),+];
            /// What to type, for hints.
            pub const EXAMPLE: &'static str = $example;
            pub const QUANTITY: &'static str = $quantity;
            /// Names of the units accepted in text, for hints.
            pub fn unit_names() -> impl Iterator<Item = &'static str> { Self::UNITS.iter().map(|&(name, _)| name) }
            /// The number in base units.
            #[must_use] pub const fn get(self) -> f64 { self.0 }
            #[must_use] pub fn max(self, other: Self) -> Self { Self(self.0.max(other.0)) }
            #[must_use] pub fn min(self, other: Self) -> Self { Self(self.0.min(other.0)) }
        }
        impl From<$name> for f64 { fn from(q: $name) -> f64 { q.0 } }
        impl Add for $name { type Output = Self; fn add(self, o: Self) -> Self { Self(self.0 + o.0) } }
        impl Sub for $name { type Output = Self; fn sub(self, o: Self) -> Self { Self(self.0 - o.0) } }
        impl Neg for $name { type Output = Self; fn neg(self) -> Self { Self(-self.0) } }
        impl AddAssign for $name { fn add_assign(&mut self, o: Self) { self.0 += o.0; } }
        impl Mul<f64> for $name { type Output = Self; fn mul(self, k: f64) -> Self { Self(self.0 * k) } }
        impl Mul<$name> for f64 { type Output = $name; fn mul(self, q: $name) -> $name { $name(self * q.0) } }
        impl Div<f64> for $name { type Output = Self; fn div(self, k: f64) -> Self { Self(self.0 / k) } }
        impl Div for $name { type Output = f64; fn div(self, o: Self) -> f64 { self.0 / o.0 } }
        impl std::iter::Sum for $name { fn sum<I: Iterator<Item = Self>>(i: I) -> Self { Self(i.map(|q| q.0).sum()) } }
        impl FromStr for $name {
            type Err = UnitError;
            fn from_str(text: &str) -> Result<Self, UnitError> {
                parse(text, Self::UNITS, $quantity, $example).map(Self)
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { show(self.0, Self::UNITS, f) }
        }
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                match exact(self.0, Self::UNITS) {
                    Some(text) => s.serialize_str(&text),
                    None => Err(serde::ser::Error::custom(concat!("a ", $quantity, " that is not finite cannot be written"))),
                }
             }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
            }
        }
        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> { stringify!($name).into() }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "description": concat!($quantity, " with its unit, for example `", $example, "`"), "examples": [$example] })
            }
        }
    };
}

quantity!(/// Time.
    Seconds, "time", "900 ms", [("s", 1.0), ("ms", 1e-3), ("us", 1e-6), ("µs", 1e-6), ("ns", 1e-9), ("min", 60.0), ("h", 3600.0)]);
quantity!(/// Energy.
    Joules, "energy", "12 J", [("J", 1.0), ("mJ", 1e-3), ("uJ", 1e-6), ("kJ", 1e3), ("MJ", 1e6), ("Wh", 3600.0), ("kWh", 3.6e6)]);
quantity!(/// Power.
    Watts, "power", "15 W", [("W", 1.0), ("mW", 1e-3), ("kW", 1e3)]);
quantity!(/// Memory or message size.
    Bytes, "size", "8 GiB", [("B", 1.0), ("kB", 1e3), ("MB", 1e6), ("GB", 1e9), ("TB", 1e12), ("KiB", 1024.0), ("MiB", 1_048_576.0), ("GiB", 1_073_741_824.0), ("TiB", 1_099_511_627_776.0)]);
quantity!(/// Memory, storage or link rate.
    BytesPerSecond, "rate", "100 MB/s", [("B/s", 1.0), ("kB/s", 1e3), ("MB/s", 1e6), ("GB/s", 1e9), ("TB/s", 1e12), ("kbit/s", 125.0), ("Mbit/s", 1.25e5), ("Gbit/s", 1.25e8)]);
quantity!(/// Arithmetic work; one multiply-accumulate is two operations.
    Ops, "work", "4 GFLOP", [("OP", 1.0), ("kOP", 1e3), ("MOP", 1e6), ("GOP", 1e9), ("TOP", 1e12), ("FLOP", 1.0), ("MFLOP", 1e6), ("GFLOP", 1e9), ("TFLOP", 1e12)]);
quantity!(/// Arithmetic rate.
    OpsPerSecond, "arithmetic rate", "5.3 TFLOPS", [("OPS", 1.0), ("MOPS", 1e6), ("GOPS", 1e9), ("TOPS", 1e12), ("FLOPS", 1.0), ("MFLOPS", 1e6), ("GFLOPS", 1e9), ("TFLOPS", 1e12)]);
quantity!(/// Absolute temperature.
    Celsius, "temperature", "85 °C", [("°C", 1.0), ("C", 1.0)]);
quantity!(/// Temperature difference.
    Kelvin, "temperature difference", "30 K", [("K", 1.0)]);
quantity!(/// Thermal resistance.
    KelvinPerWatt, "thermal resistance", "1.5 K/W", [("K/W", 1.0)]);
quantity!(/// Thermal capacitance.
    JoulesPerKelvin, "thermal capacitance", "40 J/K", [("J/K", 1.0)]);
quantity!(/// Energy per byte moved.
    JoulesPerByte, "energy per byte", "80 pJ/B", [("J/B", 1.0), ("uJ/B", 1e-6), ("nJ/B", 1e-9), ("pJ/B", 1e-12)]);
quantity!(/// Energy per operation.
    JoulesPerOp, "energy per operation", "0.5 pJ/OP", [("J/OP", 1.0), ("nJ/OP", 1e-9), ("pJ/OP", 1e-12), ("fJ/OP", 1e-15)]);
quantity!(/// Request rate.
    PerSecond, "request rate", "0.2 /s", [("/s", 1.0), ("/min", 1.0 / 60.0), ("/h", 1.0 / 3600.0), ("Hz", 1.0)]);
quantity!(/// A share, 0..1 inside, written in per cent.
    Ratio, "share", "70 %", [("%", 0.01)]);
quantity!(/// Carbon dioxide (equivalent) of a kilowatt hour.
    GramsPerKilowattHour, "carbon intensity", "380 g/kWh", [("g/kWh", 1.0), ("kg/kWh", 1e3)]);
quantity!(/// Carbon dioxide (equivalent) of a day.
    GramsPerDay, "carbon of a day", "500 g/day", [("g/day", 1.0), ("kg/day", 1e3)]);

macro_rules! product {
    ($($a:ident * $b:ident = $c:ident),+ $(,)?) => { $(
        impl Mul<$b> for $a { type Output = $c; fn mul(self, o: $b) -> $c { $c(self.0 * o.0) } }
        impl Mul<$a> for $b { type Output = $c; fn mul(self, o: $a) -> $c { $c(self.0 * o.0) } }
        impl Div<$a> for $c { type Output = $b; fn div(self, o: $a) -> $b { $b(self.0 / o.0) } }
        impl Div<$b> for $c { type Output = $a; fn div(self, o: $b) -> $a { $a(self.0 / o.0) } }
    )+ };
}

product!(
    Watts * Seconds = Joules,
    BytesPerSecond * Seconds = Bytes,
    OpsPerSecond * Seconds = Ops,
    JoulesPerByte * Bytes = Joules,
    JoulesPerOp * Ops = Joules,
    KelvinPerWatt * Watts = Kelvin,
    Joules * PerSecond = Watts,
);

impl Add<Kelvin> for Celsius {
    type Output = Celsius;
    fn add(self, d: Kelvin) -> Celsius {
        Celsius(self.0 + d.0)
    }
}
impl Celsius {
    /// Difference to another temperature.
    #[must_use]
    pub fn above(self, other: Celsius) -> Kelvin {
        Kelvin(self.0 - other.0)
    }
}
