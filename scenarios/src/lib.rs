//! What the user *wants*: a fleet and services, read from YAML, every error with its line.

pub mod scenario;

pub use scenario::*;
