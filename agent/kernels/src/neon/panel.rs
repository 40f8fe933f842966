//! Two tiles unpacked to signed bytes, in the order that a matrix product reads.

use super::View;
use super::decode::{self, Tables, by_quad, offset};
use super::matrix::Product;
use std::arch::aarch64::{int8x16_t, vdupq_n_s8, vsubq_s8};

/// Unpacks two tiles, less the code of zero, to `8 · columns` bytes.
pub(super) type Fill = unsafe fn(&View, [*const u8; 2], i32, *mut u8);

/// Bytes of eight columns of eight rows.
pub(super) const OCT: usize = 64;

/// Where the next eight columns go.
struct Cursor(*mut u8);

impl Cursor {
    /// Two quads of each tile.
    #[inline(always)]
    unsafe fn push<K: Product>(&mut self, quads: [[int8x16_t; 2]; 2]) {
        // SAFETY: the caller pushes no more columns than the panel has.
        unsafe {
            K::arrange(self.0, quads);
            self.0 = self.0.add(OCT);
        }
    }
}

/// Blocks of planes.
///
/// # Safety
///
/// As for [`super::tiles`], and `out` has `8 · view.columns` bytes; so for every function here.
pub(super) unsafe fn planes<K: Product, const MAIN: usize, const EXTRA: usize>(
    view: &View,
    tiles: [*const u8; 2],
    zero: i32,
    out: *mut u8,
) {
    let mut cursor = Cursor(out);
    // SAFETY: the caller's promise.
    unsafe {
        // Eight bits have lost their zero, or keep it: `matrix::block` adds what is missing.
        let zero = vdupq_n_s8((zero - offset(MAIN)).max(0) as i8);
        for b in 0..2 * view.chunks {
            let at = b / 2 * view.chunk + b % 2 * (MAIN + EXTRA) * 16;
            let w = tiles.map(|tile| decode::block::<MAIN, EXTRA>(tile.add(at)).map(|w| vsubq_s8(w, zero)));
            for q in [0, 2, 4, 6] {
                cursor.push::<K>(w.map(|w| [w[q], w[q + 1]]));
            }
        }
    }
}

/// Five trits a byte; two chunks are ten quads. Columns after the last chunk meet activations of zero.
pub(super) unsafe fn base3<K: Product>(view: &View, tiles: [*const u8; 2], zero: i32, out: *mut u8) {
    let mut cursor = Cursor(out);
    // SAFETY: the caller's promise; columns are padded to a multiple of 16, so that an odd chunk at
    // the end leaves at most three octs of which what exists is pushed.
    unsafe {
        let zero = vdupq_n_s8(zero as i8);
        let octs = view.columns / 8;
        for pair in 0..view.chunks.div_ceil(2) {
            let second = (2 * pair + 1).min(view.chunks - 1);
            let w = tiles.map(|tile| {
                let halves = [decode::base3(tile.add(32 * pair)), decode::base3(tile.add(16 * second))];
                let w: [int8x16_t; 10] = std::array::from_fn(|i| vsubq_s8(halves[i / 5][i % 5], zero));
                w
            });
            for oct in 0..(octs - 5 * pair).min(5) {
                cursor.push::<K>([[w[0][2 * oct], w[0][2 * oct + 1]], [w[1][2 * oct], w[1][2 * oct + 1]]]);
            }
        }
        // Up to 16 columns may be left where the chunks end before the panel does.
        let used = (view.chunks.div_ceil(2) * 5).min(octs);
        for _ in used..octs {
            cursor.push::<K>([[vdupq_n_s8(0); 2]; 2]);
        }
    }
}

/// Sherry patterns; the tables have taken the zero off.
pub(super) unsafe fn sherry<K: Product>(view: &View, tiles: [*const u8; 2], _: i32, out: *mut u8) {
    let mut cursor = Cursor(out);
    // SAFETY: the caller's promise.
    unsafe {
        let tables = Tables::load();
        for c in 0..view.chunks {
            let at = tiles.map(|tile| tile.add(80 * c));
            let low = at.map(|p| decode::sherry_low(p));
            let high = [decode::sherry_high(at[0], low[0].1), decode::sherry_high(at[1], low[1].1)];
            for patterns in [low.map(|l| l.0), high] {
                for i in 0..4 {
                    let w = patterns.map(|p| by_quad(tables.weights(p[i])));
                    cursor.push::<K>(w.map(|w| [w[0], w[1]]));
                    cursor.push::<K>(w.map(|w| [w[2], w[3]]));
                }
            }
        }
    }
}
