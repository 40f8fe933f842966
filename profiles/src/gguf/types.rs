//! Storage types of tensors: ids, block lengths and bytes per block as in ggml's `ggml.h` and `ggml-common.h`.

use crate::precision::WeightFormat::{self, Sherry, Ternary, W2, W3, W4, W5, W6, W8, W16};

/// One storage type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TensorType {
    /// Number in the file.
    pub id: u32,
    pub name: &'static str,
    /// Elements per block.
    pub block: u64,
    /// Bytes per block.
    pub bytes: u64,
    /// Format whose kernels multiply it.
    pub format: WeightFormat,
}

impl TensorType {
    /// The type with this number.
    #[must_use]
    pub fn of(id: u32) -> Option<&'static TensorType> {
        TYPES.iter().find(|t| t.id == id)
    }

    /// Bits per element, scales included.
    #[must_use]
    pub fn bits(&self) -> f64 {
        self.bytes as f64 * 8.0 / self.block as f64
    }
}

const fn t(id: u32, name: &'static str, block: u64, bytes: u64, format: WeightFormat) -> TensorType {
    TensorType { id, name, block, bytes, format }
}

/// Types that model files hold. Numbers that ggml has withdrawn are not types.
const TYPES: &[TensorType] = &[
    t(0, "F32", 1, 4, W16),
    t(1, "F16", 1, 2, W16),
    t(2, "Q4_0", 32, 18, W4),
    t(3, "Q4_1", 32, 20, W4),
    t(6, "Q5_0", 32, 22, W5),
    t(7, "Q5_1", 32, 24, W5),
    t(8, "Q8_0", 32, 34, W8),
    t(9, "Q8_1", 32, 36, W8),
    t(10, "Q2_K", 256, 84, W2),
    t(11, "Q3_K", 256, 110, W3),
    t(12, "Q4_K", 256, 144, W4),
    t(13, "Q5_K", 256, 176, W5),
    t(14, "Q6_K", 256, 210, W6),
    t(15, "Q8_K", 256, 292, W8),
    t(16, "IQ2_XXS", 256, 66, W2),
    t(17, "IQ2_XS", 256, 74, W2),
    t(18, "IQ3_XXS", 256, 98, W3),
    t(19, "IQ1_S", 256, 50, W2),
    t(20, "IQ4_NL", 32, 18, W4),
    t(21, "IQ3_S", 256, 110, W3),
    t(22, "IQ2_S", 256, 82, W2),
    t(23, "IQ4_XS", 256, 136, W4),
    t(24, "I8", 1, 1, W8),
    t(25, "I16", 1, 2, W16),
    t(26, "I32", 1, 4, W16),
    t(27, "I64", 1, 8, W16),
    t(28, "F64", 1, 8, W16),
    t(29, "IQ1_M", 256, 56, W2),
    t(30, "BF16", 1, 2, W16),
    t(34, "TQ1_0", 256, 54, Ternary),
    t(35, "TQ2_0", 256, 66, Ternary),
    t(39, "MXFP4", 32, 17, W4),
    // Sherry's 1.25 bits, by llama.cpp's pull request 22836. Its makers' first files have the number 42, which ggml has
    // given to another type since: those are refused, not guessed at.
    t(43, "STQ1_0", 256, 42, Sherry),
];
