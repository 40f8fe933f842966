//! The search for a minimal set of demands that cannot all hold.

use std::collections::BTreeMap;

use scenarios::Scenario;

use super::{Demand, demands, without};

/// What is known about a scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A plan that keeps everything was found.
    Possible,
    /// It is proved that there is none.
    Impossible,
    /// Neither, within the effort.
    Unknown,
}

/// Whether a scenario has a plan.
pub trait Oracle {
    fn ask(&mut self, scenario: &Scenario) -> Answer;
}

impl<F: FnMut(&Scenario) -> Answer> Oracle for F {
    fn ask(&mut self, scenario: &Scenario) -> Answer {
        self(scenario)
    }
}

/// Asks about subsets of a scenario's demands, each subset once.
pub(super) struct Memory<'a> {
    scenario: &'a Scenario,
    all: Vec<Demand>,
    oracle: &'a mut dyn Oracle,
    /// What the oracle said about the scenario with only these demands.
    asked: BTreeMap<Vec<Demand>, Answer>,
    pub(super) questions: u32,
}

impl<'a> Memory<'a> {
    pub(super) fn new(scenario: &'a Scenario, oracle: &'a mut dyn Oracle) -> Self {
        Memory { scenario, all: demands(scenario), oracle, asked: BTreeMap::new(), questions: 0 }
    }

    /// Whether some plan keeps these demands.
    ///
    /// Some demands also steer the model, so that dropping them can hide a plan: physics books memory
    /// for the requests that a deadline lets stay, and offers waiting times at the limit of booked time
    /// and at a few shares below. A plan that keeps such a demand as well keeps the others too, so
    /// "no" is said only after asking with them.
    pub(super) fn only(&mut self, kept: &[Demand]) -> Answer {
        let mut key = kept.to_vec();
        key.sort_unstable();
        key.dedup();
        // What a service that is not served asks for means nothing.
        let served = |d: &Demand| d.service().is_none_or(|s| kept.contains(&Demand::Served(s)));
        key.retain(served);
        let dropped: Vec<Demand> = self.all.iter().filter(|d| !key.contains(d) && served(d)).cloned().collect();
        let deadlines = |d: &Demand| matches!(d, Demand::Ttft(_) | Demand::Tpot(_) | Demand::Total(_));
        let booked = |d: &Demand| *d == Demand::BookedTime;
        let mut answer = self.raw(&key);
        let wider: [&dyn Fn(&Demand) -> bool; 3] = [&booked, &deadlines, &|d| booked(d) || deadlines(d)];
        for with in wider {
            let mut more: Vec<Demand> = dropped.iter().filter(|d| with(d)).cloned().collect();
            if answer == Answer::Possible || more.is_empty() {
                continue;
            }
            more.extend(key.iter().cloned());
            more.sort_unstable();
            answer = match (answer, self.raw(&more)) {
                (_, Answer::Possible) => Answer::Possible,
                (Answer::Impossible, Answer::Impossible) => Answer::Impossible,
                _ => Answer::Unknown,
            };
        }
        answer
    }

    fn raw(&mut self, key: &[Demand]) -> Answer {
        if let Some(&answer) = self.asked.get(key) {
            return answer;
        }
        let dropped: Vec<Demand> = self.all.iter().filter(|d| !key.contains(d)).cloned().collect();
        let answer = self.about(&without(self.scenario, &dropped));
        self.asked.insert(key.to_vec(), answer);
        answer
    }

    /// Whether any scenario has a plan.
    pub(super) fn about(&mut self, scenario: &Scenario) -> Answer {
        self.questions += 1;
        self.oracle.ask(scenario)
    }
}

/// Whether some plan of a scenario keeps these demands; the others are dropped.
pub fn satisfiable(scenario: &Scenario, kept: &[Demand], oracle: &mut dyn Oracle) -> Answer {
    Memory::new(scenario, oracle).only(kept)
}

/// A minimal set.
pub(super) struct Core {
    pub(super) demands: Vec<Demand>,
    pub(super) minimal: bool,
}

/// A minimal conflicting set of a scenario's demands, and whether minimality is proved; `None`: the
/// scenario has a plan or nothing was proved.
pub fn minimal(scenario: &Scenario, oracle: &mut dyn Oracle) -> Option<(Vec<Demand>, bool)> {
    let core = core(scenario, &mut Memory::new(scenario, oracle))?;
    Some((core.demands, core.minimal))
}

pub(super) fn core(scenario: &Scenario, memory: &mut Memory<'_>) -> Option<Core> {
    let all = memory.all.clone();
    let mut set = start(scenario, &all, memory)?;
    set = quick_xplain(&set, memory);
    shrink(&mut set, memory);
    smaller(&mut set, &all, memory);
    set.sort_unstable();
    let minimal = proper_subsets(&set).all(|sub| memory.only(&sub) == Answer::Possible);
    Some(Core { demands: set, minimal })
}

/// The demands of the first single service that cannot be served even alone, else of the first pair,
/// else all. Demands of devices and of the fleet belong to every start.
fn start(scenario: &Scenario, all: &[Demand], memory: &mut Memory<'_>) -> Option<Vec<Demand>> {
    let of = |services: &[usize]| -> Vec<Demand> {
        all.iter().filter(|d| d.service().is_none_or(|s| services.contains(&s))).cloned().collect()
    };
    let n = scenario.services.len();
    for s in 0..n {
        let set = of(&[s]);
        if memory.only(&set) == Answer::Impossible {
            return Some(set);
        }
    }
    // Pairs are worth asking only while they are few.
    if n <= MOST_PAIRED {
        for (a, b) in (0..n).flat_map(|a| (a + 1..n).map(move |b| (a, b))) {
            let set = of(&[a, b]);
            if memory.only(&set) == Answer::Impossible {
                return Some(set);
            }
        }
    }
    (memory.only(all) == Answer::Impossible).then(|| all.to_vec())
}

/// Services up to which pairs are tried before the whole.
const MOST_PAIRED: usize = 6;

/// QuickXplain: halves the candidates and keeps only what the conflict needs, with about
/// `k log(n / k)` questions for a conflict of `k` among `n`. Assumes that dropping demands never
/// makes a scenario impossible; [`shrink`] mends where that does not hold.
fn quick_xplain(set: &[Demand], memory: &mut Memory<'_>) -> Vec<Demand> {
    fn inner(kept: &[Demand], added: bool, rest: &[Demand], memory: &mut Memory<'_>) -> Vec<Demand> {
        if added && memory.only(kept) == Answer::Impossible {
            return Vec::new();
        }
        if rest.len() <= 1 {
            return rest.to_vec();
        }
        let (first, second) = rest.split_at(rest.len() / 2);
        let with_first: Vec<Demand> = kept.iter().chain(first).cloned().collect();
        let found_second = inner(&with_first, true, second, memory);
        let with_second: Vec<Demand> = kept.iter().chain(&found_second).cloned().collect();
        let found_first = inner(&with_second, !found_second.is_empty(), first, memory);
        found_first.into_iter().chain(found_second).collect()
    }
    let found = inner(&[], false, set, memory);
    if memory.only(&found) == Answer::Impossible { found } else { set.to_vec() }
}

/// Removes demands one by one while the rest stays impossible, until none can go; then does the same
/// with larger subsets of a small set, for the demands that are not monotone (the fleet's means).
fn shrink(set: &mut Vec<Demand>, memory: &mut Memory<'_>) {
    loop {
        let before = set.len();
        let mut i = set.len();
        while i > 0 {
            i -= 1;
            let mut less = set.clone();
            less.remove(i);
            if memory.only(&less) == Answer::Impossible {
                *set = less;
            }
        }
        if set.len() == before {
            break;
        }
    }
    if let Some(sub) = proper_subsets(set).find(|sub| memory.only(sub) == Answer::Impossible) {
        *set = sub;
        shrink(set, memory);
    }
}

/// Size up to which all proper subsets are asked about where demands are not monotone.
const MOST_POWERED: usize = 6;

/// The proper subsets that can tell whether a set is minimal: those without one demand, and all of
/// them where the set holds a mean over services, which dropping a service can break.
fn proper_subsets(set: &[Demand]) -> impl Iterator<Item = Vec<Demand>> + use<> {
    let set = set.to_vec();
    let means = [Demand::FleetAccuracy, Demand::FleetLatency, Demand::FleetUnderuse];
    let n = set.len();
    let all = n <= MOST_POWERED && set.iter().any(|d| means.contains(d));
    let masks: Vec<u64> = if all {
        (0..(1u64 << n) - 1).collect()
    } else {
        (0..n.min(63)).map(|i| ((1u64 << n.min(63)) - 1) & !(1 << i)).collect()
    };
    masks.into_iter().map(move |mask| {
        let kept = |&(i, _): &(usize, &Demand)| i >= 63 || mask >> i & 1 == 1;
        set.iter().enumerate().filter(kept).map(|(_, d)| d.clone()).collect()
    })
}

/// Questions that the look for a smaller set may ask.
const MOST_TRIES: u32 = 200;

/// Looks for a smaller conflict: the pairs, then the triples that hold a served service, in order.
fn smaller(set: &mut Vec<Demand>, all: &[Demand], memory: &mut Memory<'_>) {
    let start = memory.questions;
    for size in 1..set.len().min(4) {
        let mut found = None;
        combinations(all, size, &mut |candidate| {
            if memory.questions - start >= MOST_TRIES {
                return true;
            }
            // Demands of a service mean nothing unless it is served.
            let sound = candidate.iter().all(|d| d.service().is_none_or(|s| candidate.contains(&Demand::Served(s))));
            if sound && memory.only(candidate) == Answer::Impossible {
                found = Some(candidate.to_vec());
            }
            found.is_some()
        });
        if let Some(found) = found {
            *set = found;
            shrink(set, memory);
            return;
        }
    }
}

/// Calls with each combination of `size` demands in order, until the call says stop.
fn combinations(all: &[Demand], size: usize, call: &mut dyn FnMut(&[Demand]) -> bool) -> bool {
    fn inner(
        all: &[Demand],
        from: usize,
        size: usize,
        chosen: &mut Vec<Demand>,
        call: &mut dyn FnMut(&[Demand]) -> bool,
    ) -> bool {
        if chosen.len() == size {
            return call(chosen);
        }
        for i in from..all.len() {
            chosen.push(all[i].clone());
            let stop = inner(all, i + 1, size, chosen, call);
            chosen.pop();
            if stop {
                return true;
            }
        }
        false
    }
    inner(all, 0, size, &mut Vec::new(), call)
}
