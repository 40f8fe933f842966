//! `planner calibrate`: a profile's coefficients fitted to measurements of its device.
//!
//! ```text
//! profile + rows -> passes of the cost table -> robust fit with class priors -> residuals, left-one-out -> new profile
//! ```
//!
//! Fitted are, for each processor that has rows: the share of the bandwidth (decoding), the launch of a block, the share of
//! the arithmetic peak of each format (prompts), and with a meter idle power, energy per byte and per operation. All are
//! exponentials, so none is negative. Priors come from the catalogue's other devices of the class ([`prior`]), so that ten
//! rows are enough; outliers weigh by Huber's function. What no row of a kind tells stays as it was. The ranges
//! that were seen stand in the sources ([`crate::validate::Range`]), and predictions beyond them are marked.

mod fit;
mod power;
mod prior;
mod rates;
mod render;
mod report;
mod write;

#[cfg(test)]
mod tests;

pub use report::{Calibration, Coefficient, Quantity, Residual, Unfit};

use crate::validate::Row;
use crate::validate::case::{self, Case};
use crate::validate::report::Skipped;
use profiles::DeviceProfile;
use std::collections::BTreeMap;

/// Fewest rows with a rate that a fit is made from: three coefficients and priors.
pub const FEWEST: usize = 3;

/// A row of the device that can be used.
pub(crate) struct Used<'r> {
    pub row: &'r Row,
    pub case: Case,
}

/// Fits a device's profile to the rows of a table that are its own. `source` names the table in the new profile.
///
/// # Errors
/// [`Unfit`]: no rows of the device, or too few that can be used, with the reasons.
pub fn calibrate(device: &DeviceProfile, rows: &[Row], source: &str) -> Result<Calibration, Unfit> {
    let mut skipped = Vec::new();
    let mut by_processor: BTreeMap<String, Vec<Used<'_>>> = BTreeMap::new();
    let mut own = 0;
    let nameless = case::nameless(rows);
    for (index, row) in rows.iter().enumerate() {
        let Some(mode) = case::mode_of(device, &row.device_id, nameless) else { continue };
        own += 1;
        match usable(index, row, device, mode) {
            Ok(case) => by_processor.entry(case.processor.clone()).or_default().push(Used { row, case }),
            Err(reason) => skipped.push(Skipped { row_id: row.row_id.clone(), reason }),
        }
    }
    if own == 0 {
        let mut others: Vec<String> = rows.iter().map(|r| r.device_id.clone()).filter(|id| !id.is_empty()).collect();
        others.sort_unstable();
        others.dedup();
        return Err(Unfit::NoRows { device: device.id.clone(), others });
    }
    let usable = by_processor.values().map(Vec::len).max().unwrap_or(0);
    if usable < FEWEST {
        return Err(Unfit::TooFew { device: device.id.clone(), usable, skipped });
    }
    let mut profile = device.clone();
    let mut parts = Vec::new();
    for (processor, mut used) in by_processor {
        if used.len() < FEWEST {
            let reason = format!("fewer than {FEWEST} rows of its processor `{processor}`");
            skipped.extend(used.iter().map(|u| Skipped { row_id: u.row.row_id.clone(), reason: reason.clone() }));
            continue;
        }
        // The order of the file does not matter.
        used.sort_by(|a, b| a.row.row_id.cmp(&b.row.row_id));
        let Some(of) = device.processors.iter().find(|p| p.id == processor) else { continue };
        let part = fit::fit(device, of, &used);
        write::put(&mut profile, &part, source);
        parts.push(part);
    }
    Ok(report::of(device, profile, parts, skipped))
}

/// A row that a fit may use, or why not.
fn usable(index: usize, row: &Row, device: &DeviceProfile, mode: usize) -> Result<Case, String> {
    if !row.calibratable {
        return Err("not marked calibratable (calib_ok)".into());
    }
    if row.decode_tok_s.or(row.prefill_tok_s).is_none_or(|r| r <= 0.0) {
        return Err("no rate of tokens".into());
    }
    let case = case::on(index, row, device, mode)?;
    crate::validate::profile::rates(device, &case)?;
    Ok(case)
}
