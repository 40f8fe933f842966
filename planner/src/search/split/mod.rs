//! The exact split: the cheapest chains of one option of one service under given prices.
//!
//! A chain is a path in the layered graph (block, place). A backward pass gives the least cost to go
//! from every node, which is at once a lower bound and the compass of the walk that then finds the
//! chains themselves, with all limits that a path through a graph does not know: deadlines, distinct
//! places, one mode a device, pins, summed memory.

mod graph;
mod lattice;
mod togo;
mod walk;

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
    /// For touching a mode, by service and mode (service-major), never negative.
    pub touch: Vec<f64>,
    /// What serving a service fully earns, by service.
    pub reward: Vec<f64>,
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
        }
    }
}
