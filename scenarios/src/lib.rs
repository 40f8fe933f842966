//! What the user *wants*: a fleet and services, read from YAML, every error with its line.
//!
//! ```text
//! bytes --yaml--> nodes with places --file--> typed maps --resolve--> Scenario
//! ```
//!
//! Each step reports what is wrong and goes on, so that one run shows every error. Does no I/O and
//! knows no physics: the caller reads the file and hands over what the catalogue knows.

mod code;
mod diagnostic;
pub mod file;
mod known;
mod read;
mod render;
mod resolve;
pub mod scenario;
mod suggest;
#[doc(hidden)]
pub mod testing;
mod yaml;

pub use code::Code;
pub use diagnostic::{Diagnostic, Severity, Span};
pub use known::Known;
pub use read::{Reading, inspect, read};
pub use render::{MAX_SHOWN, render};
pub use scenario::*;
