//! Why an energy is not known.

use serde::Serialize;
use std::mem::discriminant;

/// Why an energy is not known within 1 %.
#[derive(Clone, Debug, PartialEq, Serialize, thiserror::Error)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Doubt {
    /// There is no such sensor.
    #[error("{}", crate::total::NO_POWER_SENSOR)]
    NoSensor,
    #[error("nothing could be read for {seconds:.1} s ({why})")]
    Uncovered { seconds: f64, why: String },
    #[error("no reading for {seconds:.1} s, in which power may have been anything")]
    Gap { seconds: f64 },
    #[error("the reading did not move for {seconds:.1} s")]
    Stuck { seconds: f64 },
    #[error("the counter started anew")]
    Reset,
    #[error("the counter jumped by {joules:.0} J")]
    Jump { joules: f64 },
    #[error("the counter may have wrapped more than once in {seconds:.0} s")]
    ManyWraps { seconds: f64 },
    #[error("the clock stepped by {seconds:.2} s")]
    ClockStep { seconds: f64 },
    #[error("the machine slept for {seconds:.1} s")]
    Slept { seconds: f64 },
    #[error("the instrument is too coarse for so little energy: the error may be {error_j:.2} J")]
    Coarse { error_j: f64 },
    #[error("only {samples} samples, too few to average out their noise")]
    Brief { samples: u32 },
    #[error("two instruments disagree: {this_j:.1} J here, {other_j:.1} J by {other}")]
    Disagree { this_j: f64, other_j: f64, other: String },
}

impl Doubt {
    pub(super) fn same_kind(&self, other: &Self) -> bool {
        discriminant(self) == discriminant(other)
    }

    fn size(&self) -> f64 {
        match self {
            Self::Uncovered { seconds, .. }
            | Self::Gap { seconds }
            | Self::Stuck { seconds }
            | Self::ManyWraps { seconds }
            | Self::ClockStep { seconds }
            | Self::Slept { seconds } => *seconds,
            Self::Jump { joules } => *joules,
            Self::Coarse { error_j } => *error_j,
            Self::NoSensor | Self::Reset | Self::Brief { .. } | Self::Disagree { .. } => 0.0,
        }
    }

    /// The larger of two of a kind.
    pub(super) fn graver(self, other: Self) -> Self {
        if other.size() > self.size() { other } else { self }
    }
}
