//! What `calibrate` says: coefficients before and after, residuals, errors with each row left out, ranges.

use super::fit::{Group, Part, Point};
use crate::validate::range::Range;
use crate::validate::report::{Errors, Skipped, errors, kendall};
use profiles::DeviceProfile;
use serde::Serialize;

/// Why nothing was fitted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    #[error("no row of `{device}` in the table{}", known(others))]
    NoRows {
        device: String,
        /// Devices that the table has rows of.
        others: Vec<String>,
    },
    #[error("{usable} usable rows of `{device}` with a rate, at least {} are needed{}", super::FEWEST, reasons(skipped))]
    TooFew { device: String, usable: usize, skipped: Vec<Skipped> },
}

/// How many devices or rows an error names.
const NAMED: usize = 8;

fn known(others: &[String]) -> String {
    if others.is_empty() {
        return String::new();
    }
    let more = if others.len() > NAMED { format!(" and {} more", others.len() - NAMED) } else { String::new() };
    format!("; it has rows of {}{more}", others[..others.len().min(NAMED)].join(", "))
}

fn reasons(skipped: &[Skipped]) -> String {
    skipped.iter().take(NAMED).map(|s| format!("\n  {}: {}", s.row_id, s.reason)).collect()
}

/// One coefficient before and after.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Coefficient {
    /// Place in the profile: `processors[cpu].bandwidth_efficiency`.
    pub path: String,
    /// In the profile that was given, and fitted, in `unit`.
    pub before: f64,
    pub after: f64,
    pub unit: &'static str,
    /// Standard deviation of the logarithm: 0.1 is about 10 %.
    pub spread: f64,
}

/// One measured number against the fit.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Residual {
    pub row_id: String,
    /// `decode`, `prefill` in tokens per second, `power` in watts.
    pub quantity: &'static str,
    pub measured: f64,
    pub fitted: f64,
    /// Predicted by a fit that has not seen the row.
    pub left_out: f64,
}

/// Errors of one quantity on one processor.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Quantity {
    pub processor: String,
    pub quantity: &'static str,
    /// As fractions: of the fit to its own rows, and of each row predicted from the others.
    pub fit: Errors,
    pub leave_one_out: Errors,
    /// Kendall's rank correlation of left-out predictions and measurements; `None` below three rows.
    pub kendall: Option<f64>,
    pub range: Option<Range>,
}

/// A fitted profile and how well it fits.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Calibration {
    pub device: String,
    /// Rows that were used, in at least one quantity.
    pub rows: usize,
    pub coefficients: Vec<Coefficient>,
    pub groups: Vec<Quantity>,
    pub residuals: Vec<Residual>,
    pub skipped: Vec<Skipped>,
    /// What was done to keep the profile sound.
    pub notes: Vec<String>,
    #[serde(skip)]
    pub profile: DeviceProfile,
}

fn group(part: &Part, quantity: &'static str, of: &Group) -> Option<Quantity> {
    if of.points.is_empty() {
        return None;
    }
    let pairs = |predicted: fn(&Point) -> f64| of.points.iter().map(|p| (predicted(p), p.measured)).collect::<Vec<_>>();
    let left = pairs(|p| p.left_out);
    Some(Quantity {
        processor: part.processor.clone(),
        quantity,
        fit: errors(&pairs(|p| p.fitted)),
        leave_one_out: errors(&left),
        kendall: kendall(&left),
        range: of.range,
    })
}

/// Puts a report together.
pub(crate) fn of(device: &DeviceProfile, profile: DeviceProfile, parts: Vec<Part>, mut skipped: Vec<Skipped>) -> Calibration {
    let (mut groups, mut residuals, mut coefficients, mut notes) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for part in &parts {
        for (quantity, of) in [("decode", &part.decode), ("prefill", &part.prefill), ("power", &part.watts)] {
            groups.extend(group(part, quantity, of));
            residuals.extend(of.points.iter().map(|p| Residual {
                row_id: part.rows[p.used].clone(),
                quantity,
                measured: p.measured,
                fitted: p.fitted,
                left_out: p.left_out,
            }));
        }
        skipped.extend(part.unmetered.iter().map(|(row_id, reason)| Skipped { row_id: row_id.clone(), reason: reason.clone() }));
        super::write::changes(device, &profile, part, &mut coefficients, &mut notes);
    }
    skipped.sort_by(|a, b| (&a.row_id, &a.reason).cmp(&(&b.row_id, &b.reason)));
    Calibration {
        device: device.id.clone(),
        rows: parts.iter().map(|p| p.rows.len()).sum(),
        coefficients,
        groups,
        residuals,
        skipped,
        notes,
        profile,
    }
}
