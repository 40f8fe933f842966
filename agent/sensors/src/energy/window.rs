//! The joules of one lap, by sensor; and which of them stand for the machine.

#[cfg(test)]
mod tests;

use super::{Doubt, Energy};
use crate::interface::Interface;
use crate::reading::Quality;
use crate::scope::Scope;
use serde::Serialize;
use std::fmt;

/// Two instruments for nominally the same thing may differ so much: each is true within a few per cent, and a laptop's
/// `psys` leaves out a little that its battery feeds.
const AGREE: f64 = 0.15;

/// How joules were found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    Counter,
    Trapezoid,
    /// No instrument: power of a model times time.
    Model,
}

/// Joules by one sensor.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ChannelEnergy {
    pub interface: Interface,
    pub name: String,
    pub scope: Scope,
    pub quality: Quality,
    pub method: Method,
    pub energy: Energy,
    /// Reads that gave a value.
    pub samples: u32,
    /// Longest time between two of them, s.
    pub max_gap_s: f64,
}

impl ChannelEnergy {
    /// What a model says where nothing is measured: W times s. It is never called known.
    #[must_use]
    pub fn modelled(watts: f64, seconds: f64) -> Self {
        Self {
            method: Method::Model,
            quality: Quality::Modelled,
            energy: unknown(vec![Doubt::NoSensor], Some(watts * seconds)),
            ..Self::none()
        }
    }

    fn none() -> Self {
        Self {
            interface: Interface::System,
            name: "power".into(),
            scope: Scope::Board,
            quality: Quality::Assumed,
            method: Method::Model,
            energy: unknown(vec![Doubt::NoSensor], None),
            samples: 0,
            max_gap_s: 0.0,
        }
    }
}

fn unknown(why: Vec<Doubt>, estimate_j: Option<f64>) -> Energy {
    Energy::Unknown { why, estimate_j }
}

impl fmt::Display for ChannelEnergy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} [{}, {}, {}]", self.energy, self.scope, self.quality, self.name)
    }
}

/// A span of time and its joules.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Window {
    /// s on the monotonic clock.
    pub seconds: f64,
    /// Every sensor for itself: scopes overlap, so they are not to be added.
    pub channels: Vec<ChannelEnergy>,
}

impl Window {
    /// Compares instruments with each other: where they contradict, nothing is known.
    pub(super) fn new(seconds: f64, mut channels: Vec<ChannelEnergy>) -> Self {
        let before = channels.clone();
        for channel in &mut channels {
            let Some(this_j) = channel.energy.known() else { continue };
            let doubt = |other: &ChannelEnergy| {
                let other_j = other.energy.known()?;
                let same = channel.scope == other.scope && (this_j - other_j).abs() > AGREE * this_j.max(other_j);
                // A part cannot use more than the whole.
                let part = channel.scope != other.scope && channel.scope.inside(&other.scope) && this_j > other_j * (1.0 + AGREE);
                let whole =
                    channel.scope != other.scope && other.scope.inside(&channel.scope) && other_j > this_j * (1.0 + AGREE);
                (same || part || whole).then(|| Doubt::Disagree { this_j, other_j, other: other.name.clone() })
            };
            let doubts: Vec<Doubt> = before.iter().filter_map(doubt).take(1).collect();
            if !doubts.is_empty() {
                channel.energy = unknown(doubts, Some(this_j));
            }
        }
        Self { seconds, channels }
    }

    /// The joules that stand for the machine: what is known before what is estimated, the widest scope first, counters
    /// before power samples. Packages and GPUs are added where nothing wider is known. Without any sensor
    /// the energy is unknown for [`Doubt::NoSensor`]: then it is modelled, and must be called so.
    #[must_use]
    pub fn machine(&self) -> ChannelEnergy {
        let whole = |c: &&ChannelEnergy| c.scope.rank() <= Scope::Module.rank() && c.quality <= Quality::Modelled;
        let order = |c: &&ChannelEnergy| (c.scope.rank(), c.quality, c.method);
        let known = self.channels.iter().filter(whole).filter(|c| c.energy.known().is_some()).min_by_key(order);
        if let Some(best) = known {
            return best.clone();
        }
        let parts = self.parts();
        let wide = self.channels.iter().filter(whole).filter(|c| c.energy.estimate().is_some()).min_by_key(order);
        match (parts, wide) {
            (Some(sum), _) if sum.energy.known().is_some() => sum,
            (_, Some(wide)) => wide.clone(),
            (Some(sum), None) => sum,
            (None, None) => self.channels.iter().filter(whole).min_by_key(order).cloned().unwrap_or_else(ChannelEnergy::none),
        }
    }

    /// Disjoint packages, GPUs and their memory, added.
    fn parts(&self) -> Option<ChannelEnergy> {
        let mut parts: Vec<&ChannelEnergy> = self.channels.iter().filter(|c| crate::total::is_part(&c.scope)).collect();
        parts.sort_by_key(|c| (c.energy.known().is_none(), c.scope.rank(), c.method, c.name.clone()));
        let mut kept: Vec<&ChannelEnergy> = Vec::new();
        for part in parts {
            if kept.iter().all(|k| !k.scope.overlaps(&part.scope)) {
                kept.push(part);
            }
        }
        let first = *kept.first()?;
        if kept.len() == 1 {
            return Some(first.clone());
        }
        let mut sum = first.clone();
        let (mut joules, mut error, mut doubts) = (0.0, 0.0, Vec::new());
        for part in &kept {
            joules += part.energy.estimate().unwrap_or(0.0);
            match &part.energy {
                Energy::Known { error_j, .. } => error += error_j,
                Energy::Unknown { why, .. } => doubts.extend(why.iter().cloned()),
            }
            sum.quality = sum.quality.max(part.quality);
            sum.method = sum.method.max(part.method);
            sum.samples = sum.samples.min(part.samples);
            sum.max_gap_s = sum.max_gap_s.max(part.max_gap_s);
        }
        sum.name = kept.iter().map(|c| c.name.as_str()).collect::<Vec<_>>().join(" + ");
        sum.scope = Scope::Sum(kept.iter().map(|c| c.scope.clone()).collect());
        sum.energy = if doubts.is_empty() { Energy::Known { joules, error_j: error } } else { unknown(doubts, Some(joules)) };
        Some(sum)
    }
}
