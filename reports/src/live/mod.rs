//! A fleet at work: what it was planned to do beside what its agents say, as one page that keeps itself fresh.
//!
//! As everywhere here nothing is computed: ages, totals, comparisons and the words of a state are fields.

mod grids;
mod page;

pub use page::{LIVE_POLICY, live, live_main};

use crate::report::Quality;
use serde::{Deserialize, Serialize};

/// Version of the JSON form of [`Live`]; fields are only ever added under one number.
pub const LIVE_SCHEMA: &str = "wattline.live/1";

/// Everything that the page of a running fleet shows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Live {
    /// [`LIVE_SCHEMA`].
    pub schema: String,
    pub fleet: String,
    pub scenario_file: String,
    /// Name and version of the program.
    pub tool: String,
    /// Agent that was asked.
    pub through: String,
    /// When this was so: date and time, UTC.
    pub at: String,
    /// How the fleet stands.
    pub standing: Standing,
    /// The same in a sentence.
    pub summary: String,
    /// What the planner does now: `watching`, `planning without pi-2`.
    pub doing: String,
    pub plan: Option<LivePlan>,
    /// Power of the whole fleet.
    pub planned_power_w: Option<f64>,
    pub power: Seen,
    pub devices: Vec<LiveDevice>,
    pub services: Vec<LiveService>,
    /// Newest first.
    pub events: Vec<LiveEvent>,
    /// What the agent that was asked has noted.
    pub notes: Vec<String>,
}

/// How something stands; shown as a badge with words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// As planned.
    Fine,
    /// Not as planned, and being mended or harmless.
    Odd,
    /// Broken.
    Bad,
    #[default]
    Neutral,
}

/// A value as it was seen, or why it was not.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Seen {
    pub value: Option<f64>,
    /// Of the value.
    pub quality: Quality,
    /// Why there is none; or what the value covers.
    pub why: String,
    /// How long ago it was said, where that is too long to be now. Seconds.
    pub old_s: Option<f64>,
}

/// The plan that the fleet works towards.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LivePlan {
    pub id: String,
    pub parent_id: Option<String>,
    pub generation: u64,
    pub objective: String,
    pub unit: String,
    pub value: f64,
    pub bound: f64,
    pub gap: f64,
    /// `optimal`, `gap`, `stopped`.
    pub status: String,
    /// Who runs what.
    pub stages: Vec<LiveStage>,
}

/// Blocks of a model on a device.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LiveStage {
    pub service: String,
    pub replica: u32,
    pub device: String,
    pub model: String,
    pub start: u32,
    /// One past the last block.
    pub end: u32,
    /// `w4`.
    pub weights: String,
    pub memory_bytes: f64,
}

/// One device of the fleet.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LiveDevice {
    pub name: String,
    pub standing: Standing,
    /// `serving`, `lost`, `asleep as planned`, `rolled back`.
    pub state: String,
    /// Where it stands with its plan, as it says: `serving`, `loading`; `None`: it was not heard.
    pub phase: Option<String>,
    /// Generation that it serves.
    pub generation: Option<u64>,
    /// Share of its planned load that it takes, 0..1.
    pub share: Option<f64>,
    pub planned_power_w: Option<f64>,
    pub power: Seen,
    pub planned_temperature_c: Option<f64>,
    pub throttle_c: Option<f64>,
    /// °C.
    pub temperature: Seen,
    /// Share of time that something waited for memory, 0..1.
    pub pressure: Seen,
    /// Bytes of models in memory.
    pub memory: Seen,
    /// Whether heat or a cap holds its clock back: `yes`, `no`, or why that is not known.
    pub throttled: String,
    /// Seconds since it was heard.
    pub heard_s: Option<f64>,
    /// Its own note.
    pub note: String,
    /// Measured over its profile's, by what it serves: time of a step, and power.
    pub time_factor: Seen,
    pub power_factor: Seen,
    /// Power over the last minutes.
    pub history: Vec<Moment>,
}

/// A value of the past.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Moment {
    pub ago_s: f64,
    pub value: f64,
}

/// One pipeline of a service.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LiveService {
    pub name: String,
    pub replica: u32,
    pub model: String,
    pub precision: String,
    /// Devices in the order of the pipeline.
    pub devices: String,
    /// Window of the counts and percentiles, seconds.
    pub window_s: Option<f64>,
    pub requests: Option<u64>,
    pub failed: Option<u64>,
    pub tokens: Option<u64>,
    /// Why there are no counts.
    pub why: String,
    pub ttft: Compared,
    pub tpot: Compared,
    /// Joules an answer.
    pub energy: Compared,
}

/// What was predicted beside what was seen.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Compared {
    pub predicted: Option<f64>,
    /// What the prediction is of: `p90`, `an answer`.
    pub of: String,
    /// At the same percentile where it is told, else the nearest that is.
    pub seen: Seen,
    /// The median, where `seen` is another percentile.
    pub median: Option<f64>,
    /// `seen / predicted - 1`.
    pub off: Option<f64>,
}

/// Something that happened.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LiveEvent {
    /// Date and time, UTC.
    pub at: String,
    pub standing: Standing,
    /// `lost`, `back`, `planning`, `served`, `rolled back`, `failed`.
    pub what: String,
    /// Device or plan.
    pub subject: String,
    pub text: String,
}
