//! The plan: an immutable value with a hash, a parent and a generation, complete enough that an agent has no choice left.
//!
//! Numbers are plain JSON numbers with their unit in the name. Everything under `expected` is modelled,
//! never measured; `sources` says what the model was fed with.

use profiles::{Precision, Quality, WeightFormat};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub const SCHEMA: &str = "wattline.plan/1";

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// [`SCHEMA`].
    pub schema: String,
    /// SHA-256 of this plan's canonical bytes with `id` empty.
    pub id: String,
    /// Plan that this one replaces.
    pub parent: Option<String>,
    /// One more than the parent's; 1 without a parent.
    pub generation: u64,
    /// Name of the scenario, which names the fleet.
    pub fleet: String,
    /// SHA-256 of the scenario file.
    pub scenario: String,
    /// Version of the planner.
    pub planner: String,
    pub seed: u64,
    pub devices: Vec<PlannedDevice>,
    pub services: Vec<PlannedService>,
    pub totals: Totals,
    pub certificate: Certificate,
    pub sources: Sources,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlannedDevice {
    pub name: String,
    /// Catalogue id.
    pub profile: String,
    pub site: String,
    pub awake: bool,
    /// Power mode to set; `None` asleep.
    pub mode: Option<PlannedMode>,
    pub expected: DeviceExpectation,
    /// What telemetry made of its profile before it was planned with; `None`: the profile as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fitted: Option<Fitted>,
}

/// How far a device is from its profile, by what it said while it served.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Fitted {
    /// Measured time of a step over the profile's: the profile's rates are divided by it, its times multiplied.
    pub time: f64,
    /// Measured power over the profile's, by which its watts and joules are multiplied; `None`: no sensor measured it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub power: Option<f64>,
    /// Windows of telemetry that they are medians of.
    pub samples: u32,
    /// Never better than `fitted`.
    pub quality: Quality,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlannedMode {
    /// Id of the power mode in the profile.
    pub id: String,
    /// Clock factor set on top of the mode, (0, 1]; 1: none.
    pub clock: f64,
    /// True where heat or a cap forces the clock: the same load at the mode's full clock would pass the
    /// throttle temperature or the cap. False where a lower clock is chosen because it saves energy.
    pub throttled: bool,
    /// Highest booked share of each processor that the latencies assume.
    pub booked_cap: f64,
    /// True where the device sleeps between requests, its memory kept, and each request wakes it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub naps: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeviceExpectation {
    /// Mean power over the window, leakage included; the sleep power when asleep.
    pub power_w: f64,
    /// Of work; of a device that sleeps between requests also what being woken and awake costs above sleep.
    pub dynamic_w: f64,
    pub leakage_w: f64,
    /// Steady temperature.
    pub temperature_c: f64,
    pub throttle_c: f64,
    /// Thermal yield Phi at that temperature, 0..1.
    pub phi: f64,
    pub pools: Vec<PoolUse>,
    pub processors: Vec<ProcessorUse>,
    /// Wakings a second of a device that sleeps between requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wakes_hz: Option<f64>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PoolUse {
    pub pool: String,
    pub resident_bytes: f64,
    pub usable_bytes: f64,
    /// What the owner's margin and the pressure knee leave.
    pub limit_bytes: f64,
    /// `resident / usable`.
    pub cpq: f64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProcessorUse {
    pub processor: String,
    /// Booked share of time.
    pub booked: f64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlannedService {
    pub name: String,
    /// Catalogue id of the model.
    pub model: String,
    pub precision: Precision,
    pub bits_per_weight: f64,
    pub scaling: PlannedScaling,
    /// Model that looks at every request first; `None`: the service's model sees all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<PlannedFilter>,
    /// Where requests may leave the model with their answer; `None`: all go through.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit: Option<PlannedExit>,
    /// How the adapters are held of which each request names one; `None`: requests name none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adapters: Option<PlannedAdapters>,
    /// What of a mixture's experts is in memory; `None`: all, or as each stage's resident share says of all weights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub experts: Option<PlannedExperts>,
    pub rate_hz: f64,
    pub replicas: Vec<Replica>,
    pub expected: ServiceExpectation,
    /// The demands and what the plan makes of them.
    pub targets: Vec<Target>,
}

/// A small model in front of a service's: it passes on a share of the requests and answers the others itself. It is the
/// beginning of the first stage of each replica ([`PlannedStage::filters`]).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlannedFilter {
    /// Catalogue id.
    pub model: String,
    pub weights: WeightFormat,
    /// Share of the requests that go on, (0, 1).
    pub passes: f64,
    /// Share of all requests that are answered wrongly because of it; counted in the expected accuracy.
    pub loses: f64,
}

/// An exit inside a model: a share of the requests goes on behind it, the others leave with their answer.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlannedExit {
    /// Blocks that every request goes through.
    pub after_block: u32,
    /// As [`PlannedFilter::passes`] and [`PlannedFilter::loses`].
    pub passes: f64,
    pub loses: f64,
}

/// Adapters of low rank beside a model's weights. Each stage has those of its layers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlannedAdapters {
    pub count: u32,
    /// Of one, for the whole model.
    pub bytes: f64,
    /// In memory at once; the others are read from storage when a request names them.
    pub kept: u32,
    /// Share of the requests that find theirs missing; 0 where all are kept.
    pub misses: f64,
}

/// A part of the experts of every layer in memory; the others are read from storage when a token is routed to them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlannedExperts {
    /// Share of each layer's experts, (0, 1).
    pub holds: f64,
    /// Share of look-ups that find theirs in memory.
    pub hits: f64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlannedScaling {
    /// `single`, `majority` or `best-of-n`.
    pub method: String,
    pub samples: u32,
    /// Answer-token budget a sample; `None`: the model's own length.
    pub token_budget: Option<u32>,
    /// How an answer is closed that would use its budget up; `None`: it is cut off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub close: Option<PlannedClose>,
}

/// A forced close: within the budget the model is made to say a text, and may go on from there for the rest of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlannedClose {
    pub text: String,
    /// Tokens of the budget that are kept for what follows the text.
    pub tokens: u32,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Replica {
    /// Share of the service's requests.
    pub share: f64,
    pub stages: Vec<PlannedStage>,
    /// At the service's percentile, of a request that goes through all stages.
    pub ttft_s: f64,
    pub tpot_s: f64,
    pub total_s: f64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlannedStage {
    pub device: String,
    pub processor: String,
    /// True where it begins with the service's filter; it then has no block of the model where `end` is 0.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub filters: bool,
    /// First block.
    pub start: u32,
    /// One past the last block.
    pub end: u32,
    /// Share of the service's requests that get to it; `None`: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reached: Option<f64>,
    /// Format of this stage's weights where it is another than the service's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights: Option<WeightFormat>,
    /// Share of the stage's weights kept in memory; the rest is streamed from storage each pass.
    pub resident_share: f64,
    /// Weights, KV cache for the booked concurrency, activations, runtime.
    pub memory_bytes: f64,
    /// Per request of the service, mean over those that get to each block and those that do not; waiting not included;
    /// where the device sleeps between requests its waking included.
    pub busy_s: f64,
    /// Likewise, what being awake costs above sleep included.
    pub dynamic_j: f64,
    /// Arithmetic saturation of the decode (or only) passes, 0..1.
    pub dasi: f64,
    /// Memory saturation likewise.
    pub memory_saturation: f64,
    /// Who computes every layer of this stage together with `device` (tensor parallelism): another device, or another
    /// processor of the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partner: Option<PlannedPartner>,
}

impl PlannedStage {
    /// Who computes it: its own device, then its partner's where that is another.
    pub fn devices(&self) -> impl Iterator<Item = &str> {
        let other = self.partner.iter().map(|p| p.device.as_str()).filter(|d| *d != self.device);
        std::iter::once(self.device.as_str()).chain(other)
    }
}

/// The second device of a stage that two share: it has the last KV heads of every layer, each with the query heads
/// that share it, and as large a part of the MLP's width; the stage's own device has the rest, and its numbers are
/// those of its own part. Partial sums of the two meet twice a layer.
///
/// Or the second processor of the stage's own device: then weights and cache are in its memory once, and the stage's
/// `memory_bytes` are those of both.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlannedPartner {
    pub device: String,
    pub processor: String,
    /// How many of the model's KV heads it has, at least 1; the stage's device has at least 1 too.
    pub kv_heads: u32,
    /// As the stage's fields of the same names, of its part.
    pub memory_bytes: f64,
    pub busy_s: f64,
    pub dynamic_j: f64,
    pub dasi: f64,
    pub memory_saturation: f64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServiceExpectation {
    /// Share of right answers, 0..1, with its benchmark; `None`: no measured quality was asked for.
    pub accuracy: Option<f64>,
    pub benchmark: Option<String>,
    /// Energy per request that this service answers for: dynamic, network, standing while it runs.
    pub energy_j: f64,
    /// Mean time a request takes, waiting not included; of those that a filter holds back or that leave early what they take.
    pub service_s: f64,
}

/// One demand against the plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// `ttft p90`, `accuracy gsm8k`, `memory`, `temperature` …
    pub what: String,
    pub limit: f64,
    pub value: f64,
    pub unit: String,
    /// True: `value` must not exceed `limit`; false: must reach it.
    pub at_most: bool,
    /// Relative room left; negative: missed.
    pub margin: f64,
    /// Line of the scenario that asks for it; 0: a default.
    pub line: u32,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Totals {
    /// Mean power of the whole fleet over the window, sleeping devices and network included.
    pub power_w: f64,
    /// That power over the request rate of all services.
    pub energy_per_request_j: f64,
    /// Rate-weighted mean of requests' service time.
    pub mean_latency_s: f64,
    /// Rate-weighted mean accuracy over services that have one.
    pub accuracy: Option<f64>,
    /// Mean power while answering: energy that answers account for over time spent answering.
    pub answering_power_w: f64,
    /// Mean accuracy (fraction) over `answering_power_w`.
    pub ipw: Option<f64>,
    /// Mean accuracy (fraction) over `power_w`.
    pub ipw_fleet: Option<f64>,
    /// Expected right answers per kilojoule of fleet energy.
    pub answers_per_kj: Option<f64>,
    pub latency_score: f64,
    pub underutilisation: f64,
    pub throttled_devices: u32,
    /// Electricity and rent of a day, where the scenario has prices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_per_day: Option<f64>,
    /// Of `cost_per_day`, three letters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// Carbon dioxide (equivalent) of a day, where a site says what a kilowatt hour is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub carbon_g_per_day: Option<f64>,
    pub targets: Vec<Target>,
}

/// What is proved about the plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Certificate {
    /// What was minimised.
    pub objective: String,
    pub unit: String,
    pub value: f64,
    /// No plan of this scenario is below this.
    pub bound: f64,
    /// `(value - bound) / value`.
    pub gap: f64,
    /// `optimal`, `gap`, or `stopped`.
    pub status: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sources {
    /// Worst quality among all numbers used.
    pub worst: Quality,
    pub measured: u32,
    pub fitted: u32,
    pub datasheet: u32,
    pub assumed: u32,
    /// Assumed numbers that the plan rests on, by name, most influential first.
    pub assumptions: Vec<String>,
}
