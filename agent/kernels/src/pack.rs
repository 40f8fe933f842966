//! Any source into any layout.

use crate::layout::{BLOCK, Layout, Scaling};
use crate::memory::Buffer;
use crate::quantize::{self, Codes, half};
use crate::{Affine, Format, Kernel, Matrix, PackError, Pool, Source};
use half::f16;
use std::ops::Range;
use std::sync::Mutex;

/// Longest row of a row-scaled format: 131,072 · 128 · 127 < 2³¹.
pub(crate) const ROW_COLS_MAX: usize = 1 << 17;

pub(crate) fn pack(source: &dyn Source, format: Format, kernel: Kernel, pool: &Pool) -> Result<Matrix, PackError> {
    pack_lanes(source, format, kernel, kernel.lanes(), pool)
}

/// [`pack`] into tiles of any width.
pub(crate) fn pack_lanes(
    source: &dyn Source,
    format: Format,
    kernel: Kernel,
    lanes: usize,
    pool: &Pool,
) -> Result<Matrix, PackError> {
    if !kernel.is_available() {
        return Err(PackError::Unavailable { kernel });
    }
    let (rows, cols) = (source.rows(), source.cols());
    let affine = source.affine();
    if let Some(Affine { bits, block }) = affine
        && (!matches!(block, 16 | 32) || !cols.is_multiple_of(block) || !(1..=8).contains(&bits))
    {
        return Err(PackError::Blocks { block, bits, cols });
    }
    let plan = plan(source, format, affine, pool)?;
    if plan.scaling == Scaling::Row && cols > ROW_COLS_MAX {
        return Err(PackError::TooWide { format, cols, max: ROW_COLS_MAX });
    }
    let layout = Layout::new(format, plan.scaling, lanes, rows, cols).ok_or(PackError::TooBig { rows, cols })?.for_kernel(kernel);
    let mut data = Buffer::zeroed(layout.bytes()).ok_or(PackError::TooBig { rows, cols })?;
    let scaled = if plan.scaling == Scaling::Row { layout.tiles() * layout.lanes } else { 0 };
    let mut row_scales = vec![0.0_f32; scaled];
    {
        let tiles = Tiles { data: data.as_mut_ptr(), scales: row_scales.as_mut_ptr(), layout };
        let failed = Mutex::new(None);
        pool.split(layout.tiles(), 4, &|_, range| {
            if let Err((row, error)) = fill(source, format, &plan, &tiles, range) {
                first(&failed, row, error);
            }
        });
        if let Some((_, error)) = failed.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner) {
            return Err(error);
        }
    }
    Ok(Matrix { format, kernel, layout, data, row_scales, correction: None })
}

/// Keeps the error of the lowest row, so that the same input gives the same error on any thread count.
fn first(failed: &Mutex<Option<(usize, PackError)>>, row: usize, error: PackError) {
    let mut failed = failed.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if failed.is_none_or(|(at, _)| row < at) {
        *failed = Some((row, error));
    }
}

/// How the rows are taken over.
struct Plan {
    scaling: Scaling,
    /// Stored codes are kept.
    exact: Option<Affine>,
    /// What is added to them, so that the code of zero is this format's.
    shift: u8,
}

fn plan(source: &dyn Source, format: Format, affine: Option<Affine>, pool: &Pool) -> Result<Plan, PackError> {
    let quantised = |scaling| Ok(Plan { scaling, exact: None, shift: 0 });
    match (format, affine) {
        (Format::F16, _) => quantised(Scaling::Half),
        (Format::W8A8 | Format::Ternary167 | Format::Sherry, _) => quantised(Scaling::Row),
        (Format::Ternary, Some(stored)) if stored.bits == 2 => {
            let seen = survey(source, stored, 1, pool)?;
            if !seen.ternary || !seen.symmetric || seen.uniform {
                return quantised(Scaling::Row);
            }
            Ok(Plan { scaling: Scaling::Block { group: stored.block, affine: false }, exact: Some(stored), shift: 0 })
        }
        (Format::Ternary, _) => quantised(Scaling::Row),
        (_, Some(stored)) if format.code_bits().is_some_and(|bits| bits >= stored.bits) => {
            let zero = 1_u16 << (stored.bits - 1);
            let seen = survey(source, stored, zero, pool)?;
            // Fewer bits than there is room for are kept all the same: other codes could only lose. Symmetric ones of 8 bits
            // take half a bit less than codes of 4 with a minimum, but cost 0.2 % of perplexity (docs/engine.md). Not
            // kept are scales for 16 weights, and two bits, whose three values eight hold exactly.
            let wider = format.code_bits() != Some(stored.bits);
            if wider && format == Format::W8 && (stored.block != BLOCK || (stored.bits == 2 && !seen.symmetric)) {
                return quantised(Scaling::Block { group: BLOCK, affine: false });
            }
            let shift = if seen.symmetric { (1_u16 << format.zero_log2()) - zero } else { 0 };
            let scaling = Scaling::Block { group: stored.block, affine: !seen.symmetric };
            Ok(Plan { scaling, exact: Some(stored), shift: shift as u8 })
        }
        _ => quantised(Scaling::Block { group: format.group(), affine: false }),
    }
}

/// What holds for all stored blocks.
#[derive(Clone, Copy)]
struct Survey {
    /// `min == −zero · scale` everywhere.
    symmetric: bool,
    /// Non-zero scales of a row agree.
    uniform: bool,
    /// No code above 2.
    ternary: bool,
}

/// Looks at all rows; `zero` is the code that a symmetric block gives weight zero.
fn survey(source: &dyn Source, stored: Affine, zero: u16, pool: &Pool) -> Result<Survey, PackError> {
    let zero = f32::from(zero);
    let seen = Mutex::new(Survey { symmetric: true, uniform: true, ternary: true });
    let failed = Mutex::new(None);
    pool.split(source.rows(), 16, &|_, rows| {
        let mut row = Stored::new(source.cols(), stored.block);
        let mut here = Survey { symmetric: true, uniform: true, ternary: true };
        for r in rows {
            source.affine_row(r, &mut row.codes, &mut row.scales, &mut row.mins);
            if let Some(&code) = row.codes.iter().find(|c| u16::from(**c) >= 1 << stored.bits) {
                return first(&failed, r, PackError::Code { row: r, code, bits: stored.bits });
            }
            here.symmetric &=
                row.scales.iter().zip(&row.mins).all(|(s, m)| m.to_bits() == (-zero * s).to_bits() || (*s == 0.0 && *m == 0.0));
            let mut used = row.scales.iter().filter(|s| **s != 0.0);
            let scale = used.next();
            here.uniform &= used.all(|s| Some(s) == scale);
            here.ternary &= row.codes.iter().all(|c| *c <= 2);
        }
        let mut seen = seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        seen.symmetric &= here.symmetric;
        seen.uniform &= here.uniform;
        seen.ternary &= here.ternary;
    });
    match failed.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner) {
        Some((_, error)) => Err(error),
        None => Ok(seen.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)),
    }
}

/// One row as stored.
struct Stored {
    codes: Vec<u8>,
    scales: Vec<f32>,
    mins: Vec<f32>,
}

impl Stored {
    fn new(cols: usize, block: usize) -> Self {
        Self { codes: vec![0; cols], scales: vec![0.0; cols / block], mins: vec![0.0; cols / block] }
    }
}

/// The matrix under construction; threads fill disjoint tiles.
struct Tiles {
    data: *mut u8,
    scales: *mut f32,
    layout: Layout,
}

// SAFETY: `fill` touches only the tiles of its range, and ranges of `Pool::split` are disjoint.
unsafe impl Sync for Tiles {}

impl Tiles {
    /// Bytes and row scales of a tile.
    ///
    /// # Safety
    ///
    /// No other reference to this tile is alive.
    #[expect(clippy::mut_from_ref, reason = "disjoint parts of one allocation, one thread each")]
    unsafe fn tile(&self, tile: usize) -> (&mut [u8], &mut [f32]) {
        let size = self.layout.tile();
        // SAFETY: tile < tiles, so the range lies in the buffer of `layout.bytes()` bytes.
        let bytes = unsafe { std::slice::from_raw_parts_mut(self.data.add(tile * size), size) };
        let lanes = if self.layout.scaling == Scaling::Row { self.layout.lanes } else { 0 };
        // SAFETY: row formats have `tiles · lanes` scales; others take none.
        let scales = unsafe { std::slice::from_raw_parts_mut(self.scales.add(tile * lanes), lanes) };
        (bytes, scales)
    }
}

fn fill(source: &dyn Source, format: Format, plan: &Plan, tiles: &Tiles, range: Range<usize>) -> Result<(), (usize, PackError)> {
    let layout = &tiles.layout;
    let mut weights = vec![0.0; layout.cols];
    let mut stored = plan.exact.map(|a| Stored::new(layout.cols, a.block));
    let mut codes = Codes::default();
    for t in range {
        // SAFETY: this thread alone has the tiles of `range`.
        let (tile, scales) = unsafe { tiles.tile(t) };
        for r in 0..layout.lanes.min(layout.rows - t * layout.lanes) {
            let row = t * layout.lanes + r;
            match &mut stored {
                Some(stored) => {
                    source.affine_row(row, &mut stored.codes, &mut stored.scales, &mut stored.mins);
                    exact(row, stored, plan.shift, format, layout, &mut codes).map_err(|e| (row, e))?;
                }
                None => {
                    source.row(row, &mut weights);
                    quantize::row(row, &weights, format, layout.padded(), &mut codes).map_err(|e| (row, e))?;
                }
            }
            match layout.scaling {
                Scaling::Half => {
                    for (k, w) in weights.iter().enumerate() {
                        let h = half(row, *w).map_err(|e| (row, e))?;
                        tile[(k * layout.lanes + r) * 2..][..2].copy_from_slice(&h.to_le_bytes());
                    }
                    continue;
                }
                Scaling::Row => scales[r] = codes.row_scale,
                Scaling::Block { affine, .. } => {
                    for (g, (scale, min)) in codes.scales.iter().zip(&codes.mins).enumerate() {
                        tile[layout.scale(r, g)..][..2].copy_from_slice(&scale.to_le_bytes());
                        if affine {
                            tile[layout.min(r, g)..][..2].copy_from_slice(&min.to_le_bytes());
                        }
                    }
                }
            }
            layout.put_row(tile, r, &codes.codes);
        }
    }
    Ok(())
}

/// Stored codes as they are, `shift` higher; scales and minima to half precision.
fn exact(row: usize, stored: &Stored, shift: u8, format: Format, layout: &Layout, out: &mut Codes) -> Result<(), PackError> {
    quantize::finite(row, &stored.scales)?;
    quantize::finite(row, &stored.mins)?;
    let Scaling::Block { group, .. } = layout.scaling else { return Ok(()) };
    out.codes.clear();
    out.codes.extend(stored.codes.iter().map(|c| c.wrapping_add(shift)));
    out.codes.resize(layout.padded(), 1 << format.zero_log2());
    out.scales.clear();
    out.mins.clear();
    for (scale, min) in stored.scales.iter().zip(&stored.mins) {
        out.scales.push(half(row, *scale)?);
        out.mins.push(half(row, *min)?);
    }
    out.scales.resize(layout.padded() / group, f16::ZERO);
    out.mins.resize(layout.padded() / group, f16::ZERO);
    Ok(())
}
