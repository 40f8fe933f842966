//! What an agent measures, once a second or slower; any of it may be lost.
//!
//! A value that was not measured is absent. Shares are 0 to 1, times in seconds.

use crate::id::{Name, PlanId};
use crate::limits::{ENTRIES, TELEMETRY_BYTES};
use crate::schema::{self, ReadError};
use profiles::Quality;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Telemetry {
    /// [`schema::TELEMETRY`].
    pub schema: String,
    pub agent: Name,
    /// Length of the window that rates and percentiles are over.
    pub window_s: f64,
    #[serde(default)]
    pub power_w: Option<Measured>,
    /// Since the agent started.
    #[serde(default)]
    pub energy_j: Option<Measured>,
    #[serde(default)]
    pub temperature_c: Option<f64>,
    #[serde(default)]
    pub memory_bytes: Option<f64>,
    /// Linux's pressure stall: share of time that something waited for memory.
    #[serde(default)]
    pub memory_pressure: Option<f64>,
    #[serde(default)]
    pub throttled: Option<bool>,
    /// Why a value is absent, in words, by its field: `power_w` → `no power sensor`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub missing: BTreeMap<String, String>,
    #[serde(default)]
    pub services: Vec<ServiceSample>,
    #[serde(default)]
    pub links: Vec<LinkSample>,
    #[serde(default)]
    pub stages: Vec<StageSample>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    pub value: f64,
    pub quality: Quality,
}

/// One pipeline's requests, said by its entry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ServiceSample {
    pub service: Name,
    pub replica: u32,
    pub plan: PlanId,
    pub requests: u64,
    pub failed: u64,
    pub tokens: u64,
    #[serde(default)]
    pub ttft_p50_s: Option<f64>,
    #[serde(default)]
    pub ttft_p90_s: Option<f64>,
    #[serde(default)]
    pub tpot_p50_s: Option<f64>,
    #[serde(default)]
    pub tpot_p90_s: Option<f64>,
}

/// Steps of one stage, said by whom computes it: each a pass that appends one token to each of `rows` sequences. Waiting
/// and what other stages take are not in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StageSample {
    pub service: Name,
    pub replica: u32,
    /// Place in the pipeline, from 0.
    pub stage: u32,
    pub plan: PlanId,
    /// Sequences of a step; where they differed, those of most steps.
    pub rows: u32,
    /// Steps of that many.
    pub steps: u64,
    /// Median of a step.
    pub step_p50_s: f64,
}

/// The way to one neighbour.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LinkSample {
    pub to: Name,
    pub rtt_p50_s: f64,
    pub rtt_p99_s: f64,
    #[serde(default)]
    pub rate_bps: Option<f64>,
    #[serde(default)]
    pub loss: Option<f64>,
}

impl Telemetry {
    /// Reads a telemetry message.
    ///
    /// # Errors
    /// When it is too long, of another schema, malformed, or says what cannot be.
    pub fn read(bytes: &[u8]) -> Result<Self, ReadError> {
        let t: Self = schema::read(bytes, schema::TELEMETRY, TELEMETRY_BYTES)?;
        let invalid = |why: String| Err(ReadError::Invalid { what: schema::TELEMETRY, why });
        if [t.services.len(), t.links.len(), t.missing.len(), t.stages.len()].into_iter().any(|n| n > ENTRIES) {
            return invalid(format!("a list of more than {ENTRIES}"));
        }
        let amounts = [t.power_w.map(|m| m.value), t.energy_j.map(|m| m.value), t.memory_bytes, Some(t.window_s)];
        let times = t.services.iter().flat_map(|s| [s.ttft_p50_s, s.ttft_p90_s, s.tpot_p50_s, s.tpot_p90_s]);
        let links = t.links.iter().flat_map(|l| [Some(l.rtt_p50_s), Some(l.rtt_p99_s), l.rate_bps]);
        let steps = t.stages.iter().map(|s| Some(s.step_p50_s));
        if let Some(v) = amounts.into_iter().chain(times).chain(links).chain(steps).flatten().find(|v| *v < 0.0) {
            return invalid(format!("{v} where nothing can be negative"));
        }
        let shares = t.links.iter().map(|l| l.loss).chain([t.memory_pressure]);
        if let Some(v) = shares.flatten().find(|v| !(0.0..=1.0).contains(v)) {
            return invalid(format!("share {v} is not 0 to 1"));
        }
        Ok(t)
    }
}
