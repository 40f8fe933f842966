//! The checked scenario: every name resolved, every unit a type, every demand with its place in the file.

use profiles::units::{
    Bytes, BytesPerSecond, Celsius, GramsPerDay, GramsPerKilowattHour, JoulesPerByte, PerSecond, Ratio, Seconds, Watts,
};
use profiles::{DeviceProfile, ModelProfile, Precision, WeightFormat};

/// Where in the file something was said: 1-based line and column. Line 0: a default, said nowhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct At {
    pub line: u32,
    pub column: u32,
}

/// A value with its place in the file.
#[derive(Clone, Debug, PartialEq)]
pub struct Said<T> {
    pub value: T,
    pub at: At,
}

/// An amount in a currency, by its three letters. All of a scenario are in one.
#[derive(Clone, Debug, PartialEq)]
pub struct Money {
    pub amount: f64,
    pub currency: String,
}

/// When a device may sleep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SleepPolicy {
    Allowed,
    Never,
    BetweenRequests,
}

/// How near a device is to who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tier {
    Device,
    Edge,
    Cloud,
}

/// A whole scenario, checked: indices below point into its own vectors.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    pub name: String,
    pub description: String,
    /// SHA-256 of the file's bytes, hex.
    pub digest: String,
    pub devices: Vec<Device>,
    pub sites: Vec<Site>,
    /// Links between sites, or between single devices (PCIe, Thunderbolt), which win over sites' links.
    pub links: Vec<Link>,
    /// Devices that may share stages, disjoint and at most [`MAX_PAIRS`].
    pub pairs: Vec<Pair>,
    pub services: Vec<Service>,
    pub limits: Limits,
    pub objective: Objective,
    /// What `planner test` checks; it changes no plan.
    pub expect: Vec<crate::expect::Expectation>,
}

/// One device instance of the fleet (`count: 3` in the file becomes three, named `pi5-1` …).
#[derive(Clone, Debug, PartialEq)]
pub struct Device {
    pub name: String,
    pub at: At,
    /// The catalogue profile with the file's overrides applied.
    pub profile: DeviceProfile,
    pub site: usize,
    /// Ambient temperature; the site's, unless said.
    pub ambient: Celsius,
    /// False for a device that must stay awake.
    pub may_sleep: bool,
    /// True where it may sleep between requests, its memory kept.
    pub naps: bool,
    pub tier: Tier,
    /// Cost of an hour in which it is awake, beside electricity.
    pub rent: Option<Said<Money>>,
    /// Ids of allowed power modes; empty: all.
    pub modes: Vec<String>,
    /// Owner's cap on this device's mean power.
    pub power_cap: Option<Said<Watts>>,
    /// Owner's share of usable memory kept free.
    pub memory_margin: Said<Ratio>,
    /// Index of the device that must be awake for this one to be (a card in its host).
    pub host: Option<usize>,
    /// Whether weights may be streamed from its storage.
    pub may_stream: bool,
    /// Two of its processors that may share a stage.
    pub together: Option<Together>,
}

/// How long two processors of one device need to meet unless the scenario says: the time of a buffer's synchronised
/// transfer on a phone's GPU, whatever its size (arXiv 2501.14794). Taken over for every other device: assumed.
pub const HANDSHAKE: Seconds = Seconds(400e-6);

/// Two processors of one device, with one memory, that may compute layers together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Together {
    /// By index in the profile. The first has a shared stage's token table and output matrix.
    pub processors: (usize, usize),
    /// How long they need to meet, each time.
    pub handshake: Seconds,
    /// What both together read from their memory with full clocks; what the faster reads alone where it is not said.
    pub memory_rate: Option<BytesPerSecond>,
    pub at: At,
}

impl Together {
    /// All that it says, wherever it stands in the file.
    #[must_use]
    pub fn terms(&self) -> ((usize, usize), Seconds, Option<BytesPerSecond>) {
        (self.processors, self.handshake, self.memory_rate)
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Site {
    pub name: String,
    pub at: At,
    pub ambient: Celsius,
    /// Link among the devices of the site.
    pub link: LinkRates,
    /// Price of a kilowatt hour.
    pub electricity: Option<Said<Money>>,
    /// Carbon dioxide (equivalent) of a kilowatt hour.
    pub carbon: Option<Said<GramsPerKilowattHour>>,
}

/// Resolved rates of a link.
#[derive(Clone, Debug, PartialEq)]
pub struct LinkRates {
    /// Catalogue id, for display.
    pub kind: String,
    pub latency: Seconds,
    pub bandwidth: BytesPerSecond,
    pub loss: Ratio,
    pub joules_per_byte: JoulesPerByte,
    pub shared: bool,
    /// Worst quality among its numbers.
    pub quality: profiles::Quality,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Link {
    pub between: (End, End),
    pub rates: LinkRates,
    pub at: At,
}

/// Most pairs of a scenario: every set of them is planned for.
pub const MAX_PAIRS: usize = 3;

/// Two devices of one site, with a link that no others use, that may compute layers together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pair {
    /// The first has a shared stage's token table and output matrix.
    pub devices: (usize, usize),
    pub at: At,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Device(usize),
    Site(usize),
}

/// A stream of requests.
#[derive(Clone, Debug, PartialEq)]
pub struct Service {
    pub name: String,
    pub at: At,
    /// Candidates, in the file's order.
    pub models: Vec<Said<ModelProfile>>,
    /// Allowed precisions; those without a kernel or a measured quality drop out later, with a reason.
    pub precisions: Vec<Precision>,
    /// Stages of one copy may differ in weight format.
    pub mixed: bool,
    /// Models that may look at every request first.
    pub prefilters: Vec<Prefilter>,
    /// Where requests may leave a candidate.
    pub early_exits: Vec<EarlyExit>,
    /// Adapters of which each request names one.
    pub adapters: Option<Adapters>,
    /// Parts of a mixture's experts that may be kept in memory instead of all.
    pub expert_caches: Vec<ExpertCache>,
    pub rate: Said<PerSecond>,
    pub arrivals: Arrivals,
    /// Prompt tokens (or items for `Feedforward`, encoder frames for `Transducer`) and answer tokens.
    pub prompt_tokens: u32,
    pub answer_tokens: u32,
    /// Bytes of one request on the wire, to the first stage, and of its answer, back.
    pub request_bytes: Bytes,
    pub answer_bytes: Bytes,
    /// Device where requests arise; `None`: they arise where the first stage is.
    pub origin: Option<usize>,
    pub deadline: Deadline,
    pub accuracy: Option<Floor>,
    pub scaling: Scaling,
    /// Replica counts to consider, inclusive.
    pub replicas: (u32, u32),
    /// Served on when any one device is lost: two replicas, each with room for all requests.
    pub survives_loss: bool,
    /// Most stages of a chain.
    pub max_stages: u32,
    /// Devices of which at least one stage must be on (pin), resolved.
    pub pins: Vec<Said<usize>>,
    /// Devices that may hold no stage.
    pub forbidden: Vec<Said<usize>>,
    /// The first block (which sees the raw prompt) must be on one of these; empty: anywhere.
    pub private_to: Vec<Said<usize>>,
    /// Services that must not share a device with this one.
    pub apart_from: Vec<Said<usize>>,
}

/// A small model that looks at every request first and passes on a share; what it holds back it answers.
#[derive(Clone, Debug, PartialEq)]
pub struct Prefilter {
    pub model: ModelProfile,
    pub weights: WeightFormat,
    /// Share of the requests that go on, (0, 1).
    pub passes: Ratio,
    /// Share of all requests that are answered wrongly because of it.
    pub loses: Ratio,
    pub at: At,
}

/// A place inside a candidate at which requests may leave with their answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EarlyExit {
    /// Index among the service's models.
    pub model: usize,
    /// Blocks that every request goes through; at least 1, fewer than the model has.
    pub after_block: u32,
    /// Share of the requests that go on, (0, 1).
    pub passes: Ratio,
    /// Share of all requests that are answered wrongly because of it.
    pub loses: Ratio,
    pub at: At,
}

/// Adapters of low rank beside a language model's weights: each request names one.
#[derive(Clone, Debug, PartialEq)]
pub struct Adapters {
    pub count: u32,
    /// Of one, for the whole model.
    pub size: Bytes,
    /// What may be kept in memory instead of all; the others are read from storage when they are asked for.
    pub kept: Option<KeptAdapters>,
    pub at: At,
}

/// A part of the adapters in memory.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KeptAdapters {
    /// At least 1, fewer than there are.
    pub count: u32,
    /// Share of the requests that find theirs missing, (0, 1].
    pub misses: Ratio,
}

/// A part of the experts of every layer in memory.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ExpertCache {
    /// Share of each layer's experts, (0, 1).
    pub holds: Ratio,
    /// Share of look-ups that find theirs there, (0, 1].
    pub hits: Ratio,
    pub at: At,
}

/// How requests arrive; decides the waiting that a percentile must cover.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrivals {
    /// Independent users: waiting grows with booked time.
    Poisson,
    /// A control loop or a camera: requests do not collide.
    Periodic,
}

/// Deadlines at a percentile of requests.
#[derive(Clone, Debug, PartialEq)]
pub struct Deadline {
    /// Share of requests that must meet it, for example 0.9.
    pub percentile: Ratio,
    pub ttft: Option<Said<Seconds>>,
    pub tpot: Option<Said<Seconds>>,
    pub total: Option<Said<Seconds>>,
}

/// Accuracy floor on a named benchmark.
#[derive(Clone, Debug, PartialEq)]
pub struct Floor {
    pub benchmark: Said<String>,
    pub at_least: Said<Ratio>,
}

/// Test-time scaling that the planner may choose.
#[derive(Clone, Debug, PartialEq)]
pub struct Scaling {
    pub methods: Vec<Method>,
    /// Sample counts to consider; always holds 1.
    pub samples: Vec<u32>,
    /// Answer-token budgets to consider; empty: the model's own length (`answer_tokens`).
    pub budgets: Vec<u32>,
    /// What closes an answer that would use its budget up; `None`: it is cut off.
    pub close: Option<Close>,
}

/// A forced close of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Close {
    /// What the model is made to say.
    pub text: String,
    /// Tokens of the budget for what follows it.
    pub tokens: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    Single,
    Majority,
    BestOfN,
}

/// Limits of the whole fleet.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// Cap on the fleet's mean power.
    pub power: Option<Said<Watts>>,
    /// Highest booked share of any processor's time.
    pub booked_time: Said<Ratio>,
    /// Highest booked share of any link.
    pub booked_link: Said<Ratio>,
    /// Mean latency score, underutilisation or mean accuracy as limits instead of objectives.
    pub latency: Option<Said<Ratio>>,
    pub underutilisation: Option<Said<Ratio>>,
    pub mean_accuracy: Option<Said<Ratio>>,
    /// Caps on the cost and the carbon of a day.
    pub cost: Option<Said<Money>>,
    pub carbon: Option<Said<GramsPerDay>>,
}

/// What is minimised; weights of a scalarisation, each objective scaled to the order of one.
#[derive(Clone, Debug, PartialEq)]
pub struct Objective {
    pub goal: Goal,
    pub at: At,
}

#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Goal {
    /// Mean power of the whole fleet, sleeping devices included.
    Power,
    /// The same divided by the request rate.
    EnergyPerRequest,
    /// Mean over services of latency over deadline.
    Latency,
    /// Mean accuracy.
    Accuracy,
    /// Right answers per joule.
    AnswersPerJoule,
    /// Cost of a day.
    Cost,
    /// Carbon dioxide of a day.
    Carbon,
}

impl Scenario {
    /// The currency of its prices; `None` without prices.
    #[must_use]
    pub fn currency(&self) -> Option<&str> {
        let sites = self.sites.iter().filter_map(|s| s.electricity.as_ref());
        let mut all = sites.chain(self.devices.iter().filter_map(|d| d.rent.as_ref())).chain(self.limits.cost.as_ref());
        all.next().map(|m| m.value.currency.as_str())
    }
}
