//! The threads that read ahead.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use kernels::Window;

use super::StreamError;
use super::disk::Disk;
use crate::usage::wall_seconds;

/// Reads that are under way at the same time: a disk that is asked for one megabyte at a time rests between two.
const THREADS: usize = 2;

/// What is to be read, where to, and who wants it.
struct Order {
    range: Range<u64>,
    window: Window,
    give: Sender<Filled>,
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
    /// While the disk was asked, by however many.
    busy_ns: AtomicU64,
    /// While a pass waited for it.
    pub(super) waited_ns: AtomicU64,
    pub(super) failed: AtomicU64,
    /// How many ask now, and since when one does.
    asking: Mutex<(usize, f64)>,
}

impl Counters {
    /// Adds to a counter what has passed since `from`.
    pub(super) fn since(counter: &AtomicU64, from: f64) {
        counter.fetch_add(((wall_seconds() - from) * 1e9) as u64, Ordering::Relaxed);
    }

    /// Seconds in which the disk was asked; a time that has not ended yet counts, as readers that take turns have no gap.
    pub(super) fn busy_s(&self) -> f64 {
        let asking = self.asking.lock().unwrap_or_else(PoisonError::into_inner);
        let open = if asking.0 > 0 { wall_seconds() - asking.1 } else { 0.0 };
        self.busy_ns.load(Ordering::Relaxed) as f64 * 1e-9 + open
    }

    fn begin(&self) {
        let mut asking = self.asking.lock().unwrap_or_else(PoisonError::into_inner);
        if asking.0 == 0 {
            asking.1 = wall_seconds();
        }
        asking.0 += 1;
    }

    fn end(&self) {
        let mut asking = self.asking.lock().unwrap_or_else(PoisonError::into_inner);
        asking.0 -= 1;
        if asking.0 == 0 {
            Self::since(&self.busy_ns, asking.1);
        }
    }
}

/// Threads that fill windows, beginning in the order in which they are asked.
pub(super) struct Reader {
    /// `None` only while it ends.
    orders: Option<Sender<Order>>,
    threads: Vec<JoinHandle<()>>,
}

impl Reader {
    /// An error where the system refuses a thread.
    pub(super) fn start(disk: &Arc<Disk>, counters: &Arc<Counters>) -> std::io::Result<Self> {
        let (orders, asked) = channel::<Order>();
        let asked = Arc::new(Mutex::new(asked));
        let mut this = Self { orders: Some(orders), threads: Vec::new() };
        for i in 0..THREADS {
            let (disk, counters, asked) = (Arc::clone(disk), Arc::clone(counters), Arc::clone(&asked));
            let next = move || asked.lock().unwrap_or_else(PoisonError::into_inner).recv().ok();
            let work = move || {
                while let Some(Order { range, mut window, give }) = next() {
                    counters.begin();
                    let start = disk.read(&range, &mut window);
                    counters.end();
                    if start.is_ok() {
                        counters.bytes.fetch_add(range.end - range.start, Ordering::Relaxed);
                    }
                    // Whoever asked may be gone; the window goes with the answer.
                    let _ = give.send(Filled { window, start });
                }
            };
            this.threads.push(std::thread::Builder::new().name(format!("weights-{i}")).spawn(work)?);
        }
        Ok(this)
    }

    /// Asks for a range; the window comes back with the answer.
    pub(super) fn ask(&self, range: Range<u64>, window: Window) -> Receiver<Filled> {
        let (give, answer) = channel();
        // A reader that is gone is seen when its answer is waited for.
        let _ = self.orders.as_ref().map(|orders| orders.send(Order { range, window, give }));
        answer
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.orders = None;
        // They end after the read that they are at.
        self.threads.drain(..).for_each(|t| drop(t.join()));
    }
}
