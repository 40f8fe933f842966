//! `planner validate --profile`: one profile against measurements of its own device, row by row. This is how a
//! machine checks its own probe against its own bench.

use super::case::{self, Case};
use super::profile;
use super::range::{Phase, Range};
use super::report::{Errors, Skipped, errors};
use super::table::Row;
use profiles::{DeviceProfile, Processor};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;

/// One number of one row, measured and predicted.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Compared {
    pub row_id: String,
    pub line: u64,
    pub processor: String,
    pub model: String,
    /// As the table names it, and the profile's kernel that it runs at.
    pub quant: String,
    pub precision: String,
    /// `decode` and `prefill` in tokens per second, `power` in watts.
    pub quantity: &'static str,
    pub measured: f64,
    pub predicted: f64,
    /// `predicted / measured - 1`.
    pub error: f64,
    /// What lies beyond the range that the profile's coefficients were fitted to; empty where no range is known.
    pub beyond: Vec<&'static str>,
}

/// Errors of one quantity at one precision.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AtPrecision {
    pub quantity: &'static str,
    /// `all` for the last row of a quantity.
    pub precision: String,
    pub errors: Errors,
}

/// A profile against a table.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Against {
    pub device: String,
    pub rows: usize,
    pub compared: Vec<Compared>,
    pub precisions: Vec<AtPrecision>,
    pub skipped: Vec<Skipped>,
}

/// Sources of the coefficients that decide a phase.
fn range(processor: &Processor, case: &Case, phase: Phase) -> Option<Range> {
    let source = match phase {
        Phase::Decode => &processor.bandwidth_efficiency.source,
        Phase::Prefill => &processor.kernels.get(&case.format)?.efficiency.source,
    };
    Range::find(source).into_iter().find(|r| r.phase == phase)
}

/// Predicts every row of the profile's device from the profile alone. A table that names no device is about it.
#[must_use]
pub fn against(device: &DeviceProfile, rows: &[Row]) -> Against {
    let mut out = Against {
        device: device.id.clone(),
        rows: rows.len(),
        compared: Vec::new(),
        precisions: Vec::new(),
        skipped: Vec::new(),
    };
    let nameless = case::nameless(rows);
    for (index, row) in rows.iter().enumerate() {
        let mode = case::mode_of(device, &row.device_id, nameless);
        if let Err(reason) = compare(device, mode, index, row, &mut out.compared) {
            out.skipped.push(Skipped { row_id: row.row_id.clone(), reason });
        }
    }
    let mut pairs: BTreeMap<(&'static str, String), Vec<(f64, f64)>> = BTreeMap::new();
    for c in &out.compared {
        for precision in [c.precision.clone(), "~all".into()] {
            pairs.entry((c.quantity, precision)).or_default().push((c.predicted, c.measured));
        }
    }
    // A tilde sorts behind every name.
    out.precisions = pairs
        .into_iter()
        .map(|((quantity, precision), pairs)| AtPrecision {
            quantity,
            precision: precision.trim_start_matches('~').into(),
            errors: errors(&pairs),
        })
        .collect();
    out
}

fn compare(device: &DeviceProfile, mode: Option<usize>, index: usize, row: &Row, out: &mut Vec<Compared>) -> Result<(), String> {
    let mode = mode.ok_or_else(|| format!("a row of `{}`, the profile is `{}`", row.device_id, device.id))?;
    let case = case::on(index, row, device, mode)?;
    let said = profile::predict(device, &case)?;
    let processor = device.processors.iter().find(|p| p.id == case.processor);
    let beyond = |phase| processor.and_then(|p| range(p, &case, phase)).map(|r| r.beyond(&case)).unwrap_or_default();
    let watts = if row.decoding() { said.decode_w } else { said.prefill_w };
    let powered = if row.decoding() { Phase::Decode } else { Phase::Prefill };
    let numbers = [
        ("decode", row.decode_tok_s, said.decode_tok_s, Phase::Decode),
        ("prefill", row.prefill_tok_s, said.prefill_tok_s, Phase::Prefill),
        ("power", row.metered_w(), watts, powered),
    ];
    let before = out.len();
    for (quantity, measured, predicted, phase) in numbers {
        let (Some(measured), Some(predicted)) = (measured.filter(|m| *m > 0.0), predicted) else { continue };
        out.push(Compared {
            row_id: row.row_id.clone(),
            line: row.line,
            processor: case.processor.clone(),
            model: row.model.clone(),
            quant: row.quant.clone(),
            precision: case.format.name().into(),
            quantity,
            measured,
            predicted,
            error: predicted / measured - 1.0,
            beyond: beyond(phase),
        });
    }
    if out.len() == before { Err("nothing in it that the profile predicts".into()) } else { Ok(()) }
}

impl fmt::Display for Against {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "profile of {}: {} numbers in {} rows compared\n", self.device, self.compared.len(), self.rows)?;
        let wide = self.compared.iter().map(|c| c.row_id.chars().count()).fold(10, usize::max);
        if !self.compared.is_empty() {
            writeln!(
                f,
                "{:<wide$} {:<9} {:<26} {:<10} {:<8} {:<8} {:>10} {:>10} {:>8}",
                "row", "processor", "model", "quant", "kernel", "", "measured", "predicted", "error"
            )?;
        }
        let mut marked = false;
        for c in &self.compared {
            let beyond = if c.beyond.is_empty() { String::new() } else { format!("  * beyond the fit: {}", c.beyond.join(", ")) };
            marked |= !c.beyond.is_empty();
            writeln!(
                f,
                "{:<wide$} {:<9} {:<26} {:<10} {:<8} {:<8} {:>10.2} {:>10.2} {:>+6.1} %{beyond}",
                c.row_id,
                c.processor,
                c.model,
                c.quant,
                c.precision,
                c.quantity,
                c.measured,
                c.predicted,
                100.0 * c.error
            )?;
        }
        if !self.precisions.is_empty() {
            writeln!(f, "\n{:<8} {:<8} {:>4} {:>9} {:>9}", "error", "kernel", "n", "median", "p90")?;
        }
        let percent = |v: Option<f64>| v.map_or_else(|| "-".into(), |v| format!("{:.1} %", 100.0 * v));
        for p in &self.precisions {
            let (median, p90) = (percent(p.errors.median), percent(p.errors.p90));
            writeln!(f, "{:<8} {:<8} {:>4} {median:>9} {p90:>9}", p.quantity, p.precision, p.errors.n)?;
        }
        if marked {
            writeln!(f, "\n* an extrapolation: the profile's coefficients were not fitted to such a run")?;
        }
        if !self.skipped.is_empty() {
            writeln!(f, "\nskipped")?;
        }
        for s in &self.skipped {
            writeln!(f, "  {:<10} {}", s.row_id, s.reason)?;
        }
        Ok(())
    }
}
