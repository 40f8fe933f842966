//! The exact split: the cheapest chains of one option of one service under given prices.
//!
//! A chain is a path in the layered graph (block, place). A backward pass gives the least cost to go
//! from every node, which is at once a lower bound and the compass of the walk that then finds the
//! chains themselves, with all limits that a path through a graph does not know: deadlines, distinct
//! places, one mode a device, pins, summed memory.

#[cfg(test)]
mod graph;
mod lattice;
#[cfg(test)]
mod tests;
mod togo;
mod walk;

#[cfg(test)]
pub use graph::fastest;
pub use lattice::Lattice;
pub use togo::{Tariff, ToGo};
pub use walk::{Keep, Walk};

/// Prices of everything that a chain uses, in units of the objective.
#[derive(Clone, Debug, PartialEq)]
pub struct Prices {
    /// Per booked share of time, by place.
    pub booked: Vec<f64>,
    /// Per dynamic watt, by place.
    pub dynamic_w: Vec<f64>,
    /// Per resident byte, by place.
    pub bytes: Vec<f64>,
    /// Per byte per second, by segment.
    pub segment: Vec<f64>,
    /// Per watt of messages.
    pub network_w: f64,
    /// Per unit of the mean latency score.
    pub latency: f64,
    /// Per unit of the mean inaccuracy.
    pub inaccuracy: f64,
    /// For touching a mode, by service and mode (service-major); infinite where it may not.
    pub touch: Vec<f64>,
    /// What serving a service fully earns, by service.
    pub reward: Vec<f64>,
    /// Options (service, option) that may not be used.
    pub shut: Vec<(u32, u32)>,
    /// Where stages may start and end.
    pub windows: Vec<Window>,
}

/// Range of a service's stages on one place: where they may start and end, both inclusive, in blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    pub service: u32,
    pub place: u32,
    pub start: (u32, u32),
    pub end: (u32, u32),
}

impl Window {
    /// No restriction.
    #[must_use]
    pub fn open(service: u32, place: u32) -> Window {
        Window { service, place, start: (0, u32::MAX), end: (0, u32::MAX) }
    }

    /// What both allow.
    #[must_use]
    pub fn and(self, other: Window) -> Window {
        let both = |a: (u32, u32), b: (u32, u32)| (a.0.max(b.0), a.1.min(b.1));
        Window { start: both(self.start, other.start), end: both(self.end, other.end), ..self }
    }

    /// Whether a stage `start..end` is inside.
    #[must_use]
    pub fn admits(&self, start: u32, end: u32) -> bool {
        self.start.0 <= start && start <= self.start.1 && self.end.0 <= end && end <= self.end.1
    }
}

impl Prices {
    /// The plain objective without any duals: power by the steepest line of each curve is not in it,
    /// only what is linear everywhere.
    #[must_use]
    pub fn free(table: &crate::table::Table) -> Prices {
        let (places, modes, services) = (table.places.len(), table.modes.len(), table.services.len());
        Prices {
            booked: vec![0.0; places],
            dynamic_w: vec![table.weights.power; places],
            bytes: vec![0.0; places],
            segment: vec![0.0; table.segments.len()],
            network_w: table.weights.power,
            latency: table.weights.latency,
            inaccuracy: table.weights.inaccuracy,
            touch: vec![0.0; modes * services],
            reward: vec![0.0; services],
            shut: Vec::new(),
            windows: Vec::new(),
        }
    }
}
