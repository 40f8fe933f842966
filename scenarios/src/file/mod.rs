//! The file format: one typed description, from which reader, writer, key lists and JSON Schema all
//! come, so that they cannot drift apart.

mod choices;
mod lengths;
mod lists;
mod money;
mod quantities;
mod shape;
mod shapes;
mod words;

pub use choices::{Arriving, Bits, Objective, SleepRule, Technique, Tiered, Weights};
pub use lengths::{Length, LengthUnit, Replicas};
pub(crate) use lists::FORMATS;
pub use lists::{Ends, Pair, PrecisionEntry, Precisions, SiteLink};
pub use money::{DayPrice, EnergyPrice, HourPrice};
pub use shape::Marked;
pub(crate) use shape::Read;
pub(crate) use shape::shorten;
#[cfg(test)]
pub(crate) use shape::{Key, Shape};
pub use shapes::{
    Accuracy, Adapters, Deadline, Device, EarlyExit, ExpertCache, File, Limits, Link, LinkDetail, Override, PrecisionDetail,
    Prefilter, Scaling, Service, Site, Together,
};
pub use words::{Flag, Name, Text};
