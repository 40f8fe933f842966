//! What a device tells about itself: power, energy, temperature, clocks, memory pressure, throttling.
//!
//! A [`Reading`] is a number with unit, [`Scope`], source and [`Quality`], or the reason why it is
//! [`Missing`]; never a number that stands for "unknown". Overlapping scopes are never added.
//! [`Sensors`] finds what a machine has ([`Sensors::inventory`]) and reads it ([`Sensors::read`]);
//! [`Sampler`] turns readings into joules that are right within 1 % or say why they are not.
//! Files, commands and the clock are parameters: everything runs on a board in a text ([`Listing`]) too.
//!
//! ```
//! use sensors::{Config, Roots, Sampler, Sensors};
//!
//! let mut sensors = Sensors::open(Roots::default(), Config::default());
//! println!("{}", sensors.inventory());
//! let sampler = Sampler::start(sensors, Sampler::INTERVAL)?;
//! // … work …
//! let (window, _sensors) = sampler.stop()?;
//! println!("{}", window.machine());
//! # Ok::<(), sensors::Missing>(())
//! ```
//!
//! Not here: no clock but [`SystemClock`], no model of power (that is physics), no network but the plugs
//! whose addresses the user gave, no dependency on another crate of this workspace.

mod board;
mod clock;
mod conditions;
mod config;
mod deadline;
pub mod energy;
mod files;
mod hwmon;
mod interface;
mod inventory;
mod listing;
mod mend;
mod missing;
mod reading;
mod recorder;
mod runner;
mod scope;
mod sensors;
mod source;
#[cfg(test)]
mod testing;
mod throttle;
mod total;

pub use board::{Board, Family};
pub use clock::{Clock, Stamp, SystemClock};
pub use config::Config;
pub use deadline::Deadline;
pub use energy::{Doubt, Energy, Sampler, Window};
pub use files::{Disk, Files, Roots};
pub use interface::Interface;
pub use inventory::{Entry, Finding, Inventory};
pub use listing::{Listing, ListingError};
pub use missing::Missing;
pub use reading::{Grain, Outcome, Quality, Quantity, Reading};
pub use recorder::Recorder;
pub use runner::{Runner, SystemRunner};
pub use scope::{AddError, Scope, add};
pub use sensors::Sensors;
pub use source::Pace;
pub use source::plug::{Plug, PlugError};
pub use throttle::{Cause, Slowdown, Throttle, ThrottleWatch};
pub use total::{NO_POWER_SENSOR, power};
