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
