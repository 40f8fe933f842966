//! Links to other agents: round trips, rate, loss. The far side runs `agent probe --listen`.
//!
//! Everything that comes from the other side is bounded: sizes, times, number of connections. A datagram is answered
//! only to the address that shook hands over TCP, with its token, and never with more bytes than came.

mod listen;
mod measure;
mod wire;

pub use listen::{Limits, Listener};
pub use measure::{Link, PAYLOAD, measure};
