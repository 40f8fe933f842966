//! Fewer classes for bounds: those that differ in nothing but what they hold are one, the largest first.
//!
//! A device that costs the same as another one and holds no less of anything is as good: some optimum wakes the larger
//! first (dominance). So the first `n` of such a chain are the ones awake, and what they hold together is concave in `n`:
//! below every [`Line`] of the class. Without this a program has every mixture of equally dear devices to branch on.

use super::advice::{Advice, Take};
use super::priced::Rule;
use super::view::{Cell, Class, Even, LIMITS, Line, WATTS};

/// An even table of fewer classes.
#[derive(Clone, Debug)]
pub(super) struct Merged {
    pub even: Even,
    /// By its classes: whom they were made of, the largest first.
    kinds: Vec<Vec<Kind>>,
}

/// A class of the table.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Kind {
    class: usize,
    count: usize,
    /// What one of its devices holds, in wholes of the first's.
    holds: [f64; LIMITS],
}

/// Relative distance at which two numbers are one.
const NEAR: f64 = 1e-12;

impl Merged {
    pub(super) fn of(even: &Even) -> Merged {
        let mut kinds: Vec<Vec<Kind>> = Vec::new();
        for (class, c) in even.classes.iter().enumerate() {
            let count = c.members.len();
            let place = kinds.iter_mut().find_map(|chain| {
                let holds = holds(even, chain[0].class, class)?;
                let apart = |k: &Kind| !below(&holds, &k.holds) && !below(&k.holds, &holds);
                (!chain.iter().any(apart)).then_some((chain, holds))
            });
            match place {
                Some((chain, holds)) => chain.push(Kind { class, count, holds }),
                None => kinds.push(vec![Kind { class, count, holds: [1.0; LIMITS] }]),
            }
        }
        kinds.iter_mut().for_each(|chain| sort(chain));
        let mut members: Vec<usize> = Vec::new();
        let classes = kinds.iter().map(|chain| {
            let from = members.len();
            chain.iter().for_each(|k| members.extend(even.classes[k.class].members.clone()));
            let lines = std::array::from_fn(|i| lines(chain, i));
            Class { wake_w: even.classes[chain[0].class].wake_w, members: from..members.len(), lines }
        });
        let classes: Vec<Class> = classes.collect();
        let class = classes.iter().enumerate().flat_map(|(c, k)| k.members.clone().map(move |_| c as u32)).collect();
        let firsts: Vec<usize> = kinds.iter().map(|chain| chain[0].class).collect();
        let ways = 0..even.ways.len();
        let even = Even {
            device: members.iter().map(|&d| even.device[d]).collect(),
            place: members.iter().map(|&d| even.place[d]).collect(),
            class,
            classes,
            streams: even.streams.clone(),
            ways: even.ways.clone(),
            cells: ways.flat_map(|way| firsts.iter().map(move |&c| (way, c))).map(|(way, c)| *even.cell(way, c)).collect(),
            standing_w: even.standing_w,
            weights: even.weights,
        };
        Merged { even, kinds }
    }

    /// Advice about the classes that were merged, the largest devices first.
    pub(super) fn advice(&self, advice: &Advice) -> Advice {
        let classes = self.kinds.iter().map(Vec::len).sum();
        let mut most = vec![0; if advice.most.is_empty() { 0 } else { classes }];
        for (chain, &all) in self.kinds.iter().zip(&advice.most) {
            let mut left = all;
            for kind in chain {
                most[kind.class] = left.min(kind.count as u32);
                left -= most[kind.class];
            }
        }
        let prices = advice.prices.as_ref().map(|prices| {
            let mut own = vec![[0.0; LIMITS]; classes];
            for (chain, price) in self.kinds.iter().zip(prices) {
                chain.iter().for_each(|kind| own[kind.class] = std::array::from_fn(|i| price[i] * kind.holds[i]));
            }
            own
        });
        Advice { most, prices, cost: advice.cost, takes: self.takes(&advice.takes, classes) }
    }
}

impl Merged {
    /// With the bits of all classes that were merged; nothing where they have none.
    fn takes(&self, takes: &[Vec<Take>], classes: usize) -> Vec<Vec<Take>> {
        if classes > Rule::BITS {
            return Vec::new();
        }
        let masks: Vec<u64> = self.kinds.iter().map(|chain| chain.iter().fold(0, |all, kind| all | 1 << kind.class)).collect();
        let own = |mask: u64| masks.iter().enumerate().filter(|(c, _)| mask >> c & 1 == 1).fold(0, |all, (_, own)| all | own);
        takes.iter().map(|list| list.iter().map(|take| Take { classes: own(take.classes), ..*take }).collect()).collect()
    }
}

/// Whether `a` holds nowhere more than `b`.
fn below(a: &[f64; LIMITS], b: &[f64; LIMITS]) -> bool {
    a.iter().zip(b).all(|(a, b)| a <= b)
}

/// The largest first, and in its wholes. Of equals the one that more fits on: then all that fits on one fits on those before.
fn sort(chain: &mut [Kind]) {
    let sum = |k: &Kind| k.holds.iter().sum::<f64>();
    chain.sort_by(|a, b| sum(b).total_cmp(&sum(a)).then(a.class.cmp(&b.class)));
    let first = chain[0].holds;
    chain.iter_mut().for_each(|k| k.holds = std::array::from_fn(|i| k.holds[i] / first[i] * (1.0 + NEAR)));
    chain[0].holds = [1.0; LIMITS];
}

/// What a device of `class` holds in wholes of one of `first`; `None` where something else differs.
fn holds(even: &Even, first: usize, class: usize) -> Option<[f64; LIMITS]> {
    if even.classes[first].wake_w.to_bits() != even.classes[class].wake_w.to_bits() {
        return None;
    }
    let mut holds: [Option<f64>; LIMITS] = [None; LIMITS];
    let (mut more, mut less, mut both) = (false, false, 0);
    for way in 0..even.ways.len() {
        let (a, b) = (even.cell(way, first), even.cell(way, class));
        more |= b.fit > a.fit;
        less |= b.fit < a.fit;
        if a.fit == 0 || b.fit == 0 {
            continue;
        }
        both += 1;
        let same = |of: fn(&Cell) -> f64| of(a).to_bits() == of(b).to_bits();
        if !same(|c| c.layer[WATTS]) || !same(|c| c.stage[WATTS]) || !same(|c| c.layer_s) || !same(|c| c.stage_s) {
            return None;
        }
        for (i, holds) in holds.iter_mut().enumerate() {
            for (x, y) in [(a.layer[i], b.layer[i]), (a.stage[i], b.stage[i])] {
                if x == 0.0 && y == 0.0 {
                    continue;
                }
                let ratio = x / y;
                let known = *holds.get_or_insert(ratio);
                if !(ratio.is_finite() && ratio > 0.0 && (ratio - known).abs() <= NEAR * known) {
                    return None;
                }
            }
        }
    }
    let holds = holds.map(|h| h.unwrap_or(1.0));
    // Who holds less must not fit more, and the other way round.
    let whole = [1.0; LIMITS];
    let right = if below(&holds, &whole) { !more } else { below(&whole, &holds) && !less };
    (both > 0 && right).then_some(holds)
}

/// What the first of a chain hold together of a capacity, as lines above it.
fn lines(chain: &[Kind], limit: usize) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    let (mut count, mut sum) = (0.0, 0.0);
    for kind in chain {
        let slope = kind.holds[limit].min(lines.last().map_or(1.0, |l| l.slope));
        if lines.last().is_none_or(|l| slope < l.slope) {
            lines.push(Line { slope, offset: sum - slope * count });
        }
        count += kind.count as f64;
        sum += slope * kind.count as f64;
    }
    lines
}
