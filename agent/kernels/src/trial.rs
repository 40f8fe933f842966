//! Weights for timing.

use crate::{Affine, Format, Source};

/// Weights that cost little to make, in stored blocks of 32, so that packing searches nothing. Three of four are not
/// zero, as Sherry wants.
#[derive(Clone, Copy, Debug)]
pub struct Trial {
    pub format: Format,
    pub rows: usize,
    pub cols: usize,
}

impl Source for Trial {
    fn rows(&self) -> usize {
        self.rows
    }

    fn cols(&self) -> usize {
        self.cols
    }

    fn row(&self, row: usize, out: &mut [f32]) {
        for (i, w) in out.iter_mut().enumerate() {
            *w = [0.0, 1.0, -1.0, 1.0][(i + row) % 4];
        }
    }

    fn affine(&self) -> Option<Affine> {
        self.format.code_bits().map(|bits| Affine { bits, block: 32 })
    }

    fn affine_row(&self, row: usize, codes: &mut [u8], scales: &mut [f32], mins: &mut [f32]) {
        let zero = 1_u32 << self.format.zero_log2();
        for (i, c) in codes.iter_mut().enumerate() {
            *c = ((i + row) as u32 % (2 * zero)) as u8;
        }
        scales.fill(1.0);
        mins.fill(-(zero as f32));
    }
}
