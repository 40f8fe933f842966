//! Services as planned and the demands on them.

use super::Quality;
use serde::{Deserialize, Serialize};

/// One demand against the plan.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Target {
    /// Service or device that it is about, or `fleet`.
    pub subject: String,
    /// `first token p90`, `accuracy gsm8k`, `temperature` …
    pub what: String,
    pub limit: f64,
    pub value: f64,
    /// Unit of both, as shown: `s`, `W`, `°C`, `bytes`, `1` for a fraction.
    pub unit: String,
    /// True: `value` must not exceed `limit`; false: must reach it.
    pub at_most: bool,
    /// Relative room left; negative: missed.
    pub margin: f64,
    /// True: met, with less than a tenth to spare.
    pub tight: bool,
    pub missed: bool,
    /// Line of the scenario file that asks for it; 0: a default.
    pub line: u32,
    pub quality: Quality,
}

/// One service as planned.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Service {
    pub name: String,
    pub model: String,
    /// Weights in words, `w4`; mixed precision as the planner writes it.
    pub precision: String,
    /// True bits per weight, block scales included.
    pub bits_per_weight: f64,
    pub kv_bits: u32,
    pub activation_bits: u32,
    /// Test-time scaling in words: `single`, `majority of 8`, `best of 4, 512 tokens`.
    pub scaling: String,
    pub rate_hz: f64,
    pub replicas: u32,
    pub stages: Vec<Stage>,
    /// Share of right answers, 0..1.
    pub accuracy: Option<f64>,
    pub benchmark: Option<String>,
    pub accuracy_quality: Option<Quality>,
    /// Percentile of the three latencies, in words: `p90`.
    pub percentile: String,
    /// Time to first token.
    pub ttft_s: f64,
    /// Time per output token; `None`: the service has no decode.
    pub tpot_s: Option<f64>,
    /// Whole request.
    pub total_s: f64,
    pub energy_per_request_j: f64,
    /// `None`: the service counts no tokens.
    pub energy_per_token_j: Option<f64>,
    /// Why this and not another way, in one line.
    pub why: String,
    pub quality: Quality,
}

/// A contiguous run of a model's blocks on one processor.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Stage {
    /// 0-based.
    pub replica: u32,
    /// Share of the service's requests that its replica serves.
    pub share: f64,
    pub device: String,
    pub processor: String,
    /// First block.
    pub start: u32,
    /// One past the last block.
    pub end: u32,
    pub memory_bytes: f64,
    /// Share of the weights kept in memory; the rest is streamed from storage each pass.
    pub resident_share: f64,
    /// Per request, waiting not included.
    pub busy_s: f64,
    pub dynamic_j: f64,
    /// Arithmetic saturation, 0..1.
    pub dasi: f64,
    /// Memory saturation, 0..1.
    pub memory_saturation: f64,
}
