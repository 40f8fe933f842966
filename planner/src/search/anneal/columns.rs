//! Deployment chains met on the way: columns for the integer program.

use std::collections::{BTreeSet, VecDeque};

use crate::search::state::Row;
use crate::table::{Chain, Stage};

/// A chain of one option of one service.
pub type Column = (u32, u32, Chain);

/// The latest distinct chains, newest last.
#[derive(Debug)]
pub(super) struct Columns {
    limit: usize,
    seen: BTreeSet<u64>,
    list: VecDeque<(u64, Column)>,
}

impl Columns {
    pub(super) fn new(limit: usize) -> Self {
        Columns { limit, seen: BTreeSet::new(), list: VecDeque::new() }
    }

    /// Keeps the chains of a row that were not met lately.
    pub(super) fn meet(&mut self, service: u32, row: &Row) {
        if self.limit == 0 || row.option == crate::search::state::NONE {
            return;
        }
        for c in 0..row.chains() {
            let stages = &row.stages[row.chain(c)];
            let print = fingerprint(service, row.option, stages);
            if self.seen.insert(print) {
                self.list.push_back((print, (service, row.option, Chain { stages: stages.to_vec() })));
                if self.list.len() > self.limit
                    && let Some((old, _)) = self.list.pop_front()
                {
                    self.seen.remove(&old);
                }
            }
        }
    }

    /// Newest first.
    pub(super) fn into_newest(self) -> impl Iterator<Item = Column> {
        self.list.into_iter().rev().map(|(_, c)| c)
    }
}

/// FNV-1a over the words, then mixed; fixed, so that results do not depend on the process.
fn fingerprint(service: u32, option: u32, stages: &[Stage]) -> u64 {
    let mut h = 0xcbf2_9ce4_8422_2325_u64;
    let mut eat = |word: u32| h = (h ^ u64::from(word)).wrapping_mul(0x0000_0100_0000_01b3).rotate_left(23);
    eat(service);
    eat(option);
    for stage in stages {
        eat(stage.place);
        eat(stage.start);
        eat(stage.end);
    }
    (h ^ (h >> 31)).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distinct_bounded_newest_first() {
        let mut columns = Columns::new(3);
        let mut row = Row::skipped();
        columns.meet(0, &row);
        row.option = 1;
        row.push_chain(&[Stage { place: 0, start: 0, end: 2 }]);
        for place in [0, 0, 1, 2, 1, 3] {
            row.stages[0].place = place;
            columns.meet(0, &row);
        }
        let places: Vec<u32> = columns.into_newest().map(|(_, _, c)| c.stages[0].place).collect();
        assert_eq!(places, [3, 2, 1]);
    }
}
