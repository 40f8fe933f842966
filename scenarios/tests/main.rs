//! One binary for all tests that use the crate from outside.

#![allow(clippy::unwrap_used, reason = "a test may fail by panicking, in its helpers too")]

mod broken;
mod examples;
mod fuzz;
mod hostile;
mod reading;
mod round;
mod validate;
