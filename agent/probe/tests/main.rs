//! Probes on boards in texts with known heat, profiles that the planner's reader reads, links over real sockets.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod boards;
mod links;
mod round;
mod sessions;
