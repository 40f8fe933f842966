//! Hostile bytes, signatures and rules of version, from outside the crate.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod bus;
mod corpus;
mod envelopes;
mod ledgers;
mod messages;
mod world;
