//! Discrete and integrated GPUs.

pub(crate) mod amd;
pub(crate) mod intel;
pub(crate) mod nvml;
