//! How a fleet comes to run a plan, and to run on without a planner: the agent's reconcile core, the
//! planner's controller core, and their durable storage.
//!
//! The cores are sans-I/O: (state, event, time) to (state, actions). They open no file, read no clock,
//! draw no random number that was not seeded, and start no thread; a shell carries their actions out, and
//! the simulator (feature `sim`) is such a shell. What they promise is listed in `docs/fleet.md`.

pub mod accept;
pub mod agent;
pub mod backoff;
pub mod certificate;
pub mod controller;
pub mod enrol;
pub mod layout;
pub mod rules;
pub mod safety;
#[cfg(feature = "sim")]
pub mod sim;
pub mod store;

pub use agent::{Action, Agent, Event};
pub use controller::Controller;
pub use layout::{Layout, not_yet};
pub use rules::{Now, Rules};
