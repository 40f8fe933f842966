//! The transformer: one set of blocks, of which each architecture is a short table.
//!
//! A [`Stage`] holds a range of layers, optionally the token table before them and the output matrix
//! after them; a whole model is the stage of all. Stages chain: what one returns as hidden states the
//! next takes. All of a batch's tokens, of however many sequences, go through the matrices together.

mod architecture;
mod bundle;
mod config;
mod forward;
mod frame;
mod load;
mod needs;
mod nested;
mod profile;
mod sequence;
mod shard;
mod shuffled;
mod weights;
mod workspace;

#[cfg(test)]
mod tests;

pub use architecture::{ARCHITECTURES, Architecture};
pub use bundle::Weight;
pub(crate) use bundle::{Bundle, Parts, Table};
pub use config::{Config, Rope};
pub use forward::{APART, Chunk, Input, PREFILL, Want};
pub(crate) use frame::{Frame, Wanted};
pub use load::{Options, Part, Size, Stage};
pub use profile::{Line, Op, Profile};
pub use sequence::{KvBits, Prefix, Sequence};
pub use shard::{Partner, Shard};
pub use weights::Shape;
pub(crate) use weights::{Ready, Weights};
pub use workspace::Workspace;
