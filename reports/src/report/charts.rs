//! What is drawn beside the tables: rooflines, where joules and milliseconds go, the pipeline.

use super::Quality;
use serde::{Deserialize, Serialize};

/// The roofline of one processor in one power mode.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Roofline {
    pub device: String,
    pub processor: String,
    pub ceilings: Vec<Ceiling>,
    pub points: Vec<OperatingPoint>,
}

/// What a [`Ceiling`] limits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CeilingKind {
    /// `rate` is bytes per second: the slope.
    #[default]
    Bandwidth,
    /// `rate` is operations per second: the flat part.
    Peak,
}

/// One ceiling.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Ceiling {
    pub kind: CeilingKind,
    /// `memory`, or the precision of a peak: `w4`.
    pub label: String,
    /// Bytes per second or operations per second, by `kind`.
    pub rate: f64,
    pub quality: Quality,
}

/// Where a stage sits under its roofline.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OperatingPoint {
    /// `chat decode`, `chat prefill`.
    pub label: String,
    pub intensity_ops_per_byte: f64,
    pub attained_ops_per_s: f64,
    pub quality: Quality,
}

/// One piece of the fleet's mean power.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EnergyPart {
    /// Device it is spent on, or `network`.
    pub device: String,
    /// Service it is spent for; `None`: standing power that no service answers for.
    pub service: Option<String>,
    /// `idle`, `dynamic`, `leakage`, `sleep`, `network` …
    pub component: String,
    pub power_w: f64,
    /// That power over the fleet's request rate.
    pub energy_per_request_j: f64,
    /// Of fleet power, 0..1.
    pub share: f64,
    pub quality: Quality,
}

/// Where the time of one request goes, at the percentile of the service's latencies.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LatencyParts {
    pub service: String,
    pub prefill_s: f64,
    pub decode_s: f64,
    /// Messages between devices, entry and way back included.
    pub hops_s: f64,
    /// For a free processor.
    pub waiting_s: f64,
    pub total_s: f64,
    pub quality: Quality,
}

/// What a [`Bar`] stands for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BarKind {
    #[default]
    Prefill,
    Decode,
    Transfer,
    Waiting,
}

impl BarKind {
    /// The word on the page and in the JSON.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Prefill => "prefill",
            Self::Decode => "decode",
            Self::Transfer => "transfer",
            Self::Waiting => "waiting",
        }
    }
}

/// One bar of the pipeline's timeline.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Bar {
    pub service: String,
    /// Where it happens: `orin-a/gpu`, or a link.
    pub track: String,
    /// `blocks 0-14`.
    pub label: String,
    pub kind: BarKind,
    /// Since the request arrived.
    pub start_s: f64,
    pub end_s: f64,
    pub quality: Quality,
}
