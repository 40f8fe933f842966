//! The vector kernels, written once over [`Lanes`](crate::lanes::Lanes).

#![expect(
    clippy::needless_range_loop,
    reason = "arrays of registers: an iterator's closure would not inherit the instruction set"
)]

pub(crate) mod codes;
pub(crate) mod matmat;
pub(crate) mod matvec;

use crate::lanes::Lanes;
use crate::layout::{Coding, Layout, Scaling};
use crate::matmul::{Call, Workspace};
use std::ops::Range;

/// All tokens times the rows of some tiles.
///
/// # Safety
///
/// The machine has the instructions of `L`; the matrix is packed for `L::ROWS` lanes; no other thread
/// writes these rows.
#[inline(always)]
pub(crate) unsafe fn tiles<L: Lanes>(call: &Call<'_>, tiles: Range<usize>, work: &mut Workspace) {
    debug_assert_eq!(call.matrix.layout.lanes, L::ROWS);
    // SAFETY: the caller's.
    unsafe {
        if call.n == 1 {
            matvec::tiles::<L>(call, tiles);
        } else {
            matmat::tiles::<L>(call, tiles, work);
        }
    }
}

/// Block scales: what the integer sum of a group starts from, times minus the sum of its activations.
///
/// A symmetric block wants `Σ (c − zero) q`, an affine one `Σ c q`; an eight-bit dot product may give
/// `Σ (c − DOT8_ZERO) q`.
pub(crate) fn start_factor<L: Lanes>(layout: &Layout, zero_log2: u32) -> i32 {
    let offset = if matches!(layout.coding, Coding::Planes { main: 8, .. }) { L::DOT8_ZERO } else { 0 };
    let zero = if matches!(layout.scaling, Scaling::Block { affine: true, .. }) { 0 } else { 1 << zero_log2 };
    zero - offset
}

/// Stores a register of results for rows `row ..` of token `t`.
///
/// # Safety
///
/// As [`tiles`].
#[inline(always)]
pub(crate) unsafe fn put<L: Lanes>(call: &Call<'_>, t: usize, row: usize, y: L::F) {
    // SAFETY: whole registers only where `ROWS` rows are left, else one number at a time.
    unsafe {
        let rows = call.out.rows;
        let left = rows - row;
        let to = call.out.start.add(t * rows + row);
        if left >= L::ROWS {
            L::store_f32(to, y);
        } else {
            let mut all = [0.0_f32; 16];
            L::store_f32(all.as_mut_ptr(), y);
            std::ptr::copy_nonoverlapping(all.as_ptr(), to, left);
        }
    }
}

#[cfg(test)]
mod tests;
