//! How long the steps of a stage take, for telemetry: by how many sequences went through together, since a step of more
//! takes longer.

use crate::metrics::at;
use std::collections::BTreeMap;

/// Times of one window that are kept, for each number of sequences.
const TIMES: usize = 1_024;

/// Steps since the last look, each appending one token to each sequence.
#[derive(Debug, Default)]
pub(crate) struct Steps(BTreeMap<u32, Vec<f64>>);

/// Those of one number of sequences.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Took {
    pub(crate) rows: u32,
    pub(crate) steps: u64,
    /// Median.
    pub(crate) step_s: f64,
}

impl Steps {
    /// So many steps of so many sequences took so long each.
    pub(crate) fn took(&mut self, rows: usize, steps: usize, step_s: f64) {
        let times = self.0.entry(u32::try_from(rows).unwrap_or(u32::MAX)).or_default();
        let room = TIMES.saturating_sub(times.len());
        times.extend(std::iter::repeat_n(step_s, steps.min(room)));
    }

    /// The number of sequences that most steps had, and what those took; of equals the fewest. Begins anew.
    pub(crate) fn lap(&mut self) -> Option<Took> {
        let all = std::mem::take(&mut self.0);
        let (rows, mut times) = all.into_iter().max_by_key(|(rows, times)| (times.len(), std::cmp::Reverse(*rows)))?;
        Some(Took { rows, steps: times.len() as u64, step_s: at(&mut times, 0.5)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn most_steps_speak() {
        let mut steps = Steps::default();
        assert_eq!(steps.lap(), None);
        for step_s in [0.03, 0.01, 0.02, 0.5, 0.01] {
            steps.took(1, 1, step_s);
        }
        steps.took(4, 3, 0.1);
        assert_eq!(steps.lap(), Some(Took { rows: 1, steps: 5, step_s: 0.02 }), "one that was held up changes nothing");
        assert_eq!(steps.lap(), None, "each window begins anew");
        steps.took(2, 7, 0.1);
        steps.took(1, 7, 0.05);
        assert_eq!(steps.lap(), Some(Took { rows: 1, steps: 7, step_s: 0.05 }));
        steps.took(1, usize::MAX, 0.2);
        assert_eq!(steps.lap().map(|t| t.steps), Some(TIMES as u64), "memory is bounded");
    }
}
