//! Number formats of weights, activations and KV cache.
//!
//! True bits per weight count everything that a file stores for them, scales included. The layouts are
//! those of GGUF files (ggml's `ggml-common.h` for the quantised types), since these run on every kind
//! of device in the catalogue:
//!
//! | format | layout | bits per weight |
//! | --- | --- | --- |
//! | `w16` | half precision, no scales | 16 |
//! | `w8` | `Q8_0`: 32 weights of 8 bits, one fp16 scale: 34 bytes | 8.5 |
//! | `w6` | `Q6_K`: 256 weights in 16 runs with 8-bit scales, one fp16 scale: 210 bytes | 6.5625 |
//! | `w5` | `Q5_K`: 256 weights in 8 runs with 6-bit scale and minimum, two fp16: 176 bytes | 5.5 |
//! | `w4` | `Q4_K`: 256 weights in 8 runs with 6-bit scale and minimum, two fp16: 144 bytes | 4.5 |
//! | `w3` | `Q3_K`: 256 weights in 16 runs with 6-bit scales, one fp16: 110 bytes | 3.4375 |
//! | `w2` | `Q2_K`: 256 weights in 16 runs with 4-bit scale and minimum, two fp16: 84 bytes | 2.625 |
//! | `ternary` | `TQ2_0`: 256 weights of 2 bits, one fp16 scale: 66 bytes | 2.0625 |
//! | `sherry` | `STQ1_0`: 256 weights as 64 groups of 5 bits, one fp16 scale: 42 bytes | 1.3125 |
//!
//! Ternary weights carry 1.58 bits of information and can be packed at 1.6875 (`TQ1_0`, five in a byte)
//! in a file; what is multiplied is the 2-bit form. Sherry's groups of four weights with exactly one
//! zero carry exactly 1.25 bits (arXiv 2601.07892); the scale per 256 weights makes 1.3125.
//!
//! The agent's engine packs its own tiles, of other bits (3 bits take 4.0, 2 take 3.0). They depend on what the model's
//! file stores, so they are counted where a profile is read from a file: [`packed_bits`](crate::gguf::packed_bits),
//! which then stand in the blocks (`packed_bits`) and hold over this table. A model of the catalogue is no file yet.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

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
    /// Bits of one activation element that crosses a link: 16, 8, or 4: as few as each token needs, see
    /// [`activation_bits_sent`].
    pub activation_bits: u8,
}

/// What a block's weights do, which decides how few bits they bear.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Matrices between the ends of the model: at the precision's own bits.
    #[default]
    Body,
    /// Token table: never below 8 bits.
    Embedding,
    /// Output matrix: never below 8 bits.
    Head,
    /// Norms, biases, routers: 16 bits always.
    Kept,
}

/// The format of weights with this role in a model at `format`.
///
/// Embedding and head stay at `w8` below 16 bits, as the mixed files of llama.cpp keep their outer
/// tensors wider than the rest, because their loss shows first.
#[must_use]
pub const fn format_of(role: Role, format: WeightFormat) -> WeightFormat {
    match (role, format) {
        (Role::Kept, _) => WeightFormat::W16,
        (Role::Body, f) | (_, f @ WeightFormat::W16) => f,
        (Role::Embedding | Role::Head, _) => WeightFormat::W8,
    }
}

/// Bits per weight of weights with this role in a model at this format.
#[must_use]
pub const fn bits_of(role: Role, format: WeightFormat) -> f64 {
    format_of(role, format).bits_per_weight()
}

/// Bits per element of a KV cache of nominal `kv_bits`: 16 is half precision, 8 and 4 carry one
/// fp16 scale for 32 elements (`Q8_0`, `Q4_0`). Other numbers count as they are.
#[must_use]
pub const fn kv_bits_stored(kv_bits: u8) -> f64 {
    match kv_bits {
        8 => 8.5,
        4 => 4.5,
        other => other as f64,
    }
}

/// Bytes of one KV cache element of nominal `kv_bits`, scales included.
#[must_use]
pub const fn kv_bytes(kv_bits: u8) -> f64 {
    kv_bits_stored(kv_bits) / 8.0
}

/// Bits per activation element on a link, of nominal `activation_bits`. Nominal 4 sends large values exactly and the others
/// at as few bits as keep a bound on a token's error (threshold splitting and token-wise adaptive bits, arXiv 2511.04002;
/// `agent/node/src/hop/adaptive.rs`): up to 5.2 bits over cuts of SmolLM2-135M, everything counted, measured
/// (docs/fleet.md). The scale of 8 bits, 4 bytes a token, is not counted.
#[must_use]
pub const fn activation_bits_sent(activation_bits: u8) -> f64 {
    match activation_bits {
        4 => 5.2,
        other => other as f64,
    }
}

/// Bits per activation element inside a device: only what is sent has fewer than 8.
#[must_use]
pub const fn activation_bits_held(activation_bits: u8) -> f64 {
    if activation_bits < 8 { 8.0 } else { activation_bits as f64 }
}

impl WeightFormat {
    /// All formats, widest first.
    pub const ALL: [Self; 9] =
        [Self::W16, Self::W8, Self::W6, Self::W5, Self::W4, Self::W3, Self::W2, Self::Ternary, Self::Sherry];

    /// True bits per weight, scales included; the module's table says what of.
    #[must_use]
    pub const fn bits_per_weight(self) -> f64 {
        match self {
            Self::W16 => 16.0,
            Self::W8 => 34.0 * 8.0 / 32.0,
            Self::W6 => 210.0 * 8.0 / 256.0,
            Self::W5 => 176.0 * 8.0 / 256.0,
            Self::W4 => 144.0 * 8.0 / 256.0,
            Self::W3 => 110.0 * 8.0 / 256.0,
            Self::W2 => 84.0 * 8.0 / 256.0,
            Self::Ternary => 66.0 * 8.0 / 256.0,
            Self::Sherry => 42.0 * 8.0 / 256.0,
        }
    }

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

    /// Name for people: `4-bit`, `ternary (1.58-bit)`.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::W16 => "16-bit",
            Self::W8 => "8-bit",
            Self::W6 => "6-bit",
            Self::W5 => "5-bit",
            Self::W4 => "4-bit",
            Self::W3 => "3-bit",
            Self::W2 => "2-bit",
            Self::Ternary => "ternary (1.58-bit)",
            Self::Sherry => "Sherry (1.25-bit)",
        }
    }

    /// True for formats that only a model trained for them can use.
    #[must_use]
    pub const fn needs_training(self) -> bool {
        matches!(self, Self::Ternary | Self::Sherry)
    }
}

impl fmt::Display for WeightFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// `w4`, with `kv8` and `a8` when they are not 16: `w4 kv8`.
impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.weights)?;
        if self.kv_bits != 16 {
            write!(f, " kv{}", self.kv_bits)?;
        }
        if self.activation_bits != 16 {
            write!(f, " a{}", self.activation_bits)?;
        }
        Ok(())
    }
}

/// A text that names no weight format.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a weight format; write w16, w8, w6, w5, w4, w3, w2, ternary or sherry")]
pub struct FormatError(pub String);

/// Names that mean a format, lower case without `-`, `_` and spaces. A name of a file's quantisation
/// (`Q4_K_M`, `IQ4_NL`, AWQ at 4 bits) means the format with as many bits: its class, not its exact layout.
const ALIASES: &[(WeightFormat, &[&str])] = &[
    (WeightFormat::W16, &["16bit", "16", "f16", "fp16", "bf16", "half"]),
    (WeightFormat::W8, &["8bit", "8", "q8", "q80", "q8k", "int8", "fp8"]),
    (WeightFormat::W6, &["6bit", "6", "q6", "q6k"]),
    (WeightFormat::W5, &["5bit", "5", "q5", "q50", "q51", "q5k", "q5ks", "q5km"]),
    (
        WeightFormat::W4,
        &[
            "4bit", "4", "q4", "q40", "q41", "q4k", "q4ks", "q4km", "iq4nl", "iq4xs", "int4", "awq", "gptq", "nf4", "mxfp4",
            "nvfp4",
        ],
    ),
    (WeightFormat::W3, &["3bit", "3", "q3", "q3k", "q3ks", "q3km", "q3kl", "iq3m", "iq3s", "iq3xs", "iq3xxs", "int3"]),
    (WeightFormat::W2, &["2bit", "2", "q2", "q2k", "q2ks", "iq2m", "iq2s", "iq2xs", "iq2xxs", "int2"]),
    (WeightFormat::Ternary, &["1.58bit", "1.58", "tq10", "tq20", "i2s", "tl1", "tl2"]),
    (WeightFormat::Sherry, &["1.25bit", "1.25", "stq10"]),
];

impl FromStr for WeightFormat {
    type Err = FormatError;

    fn from_str(text: &str) -> Result<Self, FormatError> {
        let plain: String = text.chars().filter(|c| !matches!(c, '-' | '_' | ' ')).map(|c| c.to_ascii_lowercase()).collect();
        Self::ALL
            .into_iter()
            .find(|f| f.name() == plain)
            .or_else(|| ALIASES.iter().find(|(_, names)| names.contains(&plain.as_str())).map(|&(f, _)| f))
            .ok_or_else(|| FormatError(text.into()))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::float_cmp, reason = "bits of a layout are exact")]

    use super::*;

    #[test]
    fn bits_are_those_of_the_layouts() {
        let bits = WeightFormat::ALL.map(WeightFormat::bits_per_weight);
        assert_eq!(bits, [16.0, 8.5, 6.5625, 5.5, 4.5, 3.4375, 2.625, 2.0625, 1.3125]);
        assert!(bits.is_sorted_by(|a, b| a > b));
    }

    #[test]
    fn ends_stay_at_eight_bits_and_norms_at_sixteen() {
        assert_eq!(bits_of(Role::Embedding, WeightFormat::W16), 16.0);
        assert_eq!(bits_of(Role::Embedding, WeightFormat::W8), 8.5);
        assert_eq!(bits_of(Role::Head, WeightFormat::W4), 8.5);
        assert_eq!(bits_of(Role::Head, WeightFormat::Ternary), 8.5);
        assert_eq!(bits_of(Role::Body, WeightFormat::Sherry), 1.3125);
        assert_eq!(bits_of(Role::Kept, WeightFormat::W2), 16.0);
    }

    #[test]
    fn cache_elements_carry_their_scales() {
        assert_eq!([16, 8, 4].map(kv_bytes), [2.0, 1.0625, 0.5625]);
    }

    #[test]
    fn names_and_friendly_names_are_read() {
        for format in WeightFormat::ALL {
            assert_eq!(format.name().parse(), Ok(format));
            assert_eq!(serde_yaml::from_str::<WeightFormat>(format.name()).expect("serde name"), format);
        }
        for (text, format) in [
            ("4-bit", WeightFormat::W4),
            ("Q4_K_M", WeightFormat::W4),
            ("BF16", WeightFormat::W16),
            ("Q8_0", WeightFormat::W8),
            ("IQ3_XXS", WeightFormat::W3),
            ("1.58-bit", WeightFormat::Ternary),
            ("STQ1_0", WeightFormat::Sherry),
        ] {
            assert_eq!(text.parse(), Ok(format), "{text}");
        }
        let error = "w7".parse::<WeightFormat>().expect_err("no such format");
        assert!(error.to_string().contains("`w7`") && error.to_string().contains("w4"));
    }

    #[test]
    fn a_friendly_name_means_one_format() {
        let mut names: Vec<&str> = ALIASES.iter().flat_map(|(_, n)| n.iter().copied()).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    #[test]
    fn a_precision_shows_what_is_not_sixteen() {
        let p = |kv_bits, activation_bits| Precision { weights: WeightFormat::W4, kv_bits, activation_bits }.to_string();
        assert_eq!([p(16, 16), p(8, 16), p(4, 8)], ["w4", "w4 kv8", "w4 kv4 a8"]);
    }
}
