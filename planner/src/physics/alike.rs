//! Ways that cost the same everywhere: services of a fleet often ask for the same, and costs are worked out once.

use std::collections::BTreeMap;

use profiles::Precision;

use super::ways::Way;

/// For each way the first that costs what it does on every processor, itself where there is none before it.
pub(super) fn first_of(ways: &[Way<'_>]) -> Vec<usize> {
    let mut likely: BTreeMap<_, Vec<usize>> = BTreeMap::new();
    ways.iter()
        .enumerate()
        .map(|(w, way)| {
            let before = likely.entry(key(way)).or_default();
            before.iter().copied().find(|&b| same(&ways[b], way)).unwrap_or_else(|| {
                before.push(w);
                w
            })
        })
        .collect()
}

/// Equal for ways that are alike, and cheap to order.
fn key<'w>(w: &'w Way<'_>) -> (&'w str, Precision, [u64; 5]) {
    let r = &w.request;
    let numbers = [r.items, r.passes, r.prefill.tokens, r.prefill.batch, w.resident_share];
    (&w.profile.id, w.precision, numbers.map(f64::to_bits))
}

/// Everything that [`super::fleet::unit`] reads.
fn same(a: &Way<'_>, b: &Way<'_>) -> bool {
    let of = |w: &Way<'_>| (w.precision, w.request, w.resident_share, w.adapters, w.experts.map(|(_, cache)| cache));
    of(a) == of(b) && a.gated.filter == b.gated.filter && a.profile.blocks == b.profile.blocks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::physics::ways;
    use crate::testing::{gated_scenario, scenario_of};

    /// The first service's ways, and the same again.
    fn twice(scenario: &scenarios::Scenario) -> Vec<Way<'_>> {
        let ways = ways::of_service(scenario, 0, &mut Vec::new());
        ways.iter().chain(&ways).cloned().collect()
    }

    #[test]
    fn what_is_asked_twice_costs_the_same() {
        let mut seen = 0;
        for scenario in (0..20).flat_map(|seed| [scenario_of(seed, 3, 2), gated_scenario(seed)]) {
            let ways = twice(&scenario);
            let first = first_of(&ways);
            assert!(first.iter().zip(0..).all(|(&f, w)| f <= w));
            seen += first.len();
            let (once, again) = first.split_at(ways.len() / 2);
            assert_eq!(once, again);
        }
        assert!(seen > 100, "{seen} ways");
    }

    #[test]
    fn ways_that_differ_in_a_cost_are_told_apart() {
        let scenario = scenario_of(1, 3, 2);
        let base = &twice(&scenario)[0];
        let changes: [fn(&mut Way<'_>); 4] = [
            |w| w.request.decode.context += 1.0,
            |w| w.request.prefill.tokens += 1.0,
            |w| w.resident_share *= 0.5,
            |w| w.precision.kv_bits = if w.precision.kv_bits == 16 { 8 } else { 16 },
        ];
        for change in changes {
            let mut other = base.clone();
            change(&mut other);
            assert_eq!(first_of(&[base.clone(), other]), [0, 1]);
        }
        // Where it is, and whose it is, costs nothing.
        let elsewhere = Way { service: 1, model: 7, accuracy: None, ..base.clone() };
        assert_eq!(first_of(&[base.clone(), elsewhere]), [0, 0]);
    }
}
