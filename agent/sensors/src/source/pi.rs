//! Raspberry Pi. Before the Pi 5 there is no power sensor at all.

pub(crate) mod pmic;
pub(crate) mod throttled;
pub(crate) mod volt;
