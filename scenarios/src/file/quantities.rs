//! Quantities with their units, each within the range that makes sense in a scenario.

use profiles::units::{
    Bytes, BytesPerSecond, Celsius, GramsPerDay, GramsPerKilowattHour, KelvinPerWatt, PerSecond, Ratio, Seconds, UnitError, Watts,
};
use std::str::FromStr;

use super::shape::{Read, shorten};
use super::words::scalar;
use crate::code::Code;
use crate::diagnostic::Sink;
use crate::suggest::nearest;
use crate::yaml::Node;

/// What this module needs to know of a unit type.
struct Kind {
    quantity: &'static str,
    example: &'static str,
    units: &'static [(&'static str, f64)],
    /// Least and greatest value in base units.
    range: (f64, f64),
    /// The range in words.
    words: &'static str,
}

fn quantity<T: FromStr<Err = UnitError>>(node: &Node, kind: &Kind, get: fn(&T) -> f64, sink: &mut Sink) -> Option<T> {
    let word = scalar(node, &format!("a {} such as `{}`", kind.quantity, kind.example), sink)?;
    match word.parse::<T>() {
        Ok(value) if (kind.range.0..=kind.range.1).contains(&get(&value)) => Some(value),
        Ok(_) => {
            let message = format!("`{}` is out of range for a {}", shorten(word), kind.quantity);
            sink.report(Code::OutOfRange, node.span, message, format!("a {} here lies {}", kind.quantity, kind.words));
            None
        }
        Err(UnitError::Missing { .. }) => {
            let message = format!("`{}` has no unit", shorten(word));
            sink.report(Code::NoUnit, node.span, message, format!("write {}", with_unit(word.trim(), kind)));
            None
        }
        Err(UnitError::Unknown { unit, .. }) => {
            let units = kind.units.iter().map(|u| u.0);
            let meant = synonym(&unit).filter(|m| units.clone().any(|u| u == *m)).or_else(|| near_unit(&unit, kind));
            let known = units.map(|u| format!("`{u}`")).collect::<Vec<_>>().join(", ");
            let help = match meant {
                Some(meant) => format!("did you mean `{meant}`? units of {}: {known}", kind.quantity),
                None => format!("write for example `{}`; units of {}: {known}", kind.example, kind.quantity),
            };
            let message = format!("`{}` is not a unit of {}", shorten(&unit), kind.quantity);
            sink.report(Code::UnknownUnit, node.span, message, help);
            None
        }
        Err(UnitError::Number { .. }) => {
            let message = format!("`{}` is not a {}", shorten(word), kind.quantity);
            sink.report(
                Code::NotANumber,
                node.span,
                message,
                format!("write a number and a unit, for example `{}`", kind.example),
            );
            None
        }
    }
}

/// The number as it stands with the unit of the example; a fraction was meant as a share.
fn with_unit(number: &str, kind: &Kind) -> String {
    let unit = kind.example.split_once(' ').map_or(kind.example, |(_, unit)| unit);
    match number.parse::<f64>() {
        Ok(share) if unit == "%" && share > 0.0 && share < 1.0 => format!("`{} %`", share * 100.0),
        _ => {
            let others: Vec<String> = kind.units.iter().map(|u| u.0).filter(|u| *u != unit).map(|u| format!("`{u}`")).collect();
            let rest = if others.is_empty() { String::new() } else { format!(", or another unit: {}", others.join(", ")) };
            format!("`{} {unit}`{rest}", shorten(number))
        }
    }
}

/// A unit one would type by mistake: another case first, then one edit away.
fn near_unit(unit: &str, kind: &Kind) -> Option<&'static str> {
    let same = kind.units.iter().map(|u| u.0).find(|u| u.eq_ignore_ascii_case(unit));
    same.or_else(|| nearest(unit, kind.units.iter().map(|u| u.0)))
}

/// Spellings that are common and have one meaning.
fn synonym(unit: &str) -> Option<&'static str> {
    Some(match unit.to_ascii_lowercase().as_str() {
        "sec" | "secs" | "second" | "seconds" => "s",
        "msec" | "millis" | "milliseconds" | "millisecond" => "ms",
        "minute" | "minutes" | "mins" => "min",
        "hour" | "hours" | "hr" | "hrs" => "h",
        "watt" | "watts" => "W",
        "percent" | "pct" | "per cent" => "%",
        "k" | "kb" => "kB",
        "g" | "gig" | "gigs" => "GiB",
        "m" | "megs" => "MiB",
        "mbps" | "mbit" | "mb/s" if !unit.contains("MB") => "Mbit/s",
        "gbps" | "gbit" => "Gbit/s",
        "degc" | "deg" | "°" | "celsius" | "º c" | "ºc" | "° c" => "°C",
        "rps" | "qps" | "per second" | "requests/s" | "req/s" | "1/s" => "/s",
        "rpm" | "per minute" | "requests/min" | "req/min" => "/min",
        "per hour" | "requests/h" | "req/h" => "/h",
        _ => return None,
    })
}

macro_rules! read_quantity {
    ($($kind:ident in $low:expr, $high:expr => $words:literal);+ $(;)?) => { $(
        impl Read for $kind {
            fn read(node: &Node, sink: &mut Sink) -> Option<Self> {
                const KIND: Kind = Kind {
                    quantity: $kind::QUANTITY,
                    example: $kind::EXAMPLE,
                    units: $kind::UNITS,
                    range: ($low, $high),
                    words: $words,
                };
                quantity::<$kind>(node, &KIND, |q| q.get(), sink)
            }
        }
    )+ };
}

read_quantity! {
    Seconds in 0.0, 1e9 => "between 0 s and 1e9 s";
    Watts in 0.0, 1e9 => "between 0 W and 1e9 W";
    Bytes in 0.0, 1e15 => "between 0 B and 1e15 B";
    BytesPerSecond in 1.0, 1e15 => "between 1 B/s and 1e15 B/s";
    Celsius in -60.0, 150.0 => "between -60 °C and 150 °C";
    KelvinPerWatt in 1e-3, 1e3 => "between 0.001 K/W and 1000 K/W";
    PerSecond in 1e-9, 1e6 => "above 0 /s and at most 1e6 /s";
    GramsPerKilowattHour in 0.0, 1e5 => "between 0 g/kWh and 100 kg/kWh";
    GramsPerDay in 0.0, 1e12 => "between 0 g/day and 1e9 kg/day";
    Ratio in 0.0, 1.0 => "between 0 % and 100 %";
}
