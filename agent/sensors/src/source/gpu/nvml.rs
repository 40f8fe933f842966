//! NVIDIA GPUs through NVML, loaded at run time.
//!
//! An absent library and a call that is not supported are readings. On Jetson the library loads and
//! then answers NotSupported, or success with zeros: only plausible values count.

#[cfg(not(feature = "nvml"))]
pub(crate) fn find(host: &crate::source::Host) -> crate::source::Found {
    let why = if host.live { "built without the feature `nvml`" } else { ELSEWHERE };
    Err(crate::missing::Missing::not_here(why))
}

/// NVML talks to the driver of the machine that it runs on.
const ELSEWHERE: &str = "the files are not this machine's own";

#[cfg(feature = "nvml")]
pub(crate) use library::find;

#[cfg(feature = "nvml")]
mod library;
