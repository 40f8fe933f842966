//! Numbers for people: three significant digits and a prefix. The exact value is always in the JSON.
//!
//! `assets/report.js` writes numbers in the same way; the page's self-test compares the two.

/// Shown where there is no number.
pub(crate) const NONE: &str = "–";

/// `x` rounded to three significant digits, as digits and a decimal exponent: 12345 is (1.23, 4).
fn round3(x: f64) -> (f64, i32) {
    // Ties go away from zero here and in the script, which by themselves break them differently.
    let nudged = x * (1.0 + 1e-15);
    let text = format!("{:.2e}", if nudged.is_finite() { nudged } else { x });
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    (mantissa.parse().unwrap_or(0.0), exponent.parse().unwrap_or(0))
}

/// Three significant digits: `0`, `0.00123`, `1.23`, `12.3`, `123`, `12,300`; tiny and huge ones with an exponent.
#[must_use]
pub(crate) fn number(x: f64) -> String {
    if !x.is_finite() {
        return NONE.to_owned();
    }
    if x == 0.0 {
        return "0".to_owned();
    }
    let (mantissa, exponent) = round3(x);
    if !(-4..9).contains(&exponent) {
        return minus(&format!("{mantissa:.2}e{exponent}"));
    }
    let rounded: f64 = format!("{mantissa}e{exponent}").parse().unwrap_or(x);
    minus(&grouped(&format!("{rounded:.*}", usize::try_from(2 - exponent).unwrap_or(0))))
}

/// Whole numbers with commas between thousands.
#[must_use]
pub(crate) fn count(x: u64) -> String {
    grouped(&x.to_string())
}

/// Puts commas into the whole part of a decimal number.
fn grouped(text: &str) -> String {
    let (sign, rest) = text.strip_prefix('-').map_or(("", text), |r| ("-", r));
    let (whole, fraction) = rest.split_once('.').map_or((rest, None), |(w, f)| (w, Some(f)));
    let mut out = sign.to_owned();
    for (i, digit) in whole.chars().enumerate() {
        if i > 0 && (whole.len() - i) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    if let Some(fraction) = fraction {
        out.push('.');
        out.push_str(fraction);
    }
    out
}

/// A real minus sign.
fn minus(text: &str) -> String {
    text.strip_prefix('-').map_or_else(|| text.to_owned(), |rest| format!("−{rest}"))
}

const PREFIXES: [&str; 9] = ["p", "n", "µ", "m", "", "k", "M", "G", "T"];

/// A number with a decimal prefix on its unit: `640 ms`, `1.83 J`.
#[must_use]
pub(crate) fn si(x: f64, unit: &str) -> String {
    if !x.is_finite() {
        return NONE.to_owned();
    }
    if x == 0.0 {
        return format!("0 {unit}");
    }
    let (mantissa, exponent) = round3(x);
    let step = exponent.div_euclid(3).clamp(-4, 4);
    let shift = exponent - 3 * step;
    let scaled: f64 = format!("{mantissa}e{shift}").parse().unwrap_or(x);
    let prefix = PREFIXES[usize::try_from(step + 4).unwrap_or(4)];
    format!("{} {prefix}{unit}", number(scaled))
}

/// Binary multiples: `5.10 GiB`.
#[must_use]
pub(crate) fn bytes(x: f64) -> String {
    if !x.is_finite() {
        return NONE.to_owned();
    }
    let (mut scaled, mut unit) = (x, "B");
    for next in ["KiB", "MiB", "GiB", "TiB"] {
        if scaled.abs() < 999.5 {
            break;
        }
        scaled /= 1024.0;
        unit = next;
    }
    format!("{} {unit}", number(scaled))
}

/// Seconds: prefixes below a hundred, then minutes and hours.
#[must_use]
pub(crate) fn seconds(x: f64) -> String {
    match x.abs() {
        a if !a.is_finite() || a < 300.0 => si(x, "s"),
        a if a < 3.0 * 3600.0 => format!("{} min", number(x / 60.0)),
        _ => format!("{} h", number(x / 3600.0)),
    }
}

/// A fraction as a percentage.
#[must_use]
pub(crate) fn percent(x: f64) -> String {
    if x.is_finite() { format!("{} %", short(x * 100.0)) } else { NONE.to_owned() }
}

/// One decimal where it tells something, none from a hundred on: percentages need no more.
fn short(x: f64) -> String {
    let rounded = (x * 10.0).round() / 10.0;
    if !rounded.is_finite() {
        return NONE.to_owned();
    }
    if rounded == 0.0 {
        return "0".to_owned();
    }
    if rounded.abs() >= 99.95 {
        return minus(&grouped(&format!("{:.0}", rounded.round())));
    }
    minus(&format!("{rounded:.*}", usize::from(rounded.fract() != 0.0)))
}

/// `2.31×`.
#[must_use]
pub(crate) fn ratio(x: f64) -> String {
    if x.is_finite() { format!("{}×", number(x)) } else { NONE.to_owned() }
}

/// A value in the unit that its field names.
#[must_use]
pub(crate) fn with_unit(x: f64, unit: &str) -> String {
    match unit {
        "s" => seconds(x),
        "W" | "J" | "Hz" | "J/request" | "J/token" | "ops/s" => si(x, unit),
        "bytes" | "B" => bytes(x),
        "bytes/s" | "B/s" => si(x, "B/s"),
        "%" => format!("{} %", short(x)),
        "" | "1" => number(x),
        _ => format!("{} {unit}", number(x)),
    }
}

/// `with_unit` with a sign in front, for changes.
#[must_use]
pub(crate) fn change(x: f64, unit: &str) -> String {
    let text = with_unit(x, unit);
    if x > 0.0 { format!("+{text}") } else { text }
}

/// The first twelve characters of a hash.
#[must_use]
pub(crate) fn hash(x: &str) -> String {
    x.chars().take(12).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_digits() {
        let cases = [
            (0.0, "0"),
            (1.0, "1.00"),
            (-1.5, "−1.50"),
            (1.125, "1.13"),
            (12.345, "12.3"),
            (999.6, "1,000"),
            (12_345.0, "12,300"),
            (0.001_234, "0.00123"),
            (1.5e-7, "1.50e-7"),
            (2.5e12, "2.50e12"),
            (f64::INFINITY, "–"),
            (f64::NAN, "–"),
        ];
        for (x, text) in cases {
            assert_eq!(number(x), text);
        }
    }

    #[test]
    fn prefixes_round_over() {
        assert_eq!(si(0.64, "s"), "640 ms");
        assert_eq!(si(0.999_7, "s"), "1.00 s");
        assert_eq!(si(12.4e9, "B/s"), "12.4 GB/s");
        assert_eq!(si(1.2e-6, "J"), "1.20 µJ");
        assert_eq!(si(4e16, "ops/s"), "40,000 Tops/s");
        assert_eq!(si(0.0, "W"), "0 W");
    }

    #[test]
    fn bytes_and_times() {
        assert_eq!(bytes(5.1 * 1024.0 * 1024.0 * 1024.0), "5.10 GiB");
        assert_eq!(bytes(1023.0), "0.999 KiB");
        assert_eq!(bytes(512.0), "512 B");
        assert_eq!(seconds(0.004_2), "4.20 ms");
        assert_eq!(seconds(600.0), "10.0 min");
        assert_eq!(seconds(14_400.0), "4.00 h");
    }

    #[test]
    fn percentages_and_changes() {
        assert_eq!(percent(0.29), "29 %");
        assert_eq!(percent(0.0214), "2.1 %");
        assert_eq!(percent(-0.31), "−31 %");
        assert_eq!(percent(12.345), "1,235 %");
        assert_eq!(percent(0.0), "0 %");
        assert_eq!(change(-0.2, "J"), "−200 mJ");
        assert_eq!(change(3.0, "W"), "+3.00 W");
        assert_eq!(count(1_234_567), "1,234,567");
    }
}
