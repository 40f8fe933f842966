//! What a value covers. Two scopes that may overlap are never added.

#[cfg(test)]
mod tests;

use crate::reading::{Outcome, Quantity, Reading, Sensor};
use serde::{Serialize, Serializer};
use std::fmt;

/// What a value covers, widest first: wall ⊃ board ⊃ module ⊃ package, GPU, rails.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// At the mains, with the power supply's losses.
    Wall,
    /// The whole device behind its power supply.
    Board,
    /// A system on module without its carrier board.
    Module,
    /// Disjoint parts added up: what they leave out is unknown.
    Sum(Vec<Scope>),
    /// A processor package, by its zone's name.
    Package(String),
    /// A GPU, by driver and number: `nvidia-0`.
    Gpu(String),
    /// One supply rail and what feeds it; `None`: nobody said, so it may be part of anything.
    Rail { name: String, within: Option<Box<Scope>> },
    /// A control group of processes.
    Group,
}

impl Scope {
    pub(crate) fn rail(name: &str, within: Scope) -> Self {
        Self::Rail { name: name.into(), within: Some(Box::new(within)) }
    }

    pub(crate) fn loose_rail(name: &str) -> Self {
        Self::Rail { name: name.into(), within: None }
    }

    /// The next wider scope that certainly contains this one.
    fn container(&self) -> Option<Scope> {
        match self {
            Self::Wall | Self::Sum(_) | Self::Group | Self::Rail { within: None, .. } => None,
            Self::Board => Some(Self::Wall),
            Self::Module => Some(Self::Board),
            // A PC has no module; on a system on module both are inside it.
            Self::Package(_) | Self::Gpu(_) => Some(Self::Module),
            Self::Rail { within: Some(scope), .. } => Some((**scope).clone()),
        }
    }

    /// True when this scope lies inside the other, or is the same.
    #[must_use]
    pub fn inside(&self, other: &Scope) -> bool {
        let mut at = Some(self.clone());
        while let Some(scope) = at {
            if &scope == other {
                return true;
            }
            at = scope.container();
        }
        false
    }

    /// True when both may cover the same joule. Scopes nobody placed overlap everything.
    #[must_use]
    pub fn overlaps(&self, other: &Scope) -> bool {
        let unplaced = |s: &Scope| matches!(s, Self::Group | Self::Rail { within: None, .. });
        match (self, other) {
            (Self::Sum(parts), _) => parts.iter().any(|p| p.overlaps(other)),
            (_, Self::Sum(parts)) => parts.iter().any(|p| self.overlaps(p)),
            _ => unplaced(self) || unplaced(other) || self.inside(other) || other.inside(self),
        }
    }

    /// How much of a machine it covers, 0 the most; rails cover too little to stand for the machine.
    #[must_use]
    pub(crate) fn rank(&self) -> u8 {
        match self {
            Self::Wall => 0,
            Self::Board => 1,
            Self::Module => 2,
            Self::Sum(_) => 3,
            Self::Package(_) => 4,
            Self::Gpu(_) => 5,
            Self::Rail { .. } => 6,
            Self::Group => 7,
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wall => f.write_str("wall"),
            Self::Board => f.write_str("board"),
            Self::Module => f.write_str("module"),
            Self::Package(name) => write!(f, "package:{name}"),
            Self::Gpu(name) => write!(f, "gpu:{name}"),
            Self::Rail { name, within: Some(w) } => write!(f, "rail:{name} in {w}"),
            Self::Rail { name, within: None } => write!(f, "rail:{name}"),
            Self::Group => f.write_str("cgroup"),
            Self::Sum(parts) => {
                for (i, part) in parts.iter().enumerate() {
                    write!(f, "{}{part}", if i == 0 { "" } else { " + " })?;
                }
                Ok(())
            }
        }
    }
}

impl Serialize for Scope {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

/// Why readings were not added.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum AddError {
    #[error("there is nothing to add")]
    Nothing,
    #[error("`{0}` and `{1}` overlap: their sum would count the same joules twice")]
    Overlap(String, String),
    #[error("{0} and {1} have different units")]
    Units(String, String),
    #[error("{0}")]
    Missing(#[from] crate::missing::Missing),
}

/// Adds readings of one quantity whose scopes are disjoint; the result has their scopes and the worst quality.
///
/// # Errors
/// When there are none, when two scopes may overlap, when units differ, when a part is missing.
pub fn add(parts: &[Reading]) -> Result<Reading, AddError> {
    let first = parts.first().ok_or(AddError::Nothing)?;
    let (mut total, mut worst, mut scopes) = (0.0, first.quality(), Vec::new());
    for (i, part) in parts.iter().enumerate() {
        if part.quantity != first.quantity {
            return Err(AddError::Units(first.name.clone(), part.name.clone()));
        }
        if let Some(twin) = parts[..i].iter().find(|p| p.scope.overlaps(&part.scope)) {
            return Err(AddError::Overlap(twin.name.clone(), part.name.clone()));
        }
        match &part.outcome {
            Outcome::Missing { missing } => return Err(missing.clone().into()),
            Outcome::Value { value, quality, .. } => {
                total += value;
                worst = worst.max(Some(*quality));
            }
        }
        scopes.push(part.scope.clone());
    }
    let names: Vec<&str> = parts.iter().map(|p| p.name.as_str()).collect();
    let scope = if scopes.len() == 1 { scopes.remove(0) } else { Scope::Sum(scopes) };
    let quantity: Quantity = first.quantity;
    let sensor = Sensor::new(first.interface, &names.join(" + "), quantity, scope, &first.source);
    let mut sum = sensor.reading(Ok(total), worst.unwrap_or(crate::reading::Quality::Assumed));
    sum.grain.resolution = parts.iter().map(|p| p.grain.resolution).sum();
    sum.grain.update_s = parts.iter().map(|p| p.grain.update_s).fold(0.0, f64::max);
    sum.grain.ceiling_w = parts.iter().map(|p| p.grain.ceiling_w).sum();
    Ok(sum)
}
