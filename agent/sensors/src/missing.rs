//! Why there is no value. A reason, never a number that stands for one.

use serde::Serialize;
use std::io;

/// Why a reading has no value; the text is for people, the kind for programs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Missing {
    #[error("{what} is not there")]
    Absent { what: String },
    #[error("{what} may not be read by this user")]
    Denied { what: String },
    #[error("{what}: the device does not support it")]
    NotSupported { what: String },
    #[error("{what}: the unit is switched off")]
    Unpowered { what: String },
    #[error("{what} says `{text}`; expected {expected}")]
    Malformed { what: String, text: String, expected: &'static str },
    #[error("{what} says {text}, which cannot be")]
    Implausible { what: String, text: String },
    #[error("{what} did not answer within {after_ms} ms")]
    TimedOut { what: String, after_ms: u64 },
    #[error("{what} failed: {error}")]
    Failed { what: String, error: String },
    /// Nothing is wrong: this machine or this moment has no such value.
    #[error("{why}")]
    NotHere { why: String },
}

impl Missing {
    pub(crate) fn absent(what: impl Into<String>) -> Self {
        Self::Absent { what: what.into() }
    }

    pub(crate) fn not_here(why: impl Into<String>) -> Self {
        Self::NotHere { why: why.into() }
    }

    /// A text of the wrong form; long texts are cut.
    pub(crate) fn malformed(what: &str, text: &str, expected: &'static str) -> Self {
        let text = text.trim().chars().take(60).collect();
        Self::Malformed { what: what.into(), text, expected }
    }

    /// What an error of the system means for a reading.
    ///
    /// Drivers answer EAGAIN or EINVAL for a power-gated unit (thermal zones of Tegra), ENODATA, ENXIO and
    /// EOPNOTSUPP for a channel that is not there.
    pub(crate) fn from_io(what: &str, error: &io::Error) -> Self {
        let what = what.to_owned();
        match (error.kind(), error.raw_os_error()) {
            (io::ErrorKind::NotFound | io::ErrorKind::NotADirectory, _) => Self::Absent { what },
            (io::ErrorKind::PermissionDenied, _) => Self::Denied { what },
            (_, Some(11 | 22)) => Self::Unpowered { what },
            (_, Some(6 | 61 | 95)) => Self::NotSupported { what },
            (_, Some(19)) => Self::Absent { what },
            _ => Self::Failed { what, error: error.to_string() },
        }
    }
}
