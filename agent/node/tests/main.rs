//! Nodes on a bus inside this process; ledgers, streams between stages and HTTP are real.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod blobs;
mod client;
mod docs;
mod holding;
mod hops;
mod modes;
mod otlp;
mod pairs;
mod pipelines;
mod refusals;
mod samples;
mod serving;
mod streaming;
mod telemetry;
mod world;
