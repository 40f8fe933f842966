//! Number formats of weights, activations and KV cache.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How weights are stored and multiplied. True bits per weight include block scales.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum WeightFormat {
    W16,
    W8,
    W6,
    W5,
    W4,
    W3,
    W2,
    Ternary,
    Sherry,
}

/// What one service runs at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Precision {
    pub weights: WeightFormat,
    /// Bits of one KV cache element: 16, 8 or 4.
    pub kv_bits: u8,
    /// Bits of one activation element that crosses a link: 16 or 8.
    pub activation_bits: u8,
}

impl WeightFormat {
    /// All formats, widest first.
    pub const ALL: [Self; 9] =
        [Self::W16, Self::W8, Self::W6, Self::W5, Self::W4, Self::W3, Self::W2, Self::Ternary, Self::Sherry];

    /// Name in files: `w4`, `ternary`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::W16 => "w16",
            Self::W8 => "w8",
            Self::W6 => "w6",
            Self::W5 => "w5",
            Self::W4 => "w4",
            Self::W3 => "w3",
            Self::W2 => "w2",
            Self::Ternary => "ternary",
            Self::Sherry => "sherry",
        }
    }
}
