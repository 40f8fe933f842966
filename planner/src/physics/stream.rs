//! Weights that are not in memory: what a pass reads of them from storage, what of that hides behind work, and how
//! much memory a scheduler holds.
//!
//! Plans read on demand (`miss` of [`super::pass::run`]): nothing overlaps, every weight is as likely to be
//! missing. Engines of the literature do better, each by a mechanism that stands here:
//!
//! - **Prefetch.** Block `i + 1` is read while block `i` works: a pipeline of two stages over `n` blocks takes
//!   `max(work, read) + min(work, read) / n`, since the first read (or the last work) has nothing to hide behind.
//! - **A window of blocks.** Only `w` neighbouring blocks are held at a time (TPI-LLM's memory scheduler).
//! - **An expert cache.** What every token needs is held first, the rest of the memory holds experts. Routers that
//!   choose evenly and independently miss with `1 - held / all`; real routers repeat themselves, so it is an upper bound.
//! - **Sparse activations.** Of the neurons of an MLP a token uses a share; a sliding window over the last tokens holds
//!   theirs, so that only a smaller share is fresh and has to be read (LLM in a flash, arXiv 2312.11514).

/// Time of a pass whose reads wait for its work and its work for its reads.
#[must_use]
pub fn on_demand_s(work_s: f64, read_s: f64) -> f64 {
    work_s.max(0.0) + read_s.max(0.0)
}

/// Time of a pass over `blocks` equal blocks that reads one block ahead.
#[must_use]
pub fn prefetched_s(work_s: f64, read_s: f64, blocks: f64) -> f64 {
    let (work, read) = (work_s.max(0.0), read_s.max(0.0));
    work.max(read) + work.min(read) / blocks.max(1.0)
}

/// Share of the experts that a token uses and memory does not hold, where routing is even: `1 - held / all`.
///
/// `memory_bytes` is what the process may hold, `pinned_bytes` what every token needs (attention, head, caches,
/// runtime), `expert_bytes` all experts together. 1 where not even the pinned part fits.
#[must_use]
pub fn expert_miss(memory_bytes: f64, pinned_bytes: f64, expert_bytes: f64) -> f64 {
    if expert_bytes <= 0.0 {
        return 0.0;
    }
    (1.0 - (memory_bytes - pinned_bytes) / expert_bytes).clamp(0.0, 1.0)
}

/// Most bytes that a window over `window` neighbouring blocks ever holds.
#[must_use]
pub fn window_bytes(blocks: &[f64], window: usize) -> f64 {
    blocks.windows(window.clamp(1, blocks.len().max(1))).map(|w| w.iter().sum()).fold(0.0, f64::max)
}

/// What a token uses of a model whose MLP neurons fire sparsely.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sparse {
    /// Share of the weights that belong to MLPs.
    pub mlp: f64,
    /// Of these, the share that a token computes with.
    pub active: f64,
    /// Of these, the share that the window over the last tokens does not hold.
    pub fresh: f64,
}

impl Sparse {
    /// Share of a dense pass's arithmetic and memory traffic that is left.
    #[must_use]
    pub fn work_share(&self) -> f64 {
        1.0 - self.mlp * (1.0 - self.active)
    }

    /// Bytes that a token reads from storage, of a model of `weight_bytes`.
    #[must_use]
    pub fn read_bytes(&self, weight_bytes: f64) -> f64 {
        weight_bytes * self.mlp * self.fresh
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_values() {
        assert!((on_demand_s(2.0, 3.0) - 5.0).abs() < 1e-12);
        // Ten blocks of 0.2 s work and 0.3 s reading: the first read, then ten times the longer of both, then nothing.
        assert!((prefetched_s(2.0, 3.0, 10.0) - 3.2).abs() < 1e-12);
        assert!((prefetched_s(2.0, 3.0, 1.0) - on_demand_s(2.0, 3.0)).abs() < 1e-12, "one block hides nothing");
        assert!((expert_miss(1.0, 0.4, 2.0) - 0.7).abs() < 1e-12);
        assert!((expert_miss(0.3, 0.4, 2.0) - 1.0).abs() < 1e-12 && expert_miss(9.0, 0.4, 2.0).abs() < 1e-12);
        assert!(expert_miss(1.0, 0.4, 0.0).abs() < 1e-12, "a model without experts misses none");
        assert!((window_bytes(&[1.0, 5.0, 2.0, 4.0], 2) - 7.0).abs() < 1e-12);
        assert!((window_bytes(&[1.0, 5.0], 9) - 6.0).abs() < 1e-12 && window_bytes(&[], 2).abs() < 1e-12);
        let s = Sparse { mlp: 0.6, active: 0.1, fresh: 0.02 };
        assert!((s.work_share() - 0.46).abs() < 1e-12 && (s.read_bytes(100.0) - 1.2).abs() < 1e-12);
    }

    proptest! {
        #[test]
        fn reading_ahead_lies_between_the_longer_and_the_sum(work in 0.0..1e3f64, read in 0.0..1e3f64, blocks in 1.0..200.0f64) {
            let t = prefetched_s(work, read, blocks);
            prop_assert!(t >= work.max(read) && t <= on_demand_s(work, read) + 1e-9);
            prop_assert!(prefetched_s(work, read, blocks + 1.0) <= t + 1e-12);
        }

        #[test]
        fn more_memory_never_misses_more(memory in 0.0..20.0f64, more in 0.0..5.0f64, pinned in 0.0..5.0f64, experts in 0.1..20.0f64) {
            prop_assert!(expert_miss(memory + more, pinned, experts) <= expert_miss(memory, pinned, experts));
        }

        #[test]
        fn a_wider_window_holds_no_less(blocks in proptest::collection::vec(0.0..10.0f64, 1..30), window in 1usize..10) {
            let (narrow, wide) = (window_bytes(&blocks, window), window_bytes(&blocks, window + 1));
            prop_assert!(wide >= narrow && wide <= blocks.iter().sum::<f64>() + 1e-9);
        }
    }
}
