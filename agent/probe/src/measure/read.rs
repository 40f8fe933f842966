//! Read bandwidth by threads and by working set: where the curve steps down, a cache ends.

use crate::runs::Rate;
use kernels::limits::Sheet;
use kernels::{Pool, Wait};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Smallest working set, bytes.
const SMALLEST: usize = 16 << 10;
/// Samples of one set in one round.
const SAMPLES: usize = 4;

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

    /// B/s of a set of so many bytes, straight between the measured ones over the logarithm of the size; the outermost
    /// ones hold beyond. Medians: how much of a set a shared cache keeps is a matter of luck, and the lucky runs are not
    /// what a model will see.
    #[must_use]
    pub fn at(&self, bytes: f64) -> Option<f64> {
        let first = self.by_set.first()?;
        let next = self.by_set.iter().position(|s| s.bytes as f64 >= bytes);
        let Some(next) = next else { return self.by_set.last().map(|s| s.rate.median) };
        if next == 0 {
            return Some(first.rate.median);
        }
        let (a, b) = (&self.by_set[next - 1], &self.by_set[next]);
        let share = (bytes / a.bytes as f64).ln() / (b.bytes as f64 / a.bytes as f64).ln();
        Some(a.rate.median + (b.rate.median - a.rate.median) * share)
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
        let sets: Vec<usize> = doubled.chain([largest]).collect();
        Some(Self { by_threads: vec![Vec::new(); others.len()], by_set: vec![Vec::new(); sets.len()], sheet, pool, others, sets })
    }

    /// One round over all.
    pub fn round(&mut self) {
        for (pool, rates) in self.others.iter().zip(&mut self.by_threads) {
            rates.extend(self.sheet.rates(pool, self.sheet.bytes(), 2 * SAMPLES));
        }
        for (set, rates) in self.sets.iter().zip(&mut self.by_set) {
            let samples = if *set == self.sheet.bytes() { 2 * SAMPLES } else { SAMPLES };
            rates.extend(self.sheet.rates(&self.pool, *set, samples));
        }
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

    #[test]
    fn between_two_sets_the_rate_is_between() {
        let rate = |v: f64| Rate::of(&[v]).expect("one run");
        let by_set = vec![BySet { bytes: 1 << 20, rate: rate(40.0) }, BySet { bytes: 4 << 20, rate: rate(20.0) }];
        let reading = Reading { by_threads: Vec::new(), by_set };
        let at = |mib: f64| reading.at(mib * 1_048_576.0).expect("two sets");
        assert!((at(2.0) - 30.0).abs() < 1e-9 && (at(0.1) - 40.0).abs() < 1e-9 && (at(100.0) - 20.0).abs() < 1e-9);
        assert_eq!(Reading::default().at(1.0), None);
    }
}
