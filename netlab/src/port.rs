//! A host's end of the network: frames in, frames out, later.

use crate::Link;
use rand::Rng as _;
use rand_xoshiro::Xoshiro256PlusPlus;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};
use tappers::Tap;

/// Longest frame: an MTU of 1,500 with its header, and room.
const FRAME: usize = 2_048;
/// What a sender may have waiting; more is dropped, as a small router does.
const BACKLOG: Duration = Duration::from_millis(200);
/// How often the end is looked for.
const LOOK: Duration = Duration::from_millis(50);
/// First bytes of every address; the last one is the place.
pub(crate) const PREFIX: [u8; 5] = [0x02, 0x57, 0x4c, 0, 0];
const ARP: [u8; 2] = [0x08, 0x06];

/// Frames of a network.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) passed: AtomicU64,
    pub(crate) lost: AtomicU64,
}

/// What all ports share.
pub(crate) struct Switch {
    pub(crate) taps: Vec<Tap>,
    /// Whose link is down.
    pub(crate) down: Vec<AtomicBool>,
    pub(crate) stop: AtomicBool,
    pub(crate) counts: Counts,
}

impl Switch {
    fn stopped(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }

    fn is_down(&self, place: usize) -> bool {
        self.down[place].load(Ordering::SeqCst)
    }
}

/// A frame, for whom, and when it is there.
pub(crate) struct Held {
    due: Instant,
    to: Option<usize>,
    frame: Vec<u8>,
}

#[expect(clippy::disallowed_methods, reason = "frames are held back by it")]
fn now() -> Instant {
    Instant::now()
}

/// Reads a host's frames until the end. The first place is this process, which no link holds back.
pub(crate) fn read(switch: &Switch, place: usize, link: &Link, mut random: Xoshiro256PlusPlus, hold: &Sender<Held>) {
    let mut buffer = [0; FRAME];
    let mut free = now();
    let mut last = free;
    let wait = Timespec { tv_sec: 0, tv_nsec: LOOK.as_nanos().try_into().unwrap_or(0) };
    while !switch.stopped() {
        let mut ready = [PollFd::new(&switch.taps[place], PollFlags::IN)];
        if !matches!(poll(&mut ready, Some(&wait)), Ok(1..)) {
            continue;
        }
        let Ok(n) = switch.taps[place].recv(&mut buffer) else { continue };
        let frame = &buffer[..n];
        if n < 14 || switch.is_down(place) {
            continue;
        }
        let to = (frame[..5] == PREFIX).then_some(usize::from(frame[5]));
        let now = now();
        let mut due = now;
        if place != 0 && to != Some(0) {
            let backlog = free.saturating_duration_since(now);
            free = free.max(now) + Duration::from_secs_f64(n as f64 / link.rate_bytes_s);
            // Who is where is asked once and is not what is studied: a lost question costs a second.
            if backlog > BACKLOG || (frame[12..14] != ARP && random.random_bool(link.loss)) {
                switch.counts.lost.fetch_add(1, Ordering::Relaxed);
                continue;
            }
            due = free + Duration::from_secs_f64(link.delay_s);
        }
        last = last.max(due);
        if hold.send(Held { due: last, to, frame: frame.to_vec() }).is_err() {
            return;
        }
    }
}

/// Writes what was held back to whom it is for.
pub(crate) fn write(switch: &Arc<Switch>, place: usize, held: &Receiver<Held>) {
    loop {
        let next = match held.recv_timeout(LOOK) {
            Ok(next) => next,
            Err(RecvTimeoutError::Timeout) if !switch.stopped() => continue,
            Err(_) => return,
        };
        std::thread::sleep(next.due.saturating_duration_since(now()));
        for (i, tap) in switch.taps.iter().enumerate() {
            if i != place && next.to.is_none_or(|to| to == i) && !switch.is_down(i) && tap.send(&next.frame).is_ok() {
                switch.counts.passed.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}
