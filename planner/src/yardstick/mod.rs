//! The planning yardstick: a small, exactly stated problem, read as a cost table.
//!
//! An instance is a JSON file of devices, models and services; all costs follow from it by closed forms
//! ([`costs`]), linear in the layers that each device holds. The table goes through the same search as
//! any scenario's; nothing there knows which of the two it was.

mod costs;
mod instance;
mod plans;
#[cfg(test)]
mod tests;

pub use costs::{Meaning, Problem, problem};
pub use instance::{Instance, InstanceError, read};
pub use plans::{Plan, Served, hypervolume, plans, read_plans};
