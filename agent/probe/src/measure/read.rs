//! Read bandwidth by threads and by working set: where the curve steps down, a cache ends.

use crate::runs::{Rate, along};
use kernels::limits::Sheet;
use kernels::{Pool, Wait};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Smallest working set, bytes.
const SMALLEST: usize = 16 << 10;
/// Samples of one set in one round.
const SAMPLES: usize = 4;
/// From this set on, bytes, sets half as large again lie between the doubled ones: here last-level caches end.
const FINER: usize = 32 << 20;
/// Sets of this size and more are read in one round of so many, in as many more samples: they take long to settle.
const SELDOM: usize = 4;

/// What was measured.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// Of the largest set, by number of threads, ascending, B/s.
    pub by_threads: Vec<ByThreads>,
    /// On the threads that the profile is about, by set, ascending, B/s.
    pub by_set: Vec<BySet>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ByThreads {
    pub threads: usize,
    pub rate: Rate,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct BySet {
    pub bytes: usize,
    pub rate: Rate,
}

impl Reading {
    /// Of the largest set: memory, not cache, B/s.
    #[must_use]
    pub fn memory(&self) -> Option<Rate> {
        self.by_set.last().map(|s| s.rate)
    }

    /// B/s of a working set of so many bytes that is read round and round: medians of the measured sets and lines between.
    #[must_use]
    pub fn at(&self, bytes: f64) -> Option<f64> {
        let curve: Vec<(f64, f64)> = self.by_set.iter().map(|s| (s.bytes as f64, s.rate.median)).collect();
        along(&curve, bytes)
    }
}

/// Measures round by round.
#[derive(Debug)]
pub struct Reader {
    sheet: Sheet,
    pool: Arc<Pool>,
    others: Vec<Pool>,
    by_threads: Vec<Vec<f64>>,
    sets: Vec<usize>,
    by_set: Vec<Vec<f64>>,
    rounds: usize,
}

impl Reader {
    /// For sets up to `largest` bytes on `pool`; `None` where that memory cannot be had.
    #[must_use]
    pub fn new(pool: Arc<Pool>, largest: usize) -> Option<Self> {
        let sheet = Sheet::new(largest)?;
        let all = pool.threads();
        // 1, 2, 4, … and the pool's own.
        let counts = (0..).map(|i| 1_usize << i).take_while(|n| *n < all);
        let others: Vec<Pool> = counts.map(|n| Pool::new(n, Wait::default())).collect();
        let doubled = (0..).map(|i| SMALLEST << i).take_while(|s| *s < largest);
        let finer = doubled.flat_map(|s| [Some(s), (s >= FINER).then_some(s / 2 * 3)]).flatten().filter(|s| *s < largest);
        let sets: Vec<usize> = finer.chain([largest]).collect();
        let (by_threads, by_set) = (vec![Vec::new(); others.len()], vec![Vec::new(); sets.len()]);
        Some(Self { by_threads, by_set, sheet, pool, others, sets, rounds: 0 })
    }

    /// One round over all.
    pub fn round(&mut self) {
        for (pool, rates) in self.others.iter().zip(&mut self.by_threads) {
            if !self.rounds.is_multiple_of(SELDOM) {
                break;
            }
            rates.extend(self.sheet.rates(pool, self.sheet.bytes(), SAMPLES * SELDOM));
        }
        for (set, rates) in self.sets.iter().zip(&mut self.by_set) {
            let large = *set >= FINER;
            if large && !self.rounds.is_multiple_of(SELDOM) {
                continue;
            }
            let samples = if large { SAMPLES * SELDOM } else { SAMPLES };
            rates.extend(self.sheet.rates(&self.pool, *set, samples));
        }
        self.rounds += 1;
    }

    /// What the rounds say.
    #[must_use]
    pub fn done(self) -> Reading {
        let by_set: Vec<BySet> =
            self.sets.iter().zip(&self.by_set).filter_map(|(b, r)| Some(BySet { bytes: *b, rate: Rate::of(r)? })).collect();
        let own = by_set.last().map(|s| ByThreads { threads: self.pool.threads(), rate: s.rate });
        let others = self.others.iter().zip(&self.by_threads);
        let by_threads = others.filter_map(|(p, r)| Some(ByThreads { threads: p.threads(), rate: Rate::of(r)? })).chain(own);
        Reading { by_threads: by_threads.collect(), by_set }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn between_sets_there_is_a_line() {
        let set = |bytes: usize, v: f64| BySet { bytes, rate: Rate::of(&[v]).expect("one run") };
        let r = Reading { by_threads: Vec::new(), by_set: vec![set(1 << 10, 8e9), set(1 << 12, 4e9)] };
        for (bytes, rate) in [(1.0, 8e9), (1024.0, 8e9), (2048.0, 6e9), (4096.0, 4e9), (1e9, 4e9)] {
            assert!((r.at(bytes).expect("sets") / rate - 1.0).abs() < 1e-9, "{bytes}");
        }
        assert_eq!(Reading::default().at(1.0), None);
    }

    #[test]
    fn threads_and_sets_are_read() {
        let mut reader = Reader::new(Arc::new(Pool::new(2, Wait::Park)), 100 << 10).expect("100 KiB are there");
        reader.round();
        reader.round();
        let reading = reader.done();
        let sets: Vec<usize> = reading.by_set.iter().map(|s| s.bytes >> 10).collect();
        assert_eq!(sets, [16, 32, 64, 100]);
        assert_eq!(reading.by_threads.iter().map(|t| t.threads).collect::<Vec<_>>(), [1, 2]);
        assert!(reading.by_set.iter().all(|s| s.rate.runs >= SAMPLES && s.rate.fast > 1e6));
    }
}
