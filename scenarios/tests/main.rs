//! One binary for all tests that use the crate from outside.

mod reading;
