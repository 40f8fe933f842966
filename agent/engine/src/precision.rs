//! Which execution format each matrix gets when a model is loaded.

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
}

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

    /// `stored`, or the name of a format: `w4`, `q4_k_m`, `w8a8`, `ternary167`.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "stored" => Some(Self::Stored),
            _ => Format::named(name).map(Self::Format).or_else(|| name.parse().ok().map(Self::of)),
        }
    }

    /// The name that [`named`](Self::named) reads.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::Format(format) => format.name(),
        }
    }

    /// Format of a matrix with this role that the file stores as `kind`.
    #[must_use]
    pub fn format(self, role: Role, kind: &TensorType) -> Format {
        match (self, role) {
            (Self::Stored, _) => stored(kind),
            (Self::Format(format), Role::Body) | (Self::Format(format @ Format::F16), _) => format,
            (Self::Format(_), _) => Format::W8,
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
}
