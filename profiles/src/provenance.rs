//! Where a number comes from. A plan carries the worst source among the numbers it used.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How much a number can be trusted, best first: the order is used to find the worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Quality {
    /// Measured on this device or model; the source says when and with what.
    Measured,
    /// Fitted to measured rows; the source says which and with which residual.
    Fitted,
    /// Printed in a document of the maker.
    Datasheet,
    /// Assumed; the source says why.
    Assumed,
}

/// A value with its quality and its source (a URL, a row id, or a reason).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sourced<T> {
    /// The number itself.
    pub value: T,
    /// How it was obtained.
    pub quality: Quality,
    /// Where it was found, or why it was assumed. Never empty.
    pub source: String,
}
