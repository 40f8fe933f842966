//! Execution formats: what a packed weight is made of.

use std::fmt;

/// Execution format of a packed matrix.
///
/// `W8` to `W2` hold blocks of 32 (or 16) weights with an f16 scale, and an f16 minimum where a stored
/// block is not symmetric. The row-scaled formats hold one f32 scale a row, so that a whole row is
/// one integer sum; their activations are quantised with one scale a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Format {
    /// Half precision, f32 arithmetic.
    F16,
    /// 8 bits, block scales.
    W8,
    /// 8 bits, one scale a row and one a token: integers from end to end.
    W8A8,
    /// 6 bits, block scales.
    W6,
    /// 5 bits, block scales.
    W5,
    /// 4 bits, block scales.
    W4,
    /// 3 bits, block scales.
    W3,
    /// 2 bits, block scales.
    W2,
    /// −1, 0, +1 in 2 bits; one scale a row, or block scales where the source has differing ones.
    Ternary,
    /// −1, 0, +1, five to a byte (1.6 bits); one scale a row.
    Ternary167,
    /// Three of four weights ±1 and one 0, five bits a four (1.25 bits); one scale a row.
    Sherry,
}

impl Format {
    /// Every format, widest first.
    pub const ALL: [Self; 11] = [
        Self::F16,
        Self::W8,
        Self::W8A8,
        Self::W6,
        Self::W5,
        Self::W4,
        Self::W3,
        Self::W2,
        Self::Ternary,
        Self::Ternary167,
        Self::Sherry,
    ];

    /// Short name, as commands and reports write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::F16 => "f16",
            Self::W8 => "w8",
            Self::W8A8 => "w8a8",
            Self::W6 => "w6",
            Self::W5 => "w5",
            Self::W4 => "w4",
            Self::W3 => "w3",
            Self::W2 => "w2",
            Self::Ternary => "ternary",
            Self::Ternary167 => "ternary167",
            Self::Sherry => "sherry",
        }
    }

    /// The format of that [`name`](Self::name).
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|f| f.name() == name)
    }

    /// Bits of one stored code of an integer-block format (`W8` … `W2`), else none.
    pub const fn code_bits(self) -> Option<u8> {
        match self {
            Self::W8 => Some(8),
            Self::W6 => Some(6),
            Self::W5 => Some(5),
            Self::W4 => Some(4),
            Self::W3 => Some(3),
            Self::W2 => Some(2),
            _ => None,
        }
    }

    /// Weights that share a scale where blocks are quantised here, symmetric all: with so few codes as W3 and W2 have,
    /// a second scale in 32 weights takes more off the perplexity than a minimum, which costs as much but has no code
    /// that is zero. Stored blocks that are kept have what they have.
    pub(crate) const fn group(self) -> usize {
        match self {
            Self::W3 | Self::W2 => 16,
            _ => 32,
        }
    }

    /// Power of two whose value is the code of weight zero in a symmetric block: 8 bits hold
    /// `code − 128`, ternary codes 0, 1, 2 hold `code − 1`.
    pub(crate) const fn zero_log2(self) -> u32 {
        match self {
            Self::F16 | Self::Ternary | Self::Ternary167 | Self::Sherry => 0,
            Self::W8 | Self::W8A8 => 7,
            Self::W6 => 5,
            Self::W5 => 4,
            Self::W4 => 3,
            Self::W3 => 2,
            Self::W2 => 1,
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
