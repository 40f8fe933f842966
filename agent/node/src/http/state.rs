//! What all requests share: the shared state of the node, and the queue.

use super::error::Refused;
use crate::shared::Shared;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, header};
use protocol::Digest;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

pub(crate) struct Serving {
    pub(crate) shared: Arc<Shared>,
    running: Arc<Semaphore>,
    waiting: AtomicUsize,
}

/// Counts a request that waits.
struct Waits<'w>(&'w AtomicUsize);

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Serving {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        let running = Arc::new(Semaphore::new(shared.limits.running.max(1)));
        Self { shared, running, waiting: AtomicUsize::new(0) }
    }

    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::SeqCst)
    }

    /// Whether who asks may ask. Hashes are compared, so that the time says nothing about the key.
    pub(crate) fn allowed(&self, headers: &HeaderMap) -> Result<(), Refused> {
        let keys = &self.shared.settings.api_keys;
        if keys.is_empty() {
            return Ok(());
        }
        let given = headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok()?.strip_prefix("Bearer "));
        let given = given.map(|k| Digest::of(k.as_bytes()));
        let known = given.is_some_and(|g| keys.iter().any(|k| Digest::of(k.as_bytes()) == g));
        if known { Ok(()) } else { Err(Refused::key()) }
    }

    /// The whole request, if it is not too long.
    pub(crate) async fn body(&self, body: Body, most: usize) -> Result<Bytes, Refused> {
        axum::body::to_bytes(body, most).await.map_err(|_| Refused::too_long(most))
    }

    /// A turn, after those who came before; refused where too many wait.
    pub(crate) async fn turn(&self) -> Result<OwnedSemaphorePermit, Refused> {
        if let Ok(turn) = Arc::clone(&self.running).try_acquire_owned() {
            return Ok(turn);
        }
        let limits = self.shared.limits;
        let _waits = Waits(&self.waiting);
        if self.waiting.fetch_add(1, Ordering::SeqCst) >= limits.waiting {
            self.shared.metrics.refuse();
            // A guess of how long the queue takes: a second for each request before.
            return Err(Refused::full(u32::try_from(limits.waiting / limits.running.max(1)).unwrap_or(1).max(1)));
        }
        Arc::clone(&self.running).acquire_owned().await.map_err(|_| Refused::unavailable("the agent ends"))
    }
}
