//! Tests of what the crate writes, from outside.

mod browser;
mod live;
mod page;
mod terminal;
