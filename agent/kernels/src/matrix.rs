//! A packed matrix.

use crate::layout::{Layout, Scaling};
use crate::lowrank::Correction;
use crate::memory::Buffer;
use crate::{Format, Kernel, PackError, Pool, Source};
use half::f16;

/// Packed `rows × cols` weights in the layout of one format and one kernel.
#[derive(Debug)]
pub struct Matrix {
    pub(crate) format: Format,
    pub(crate) kernel: Kernel,
    pub(crate) layout: Layout,
    pub(crate) data: Buffer,
    /// Row formats: one scale a row, padded to whole tiles.
    pub(crate) row_scales: Vec<f32>,
    /// What is added to a product, where weights of few bits lose too much.
    pub(crate) correction: Option<Box<Correction>>,
}

impl Matrix {
    /// Packs `source` for `kernel`.
    ///
    /// Stored affine blocks with at most as many bits as `format` are kept: codes exactly, scales and minima
    /// within the rounding to half precision (Q8_0 → W8, Q4_0, Q4_1, Q4_K → W4 and also W5, W6, Q5 → W5, W6,
    /// Q6_K → W6, Q3_K → W3, Q2_K → W2), so that more bits never lose more. Only W8 takes fewer than 8 bits
    /// over exactly where blocks are symmetric and of 32 weights, and else quantises. Ternary blocks (codes 0, 1, 2
    /// around `−scale`) are kept by [`Format::Ternary`], with one scale a row where all blocks of each row agree.
    /// Everything else is quantised from [`Source::row`]: absolute maximum of 32 for W8, the scale of the least squared
    /// error of 32 for W6 to W4 and of 16 for W3 and W2, absmean for ternary, sparse absmean for Sherry.
    ///
    /// # Errors
    ///
    /// [`PackError`]: a weight that is not finite, a scale beyond half precision, blocks of a wrong
    /// shape, a row too long for a 32-bit sum, a kernel this machine cannot run.
    pub fn pack(source: &dyn Source, format: Format, kernel: Kernel, pool: &Pool) -> Result<Self, PackError> {
        crate::pack::pack(source, format, kernel, pool)
    }

    /// Rows (outputs).
    pub fn rows(&self) -> usize {
        self.layout.rows
    }

    /// Columns (inputs).
    pub fn cols(&self) -> usize {
        self.layout.cols
    }

    /// Format of the weights.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Kernel that the layout is for, and that multiplies.
    pub fn kernel(&self) -> Kernel {
        self.kernel
    }

    /// Bytes that one pass over the matrix reads: codes, scales, padding and the correction.
    pub fn bytes(&self) -> usize {
        let correction = self.correction.as_ref().map_or(0, |c| c.bytes());
        self.data.len() + self.row_scales.len() * size_of::<f32>() + correction
    }

    /// True bits of a weight, scales, padding and the correction counted; 0 for an empty matrix.
    pub fn bits_per_weight(&self) -> f64 {
        let weights = self.rows() as f64 * self.cols() as f64;
        if weights == 0.0 { 0.0 } else { self.bytes() as f64 * 8.0 / weights }
    }

    /// Whether one scale covers a whole row, so that the inner loop holds no float.
    pub fn is_row_scaled(&self) -> bool {
        self.layout.scaling == Scaling::Row
    }

    /// Dequantised row; `out.len() == cols`.
    ///
    /// # Panics
    ///
    /// If `row` or `out` does not fit.
    pub fn row(&self, row: usize, out: &mut [f32]) {
        assert!(
            row < self.rows() && out.len() == self.cols(),
            "row {row} of {}, {} values for {}",
            self.rows(),
            out.len(),
            self.cols()
        );
        let layout = &self.layout;
        let (tile, r) = self.tile_of(row);
        let zero = f32::from(1_u16 << self.format.zero_log2());
        match layout.scaling {
            Scaling::Half => {
                for (k, w) in out.iter_mut().enumerate() {
                    *w = half_at(tile, (k * layout.lanes + r) * 2);
                }
            }
            Scaling::Row => {
                let scale = self.row_scales[row];
                for (k, w) in out.iter_mut().enumerate() {
                    *w = scale * (f32::from(layout.code(tile, r, k)) - zero);
                }
            }
            Scaling::Block { group, affine } => {
                for (g, out) in out.chunks_mut(group).enumerate() {
                    let scale = half_at(tile, layout.scale(r, g));
                    let min = if affine { half_at(tile, layout.min(r, g)) } else { 0.0 };
                    for (k, w) in out.iter_mut().enumerate() {
                        let code = f32::from(layout.code(tile, r, g * group + k));
                        *w = if affine { scale * code + min } else { scale * (code - zero) };
                    }
                }
            }
        }
        if let Some(correction) = &self.correction {
            correction.add_row(row, out);
        }
    }

    /// Bytes of the tile that holds `row`, and the row's lane.
    pub(crate) fn tile_of(&self, row: usize) -> (&[u8], usize) {
        let size = self.layout.tile();
        (&self.data.bytes()[row / self.layout.lanes * size..][..size], row % self.layout.lanes)
    }
}

/// The half-precision number at a byte offset.
pub(crate) fn half_at(bytes: &[u8], at: usize) -> f32 {
    f16::from_le_bytes([bytes[at], bytes[at + 1]]).to_f32()
}
