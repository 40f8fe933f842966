//! What a scenario's author expects of its plan: sentences that `planner test` checks.
//!
//! ```yaml
//! expect:
//!   - feasible
//!   - gap < 2 %
//!   - chat.energy < 8 J
//!   - chat.model = qwen2.5-0.5b
//!   - chat runs on pi
//!   - laptop is asleep
//! ```
//!
//! They change no plan. Things are named, not numbered, so that a scenario without one of its devices keeps them.

use crate::scenario::At;

/// One sentence, with its place in the file.
#[derive(Clone, Debug, PartialEq)]
pub struct Expectation {
    /// As it was written.
    pub text: String,
    pub at: At,
    pub claim: Claim,
}

/// What is claimed.
#[derive(Clone, Debug, PartialEq)]
pub enum Claim {
    /// There is a plan, or there is none.
    Feasible(bool),
    /// A number of the whole plan.
    Plan(PlanFigure, Bound),
    /// A number of a device.
    Device(String, DeviceFigure, Bound),
    /// Whether a device is awake.
    Awake(String, bool),
    /// A number of a service.
    Service(String, ServiceFigure, Bound),
    /// The model of a service, by its id.
    Model(String, String),
    /// The precision of a service's weights.
    Weights(String, profiles::WeightFormat),
    /// Service and device: whether at least one stage runs there.
    RunsOn(String, String, bool),
}

/// On which side of a number, in the figure's base unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bound {
    pub side: Side,
    pub value: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Below,
    AtMost,
    Above,
    AtLeast,
}

impl Bound {
    #[must_use]
    pub fn holds(&self, value: f64) -> bool {
        match self.side {
            Side::Below => value < self.value,
            Side::AtMost => value <= self.value,
            Side::Above => value > self.value,
            Side::AtLeast => value >= self.value,
        }
    }
}

macro_rules! figures {
    ($(#[doc = $doc:literal])+ $name:ident { $($(#[doc = $each:literal])+ $variant:ident $word:literal $unit:literal),+ $(,)? }) => {
        $(#[doc = $doc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name { $($(#[doc = $each])+ $variant),+ }

        impl $name {
            pub const ALL: &'static [$name] = &[$($name::$variant),+];

            /// As it is written after the dot.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self { $($name::$variant => $word),+ }
            }

            /// Base unit of its value; `1`: a share, written in per cent.
            #[must_use]
            pub const fn unit(self) -> &'static str {
                match self { $($name::$variant => $unit),+ }
            }
        }
    };
}

figures!(
    /// Numbers of a whole plan.
    PlanFigure {
        /// Distance to the proved bound: `gap`.
        Gap "gap" "1",
        /// Mean power of the fleet: `fleet.power`.
        Power "power" "W",
        /// Fleet power over all requests: `fleet.energy`.
        Energy "energy" "J",
        /// Mean time of a request: `fleet.latency`.
        Latency "latency" "s",
        /// Mean share of right answers: `fleet.accuracy`.
        Accuracy "accuracy" "1",
    }
);

figures!(
    /// Numbers of a device.
    DeviceFigure {
        /// Mean power.
        Power "power" "W",
        /// Steady temperature.
        Temperature "temperature" "°C",
        /// Bytes resident, of all its pools.
        Memory "memory" "B",
    }
);

figures!(
    /// Numbers of a service.
    ServiceFigure {
        /// Time to the first token at the service's percentile, of the slowest replica.
        Ttft "ttft" "s",
        /// Time per token likewise.
        Tpot "tpot" "s",
        /// Time of a whole request likewise.
        Total "total" "s",
        /// Energy that a request answers for.
        Energy "energy" "J",
        /// Share of right answers on its benchmark.
        Accuracy "accuracy" "1",
    }
);
