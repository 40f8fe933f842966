//! Sensors on boards in texts, on a disk, against real sockets, and under faults.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod boards;
mod disk;
mod faults;
mod plugs;
mod sampler;
mod sources;
mod world;
