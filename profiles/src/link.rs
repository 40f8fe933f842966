//! A link between two devices or sites.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::provenance::Sourced;
use crate::units::{BytesPerSecond, JoulesPerByte, Ratio, Seconds};

/// A kind of link as the catalogue knows it (gigabit Ethernet, Wi-Fi 5, PCIe, loopback).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LinkProfile {
    pub id: String,
    pub name: String,
    /// One-way latency of a small message, software included.
    pub latency: Sourced<Seconds>,
    pub bandwidth: Sourced<BytesPerSecond>,
    /// Share of packets lost, [0, 1).
    pub loss: Sourced<Ratio>,
    /// Energy per byte, both ends together.
    pub joules_per_byte: Sourced<JoulesPerByte>,
    /// True where all devices of a site share the medium (Wi-Fi, a hub): then the rate is one budget.
    pub shared: bool,
}
