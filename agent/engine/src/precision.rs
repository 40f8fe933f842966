//! Which execution format each matrix gets when a model is loaded.

use std::borrow::Cow;

use kernels::Format;
use profiles::gguf::TensorType;
use profiles::{Role, WeightFormat};

/// Precision of a loaded model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// Each matrix in the format with as many bits as the file stores: integer blocks keep their codes.
    #[default]
    Stored,
    /// Every matrix of the layers in this format. The token table and the output matrix stay at 8 bits
    /// when the format is narrower than 16, as `profiles::precision` documents.
    Format(Format),
    /// The same, and every matrix of the layers with a gated half-precision correction of this rank
    /// (`kernels::Matrix::corrected`): for formats that lose too much by themselves.
    Corrected(Format, u16),
}

/// Between the name of a format and the rank of its correction.
const CORRECTION: &str = "+lr";

/// Highest rank that is fitted: a correction of half precision is then larger than most matrices.
pub const MAX_RANK: u16 = 512;

impl Precision {
    /// The precision that a plan names.
    #[must_use]
    pub const fn of(format: WeightFormat) -> Self {
        Self::Format(match format {
            WeightFormat::W16 => Format::F16,
            WeightFormat::W8 => Format::W8,
            WeightFormat::W6 => Format::W6,
            WeightFormat::W5 => Format::W5,
            WeightFormat::W4 => Format::W4,
            WeightFormat::W3 => Format::W3,
            WeightFormat::W2 => Format::W2,
            WeightFormat::Ternary => Format::Ternary,
            WeightFormat::Sherry => Format::Sherry,
        })
    }

    /// `stored`, or the name of a format: `w4`, `q4_k_m`, `w8a8`, `ternary167`; of one below 8 bits also with
    /// a correction: `ternary+lr16`.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let plain = |name: &str| Format::named(name).or_else(|| name.parse().ok().and_then(|w| Self::of(w).body()));
        match name.split_once(CORRECTION) {
            _ if name == "stored" => Some(Self::Stored),
            None => plain(name).map(Self::Format),
            Some((format, rank)) => {
                let format = plain(format).filter(|f| !matches!(f, Format::F16 | Format::W8 | Format::W8A8))?;
                // One spelling for each: no sign, no leading zero.
                let rank: u16 = rank.parse().ok().filter(|r: &u16| (1..=MAX_RANK).contains(r) && r.to_string() == rank)?;
                Some(Self::Corrected(format, rank))
            }
        }
    }

    /// The name that [`named`](Self::named) reads.
    #[must_use]
    pub fn name(self) -> Cow<'static, str> {
        match self {
            Self::Stored => "stored".into(),
            Self::Format(format) => format.name().into(),
            Self::Corrected(format, rank) => format!("{format}{CORRECTION}{rank}").into(),
        }
    }

    /// Format of the layers' matrices; `None`: as stored.
    const fn body(self) -> Option<Format> {
        match self {
            Self::Stored => None,
            Self::Format(format) | Self::Corrected(format, _) => Some(format),
        }
    }

    /// Rank of the correction of a matrix with this role; 0: none.
    #[must_use]
    pub fn rank(self, role: Role) -> usize {
        match (self, role) {
            (Self::Corrected(_, rank), Role::Body) => rank.into(),
            _ => 0,
        }
    }

    /// Format of a matrix with this role that the file stores as `kind`.
    #[must_use]
    pub fn format(self, role: Role, kind: &TensorType) -> Format {
        match (self.body(), role) {
            (None, _) => stored(kind),
            (Some(format), Role::Body) | (Some(format @ Format::F16), _) => format,
            (Some(_), _) => Format::W8,
        }
    }
}

/// The format that keeps a storage type's codes; plain numbers, 32-bit ones too, run at half precision.
fn stored(kind: &TensorType) -> Format {
    match kind.format {
        WeightFormat::W16 => Format::F16,
        WeightFormat::W8 => Format::W8,
        WeightFormat::W6 => Format::W6,
        WeightFormat::W5 => Format::W5,
        WeightFormat::W4 => Format::W4,
        WeightFormat::W3 => Format::W3,
        WeightFormat::W2 => Format::W2,
        WeightFormat::Ternary => Format::Ternary,
        WeightFormat::Sherry => Format::Sherry,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_keep_eight_bits() {
        let q4 = TensorType::of(3).expect("Q4_1");
        let f = |p: Precision, role| p.format(role, q4);
        assert_eq!(f(Precision::Stored, Role::Body), Format::W4);
        assert_eq!(f(Precision::Stored, Role::Head), Format::W4);
        assert_eq!(f(Precision::Format(Format::W2), Role::Body), Format::W2);
        for role in [Role::Head, Role::Embedding] {
            assert_eq!(f(Precision::Format(Format::W2), role), Format::W8);
            assert_eq!(f(Precision::Format(Format::W8A8), role), Format::W8);
            assert_eq!(f(Precision::Format(Format::F16), role), Format::F16);
        }
    }

    #[test]
    fn names_are_read_back() {
        for format in Format::ALL {
            assert_eq!(Precision::named(format.name()), Some(Precision::Format(format)));
        }
        assert_eq!(Precision::named("stored"), Some(Precision::Stored));
        assert_eq!(Precision::named("Q4_K_M"), Some(Precision::Format(Format::W4)));
        assert_eq!(Precision::named("w7"), None);
        assert_eq!(Precision::Stored.name(), "stored");
    }

    #[test]
    fn corrections_are_named_and_reach_the_layers_only() {
        let p = Precision::named("ternary+lr16").expect("known");
        assert_eq!((p, p.name().as_ref()), (Precision::Corrected(Format::Ternary, 16), "ternary+lr16"));
        assert_eq!((p.rank(Role::Body), p.rank(Role::Head), Precision::Stored.rank(Role::Body)), (16, 0, 0));
        let q4 = TensorType::of(3).expect("Q4_1");
        assert_eq!((p.format(Role::Body, q4), p.format(Role::Embedding, q4)), (Format::Ternary, Format::W8));
        for wrong in ["w8+lr16", "f16+lr4", "ternary+lr0", "ternary+lr513", "ternary+lr016", "ternary+lr+1", "stored+lr8", "+lr8"]
        {
            assert_eq!(Precision::named(wrong), None, "{wrong}");
        }
    }
}
