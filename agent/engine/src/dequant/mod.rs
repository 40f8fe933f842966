//! From the storage types of ggml to numbers.
//!
//! Every quantised type is read the same way: integer codes with a scale and a minimum for each run
//! of 16 or 32, `w = scale * code + min`. Where a type stores no minimum but a fixed zero point `z`,
//! the weight is `scale * (code - z)` and the minimum given to the kernels is `-z * scale`: the same
//! number. Layouts are those of ggml's `ggml-common.h`, the arithmetic that of its `dequantize_row_*`.

mod k;
mod legacy;
mod sherry;
mod ternary;

#[cfg(test)]
mod tests;

use half::{bf16, f16};
use kernels::{Affine, Source};
use profiles::gguf::TensorType;

use crate::error::EngineError;
use crate::gguf::TensorData;

/// How blocks of one quantised type become codes, scales and minima.
pub(crate) struct Layout {
    /// Number of the type in files.
    id: u32,
    /// Bits of a code.
    bits: u8,
    /// Weights that share a scale.
    run: usize,
    /// Code of weight 0, where the type stores no minimum.
    zero: Option<u8>,
    /// One ggml block; minima are left alone where `zero` gives them.
    unpack: Unpack,
}

type Unpack = fn(block: &[u8], codes: &mut [u8], scales: &mut [f32], mins: &mut [f32]);

const LAYOUTS: &[Layout] = &[
    Layout { id: 2, bits: 4, run: 32, zero: Some(8), unpack: legacy::q4_0 },
    Layout { id: 3, bits: 4, run: 32, zero: None, unpack: legacy::q4_1 },
    Layout { id: 6, bits: 5, run: 32, zero: Some(16), unpack: legacy::q5_0 },
    Layout { id: 7, bits: 5, run: 32, zero: None, unpack: legacy::q5_1 },
    Layout { id: 8, bits: 8, run: 32, zero: Some(128), unpack: legacy::q8_0 },
    Layout { id: 10, bits: 2, run: 16, zero: None, unpack: k::q2 },
    Layout { id: 11, bits: 3, run: 16, zero: Some(4), unpack: k::q3 },
    Layout { id: 12, bits: 4, run: 32, zero: None, unpack: k::q4 },
    Layout { id: 13, bits: 5, run: 32, zero: None, unpack: k::q5 },
    Layout { id: 14, bits: 6, run: 16, zero: Some(32), unpack: k::q6 },
    Layout { id: 34, bits: 2, run: 32, zero: Some(1), unpack: ternary::tq1 },
    Layout { id: 35, bits: 2, run: 32, zero: Some(1), unpack: ternary::tq2 },
    Layout { id: 43, bits: 2, run: 32, zero: Some(1), unpack: sherry::stq1 },
];

#[derive(Clone, Copy)]
enum Storage {
    F32,
    F16,
    Bf16,
    Blocks(&'static Layout),
}

/// Rows of a tensor as numbers.
pub struct Rows<'f> {
    bytes: &'f [u8],
    rows: usize,
    cols: usize,
    row_bytes: usize,
    block: usize,
    block_bytes: usize,
    storage: Storage,
    kind: &'static TensorType,
}

impl std::fmt::Debug for Rows<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rows").field("rows", &self.rows).field("cols", &self.cols).finish_non_exhaustive()
    }
}

impl<'f> Rows<'f> {
    /// A tensor as a matrix: its first dimension is the row length, all others are rows.
    ///
    /// # Errors
    /// The storage type is not one of F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q2_K to Q6_K, TQ1_0, TQ2_0, STQ1_0.
    pub fn new(data: TensorData<'f>) -> Result<Self, EngineError> {
        let (t, kind) = (data.tensor, data.kind());
        let wrong = |why: String| EngineError::tensor(&t.name, why);
        let storage = match kind.id {
            0 => Storage::F32,
            1 => Storage::F16,
            30 => Storage::Bf16,
            id => match LAYOUTS.iter().find(|l| l.id == id) {
                Some(layout) => Storage::Blocks(layout),
                None => {
                    let read = "F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q2_K to Q6_K, TQ1_0, TQ2_0 and STQ1_0 are";
                    return Err(wrong(format!("type {} is not read; {read}", kind.name)));
                }
            },
        };
        // The header check bounds all of these by the file's length; a 32-bit machine may still be too small.
        let narrow = |n: u64| usize::try_from(n).map_err(|_| wrong("too large for this machine".into()));
        let cols = narrow(t.shape[0])?;
        let rows = narrow(t.elements / t.shape[0])?;
        let (block, block_bytes) = (narrow(kind.block)?, narrow(kind.bytes)?);
        Ok(Self { bytes: data.bytes, rows, cols, row_bytes: cols / block * block_bytes, block, block_bytes, storage, kind })
    }

    /// Storage type.
    pub(crate) fn kind(&self) -> &'static TensorType {
        self.kind
    }

    fn stored(&self, row: usize) -> &'f [u8] {
        &self.bytes[row * self.row_bytes..][..self.row_bytes]
    }

    /// All elements in the file's order.
    #[must_use]
    pub fn to_vec(&self) -> Vec<f32> {
        let mut out = vec![0.0; self.rows * self.cols];
        for (row, out) in out.chunks_exact_mut(self.cols).enumerate() {
            self.row(row, out);
        }
        out
    }
}

impl Source for Rows<'_> {
    fn rows(&self) -> usize {
        self.rows
    }

    fn cols(&self) -> usize {
        self.cols
    }

    fn row(&self, row: usize, out: &mut [f32]) {
        let stored = self.stored(row);
        match self.storage {
            Storage::F32 => fill(stored, out, f32::from_le_bytes),
            Storage::F16 => fill(stored, out, |b| f16::from_le_bytes(b).to_f32()),
            Storage::Bf16 => fill(stored, out, |b| bf16::from_le_bytes(b).to_f32()),
            Storage::Blocks(layout) => {
                let (mut codes, mut scales, mut mins) = ([0; 256], [0.0; 16], [0.0; 16]);
                let runs = self.block / layout.run;
                for (block, out) in stored.chunks_exact(self.block_bytes).zip(out.chunks_exact_mut(self.block)) {
                    (layout.unpack)(block, &mut codes[..self.block], &mut scales[..runs], &mut mins[..runs]);
                    for (i, (w, code)) in out.iter_mut().zip(&codes).enumerate() {
                        let (scale, min) = (scales[i / layout.run], mins[i / layout.run]);
                        *w = match layout.zero {
                            Some(zero) => scale * (f32::from(*code) - f32::from(zero)),
                            None => scale * f32::from(*code) + min,
                        };
                    }
                }
            }
        }
    }

    fn affine(&self) -> Option<Affine> {
        match self.storage {
            Storage::Blocks(layout) => Some(Affine { bits: layout.bits, block: layout.run }),
            _ => None,
        }
    }

    fn affine_row(&self, row: usize, codes: &mut [u8], scales: &mut [f32], mins: &mut [f32]) {
        let Storage::Blocks(layout) = self.storage else { return };
        let runs = self.block / layout.run;
        let blocks = self.stored(row).chunks_exact(self.block_bytes).zip(codes.chunks_exact_mut(self.block));
        for ((block, codes), (scales, mins)) in blocks.zip(scales.chunks_exact_mut(runs).zip(mins.chunks_exact_mut(runs))) {
            (layout.unpack)(block, codes, scales, mins);
            if let Some(zero) = layout.zero {
                mins.iter_mut().zip(scales).for_each(|(min, scale)| *min = -f32::from(zero) * *scale);
            }
        }
    }
}

fn fill<const N: usize>(stored: &[u8], out: &mut [f32], read: impl Fn([u8; N]) -> f32) {
    for (b, w) in stored.as_chunks::<N>().0.iter().zip(out) {
        *w = read(*b);
    }
}

/// The half-precision number at byte `at`.
fn f16_at(block: &[u8], at: usize) -> f32 {
    f16::from_le_bytes([block[at], block[at + 1]]).to_f32()
}
