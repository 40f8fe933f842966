//! So many bytes a second, over all who share it.

use crate::clock;
use crate::shared::lock;
use std::sync::Mutex;
use std::time::Duration;

/// None: as fast as it goes.
pub(crate) struct Rate {
    bytes_s: Option<u64>,
    /// When what was let through so far is paid for, s of the clock that only runs.
    paid_s: Mutex<f64>,
}

impl Rate {
    pub(crate) fn new(bytes_s: Option<u64>) -> Self {
        Self { bytes_s, paid_s: Mutex::new(0.0) }
    }

    /// Waits until so many bytes may go.
    pub(crate) fn take(&self, bytes: usize) {
        let Some(bytes_s) = self.bytes_s else { return };
        let now = clock::seconds();
        let wait = {
            let mut paid = lock(&self.paid_s);
            // Time in which nothing went is not saved up.
            let from = paid.max(now);
            *paid = from + bytes as f64 / bytes_s.max(1) as f64;
            from - now
        };
        std::thread::sleep(Duration::from_secs_f64(wait.max(0.0)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_paid_for_in_time() {
        let rate = Rate::new(Some(1_000_000));
        let begun = clock::seconds();
        for _ in 0..11 {
            rate.take(10_000);
        }
        // The last is not waited for.
        assert!(clock::seconds() - begun >= 0.099);
        Rate::new(None).take(usize::MAX);
    }
}
