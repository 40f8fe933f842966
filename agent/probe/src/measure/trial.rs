//! Weights whose values do not matter, cheap to pack.

use kernels::{Affine, Format, Kernel, Matrix, PackError, Pool, Source};

/// Rows and columns of weights in the codes of a format.
pub(super) struct Trial {
    pub(super) format: Format,
    pub(super) rows: usize,
    pub(super) cols: usize,
}

impl Trial {
    /// Packs such a matrix.
    pub(super) fn pack(format: Format, (rows, cols): (usize, usize), kernel: Kernel, pool: &Pool) -> Result<Matrix, PackError> {
        Matrix::pack(&Self { format, rows, cols }, format, kernel, pool)
    }
}

impl Source for Trial {
    fn rows(&self) -> usize {
        self.rows
    }
    fn cols(&self) -> usize {
        self.cols
    }
    fn row(&self, row: usize, out: &mut [f32]) {
        // Three of four weights are not zero, as Sherry wants.
        for (i, w) in out.iter_mut().enumerate() {
            *w = [0.0, 1.0, -1.0, 1.0][(i + row) % 4];
        }
    }
    fn affine(&self) -> Option<Affine> {
        self.format.code_bits().map(|bits| Affine { bits, block: 32 })
    }
    fn affine_row(&self, row: usize, codes: &mut [u8], scales: &mut [f32], mins: &mut [f32]) {
        let codes_of = 1_usize << self.format.code_bits().unwrap_or(0);
        for (i, c) in codes.iter_mut().enumerate() {
            *c = ((i + row) % codes_of) as u8;
        }
        scales.fill(1.0);
        mins.fill(-((codes_of / 2) as f32));
    }
}
