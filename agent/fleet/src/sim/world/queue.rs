//! What is yet to happen, in the order of time; what falls on the same moment, in the order it was put there.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Small entries are sorted, and point to what happens: most of a run's time goes through here.
pub(super) struct Queue<T> {
    order: BinaryHeap<Reverse<(u64, u64, u32)>>,
    what: Vec<Option<T>>,
    free: Vec<u32>,
}

impl<T> Queue<T> {
    pub(super) fn new() -> Self {
        Self { order: BinaryHeap::new(), what: Vec::new(), free: Vec::new() }
    }

    /// `number` orders what falls on the same moment; each is given once.
    pub(super) fn put(&mut self, at_ms: u64, number: u64, what: T) {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.what.push(None);
            u32::try_from(self.what.len() - 1).unwrap_or(u32::MAX)
        });
        self.what[slot as usize] = Some(what);
        self.order.push(Reverse((at_ms, number, slot)));
    }

    pub(super) fn pop(&mut self) -> Option<(u64, T)> {
        let Reverse((at_ms, _, slot)) = self.order.pop()?;
        self.free.push(slot);
        Some((at_ms, self.what[slot as usize].take()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_time_then_by_number() {
        let mut q = Queue::new();
        for (at, number, what) in [(5, 1, "c"), (3, 2, "a"), (5, 3, "d"), (3, 4, "b")] {
            q.put(at, number, what);
        }
        assert_eq!(q.pop(), Some((3, "a")));
        // A place that is free again is used again.
        q.put(4, 5, "between");
        let rest: Vec<_> = std::iter::from_fn(|| q.pop()).collect();
        assert_eq!(rest, [(3, "b"), (4, "between"), (5, "c"), (5, "d")]);
        assert_eq!(q.what.len(), 4);
    }
}
