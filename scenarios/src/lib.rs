//! What the user *wants*: a fleet and services, read from YAML, every error with its line.
//!
//! ```text
//! bytes --yaml--> nodes with places --file--> typed maps --resolve--> Scenario
//! ```
//!
//! Each step reports what is wrong and goes on, so that one run shows every error. Knows no
//! physics and does no I/O: the caller reads the file and hands over the catalogue.

mod code;
mod diagnostic;
pub mod expect;
mod explain;
pub mod file;
mod known;
mod read;
mod render;
mod resolve;
pub mod scenario;
mod schema;
mod suggest;
#[doc(hidden)]
pub mod testing;
mod write;
mod yaml;

pub use code::Code;
pub use diagnostic::{Diagnostic, Severity, Span};
pub use explain::explain;
pub use known::Known;
pub use read::{Open, Reading, parse_file, read, read_with};
pub use render::{MAX_SHOWN, render};
pub use scenario::*;
pub use schema::schema;
pub use write::to_yaml;
