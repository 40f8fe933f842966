//! Learning on a device: a frozen language model reads a state as text, a small head learns what to do.
//!
//! An [`env::Environment`] says its state as a short text; [`Features`] runs it through a backbone that never
//! changes and keeps the result, since equal texts have equal features; a [`Head`] of one hidden layer gives a policy
//! and a value, and a [`Learner`] trains it by a clipped policy gradient. Only the head, its two moments and one batch
//! of visits need memory that can be written: the backbone may be ternary, or mapped, or shared with what else runs.
//!
//! Nothing here reads a clock or a file, and random numbers come from a seed and the number of the episode alone: a
//! run that was saved and resumed is the run that never stopped, bit for bit, on any number of threads.

mod adam;
mod advantage;
pub mod env;
mod error;
mod exploration;
mod features;
mod head;
mod learner;
mod policy_gradient;
mod random;

pub use env::Task;
pub use error::LearnError;
pub use exploration::Exploration;
pub use features::{Counts, Features, Pooling, Source};
pub use head::Head;
pub use learner::{Config, Learner, Memory, Point, Score, random_policy};
pub use random::Random;
