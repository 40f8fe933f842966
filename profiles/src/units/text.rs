//! Quantities as text. Powers of ten are moved in the digits, not multiplied, so that a number that is
//! written reads back to the same bits and `0.3 ms` is the nearest number to 0.0003.

use std::fmt;

use super::UnitError;

/// Units that are read but not written: other names, other bases, bits.
const READ_ONLY: &[&str] = &["µs", "C", "Hz", "FLOP", "MFLOP", "GFLOP", "TFLOP", "FLOPS", "MFLOPS", "GFLOPS", "TFLOPS"];

/// Reads a number with its unit; spaces between them are free.
pub(super) fn parse(text: &str, units: &[(&str, f64)], quantity: &'static str, example: &'static str) -> Result<f64, UnitError> {
    let text = text.trim();
    let not_a_number = || UnitError::Number { text: text.into(), example };
    let split = text
        .char_indices()
        .find(|&(i, c)| {
            !(c.is_ascii_digit()
                || matches!(c, '.' | '-' | '+')
                || (matches!(c, 'e' | 'E') && text[i + 1..].starts_with(|d: char| d.is_ascii_digit() || d == '-' || d == '+')))
        })
        .map_or(text.len(), |(i, _)| i);
    let (number, unit) = (text[..split].trim(), text[split..].trim());
    let plain: f64 = number.parse().map_err(|_| not_a_number())?;
    if unit.is_empty() {
        return Err(UnitError::Missing { text: text.into(), example });
    }
    let Some(&(_, factor)) = units.iter().find(|(u, _)| *u == unit) else {
        return Err(UnitError::Unknown { unit: unit.into(), quantity, example });
    };
    let value = match power_of_ten(factor) {
        // An exponent of its own cannot take a second one.
        Some(power) if !number.contains(['e', 'E']) => format!("{number}e{power}").parse().map_err(|_| not_a_number())?,
        _ => plain * factor,
    };
    if value.is_finite() { Ok(value) } else { Err(not_a_number()) }
}

/// A text that reads back to the same number, in the largest unit that keeps it at or above 1; `None` if not finite.
pub(super) fn exact(value: f64, units: &[(&str, f64)]) -> Option<String> {
    if !value.is_finite() {
        return None;
    }
    let (unit, power) = unit_for(value, units);
    let (sign, digits, exponent) = digits(&format!("{value:e}"));
    Some(format!("{sign}{} {unit}", place(digits, exponent - power)))
}

/// Three significant digits in the largest unit that keeps the number at or above 1.
pub(super) fn show(value: f64, units: &[(&str, f64)], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if !value.is_finite() {
        return write!(f, "{value} {}", units[0].0);
    }
    // Rounded first, so that 999.9 ms becomes 1.00 s.
    let rounded: f64 = format!("{value:.2e}").parse().map_err(|_| fmt::Error)?;
    let (unit, power) = unit_for(rounded, units);
    let (sign, digits, exponent) = digits(&format!("{value:.2e}"));
    if value == 0.0 { write!(f, "0 {unit}") } else { write!(f, "{sign}{} {unit}", place(digits, exponent - power)) }
}

/// A number with three significant digits, without an exponent.
#[must_use]
pub fn significant(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return format!("{value}");
    }
    let text = format!("{value:.2e}");
    let (sign, digits, exponent) = digits(&text);
    format!("{sign}{}", place(digits, exponent))
}

/// The unit to write a number in, as name and power of ten. The first unit is the base, or at least decimal.
fn unit_for<'u>(value: f64, units: &[(&'u str, f64)]) -> (&'u str, i32) {
    let written =
        || units.iter().filter(|(u, _)| !READ_ONLY.contains(u)).filter_map(|&(u, k)| power_of_ten(k).map(|p| (u, p, k)));
    let base = (units[0].0, power_of_ten(units[0].1).unwrap_or(0));
    if value == 0.0 {
        return base;
    }
    written()
        .filter(|&(_, _, k)| value.abs() >= k)
        .max_by_key(|&(_, p, _)| p)
        .or_else(|| written().min_by_key(|&(_, p, _)| p))
        .map_or(base, |(u, p, _)| (u, p))
}

/// `k` where the factor is 10 to the `k`.
fn power_of_ten(factor: f64) -> Option<i32> {
    const POWERS: [(i32, f64); 10] =
        [(0, 1.0), (3, 1e3), (6, 1e6), (9, 1e9), (12, 1e12), (-2, 1e-2), (-3, 1e-3), (-6, 1e-6), (-9, 1e-9), (-12, 1e-12)];
    POWERS
        .iter()
        .find(|(_, f)| f.to_bits() == factor.to_bits())
        .map(|&(p, _)| p)
        .or_else(|| (factor.to_bits() == 1e-15f64.to_bits()).then_some(-15))
}

/// Sign, digits without the point, and exponent of a number in the form `-1.25e-7`.
fn digits(text: &str) -> (&'static str, String, i32) {
    let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
    let (sign, mantissa) = match mantissa.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", mantissa),
    };
    (sign, mantissa.replace('.', ""), exponent.parse().unwrap_or(0))
}

/// Digits `d1 d2 d3 …` times ten to the exponent, `d1` before the point, written plainly.
fn place(digits: String, exponent: i32) -> String {
    let whole = usize::try_from(exponent + 1).unwrap_or(0);
    if exponent < 0 {
        let zeros = usize::try_from(-1 - exponent).unwrap_or(0);
        format!("0.{}{digits}", "0".repeat(zeros))
    } else if digits.len() <= whole {
        let zeros = whole - digits.len();
        format!("{digits}{}", "0".repeat(zeros))
    } else {
        format!("{}.{}", &digits[..whole], &digits[whole..])
    }
}
