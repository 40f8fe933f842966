//! From f32 rows to codes and scales.

mod blocks;
mod rows;

use crate::{Format, PackError};
use blocks::symmetric;
use half::f16;
use rows::{row_int8, sherry, ternary};

/// One row in codes, padded; what every layout stores.
#[derive(Clone, Debug, Default)]
pub(crate) struct Codes {
    /// Codes of all padded columns; padding has the code of zero.
    pub(crate) codes: Vec<u8>,
    /// Block formats: f16 scale and minimum of every group.
    pub(crate) scales: Vec<f16>,
    pub(crate) mins: Vec<f16>,
    /// Row formats: the scale.
    pub(crate) row_scale: f32,
}

/// Fails on the first weight that is not finite.
pub(crate) fn finite(row: usize, weights: &[f32]) -> Result<(), PackError> {
    match weights.iter().position(|w| !w.is_finite()) {
        None => Ok(()),
        Some(col) => Err(PackError::NotFinite { row, col, value: weights[col] }),
    }
}

/// Half precision, or an error where the value overflows it.
pub(crate) fn half(row: usize, value: f32) -> Result<f16, PackError> {
    let h = f16::from_f32(value);
    if h.is_finite() { Ok(h) } else { Err(PackError::Range { row, value }) }
}

/// Quantises one row of f32 into `out`, whose codes have the padded length.
pub(crate) fn row(row: usize, w: &[f32], format: Format, padded: usize, out: &mut Codes) -> Result<(), PackError> {
    finite(row, w)?;
    out.codes.clear();
    out.codes.resize(padded, 1 << format.zero_log2());
    out.scales.clear();
    out.mins.clear();
    match format {
        Format::F16 => {}
        Format::W8A8 => out.row_scale = row_int8(w, &mut out.codes),
        Format::Ternary | Format::Ternary167 => out.row_scale = ternary(w, &mut out.codes),
        Format::Sherry => {
            for quad in out.codes.chunks_exact_mut(4) {
                quad.copy_from_slice(&[1, 2, 2, 2]);
            }
            out.row_scale = sherry(w, &mut out.codes);
        }
        _ => {
            let bits = format.code_bits().unwrap_or(8);
            symmetric(row, w, format.group(), bits, &mut out.codes, &mut out.scales)?;
        }
    }
    let groups = padded / format.group();
    out.scales.resize(groups, f16::ZERO);
    out.mins.resize(groups, f16::ZERO);
    Ok(())
}

#[cfg(test)]
mod tests;
