//! NVIDIA GPUs through NVML, loaded at run time.
//!
//! An absent library and a call that is not supported are readings. On Jetson the library loads and
//! then answers NotSupported, or success with zeros: only plausible values count.

#[cfg(not(feature = "nvml"))]
pub(crate) fn find(_: &crate::source::Host) -> crate::source::Found {
    Err(crate::missing::Missing::not_here("built without the feature `nvml`"))
}

#[cfg(feature = "nvml")]
pub(crate) use library::find;

#[cfg(feature = "nvml")]
mod library;
