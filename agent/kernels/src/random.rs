//! Random matrices, for measurements of speed.

use crate::layout::{Coding, Layout, Scaling};
use crate::memory::Buffer;
use crate::{Format, Kernel, Matrix, PackError, Pool};
use half::f16;

impl Matrix {
    /// Random codes in the layout that [`pack`](Self::pack) would choose for unstored weights, scaled so that a
    /// product has about the size of its activations. Quality is meaningless, speed is not: this is how a shape
    /// is measured without a model. The same seed gives the same matrix on any number of threads.
    ///
    /// # Errors
    ///
    /// As [`pack`](Self::pack): a kernel this machine cannot run, a matrix that does not fit.
    pub fn random(rows: usize, cols: usize, format: Format, kernel: Kernel, seed: u64, pool: &Pool) -> Result<Self, PackError> {
        if !kernel.is_available() {
            return Err(PackError::Unavailable { kernel });
        }
        let scaling = match format {
            Format::F16 => Scaling::Half,
            Format::W8A8 | Format::Ternary | Format::Ternary167 | Format::Sherry => Scaling::Row,
            _ => Scaling::Block { group: format.group(), affine: false },
        };
        let max = crate::pack::ROW_COLS_MAX;
        if scaling == Scaling::Row && cols > max {
            return Err(PackError::TooWide { format, cols, max });
        }
        let big = PackError::TooBig { rows, cols };
        let layout = Layout::new(format, scaling, kernel.lanes(), rows, cols).ok_or(big)?.for_kernel(kernel);
        let mut data = Buffer::zeroed(layout.bytes()).ok_or(big)?;
        // Root mean square of a weight at scale one, and the scale that makes Σ w² = 1 over a row.
        let levels = f32::from(format.code_bits().map_or(2, |b| if b == 8 { 255 } else { (1_u16 << b) - 1 }));
        let spread = if format == Format::W8A8 { 74.0 } else { (levels * (levels + 2.0) / 12.0).sqrt() };
        let scale = 1.0 / (spread * (cols.max(1) as f32).sqrt());
        let start = Start(data.as_mut_ptr());
        pool.split(layout.tiles(), 4, &|_, tiles| {
            for tile in tiles {
                // SAFETY: this thread alone has this tile, which lies in the buffer.
                let bytes = unsafe { std::slice::from_raw_parts_mut({ start }.0.add(tile * layout.tile()), layout.tile()) };
                fill(bytes, &layout, seed ^ (tile as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15), scale);
            }
        });
        let scaled = if scaling == Scaling::Row { layout.tiles() * layout.lanes } else { 0 };
        Ok(Self { format, kernel, layout, data, row_scales: vec![scale; scaled], correction: None })
    }
}

#[derive(Clone, Copy)]
struct Start(*mut u8);
// SAFETY: threads fill disjoint tiles.
unsafe impl Send for Start {}
// SAFETY: as above.
unsafe impl Sync for Start {}

fn fill(tile: &mut [u8], layout: &Layout, seed: u64, scale: f32) {
    let mut state = seed;
    let mut next = || {
        // SplitMix64 (Steele, Lea and Flood 2014).
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    };
    for word in tile.chunks_mut(8) {
        word.copy_from_slice(&next().to_le_bytes()[..word.len()]);
    }
    match (layout.coding, layout.scaling) {
        (Coding::Half, _) => {
            for half in tile.chunks_exact_mut(2) {
                let uniform = (f32::from(u16::from_le_bytes([half[0], half[1]])) / 32768.0 - 1.0) * 1.7;
                half.copy_from_slice(&f16::from_f32(uniform * scale).to_le_bytes());
            }
        }
        (Coding::Planes { main: 2, .. }, Scaling::Row) => {
            // Code 3 is no ternary weight: take its high bit away.
            for byte in tile {
                *byte &= !((*byte & *byte >> 1 & 0x55) << 1);
            }
        }
        (Coding::Base3, _) => {
            for byte in tile {
                *byte = !((u16::from(*byte) * 243 / 256 * 256).div_ceil(243) as u8);
            }
        }
        (_, Scaling::Block { group, affine }) => {
            let min = scale * -1.5;
            for chunk in tile.chunks_exact_mut(layout.chunk) {
                let scales = layout.span / group * layout.lanes * 2;
                let at = 2 * layout.block_bytes();
                for half in chunk[at..at + scales].chunks_exact_mut(2) {
                    half.copy_from_slice(&f16::from_f32(scale).to_le_bytes());
                }
                if affine {
                    for half in chunk[at + scales..].chunks_exact_mut(2) {
                        half.copy_from_slice(&f16::from_f32(min).to_le_bytes());
                    }
                }
            }
        }
        _ => {}
    }
}
