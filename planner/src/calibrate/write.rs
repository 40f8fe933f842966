//! Fitted numbers into a profile, each with quality `fitted` and a source that names rows, error and range.

use super::fit::{Group, Part, Value};
use super::report::Coefficient;
use crate::validate::report::errors;
use profiles::units::{JoulesPerByte, JoulesPerOp, Ratio, Seconds, Watts};
use profiles::{DeviceProfile, Processor, Quality, Sourced};

/// How many row ids a source names.
const NAMED: usize = 12;
/// Least share of a limit that a profile may hold: none is zero.
const SHARE_LEAST: f64 = 1e-6;

/// A share that a profile may hold: above zero, at most all.
fn share(value: f64) -> Ratio {
    Ratio(value.clamp(SHARE_LEAST, 1.0))
}

fn fitted<T>(value: T, source: &str) -> Sourced<T> {
    Sourced { value, quality: Quality::Fitted, source: source.to_owned() }
}

/// `fitted: planner calibrate on rows.csv, decode of 12 rows m1, m2, …; median error 4.1 %, left out 6.0 %; range […]`.
fn source(table: &str, quantity: &str, group: &Group) -> String {
    let mut rows = group.rows.clone();
    rows.dedup();
    let more = if rows.len() > NAMED { format!(" and {} more", rows.len() - NAMED) } else { String::new() };
    let percent = |of: fn(&super::fit::Point) -> f64| {
        let pairs: Vec<(f64, f64)> = group.points.iter().map(|p| (of(p), p.measured)).collect();
        format!("{:.1} %", 100.0 * errors(&pairs).median.unwrap_or(f64::NAN))
    };
    let range = group.range.as_ref().map(|r| format!("; range [{r}]")).unwrap_or_default();
    format!(
        "fitted: planner calibrate on {table}, {quantity} of {} rows {}{more}; median error {}, each row left out {}{range}",
        rows.len(),
        rows[..rows.len().min(NAMED)].join(", "),
        percent(|p| p.fitted),
        percent(|p| p.left_out)
    )
}

/// Writes what was fitted of one processor.
pub(crate) fn put(profile: &mut DeviceProfile, part: &Part, table: &str) {
    let Some(at) = profile.processors.iter().position(|p| p.id == part.processor) else { return };
    let processor = &mut profile.processors[at];
    let decode = source(table, "decode", &part.decode);
    if let Some(v) = part.bandwidth {
        processor.bandwidth_efficiency = fitted(share(v.value), &decode);
    }
    if let Some(v) = part.launch {
        processor.launch = fitted(Seconds(v.value), &decode);
    }
    let prefill = source(table, "prefill", &part.prefill);
    for (format, v) in &part.arithmetic {
        if let Some(kernel) = processor.kernels.get_mut(format) {
            kernel.efficiency = fitted(share(v.value), &prefill);
        }
    }
    let Some([idle, byte, operation]) = part.power else { return };
    let power = source(table, "power", &part.watts);
    processor.joules_per_byte = fitted(JoulesPerByte(processor.joules_per_byte.value.get() * byte.value), &power);
    for format in &part.formats {
        if let Some(kernel) = processor.kernels.get_mut(format) {
            kernel.joules_per_op = fitted(JoulesPerOp(kernel.joules_per_op.value.get() * operation.value), &power);
        }
    }
    for &mode in &part.modes {
        let mode = &mut profile.modes[mode];
        let most = mode.cap.as_ref().map_or(f64::INFINITY, |c| c.value.get());
        mode.idle = fitted(Watts((mode.idle.value.get() * idle.value).min(most)), &power);
    }
}

/// What changed, and what had to be held at a bound.
pub(crate) fn changes(
    before: &DeviceProfile,
    after: &DeviceProfile,
    part: &Part,
    out: &mut Vec<Coefficient>,
    notes: &mut Vec<String>,
) {
    let find = |d: &DeviceProfile| d.processors.iter().find(|p| p.id == part.processor).cloned();
    let (Some(old), Some(new)) = (find(before), find(after)) else { return };
    let at = |field: &str| format!("processors[{}].{field}", part.processor);
    let mut add = |path: String, before: f64, after: f64, unit, value: Value| {
        out.push(Coefficient { path, before, after, unit, spread: value.spread });
    };
    if let Some(v) = part.bandwidth {
        let of = |p: &Processor| p.bandwidth_efficiency.value.get();
        add(at("bandwidth_efficiency"), of(&old), of(&new), "share", v);
        held(v.value, &at("bandwidth_efficiency"), notes);
    }
    if let Some(v) = part.launch {
        add(at("launch"), old.launch.value.get(), new.launch.value.get(), "s", v);
    }
    for (format, v) in &part.arithmetic {
        let of = |p: &Processor| p.kernels.get(format).map_or(0.0, |k| k.efficiency.value.get());
        let path = at(&format!("kernels.{}.efficiency", format.name()));
        held(v.value, &path, notes);
        add(path, of(&old), of(&new), "share", *v);
    }
    let Some([idle, byte, operation]) = part.power else { return };
    add(at("joules_per_byte"), old.joules_per_byte.value.get(), new.joules_per_byte.value.get(), "J/B", byte);
    for format in &part.formats {
        let of = |p: &Processor| p.kernels.get(format).map_or(0.0, |k| k.joules_per_op.value.get());
        add(at(&format!("kernels.{}.joules_per_op", format.name())), of(&old), of(&new), "J/op", operation);
    }
    for &mode in &part.modes {
        let of = |d: &DeviceProfile| d.modes[mode].idle.value.get();
        add(format!("modes[{}].idle", before.modes[mode].id), of(before), of(after), "W", idle);
    }
}

/// A share above one means that the limit it is a share of is too low.
fn held(value: f64, path: &str, notes: &mut Vec<String>) {
    if value > 1.0 {
        notes.push(format!(
            "{path}: the rows ask for {:.1} %, held at 100 %: the profile's limit is lower than what was measured",
            100.0 * value
        ));
    }
}
