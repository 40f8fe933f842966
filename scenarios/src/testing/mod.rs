//! For tests of this crate and of those above it: a small fixed catalogue, and random valid files.
//! The catalogue does not grow with the real one, so that messages that list its ids stay the same.

mod draw;
mod random;
mod shelf;

pub use random::file;
pub use shelf::Shelf;
