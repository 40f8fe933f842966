//! The cost table: the wall between physics and search.
//!
//! Search sees no watt formula, physics sees no plan. Everything here is linear in what a plan
//! decides, except one convex piecewise-linear power curve per device and mode; so the same table
//! serves annealing, the exact split and the integer program, and any other problem of this shape
//! (a benchmark instance) can be stated as one.
//!
//! Units: seconds, joules, watts, bytes, requests per second; shares are fractions.

mod describe;
mod evaluate;

pub use describe::describe;
pub use evaluate::{Evaluation, TOLERANCE, Violation, evaluate};
pub(crate) use evaluate::{eased, over};

/// Index of a [`Place`] in [`Table::places`].
pub type PlaceId = u32;

/// A whole planning problem in numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    pub devices: Vec<Device>,
    /// Modes of all devices, each device's in a run.
    pub modes: Vec<Mode>,
    /// Places of all modes, each mode's in a run.
    pub places: Vec<Place>,
    /// Memory pools of all devices.
    pub pools: Vec<Pool>,
    /// Links with a rate that several hops share.
    pub segments: Vec<Segment>,
    /// Row-major `devices x devices`: from, to. The diagonal is the copy between two processors of one device.
    pub hops: Vec<Hop>,
    pub services: Vec<Service>,
    /// Other accounts that power and waking are booked on: money, carbon. Mostly none.
    pub bills: Vec<Bill>,
    /// Cap on fleet power, watts; infinite when none.
    pub power_cap_w: f64,
    /// Caps on the other objectives, infinite when none.
    pub latency_cap: f64,
    pub inaccuracy_cap: f64,
    pub underuse_cap: f64,
    /// Weights of the scalarised objective.
    pub weights: Weights,
}

/// What is minimised: `power_w * power + latency * latency + inaccuracy * inaccuracy + underuse * underuse`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Weights {
    /// Per watt of fleet power.
    pub power: f64,
    /// Per unit of mean latency score.
    pub latency: f64,
    /// Per unit of mean (1 - accuracy).
    pub inaccuracy: f64,
    /// Per unit of underutilisation.
    pub underuse: f64,
}

/// An account beside watts: money or carbon of a day. Linear in the mean power of every device and in which are awake.
#[derive(Clone, Debug, PartialEq)]
pub struct Bill {
    /// `cost`, `carbon`.
    pub name: String,
    /// By device: what a watt of mean power adds.
    pub per_w: Vec<f64>,
    /// By device: what being awake adds, whatever it draws.
    pub awake: Vec<f64>,
    /// What a watt of messages adds.
    pub network_per_w: f64,
    /// Highest sum; infinite when none.
    pub cap: f64,
    /// Weight in the objective; zero: a limit or a number only.
    pub weight: f64,
}

/// Bills of a table at most.
pub const BILLS: usize = 2;

/// One device. It sleeps unless a stage is placed on it, it may not sleep, or a device in use needs it.
#[derive(Clone, Debug, PartialEq)]
pub struct Device {
    pub name: String,
    /// Power while it sleeps, watts.
    pub sleep_w: f64,
    pub may_sleep: bool,
    /// Device that must be awake whenever this one is.
    pub needs: Option<u32>,
    /// Its modes: a range of [`Table::modes`].
    pub modes: std::ops::Range<u32>,
    /// Equal numbers mark devices that are interchangeable (same rows and hops), for symmetry.
    pub class: u32,
}

/// One power mode of one device at one load level: a device in use is in exactly one.
#[derive(Clone, Debug, PartialEq)]
pub struct Mode {
    pub device: u32,
    /// For display: `15W`, `15W@0.8` when clocks are lowered to stay cool.
    pub name: String,
    /// True when its clocks are below the profile's for temperature's or the cap's sake.
    pub throttled: bool,
    /// Highest booked share of each processor's time.
    pub booked_cap: f64,
    /// Highest mean dynamic power, watts: what cooling and the owner's cap sustain.
    pub dynamic_cap_w: f64,
    /// Mean device power when awake, leakage included, is the largest of these lines of mean dynamic power.
    pub curve: Vec<Line>,
    /// Its places: a range of [`Table::places`].
    pub places: std::ops::Range<u32>,
}

/// `base_w + slope * dynamic_w`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Line {
    pub base_w: f64,
    pub slope: f64,
}

/// A processor of a device in a mode: where a stage runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Place {
    pub mode: u32,
    pub device: u32,
    /// Number of the processor within the device; two that work together have a number of their own.
    pub processor: u32,
    /// Memory that its stages fill: an index into [`Table::pools`].
    pub pool: u32,
    /// First place of its queue in its mode, which is its processor's, or one of processors that also work together: time is
    /// booked there, and a chain has at most one stage on it.
    pub slot: PlaceId,
    /// Number among the places of its processor: which of an option's weight formats runs here, 0 the option's own.
    pub format: u32,
}

/// One memory pool of one device.
#[derive(Clone, Debug, PartialEq)]
pub struct Pool {
    pub device: u32,
    pub name: String,
    /// After the owner's margin and below the pressure knee.
    pub capacity_bytes: f64,
}

/// A link whose rate is a budget.
#[derive(Clone, Debug, PartialEq)]
pub struct Segment {
    pub name: String,
    /// Bytes per second that plans may book.
    pub capacity_bytes_s: f64,
}

/// Cost of a message between two devices. Unreachable pairs have infinite `latency_s`.
#[derive(Clone, Debug, PartialEq)]
pub struct Hop {
    pub latency_s: f64,
    pub s_per_byte: f64,
    pub j_per_byte: f64,
    /// Budgets that the bytes are booked on.
    pub segments: Vec<u32>,
}

/// A stream of requests that must be served.
#[derive(Clone, Debug, PartialEq)]
pub struct Service {
    pub name: String,
    pub rate_hz: f64,
    /// Limits on every chain; infinite when none.
    pub ttft_cap_s: f64,
    pub tpot_cap_s: f64,
    pub total_cap_s: f64,
    /// A chain's latency score is its `total_s` over this.
    pub total_ref_s: f64,
    /// Share of this service in the mean latency score; shares add to one.
    pub share: f64,
    /// Share of this service in the mean accuracy (its share of all requests); shares add to one.
    pub answer_share: f64,
    /// Devices that every chain must touch at least one of, one list per pin.
    pub pins: Vec<Vec<u32>>,
    /// Devices that may hold the first block; empty: any.
    pub first: Vec<u32>,
    /// Services that must share no device with this one.
    pub apart: Vec<u32>,
    /// Cost of not serving it, for the search for conflicts; infinite when it must be served.
    pub skip_cost: f64,
    pub options: Vec<Choice>,
}

/// One way to serve: model, precision, test-time scaling, replica count; everything but the places.
#[derive(Clone, Debug, PartialEq)]
pub struct Choice {
    /// Number that physics gave it, to find its meaning again.
    pub label: u32,
    /// Blocks in the chain.
    pub blocks: u32,
    /// Chains on disjoint devices, each serving an equal share of the requests.
    pub replicas: u32,
    /// Expected share of right answers.
    pub accuracy: f64,
    /// Most stages of a chain.
    pub max_stages: u32,
    /// By [`PlaceId`]; `None` where it cannot run.
    pub at: Vec<Option<BlockCosts>>,
    /// By device: from the origin to the first stage, and from the last stage back. Empty: free.
    pub enter: Vec<Transfer>,
    pub leave: Vec<Transfer>,
    /// By block `b` in `1..blocks`: what crosses when a stage ends before block `b`; index 0 is unused.
    pub cuts: Vec<Cut>,
    /// Block with which each decode pass begins; blocks before it run once a request.
    pub loop_start: u32,
    /// Bytes of the message from the last stage to the one with [`Choice::loop_start`] that starts each decode pass.
    pub return_bytes: f64,
    /// Decode passes of one request.
    pub passes: f64,
}

/// Costs of one request on one place as prefix sums over blocks: entry `b` covers blocks `0..b`.
/// A stage `s..e` costs `sum[e] - sum[s]` and what its beginning costs ([`BlockCosts::begin`]).
///
/// Times are those of a request that goes through all blocks; `busy_s` and `dynamic_j` are means over all requests,
/// of which some blocks may see a share only.
///
/// Two entries, nothing and one block, stand for any number of blocks that cost alike: a fleet of
/// hundreds of devices would else hold the same numbers dozens of times over.
#[derive(Clone, Debug, PartialEq)]
pub struct BlockCosts {
    pub sum: Vec<Cost>,
    pub per_stage: Cost,
    /// By first block, where stages do not all begin alike; else empty.
    pub begins: Vec<Cost>,
}

/// What a request costs, or a part of one.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cost {
    /// Time to first token, waiting at the percentile included.
    pub ttft_s: f64,
    /// Time per output token, likewise.
    pub tpot_s: f64,
    /// Whole request, likewise.
    pub total_s: f64,
    /// Processor time that it books, waiting not included.
    pub busy_s: f64,
    /// Dynamic energy on the device.
    pub dynamic_j: f64,
    /// Resident memory (not per request: for the booked concurrency of this replica).
    pub bytes: f64,
}

/// A message that is not between stages.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Transfer {
    pub ttft_s: f64,
    pub total_s: f64,
    pub energy_j: f64,
    pub bytes: f64,
    pub segments: Vec<u32>,
}

/// What crosses one cut for one request that crosses it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cut {
    /// In the prefill pass.
    pub prefill_bytes: f64,
    /// In each decode pass.
    pub decode_bytes: f64,
    /// Share of the requests that cross it.
    pub share: f64,
}

impl Default for Cut {
    /// No bytes, every request.
    fn default() -> Self {
        Cut { prefill_bytes: 0.0, decode_bytes: 0.0, share: 1.0 }
    }
}

/// A message between two stages of a chain, or back for the next decode pass.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Message {
    /// Numbers of the chain's stages.
    pub from: usize,
    pub to: usize,
    /// Bytes of the prefill pass; `None`: it has no such message.
    pub prefill: Option<f64>,
    /// Bytes of each decode pass; `None`: likewise.
    pub decode: Option<f64>,
    /// Share of the requests that send it: what energy and rates are booked for.
    pub share: f64,
}

impl Choice {
    /// Messages of a chain whose stages start at these blocks, in order of time.
    pub fn messages<'c>(&'c self, start: impl Fn(usize) -> u32 + 'c, stages: usize) -> impl Iterator<Item = Message> + 'c {
        let decodes = self.passes > 0.0;
        let last = stages.saturating_sub(1);
        // The stage with the first block of a decode pass: the last that starts no later.
        let again = (0..stages).rev().find(|&i| start(i) <= self.loop_start).unwrap_or(0);
        let back = (decodes && again < last).then(|| Message {
            from: last,
            to: again,
            prefill: None,
            decode: Some(self.return_bytes),
            share: self.cuts.last().map_or(1.0, |c| c.share),
        });
        let between = (1..stages).map(move |i| {
            let cut = self.cuts[start(i) as usize];
            let decode = (decodes && i > again).then_some(cut.decode_bytes);
            Message { from: i - 1, to: i, prefill: Some(cut.prefill_bytes), decode, share: cut.share }
        });
        between.chain(back)
    }
}

impl Message {
    /// Seconds of the prefill message and of each decode message over a hop.
    #[must_use]
    pub fn seconds(&self, hop: &Hop) -> [f64; 2] {
        [self.prefill, self.decode].map(|bytes| bytes.map_or(0.0, |b| hop.latency_s + b * hop.s_per_byte))
    }

    /// Mean bytes of a request, over all requests.
    #[must_use]
    pub fn mean_bytes(&self, passes: f64) -> f64 {
        self.share * (self.prefill.unwrap_or(0.0) + passes * self.decode.unwrap_or(0.0))
    }
}

/// Everything that a plan decides, in table terms. A device's mode follows from the places used.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Assignment {
    pub services: Vec<Option<Deployment>>,
}

/// `None` in [`Assignment::services`] is a skipped service.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Deployment {
    pub option: u32,
    pub chains: Vec<Chain>,
}

/// Contiguous stages in block order, covering all blocks, each on another place; places on one
/// device are of one mode.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Chain {
    pub stages: Vec<Stage>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Stage {
    pub place: PlaceId,
    pub start: u32,
    pub end: u32,
}

impl Table {
    /// The hop from one device to another.
    #[must_use]
    pub fn hop(&self, from: u32, to: u32) -> &Hop {
        &self.hops[from as usize * self.devices.len() + to as usize]
    }

    /// Places of a mode where time is booked, one a queue: a processor's, mostly.
    pub fn slots<'t>(&'t self, mode: &'t Mode) -> impl Iterator<Item = PlaceId> + 't {
        mode.places.clone().filter(|&p| self.places[p as usize].slot == p)
    }

    /// Queues of a mode, at least one: what mean booked time is a mean over.
    #[must_use]
    pub fn processors(&self, mode: &Mode) -> f64 {
        self.slots(mode).count().max(1) as f64
    }

    /// Objective of a watt of mean power of a device.
    #[must_use]
    pub fn watt(&self, device: usize) -> f64 {
        self.weights.power + self.bills.iter().map(|b| b.weight * b.per_w[device]).sum::<f64>()
    }
}
