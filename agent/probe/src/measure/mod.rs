//! What is measured of processor, memory and storage. Every figure is taken in several rounds over the whole probe,
//! so that a neighbour's busy minute hits all figures alike and the quiet moments of each are kept.

pub mod arithmetic;
pub mod overhead;
pub mod pressure;
pub mod products;
pub mod read;
pub mod storage;
mod trial;
