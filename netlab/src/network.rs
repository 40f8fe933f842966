//! Hosts and what joins them.

use crate::host::Host;
use crate::port::{self, Switch};
use crate::{Link, NetworkError, ip};
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::SeedableRng as _;
use rustix::io::Errno;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use tappers::{Interface, Tap};

/// Most hosts: a place is the last byte of an address.
const HOSTS: usize = 200;
/// This process in the network.
const OWN: u8 = 254;
/// Begins every namespace's name; the process follows.
const NAME: &str = "netlab";

/// A network that lasts as long as this value.
pub struct Network {
    hosts: Vec<Host>,
    own: Ipv4Addr,
    switch: Arc<Switch>,
    threads: Vec<JoinHandle<()>>,
}

impl std::fmt::Debug for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Network").field("hosts", &self.hosts).field("own", &self.own).finish_non_exhaustive()
    }
}

/// Namespaces that were made, removed unless all went well.
struct Made(Vec<Host>);

impl Drop for Made {
    fn drop(&mut self) {
        self.0.iter().for_each(remove);
    }
}

fn remove(host: &Host) {
    // Nothing can be done where it is gone already.
    let _ = ip::run(&format!("netns del {}", host.namespace));
}

fn failed(what: &'static str) -> impl Fn(std::io::Error) -> NetworkError {
    move |source| NetworkError::Io { what, source }
}

/// A device of this name in the calling thread's namespace.
fn tap(name: &str) -> Result<Tap, NetworkError> {
    Interface::new(name).and_then(Tap::new_named).map_err(failed("opening /dev/net/tun"))
}

fn device(range: u8) -> String {
    format!("{NAME}{range}")
}

/// A range of addresses that no network of this machine has, and this process's device in it.
fn free_range(pid: u32) -> Result<(u8, Tap), NetworkError> {
    let mut tried = (0..=u8::MAX).map(|i| i.wrapping_add(pid.to_le_bytes()[0])).map(|range| (range, tap(&device(range))));
    let busy = |e: &NetworkError| matches!(e, NetworkError::Io { source, .. } if source.raw_os_error() == Some(Errno::BUSY.raw_os_error()));
    let found = tried.find(|(_, tap)| tap.as_ref().err().is_none_or(|e| !busy(e)));
    found.map_or(Err(NetworkError::Ranges), |(range, tap)| Ok((range, tap?)))
}

/// Gives a device its addresses. `within`: `-n NAMESPACE `, or nothing.
fn address(within: &str, device: &str, place: usize, address: Ipv4Addr) -> Result<(), NetworkError> {
    let [a, b, c, d, e] = port::PREFIX;
    ip::run(&format!("{within}link set {device} address {a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{place:02x}"))?;
    ip::run(&format!("{within}addr add {address}/24 dev {device}"))?;
    ip::run(&format!("{within}link set {device} up")).map(drop)
}

/// Removes what killed processes left.
fn sweep() {
    let all = ip::run("netns list").unwrap_or_default();
    for name in all.lines().filter_map(|l| l.split(' ').next()) {
        let process = name.strip_prefix(NAME).and_then(|n| n.split('-').nth(1)).and_then(|pid| pid.parse::<u32>().ok());
        if process.is_some_and(|pid| !Path::new(&format!("/proc/{pid}")).exists()) {
            let _ = ip::run(&format!("netns del {name}"));
        }
    }
}

impl Network {
    /// Makes so many hosts; a seed has the same frames lost where the same frames come in the same order.
    ///
    /// # Errors
    /// Not root, no `ip`, no `/dev/net/tun`, or numbers out of range.
    pub fn start(hosts: usize, link: Link, seed: u64) -> Result<Self, NetworkError> {
        if !(1..=HOSTS).contains(&hosts) {
            return Err(NetworkError::Hosts(hosts));
        }
        let fine = link.rate_bytes_s > 0.0 && (0.0..=10.0).contains(&link.delay_s) && (0.0..1.0).contains(&link.loss);
        if !fine {
            return Err(NetworkError::Link(link));
        }
        if !rustix::process::geteuid().is_root() {
            return Err(NetworkError::Root);
        }
        sweep();
        let pid = std::process::id();
        let (range, own) = free_range(pid)?;
        // Addresses for tests of networks (RFC 2544).
        let at = |last| Ipv4Addr::new(198, 18, range, last);
        let mut made = Made(Vec::new());
        let mut taps = vec![own];
        address("", &device(range), 0, at(OWN))?;
        for place in 1..=hosts {
            let host = Host::make(format!("{NAME}-{pid}-{range}-{place}"), at(place as u8));
            made.0.push(host?);
            let host = &made.0[place - 1];
            taps.push(host.run(|| tap("lab0"))??);
            address(&format!("-n {} ", host.namespace), "lab0", place, host.address)?;
        }
        let down = taps.iter().map(|_| AtomicBool::new(false)).collect();
        let switch = Arc::new(Switch { taps, down, stop: AtomicBool::new(false), counts: port::Counts::default() });
        let mut threads = Vec::new();
        for place in 0..=hosts {
            let (hold, held) = std::sync::mpsc::channel();
            let random = Xoshiro256PlusPlus::seed_from_u64(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ place as u64);
            let shared = Arc::clone(&switch);
            threads.push(std::thread::spawn(move || port::read(&shared, place, &link, random, &hold)));
            let shared = Arc::clone(&switch);
            threads.push(std::thread::spawn(move || port::write(&shared, place, &held)));
        }
        Ok(Self { hosts: std::mem::take(&mut made.0), own: at(OWN), switch, threads })
    }

    /// The hosts, in order.
    #[must_use]
    pub fn hosts(&self) -> &[Host] {
        &self.hosts
    }

    /// The address of this process.
    #[must_use]
    pub fn own_address(&self) -> Ipv4Addr {
        self.own
    }

    /// Takes a host's link down, or up again: no frame comes or goes, and nobody is told.
    pub fn set_down(&self, host: usize, down: bool) {
        if let Some(is) = self.switch.down.get(host + 1) {
            is.store(down, Ordering::SeqCst);
        }
    }

    /// Frames that arrived, and that were lost.
    #[must_use]
    pub fn frames(&self) -> (u64, u64) {
        let counts = &self.switch.counts;
        (counts.passed.load(Ordering::Relaxed), counts.lost.load(Ordering::Relaxed))
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        self.switch.stop.store(true, Ordering::SeqCst);
        for thread in self.threads.drain(..) {
            // One that panicked has said so.
            let _ = thread.join();
        }
        self.hosts.iter().for_each(remove);
    }
}
