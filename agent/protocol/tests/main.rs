//! Hostile bytes, signatures and rules of version, from outside the crate.

mod bus;
mod corpus;
mod envelopes;
mod ledgers;
mod messages;
mod world;
