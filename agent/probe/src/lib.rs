//! Measures a device: read rate by threads and working set, arithmetic, products at every precision, storage, overheads,
//! memory pressure, power, heat, links; and writes what it found as a profile that the planner reads.
//!
//! Rates come from the engine's own kernels. Every figure is taken in many short runs spread over the probe, and says how
//! far they lie apart ([`runs::Rate`]); coefficients are least squares with what they leave over ([`fit`]), and are
//! refused where the measurements do not tell. What is not measured is taken over from a catalogue device of the same
//! kind and called assumed. [`law`] computes a model's speed from the record.
//!
//! Not here: no address that was not given, no file that was not named, no clock but [`clock`]'s, the sensors' and the
//! kernels' own.

pub mod clock;
mod error;
mod file;
pub mod fit;
pub mod heat;
pub mod law;
pub mod link;
pub mod measure;
pub mod prior;
pub mod profile;
mod record;
pub mod runs;
pub mod session;
mod show;
pub mod surroundings;

pub use error::ProbeError;
pub use file::{record, text};
pub use record::Record;
pub use show::show;
