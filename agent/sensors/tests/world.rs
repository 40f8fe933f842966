//! A clock that tests move, and the boards of the crate.

use sensors::{Clock, Listing, Stamp};
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;

/// A clock that stands until it is moved.
#[derive(Debug)]
pub(crate) struct Hand(Mutex<(f64, f64)>);

impl Hand {
    pub(crate) fn new() -> Self {
        Self(Mutex::new((100.0, 5000.0)))
    }

    /// Moves the monotonic clock and the one that counts sleep, each by seconds.
    pub(crate) fn step(&self, mono: f64, boot: f64) {
        let mut at = self.0.lock().unwrap();
        *at = (at.0 + mono, at.1 + boot);
    }

    /// Time goes by.
    pub(crate) fn pass(&self, seconds: f64) {
        self.step(seconds, seconds);
    }
}

impl Clock for Hand {
    fn now(&self) -> Stamp {
        let at = *self.0.lock().unwrap();
        // `/proc/uptime` has two decimals.
        let boot = Some(Duration::from_secs_f64((at.1 * 100.0).floor() / 100.0));
        Stamp { mono: Duration::from_secs_f64(at.0), boot, slack: Duration::ZERO }
    }
}

pub(crate) const BOARDS: [&str; 9] =
    ["nano-jp4", "xavier-nx-jp5", "orin-nano-jp6", "agx-orin-jp5", "agx-thor-jp7", "pi4", "pi5", "laptop", "vm"];

pub(crate) fn folder(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(name)
}

pub(crate) fn board(name: &str) -> Listing {
    let path = folder("boards").join(format!("{name}.txt"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    Listing::parse(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}
