//! Parts of the plans, and how they are split: by numbers of devices awake, then by what a service takes.

use std::sync::Arc;

use super::master::Solved;
use super::priced::{Column, Prices, Rule};
use super::tree::Leaf;
use super::view::Even;

/// Nearer to a whole number than this is whole.
pub(super) const WHOLE: f64 = 1e-6;
/// A share of a service nearer to none or all than this is not split by.
pub(super) const SHARE: f64 = 1e-3;

/// A part of the plans: so many devices awake at least and at most, by class; and what services may take.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Part {
    pub bound: f64,
    pub least: Vec<f64>,
    pub most: Vec<f64>,
    /// By stream; empty: nothing is decided.
    pub rules: Vec<Rule>,
    /// Good prices of the part that it was split from.
    pub prices: Option<Arc<Prices>>,
    /// Its relaxed plan, or that of the part that it was split from, where numbers awake are whole.
    pub leaf: Option<Arc<Leaf>>,
}

impl Part {
    /// All plans.
    pub(super) fn whole(even: &Even) -> Part {
        Part {
            bound: f64::NEG_INFINITY,
            least: vec![0.0; even.classes.len()],
            most: even.classes.iter().map(|c| c.members.len() as f64).collect(),
            rules: Vec::new(),
            prices: None,
            leaf: None,
        }
    }

    pub(super) fn rule(&self, stream: usize) -> Rule {
        self.rules.get(stream).copied().unwrap_or_default()
    }

    /// Whether a column may be in a plan of the part.
    pub(super) fn allows(&self, even: &Even, column: &Column) -> bool {
        let rule = self.rule(column.stream);
        let uses = |mask: u64| column.uses.iter().filter(|u| u.0 < Rule::BITS && mask >> u.0 & 1 == 1).count();
        let option = column.way - even.streams[column.stream].ways.start;
        column.uses.iter().all(|u| u.1 <= self.most[u.0] + 0.5)
            && uses(rule.never) == 0
            && uses(rule.must) == rule.must.count_ones() as usize
            && (option >= Rule::BITS || rule.skip >> option & 1 == 0)
    }
}

/// The class to split a part by, and its number awake: the one nearest to a half.
pub(super) fn fraction(even: &Even, part: &Part, awake: &[f64]) -> Option<(usize, f64)> {
    (0..awake.len())
        .map(|c| (c, awake[c], (awake[c] - awake[c].floor() - 0.5).abs()))
        .filter(|&(c, z, off)| off < 0.5 - WHOLE && z > part.least[c] && z < part.most[c])
        .min_by(|a, b| (a.2 - wake(even, a.0)).total_cmp(&(b.2 - wake(even, b.0))))
        .map(|(c, z, _)| (c, z))
}

/// A part in two by what a service takes: the option or class whose share is nearest to a half, dear services first.
pub(super) fn decided(even: &Even, part: &Part, columns: &[Column], solved: &Solved) -> Option<[Part; 2]> {
    let (classes, streams) = (even.classes.len(), even.streams.len());
    let mut stood = vec![0.0; streams * classes];
    let mut taken = vec![0.0; even.ways.len()];
    for (column, share) in columns.iter().zip(&solved.shares) {
        taken[column.way] += share;
        column.uses.iter().for_each(|u| stood[column.stream * classes + u.0] += share);
    }
    let mut best: Option<(f64, usize, Rule, Rule)> = None;
    let mut look = |j: usize, share: f64, no: Rule, yes: Rule| {
        let off = share.min(1.0 - share);
        let score = off * solved.worth[j];
        if off > SHARE && best.as_ref().is_none_or(|b| score > b.0) {
            best = Some((score, j, no, yes));
        }
    };
    for (j, stream) in even.streams.iter().enumerate() {
        for c in 0..classes {
            let bit = 1 << c;
            look(j, stood[j * classes + c], Rule { never: bit, ..Rule::default() }, Rule { must: bit, ..Rule::default() });
        }
        for (o, way) in stream.ways.clone().enumerate().take(Rule::BITS) {
            let others = u64::MAX ^ (1 << o);
            look(j, taken[way], Rule { skip: 1 << o, ..Rule::default() }, Rule { skip: others, ..Rule::default() });
        }
    }
    let (_, j, no, yes) = best?;
    let half = |rule: Rule| {
        let mut half = part.clone();
        half.rules.resize(streams, Rule::default());
        half.rules[j] = half.rules[j].and(rule);
        half
    };
    Some([half(no), half(yes)])
}

/// A part in two by the devices of a class awake.
pub(super) fn halves(part: &Part, class: usize, awake: f64) -> [Part; 2] {
    let (mut low, mut high) = (part.clone(), part.clone());
    low.most[class] = awake.floor();
    high.least[class] = awake.ceil();
    [low, high]
}

/// A little more for classes that are dear to wake, less than one part of the distance to a half.
fn wake(even: &Even, class: usize) -> f64 {
    let most = even.classes.iter().map(|c| c.wake_w).fold(1e-9, f64::max);
    0.3 * even.classes[class].wake_w / most
}
