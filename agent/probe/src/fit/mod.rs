//! From measurements to coefficients: least squares, with what is left over, and a refusal where the
//! measurements do not tell.

pub mod leakage;
mod linear;
pub mod overlap;
mod search;
pub mod thermal;

pub use linear::least_squares;

use serde::{Deserialize, Serialize};

/// One moment of a device under a load.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Moment {
    /// s from the start.
    pub at_s: f64,
    /// W of the device since the moment before.
    pub watts: f64,
    /// °C of the processor.
    pub celsius: f64,
    /// Which load ran since the moment before: 0 none.
    pub load: u8,
}

/// Why a coefficient was not fitted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum Unfit {
    #[error("{moments} moments, at least {needed} are needed")]
    Few { moments: usize, needed: usize },
    #[error("the temperature rose by {rise_tenths} tenths of a kelvin, at least {needed_tenths} are needed")]
    Flat { rise_tenths: i64, needed_tenths: i64 },
    #[error("the moments do not tell the coefficients apart")]
    Alike,
    #[error("{what} came out as {value}, which no device has")]
    Absurd { what: String, value: String },
}
