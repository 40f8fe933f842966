//! Devices under the plan and the links between them.

use super::Quality;
use serde::{Deserialize, Serialize};

/// One device under the plan.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Device {
    pub name: String,
    /// Catalogue id.
    pub profile: String,
    pub site: String,
    pub awake: bool,
    /// Power mode; `None` asleep.
    pub mode: Option<String>,
    /// Clock factor, (0, 1]; below 1 it is slowed to stay cool or under a cap.
    pub clock: f64,
    pub throttled: bool,
    /// Mean power; the sleep power when asleep. Equals idle + dynamic + leakage when awake.
    pub power_w: f64,
    pub idle_w: f64,
    pub dynamic_w: f64,
    pub leakage_w: f64,
    /// Steady; `None` where nothing is known of its cooling.
    pub temperature_c: Option<f64>,
    /// Where it would throttle.
    pub throttle_c: Option<f64>,
    /// Thermal yield, 0..1.
    pub phi: Option<f64>,
    pub pools: Vec<Pool>,
    pub processors: Vec<Processor>,
    /// What it does, in one line: `chat blocks 0-27 (w4)`; empty: nothing.
    pub does: String,
    /// Why it does that, in one line.
    pub why: String,
    /// Of the profile: the worst among the numbers used.
    pub quality: Quality,
}

/// One memory pool.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Pool {
    pub name: String,
    pub resident_bytes: f64,
    pub usable_bytes: f64,
    /// What the owner's margin and the pressure knee leave.
    pub limit_bytes: f64,
    /// Capacity pressure quotient, `resident / usable`.
    pub cpq: f64,
}

/// One processor.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Processor {
    pub name: String,
    /// Booked share of time, 0..1.
    pub booked: f64,
    /// Highest share that the latencies assume.
    pub booked_cap: f64,
}

/// The fleet as a graph.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FleetMap {
    pub nodes: Vec<MapNode>,
    pub links: Vec<MapLink>,
    /// Who sends what over which pair of nodes: the stages of the services as arrows.
    pub traffic: Vec<Traffic>,
}

/// Whether a device is in use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NodeState {
    /// Serves.
    Active,
    /// Awake with nothing placed on it.
    Idle,
    #[default]
    Asleep,
    /// Serves with lowered clocks.
    Throttled,
    /// A router or switch: never sleeps, computes nothing.
    Network,
}

impl NodeState {
    /// The word on the page and in the JSON.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Idle => "idle",
            Self::Asleep => "asleep",
            Self::Throttled => "throttled",
            Self::Network => "network",
        }
    }
}

/// A device or a piece of the network.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MapNode {
    pub name: String,
    pub site: String,
    pub state: NodeState,
    pub power_w: f64,
    /// What runs there: `chat 0-27`, `embed`.
    pub stages: Vec<String>,
    pub quality: Quality,
}

/// A link of the scenario, drawn without direction.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MapLink {
    pub name: String,
    /// Name of a [`MapNode`].
    pub from: String,
    pub to: String,
    /// One way.
    pub latency_s: f64,
    pub rate_bytes_per_s: f64,
    pub booked_bytes_per_s: f64,
    /// Booked share of the rate, 0..1.
    pub booked: f64,
    pub quality: Quality,
}

/// A flow of one service between two nodes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Traffic {
    pub service: String,
    pub from: String,
    pub to: String,
    pub bytes_per_s: f64,
}
