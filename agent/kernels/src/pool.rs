//! Threads that spin briefly and then sleep, and never wait for a neighbour to give a core back.
//!
//! Each worker has a slot: `IDLE → POSTED → RUNNING → IDLE`. The caller posts a job in every slot,
//! does its own share, and then takes back whatever slot is still `POSTED`: a worker that sleeps or
//! has lost its core delays nobody, its share is done by who is awake. With
//! [`Pool::split`], shares are chunks in ranges that a finished thread may steal from.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{JoinHandle, Thread};

/// What a thread without work does. Energy and speed disagree about it, so it is the caller's choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Sleep at once: least energy, a wake-up (some 10 µs to 50 µs) at every operation.
    Park,
    /// Spin that many times (a `pause` each, 10 to 50 ns), then sleep.
    Spin(u32),
    /// Never sleep: a core is burnt for each thread.
    Active,
}

impl Default for Wait {
    /// About 50 µs: longer than the gap between two operations of a decode step, short against a token.
    fn default() -> Self {
        Self::Spin(2_000)
    }
}

const IDLE: u32 = 0;
const POSTED: u32 = 1;
const RUNNING: u32 = 2;

/// One worker's mailbox, on cache lines of its own.
#[repr(align(128))]
struct Slot {
    state: AtomicU32,
    asleep: AtomicBool,
}

struct Shared {
    slots: Vec<Slot>,
    /// The job, written before any slot is posted, read after a slot is taken.
    job: Mutex<Option<SendJob>>,
    panicked: AtomicBool,
    stop: AtomicBool,
    wait: Wait,
}

#[derive(Clone, Copy)]
struct SendJob(NonNull<dyn Fn(usize) + Sync>);
// SAFETY: the closure behind it is `Sync`, and `Pool::run` does not return while a worker uses it.
unsafe impl Send for SendJob {}

/// A set of threads. The calling thread is thread 0; `new(1, …)` starts none.
pub struct Pool {
    shared: Arc<Shared>,
    workers: Vec<(Thread, JoinHandle<()>)>,
    /// One job at a time; callers from several threads queue here.
    turn: Mutex<()>,
}

impl Pool {
    /// `threads` (at least 1) counts the caller. Where the system refuses a thread, the pool is smaller.
    pub fn new(threads: usize, wait: Wait) -> Self {
        let slots = (1..threads.max(1)).map(|_| Slot { state: AtomicU32::new(IDLE), asleep: AtomicBool::new(false) }).collect();
        let shared = Arc::new(Shared {
            slots,
            job: Mutex::new(None),
            panicked: AtomicBool::new(false),
            stop: AtomicBool::new(false),
            wait,
        });
        let workers = (0..shared.slots.len())
            .map_while(|i| {
                let shared = Arc::clone(&shared);
                let builder = std::thread::Builder::new().name(format!("kernels-{}", i + 1));
                let handle = builder.spawn(move || work(&shared, i)).ok()?;
                Some((handle.thread().clone(), handle))
            })
            .collect();
        Self { shared, workers, turn: Mutex::new(()) }
    }

    /// A pool for this machine: one thread for each core that the process may use.
    pub fn for_machine() -> Self {
        Self::new(std::thread::available_parallelism().map_or(1, usize::from), Wait::default())
    }

    /// Threads, the caller included.
    pub fn threads(&self) -> usize {
        self.workers.len() + 1
    }

    /// What idle threads do.
    pub fn wait(&self) -> Wait {
        self.shared.wait
    }

    /// Calls `f` once for every index in `0 .. threads()`, in parallel where a thread is awake; one
    /// thread may serve several indices, so `f` must not wait for another index. A call from inside
    /// `f` is a deadlock. Panics if `f` does.
    pub fn run(&self, f: &(dyn Fn(usize) + Sync)) {
        if self.workers.is_empty() {
            return f(0);
        }
        let _turn = self.turn.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let job: NonNull<dyn Fn(usize) + Sync + '_> = NonNull::from(f);
        // SAFETY: only the lifetime is erased; this function returns or unwinds after every worker is done with it.
        let job =
            unsafe { std::mem::transmute::<NonNull<dyn Fn(usize) + Sync + '_>, NonNull<dyn Fn(usize) + Sync + 'static>>(job) };
        *self.shared.job.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(SendJob(job));
        for (slot, (thread, _)) in self.shared.slots.iter().zip(&self.workers) {
            slot.state.store(POSTED, Ordering::SeqCst);
            if slot.asleep.swap(false, Ordering::SeqCst) {
                thread.unpark();
            }
        }
        let mut outcome = catch_unwind(AssertUnwindSafe(|| f(0)));
        for (i, slot) in self.shared.slots.iter().enumerate().take(self.workers.len()) {
            if slot.state.compare_exchange(POSTED, IDLE, Ordering::SeqCst, Ordering::SeqCst).is_ok() {
                if outcome.is_ok() {
                    outcome = catch_unwind(AssertUnwindSafe(|| f(i + 1)));
                }
                continue;
            }
            let mut spins = 0_u32;
            while slot.state.load(Ordering::Acquire) != IDLE {
                spins += 1;
                if spins < 1_000 {
                    std::hint::spin_loop();
                } else {
                    std::thread::yield_now();
                }
            }
        }
        let panicked = self.shared.panicked.swap(false, Ordering::SeqCst);
        match outcome {
            Err(payload) => resume_unwind(payload),
            Ok(()) => assert!(!panicked, "a worker of the pool panicked"),
        }
    }

    /// Calls `f(thread, range)` for ranges that cover `0 .. items`, each at most `chunk` long. Every
    /// thread starts with an equal share and then takes chunks from the others' shares.
    pub fn split(&self, items: usize, chunk: usize, f: &(dyn Fn(usize, Range<usize>) + Sync)) {
        let chunk = chunk.max(1);
        let threads = self.threads();
        if threads == 1 || items <= chunk {
            if items > 0 {
                f(0, 0..items);
            }
            return;
        }
        let chunks = items.div_ceil(chunk);
        let share = |t: usize| chunks * t / threads;
        let next: Vec<Cursor> = (0..threads).map(|t| Cursor(AtomicUsize::new(share(t)))).collect();
        self.run(&|thread| {
            for victim in (0..threads).map(|d| (thread + d) % threads) {
                let end = share(victim + 1);
                loop {
                    let i = next[victim].0.fetch_add(1, Ordering::Relaxed);
                    if i >= end {
                        break;
                    }
                    f(thread, i * chunk..((i + 1) * chunk).min(items));
                }
            }
        });
    }
}

#[repr(align(128))]
struct Cursor(AtomicUsize);

fn work(shared: &Shared, i: usize) {
    let slot = &shared.slots[i];
    loop {
        await_post(shared, slot);
        if shared.stop.load(Ordering::SeqCst) {
            return;
        }
        if slot.state.compare_exchange(POSTED, RUNNING, Ordering::SeqCst, Ordering::SeqCst).is_err() {
            continue;
        }
        let job = *shared.job.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(SendJob(job)) = job {
            // SAFETY: the slot is RUNNING, so `Pool::run` waits for it and the closure is alive.
            let f = unsafe { job.as_ref() };
            if catch_unwind(AssertUnwindSafe(|| f(i + 1))).is_err() {
                shared.panicked.store(true, Ordering::SeqCst);
            }
        }
        slot.state.store(IDLE, Ordering::Release);
    }
}

/// Returns when the slot was posted or the pool stops.
fn await_post(shared: &Shared, slot: &Slot) {
    let ready = || slot.state.load(Ordering::SeqCst) == POSTED || shared.stop.load(Ordering::Relaxed);
    let mut spins = 0_u32;
    while !ready() {
        let patience = match shared.wait {
            Wait::Park => 0,
            Wait::Spin(n) => n,
            Wait::Active => u32::MAX,
        };
        if spins < patience || patience == u32::MAX {
            spins = spins.saturating_add(1);
            std::hint::spin_loop();
            continue;
        }
        slot.asleep.store(true, Ordering::SeqCst);
        while slot.asleep.load(Ordering::SeqCst) && !ready() {
            std::thread::park();
        }
        slot.asleep.store(false, Ordering::SeqCst);
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        for (thread, _) in &self.workers {
            thread.unpark();
        }
        for (_, handle) in self.workers.drain(..) {
            let _ = handle.join();
        }
    }
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pool").field("threads", &self.threads()).field("wait", &self.shared.wait).finish()
    }
}

#[cfg(test)]
mod tests;
