//! Other plans: the front, and what simpler ways of planning give.

use super::Quality;
use serde::{Deserialize, Serialize};

/// One non-dominated plan.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FrontPoint {
    /// Unique on the page: `P0`, `P1` …
    pub id: String,
    pub power_w: f64,
    pub energy_per_request_j: f64,
    /// Mean accuracy over `power_w`, per watt: the scope of [`super::Totals::ipw_fleet`].
    pub ipw: Option<f64>,
    pub mean_latency_s: f64,
    pub latency_score: f64,
    /// Share of right answers, 0..1.
    pub accuracy: Option<f64>,
    pub underuse: f64,
    /// The plan that this report is about.
    pub chosen: bool,
    /// `chat w4 on orin-a, vision w8 on pi5-1`.
    pub description: String,
    pub services: Vec<FrontService>,
    pub quality: Quality,
}

/// What a plan of the front does with one service.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FrontService {
    pub service: String,
    pub model: String,
    pub precision: String,
    pub scaling: String,
    /// `orin-a/gpu 0-14 > orin-b/gpu 14-28`.
    pub placement: String,
    pub total_s: f64,
    pub energy_per_request_j: f64,
    pub accuracy: Option<f64>,
}

/// What a simpler way of planning gives on the same scenario, costed by the same physics.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Baseline {
    pub name: String,
    pub description: String,
    pub feasible: bool,
    /// What it breaks, in words; empty when feasible.
    pub violations: String,
    /// `None`: it found no assignment at all.
    pub power_w: Option<f64>,
    pub energy_per_request_j: Option<f64>,
    pub mean_latency_s: Option<f64>,
    pub accuracy: Option<f64>,
    /// Mean accuracy over `power_w`, per watt.
    pub ipw: Option<f64>,
    /// Baseline over plan: above 1 the plan needs less.
    pub power_ratio: Option<f64>,
    pub energy_ratio: Option<f64>,
    pub latency_ratio: Option<f64>,
    /// Plan over baseline: above 1 the plan is better.
    pub ipw_ratio: Option<f64>,
    pub quality: Quality,
}
