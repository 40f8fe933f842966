//! Tests of what the crate writes, from outside.

mod browser;
mod page;
mod terminal;
