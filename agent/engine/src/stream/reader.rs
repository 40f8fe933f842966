//! The thread that reads ahead.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use kernels::Window;

use super::StreamError;
use super::disk::Disk;
use crate::usage::wall_seconds;

/// What is to be read, and where to.
struct Order {
    range: Range<u64>,
    window: Window,
}

/// What was read, and where in the window it begins.
pub(super) struct Filled {
    pub(super) window: Window,
    pub(super) start: Result<usize, StreamError>,
}

/// What reading took, since the start.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) bytes: AtomicU64,
    /// While the disk was asked.
    pub(super) busy_ns: AtomicU64,
    /// While a pass waited for it.
    pub(super) waited_ns: AtomicU64,
    pub(super) failed: AtomicU64,
}

impl Counters {
    /// Adds to a counter what has passed since `from`.
    pub(super) fn since(counter: &AtomicU64, from: f64) {
        counter.fetch_add(((wall_seconds() - from) * 1e9) as u64, Ordering::Relaxed);
    }
}

/// A thread that fills windows in the order in which they are asked for.
pub(super) struct Reader {
    /// `None` only while it ends.
    orders: Option<Sender<Order>>,
    filled: Receiver<Filled>,
    thread: Option<JoinHandle<()>>,
}

impl Reader {
    /// None where the system refuses a thread.
    pub(super) fn start(disk: Arc<Disk>, counters: Arc<Counters>) -> std::io::Result<Self> {
        let (orders, asked) = channel::<Order>();
        let (give, filled) = channel();
        let work = move || {
            for Order { range, mut window } in asked {
                let from = wall_seconds();
                let start = disk.read(&range, &mut window);
                Counters::since(&counters.busy_ns, from);
                if start.is_ok() {
                    counters.bytes.fetch_add(range.end - range.start, Ordering::Relaxed);
                }
                if give.send(Filled { window, start }).is_err() {
                    return;
                }
            }
        };
        let thread = std::thread::Builder::new().name("weights-reader".into()).spawn(work)?;
        Ok(Self { orders: Some(orders), filled, thread: Some(thread) })
    }

    /// Asks for a range; the window comes back with [`next`](Self::next).
    pub(super) fn ask(&self, range: Range<u64>, window: Window) {
        // A thread that is gone is seen when its answer is waited for.
        let _ = self.orders.as_ref().map(|orders| orders.send(Order { range, window }));
    }

    /// The next answer, in the order of the questions; none where the thread is gone.
    pub(super) fn next(&self) -> Option<Filled> {
        self.filled.recv().ok()
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            // It ends after the read that it is at.
            let _ = thread.join();
        }
    }
}
