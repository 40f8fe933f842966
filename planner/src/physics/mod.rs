//! Physics: from a scenario to a cost table that is linear in what a plan decides.
//!
//! Pure functions: no I/O, no clock, no random numbers. Each formula has its own file with its source;
//! the modelling decisions behind the table are in `docs/decisions/0002-linear-table.md`. In short:
//!
//! - Time is a smooth roofline per block and pass ([`roofline`], [`pass`]), so stage costs are prefix sums.
//! - A request is prefill and decode passes ([`request`]); samples share prefill and weight reads.
//! - Memory is booked for the concurrency that rate and deadline allow, below the pressure knee ([`pressure`]).
//! - Power modes, lowered clocks and load levels are decisions; leakage makes device power a convex
//!   function of mean dynamic power, stated as tangents ([`thermal`], [`curve`]).
//! - A device may sleep between requests ([`nap`]), and stages of one copy may differ in weight format: further places.
//! - Percentile deadlines hold through the waiting that a load level allows ([`waiting`]).
//! - One request on one processor, without a fleet, is [`whole`], on stages of several precisions [`chain`]; weights that are read ahead or multiplied in
//!   flash, which plans do not offer yet, are [`stream`] and [`flash`].
//! - Of a mixture's experts some may be in memory, the others are read when they are needed ([`experts`]).
//! - Each request may name one of many adapters, all in memory or some ([`adapters`]).
//! - A small model may look first, or requests leave a model early: a share goes on ([`gate`]).
//! - Two devices may compute layers together ([`shared`]); a table in which they do has them as one device (`joined`).
//! - Two processors of a device may do so over their one memory ([`together`]): one more place of that device.
//! - Money and carbon of a day are further sums over devices' power ([`bills`]).
//! - Accuracy is measured, or follows from measured samples ([`coverage`], [`majority`], [`budget`]).
//!
//! [`build`] makes the table; [`Model`] says what its numbers mean.

pub mod adapters;
mod alike;
pub mod bills;
pub mod budget;
mod build;
pub mod chain;
mod choices;
pub mod coverage;
pub mod curve;
pub mod experts;
pub mod flash;
mod fleet;
pub mod gate;
pub(crate) mod joined;
pub mod link;
pub mod majority;
mod model;
pub mod nap;
mod network;
pub mod pass;
pub mod power;
pub mod pressure;
pub mod request;
pub mod roofline;
pub mod shared;
pub mod stream;
pub mod thermal;
pub mod together;
pub mod waiting;
mod ways;
pub mod whole;
pub mod work;

pub use adapters::Adapters;
pub use build::{build, build_all, build_joined, offers};
pub use experts::ExpertCache;
pub use gate::{Gate, Gated};
pub use model::{Dropped, Joined, Label, ModeLabel, Model, Offers, PartnerMode, Reason, Unusable};
pub use network::COPY_LATENCY_S;
pub use ways::{of_row as accuracy_of_row, row as quality_row};
