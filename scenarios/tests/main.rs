//! One binary for all tests that use the crate from outside.

mod broken;
mod examples;
mod fuzz;
mod hostile;
mod reading;
mod round;
mod validate;
