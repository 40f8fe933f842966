//! NVIDIA Jetson.

pub(crate) mod gpu;
pub(crate) mod ina238;
pub(crate) mod ina3221;
pub(crate) mod ina3221x;
pub(crate) mod nvpmodel;
pub(crate) mod rails;
pub(crate) mod throttle;
