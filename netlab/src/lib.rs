//! A network of hosts on one machine: a network namespace each, joined by links with a rate, a delay and losses.
//!
//! A host's only way out is a TAP device. Threads of this process read its Ethernet frames, hold them back for as long as the
//! link says, drop some, and write them to the device of the host that they are for. The kernel's own `netem` would do, but
//! is missing from many kernels, those of small machines among them. Needs root, `ip` (iproute2) and `/dev/net/tun`.

#[cfg(target_os = "linux")]
mod host;
#[cfg(target_os = "linux")]
mod ip;
#[cfg(target_os = "linux")]
mod network;
#[cfg(target_os = "linux")]
mod port;

#[cfg(target_os = "linux")]
pub use host::Host;
#[cfg(target_os = "linux")]
pub use network::Network;

/// What lies between any two hosts. This process itself reaches all of them without it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Link {
    /// Bytes per second that a host can send, frame headers included.
    pub rate_bytes_s: f64,
    /// One way, seconds.
    pub delay_s: f64,
    /// Share of frames that are lost, [0, 1).
    pub loss: f64,
}

/// Why there is no network.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    #[error("{0} hosts: 1 to 200 can be joined")]
    Hosts(usize),
    #[error("a link of {0:?}: the rate must be above 0, the delay 0 to 10 s, the loss 0 or more and below 1")]
    Link(Link),
    #[error("making network namespaces needs root; run it with sudo, or leave `link:` out")]
    Root,
    #[error("256 networks are there already")]
    Ranges,
    #[error("`{command}`: {why}")]
    Command { command: String, why: String },
    #[error("{what}: {source}")]
    Io { what: &'static str, source: std::io::Error },
}
