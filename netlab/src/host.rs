//! A network namespace.

use crate::{NetworkError, ip};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::fs::File;
use std::net::Ipv4Addr;
use std::os::fd::AsFd as _;
use std::process::{Child, Command};

/// A host of a network; it goes with the network.
#[derive(Clone, Debug)]
pub struct Host {
    pub(crate) namespace: String,
    pub(crate) address: Ipv4Addr,
}

impl Host {
    pub(crate) fn make(namespace: String, address: Ipv4Addr) -> Result<Self, NetworkError> {
        ip::run(&format!("netns add {namespace}"))?;
        ip::run(&format!("-n {namespace} link set lo up"))?;
        Ok(Self { namespace, address })
    }

    /// Its address.
    #[must_use]
    pub fn address(&self) -> Ipv4Addr {
        self.address
    }

    /// Calls `what` on a thread of this host: sockets that it opens are the host's.
    ///
    /// # Errors
    /// The namespace cannot be entered.
    pub fn run<T: Send>(&self, what: impl FnOnce() -> T + Send) -> Result<T, NetworkError> {
        let failed = |source| NetworkError::Io { what: "entering a network namespace", source };
        let space = File::open(format!("/run/netns/{}", self.namespace)).map_err(failed)?;
        let inside = || {
            move_into_link_name_space(space.as_fd(), Some(LinkNameSpaceType::Network)).map_err(std::io::Error::from)?;
            Ok(what())
        };
        let done = std::thread::scope(|s| s.spawn(inside).join());
        done.unwrap_or_else(|panic| std::panic::resume_unwind(panic)).map_err(failed)
    }

    /// Starts a program on this host.
    ///
    /// # Errors
    /// The namespace cannot be entered, or the program not be started.
    pub fn spawn(&self, command: &mut Command) -> Result<Child, NetworkError> {
        self.run(|| command.spawn())?.map_err(|source| NetworkError::Io { what: "starting a program", source })
    }
}
