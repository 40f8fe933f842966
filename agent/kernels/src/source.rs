//! Where weights come from.

use crate::Format;

/// Shape of stored integer blocks: `w = scale[b] · code + min[b]`, `b = i / block`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Affine {
    /// Bits of a code, at most 8; codes are unsigned.
    pub bits: u8,
    /// Weights that share a scale: 16 or 32.
    pub block: usize,
}

/// A weight matrix, row by row.
pub trait Source: Sync {
    /// Number of rows (outputs).
    fn rows(&self) -> usize;
    /// Number of columns (inputs).
    fn cols(&self) -> usize;
    /// Dequantised row; `out.len() == cols`.
    fn row(&self, row: usize, out: &mut [f32]);
    /// Some when the stored type is affine integer blocks that divide the columns.
    fn affine(&self) -> Option<Affine> {
        None
    }
    /// Codes (`cols`), scales and minima (`cols / block` each) of one row; called only when
    /// [`affine`](Self::affine) is some.
    fn affine_row(&self, _row: usize, _codes: &mut [u8], _scales: &mut [f32], _mins: &mut [f32]) {}
}

/// A matrix in memory: `rows × cols`, row-major.
#[derive(Clone, Copy, Debug)]
pub struct Dense<'a> {
    weights: &'a [f32],
    rows: usize,
    cols: usize,
}

impl<'a> Dense<'a> {
    /// `None` unless `weights` holds `rows × cols` values.
    pub fn new(weights: &'a [f32], rows: usize, cols: usize) -> Option<Self> {
        (weights.len() == rows.checked_mul(cols)?).then_some(Self { weights, rows, cols })
    }
}

impl Source for Dense<'_> {
    fn rows(&self) -> usize {
        self.rows
    }
    fn cols(&self) -> usize {
        self.cols
    }
    fn row(&self, row: usize, out: &mut [f32]) {
        out.copy_from_slice(&self.weights[row * self.cols..][..self.cols]);
    }
}

/// Why a matrix was not packed.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PackError {
    /// A weight is NaN or infinite.
    #[error("row {row}: weight {col} is {value}; expected a finite number")]
    NotFinite {
        /// Row of the weight.
        row: usize,
        /// Column of the weight.
        col: usize,
        /// What was found.
        value: f32,
    },
    /// A scale or weight does not fit half precision.
    #[error("row {row}: {value:e} does not fit half precision (at most 65504)")]
    Range {
        /// Row of the value.
        row: usize,
        /// What was found.
        value: f32,
    },
    /// Stored blocks of an unsupported shape.
    #[error(
        "stored blocks of {block} weights with {bits} bits over {cols} columns; expected blocks of 16 or 32 that divide the columns, 1 to 8 bits"
    )]
    Blocks {
        /// Block length.
        block: usize,
        /// Code width.
        bits: u8,
        /// Row length.
        cols: usize,
    },
    /// A stored code is wider than its type says.
    #[error("row {row}: code {code} has more than {bits} bits")]
    Code {
        /// Row of the code.
        row: usize,
        /// What was found.
        code: u8,
        /// What the source promised.
        bits: u8,
    },
    /// An integer sum over the row could overflow 32 bits.
    #[error("{format} sums a whole row in 32 bits: {cols} columns, expected at most {max}")]
    TooWide {
        /// The row-scaled format.
        format: Format,
        /// Row length.
        cols: usize,
        /// Longest row.
        max: usize,
    },
    /// Rows × columns exceed the address space.
    #[error("a matrix of {rows} x {cols} does not fit in memory")]
    TooBig {
        /// Rows.
        rows: usize,
        /// Columns.
        cols: usize,
    },
    /// This machine cannot run the kernel.
    #[error("this machine cannot run the {kernel} kernel")]
    Unavailable {
        /// The kernel asked for.
        kernel: crate::Kernel,
    },
}
