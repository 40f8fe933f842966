//! What a report shows: plain values with their units in the names, filled by the planner or an agent.
//!
//! Nothing on the page is computed here, so every share, ratio, margin and sum that is to be shown is
//! a field. All numbers are finite; what is unknown or does not apply is `None`, never zero or NaN.

mod charts;
mod fleet;
mod front;
mod services;

pub use charts::{Bar, BarKind, Ceiling, CeilingKind, EnergyPart, LatencyParts, OperatingPoint, Roofline};
pub use fleet::{Device, FleetMap, MapLink, MapNode, NodeState, Pool, Processor, Traffic};
pub use front::{Baseline, FrontPoint, FrontService};
pub use services::{Service, Stage, Target};

use serde::{Deserialize, Serialize};

/// Version of the JSON form of [`Report`]; fields are only ever added under one number.
pub const SCHEMA: &str = "wattline.report/1";

/// Everything that one report shows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Report {
    /// [`SCHEMA`].
    pub schema: String,
    pub header: Header,
    /// In the order to be shown; the page puts missed and tight ones in words.
    pub targets: Vec<Target>,
    pub services: Vec<Service>,
    pub devices: Vec<Device>,
    pub totals: Totals,
    /// Mutually non-dominated plans; exactly one is `chosen`, or none when there is no front.
    pub front: Vec<FrontPoint>,
    pub baselines: Vec<Baseline>,
    pub map: FleetMap,
    /// One for each processor in use.
    pub rooflines: Vec<Roofline>,
    /// Where each joule of fleet energy goes, as mean power and joules a request.
    pub energy: Vec<EnergyPart>,
    /// Where each millisecond of a request goes, one row a service.
    pub latency: Vec<LatencyParts>,
    /// One request of each service through its pipeline. Bars of one track never overlap.
    pub timeline: Vec<Bar>,
    /// Best first; at most three are wanted.
    pub improvements: Vec<Improvement>,
    pub notes: Vec<Note>,
    pub sources: Sources,
}

/// What was planned, from what, and what is proved.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Header {
    /// Name of the scenario.
    pub title: String,
    /// One sentence for a reader in a hurry: the most important result.
    pub summary: String,
    pub scenario_file: String,
    /// Hexadecimal.
    pub scenario_sha256: String,
    pub seed: u64,
    /// Name and version of the program: `planner 0.1.0`.
    pub tool: String,
    /// Hexadecimal; `None`: no plan, infeasible.
    pub plan_id: Option<String>,
    pub parent_id: Option<String>,
    pub generation: u64,
    /// What was minimised, in words: `fleet power`.
    pub objective: String,
    /// Unit of `value` and `bound`.
    pub unit: String,
    pub value: Option<f64>,
    /// No plan of the scenario is below this.
    pub bound: Option<f64>,
    /// `(value - bound) / value`.
    pub gap: Option<f64>,
    /// `optimal`, `within 2 % of optimal`, `stopped` …; shown as it stands.
    pub status: String,
    /// Machine that the planner ran on; `None` keeps the page the same on every machine.
    pub machine: Option<String>,
}

/// How much a number can be trusted. Shown beside the number in words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Quality {
    Measured,
    Fitted,
    Datasheet,
    Assumed,
    /// Came out of the physics: as good as what went in, see [`Sources`].
    #[default]
    Modelled,
}

impl Quality {
    /// The word on the page and in the JSON.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Measured => "measured",
            Self::Fitted => "fitted",
            Self::Datasheet => "datasheet",
            Self::Assumed => "assumed",
            Self::Modelled => "modelled",
        }
    }
}

/// The fleet under the plan.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Totals {
    /// Mean power of the whole fleet, sleeping devices and network included.
    pub power_w: f64,
    pub energy_per_request_j: f64,
    /// Rate-weighted mean.
    pub mean_latency_s: f64,
    /// Rate-weighted mean share of right answers, 0..1.
    pub accuracy: Option<f64>,
    /// Mean power while answering.
    pub answering_power_w: Option<f64>,
    /// Accuracy over `answering_power_w`, per watt.
    pub ipw: Option<f64>,
    /// Accuracy over `power_w`, per watt.
    pub ipw_fleet: Option<f64>,
    /// Right answers per kilojoule of fleet energy.
    pub answers_per_kj: Option<f64>,
    /// Mean of latency over its reference.
    pub latency_score: f64,
    /// Share of awake devices' time that nothing is booked for.
    pub underuse: f64,
    pub awake_devices: u32,
    pub devices: u32,
    pub throttled_devices: u32,
    pub requests_per_s: f64,
    pub quality: Quality,
}

/// A change that would make the plan better, found by solving again.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Improvement {
    /// What to do: `raise orin-a's power cap from 15 W to 25 W`.
    pub text: String,
    /// What it brings, in words: `energy per request -12 %, latency -38 %`.
    pub saving: String,
    /// Change of fleet power, negative is better; `None`: not computed.
    pub power_change_w: Option<f64>,
    pub energy_change_j: Option<f64>,
    pub latency_change_s: Option<f64>,
    pub accuracy_change: Option<f64>,
    pub quality: Quality,
}

/// Something the reader must know: an assumption, a dropped option, a caveat.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Note {
    /// `assumption`, `dropped option`, `caveat` …; notes of one kind are shown together.
    pub kind: String,
    /// What it is about: a device, service or number; may be empty.
    pub subject: String,
    pub text: String,
}

/// What the numbers rest on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sources {
    /// Worst quality among all numbers used.
    pub worst: Quality,
    pub measured: u32,
    pub fitted: u32,
    pub datasheet: u32,
    pub assumed: u32,
}
