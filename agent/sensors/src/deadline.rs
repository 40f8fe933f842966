//! Work with a deadline: a file, a plug or a library call that hangs must not hang the agent.
//!
//! A blocked system call cannot be cancelled, so it keeps its thread; the caller goes on. While one
//! call about a thing still hangs, further calls about the same thing are refused at once.

#[cfg(test)]
mod tests;

use crate::missing::Missing;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

/// So many threads may hang before new work is refused.
const HUNG_MAX: usize = 16;

/// A pool of threads that may get stuck. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Deadline(Arc<Mutex<Pool>>);

/// Work and the way back to its worker: an idle worker's only sender lies in the pool, so that the
/// worker ends with the pool.
struct Order {
    work: Box<dyn FnOnce() -> Deliver + Send>,
    home: Sender<Order>,
}

type Deliver = Box<dyn FnOnce(&mut Pool) + Send>;

#[derive(Default)]
struct Pool {
    idle: Vec<Sender<Order>>,
    hung: BTreeSet<String>,
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} idle, hung: {:?}", self.idle.len(), self.hung)
    }
}

fn locked(pool: &Mutex<Pool>) -> MutexGuard<'_, Pool> {
    pool.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Deadline {
    /// Runs `work` on another thread and waits at most `limit`.
    ///
    /// # Errors
    /// `TimedOut` when it takes longer, or while earlier work about `what` still hangs.
    pub fn run<T: Send + 'static>(
        &self,
        what: &str,
        limit: Duration,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Missing> {
        self.start(what, work)?.wait(limit)
    }

    /// Starts `work` on another thread and does not wait.
    ///
    /// # Errors
    /// `TimedOut` while earlier work about `what` still hangs.
    pub(crate) fn start<T: Send + 'static>(
        &self,
        what: &str,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<Pending<T>, Missing> {
        let worker = self.worker(what).ok_or_else(|| late(what, Duration::ZERO))??;
        let (send, result) = channel();
        let key = what.to_owned();
        let order = Order {
            work: Box::new(move || {
                let value = work();
                Box::new(move |pool| {
                    pool.hung.remove(&key);
                    // Nobody listens when the caller gave up.
                    let _ = send.send(value);
                })
            }),
            home: worker.clone(),
        };
        worker.send(order).map_err(|_| Missing::Failed { what: what.into(), error: "its thread ended".into() })?;
        Ok(Pending { result, what: what.into(), pool: self.clone() })
    }

    /// An idle worker or a new one; `None` when the thing hangs or too much does.
    fn worker(&self, what: &str) -> Option<Result<Sender<Order>, Missing>> {
        let mut pool = locked(&self.0);
        if pool.hung.contains(what) || pool.hung.len() >= HUNG_MAX {
            return None;
        }
        Some(pool.idle.pop().map_or_else(|| self.hire(what), Ok))
    }

    fn hire(&self, what: &str) -> Result<Sender<Order>, Missing> {
        let (send, orders) = channel();
        let pool = Arc::downgrade(&self.0);
        std::thread::Builder::new()
            .name("sensor".into())
            .spawn(move || toil(&orders, &pool))
            .map_err(|e| Missing::from_io(what, &e))?;
        Ok(send)
    }
}

/// Work that was started.
#[derive(Debug)]
pub(crate) struct Pending<T> {
    result: Receiver<T>,
    what: String,
    pool: Deadline,
}

impl<T> Pending<T> {
    /// The result if it is there.
    pub(crate) fn poll(&self) -> Option<T> {
        self.result.try_recv().ok()
    }

    /// Waits at most `limit`; what is late is marked as hanging.
    pub(crate) fn wait(self, limit: Duration) -> Result<T, Missing> {
        if let Ok(value) = self.result.recv_timeout(limit) {
            return Ok(value);
        }
        // Results are delivered under this lock: one that comes just now is taken here, or clears the mark later.
        let mut pool = locked(&self.pool.0);
        self.poll().ok_or_else(|| {
            pool.hung.insert(self.what.clone());
            late(&self.what, limit)
        })
    }
}

/// A worker's life: it ends with the pool.
fn toil(orders: &Receiver<Order>, pool: &Weak<Mutex<Pool>>) {
    while let Ok(Order { work, home }) = orders.recv() {
        let deliver = work();
        let Some(pool) = pool.upgrade() else { return };
        let mut pool = locked(&pool);
        pool.idle.push(home);
        deliver(&mut pool);
    }
}

fn late(what: &str, limit: Duration) -> Missing {
    Missing::TimedOut { what: what.into(), after_ms: u64::try_from(limit.as_millis()).unwrap_or(u64::MAX) }
}
