//! What of a service's weights a deployment has on a device: whole blocks, or some KV heads of the blocks of a shared stage.

use profiles::{Block, Precision};
use scenarios::Scenario;

use crate::physics::{Gate, Model, work};
use crate::table::Deployment;

/// A device's part of one block: KV heads `from..to` of `of`; all of them: the whole block.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Held {
    precision: Precision,
    from: u32,
    to: u32,
    of: u32,
}

impl Held {
    fn whole(&self) -> bool {
        self.to - self.from == self.of
    }

    /// Bytes of its weights that are not in another such part on the same device.
    pub(super) fn beside(&self, block: &Block, there: Option<&Held>) -> f64 {
        let own = if self.whole() { Some(block.clone()) } else { block.part(self.to - self.from) };
        let bytes = own.map_or(0.0, |b| work::weight_bytes(&b, self.precision));
        let Some(there) = there.filter(|t| t.precision.weights == self.precision.weights) else { return bytes };
        if there.whole() {
            return 0.0;
        }
        // Of parts of one model both count its KV heads; a whole block here counts those of the part there.
        let of = self.of.max(there.of);
        let span = |h: &Held| if h.whole() { (0, of) } else { (h.from, h.to) };
        let ((a, b), (c, d)) = (span(self), span(there));
        let common = b.min(d).saturating_sub(a.max(c));
        bytes * (1.0 - f64::from(common) / f64::from((b - a).max(1)))
    }
}

/// What device `d` of the scenario has of a block of the chain under a deployment of service `s`; `None`: nothing.
pub(super) fn held(
    scenario: &Scenario,
    model: &Model,
    s: usize,
    dep: &Deployment,
    d: usize,
    at: u32,
    block: &Block,
) -> Option<Held> {
    let table = &model.table;
    let lead = model.stands_for(d);
    let mut stages = dep.chains.iter().flat_map(|c| &c.stages);
    let here =
        |st: &&crate::table::Stage| table.places[st.place as usize].device as usize == lead && (st.start..st.end).contains(&at);
    let st = stages.find(here)?;
    let option = &table.services[s].options[dep.option as usize];
    let label = &model.labels[option.label as usize];
    // Block 0 of a chain behind a filter is the filter, in its own format.
    let filter = match label.gate {
        Gate::Filter(f) if at == 0 => scenario.services[s].prefilters.get(f),
        _ => None,
    };
    let precision = match filter {
        Some(f) => Precision { weights: f.weights, ..label.precision },
        None => label.precision_at(table.places[st.place as usize].format),
    };
    let Some(pair) = model.joined_at(d) else { return Some(Held { precision, from: 0, to: 1, of: 1 }) };
    let Some(all) = block.divisible() else {
        // The model's ends are with the first device alone.
        return (pair.lead == d).then_some(Held { precision, from: 0, to: 1, of: 1 });
    };
    let first = model.first_heads(option.label, st.place)?.min(all);
    let (from, to) = if pair.lead == d { (0, first) } else { (first, all) };
    Some(Held { precision, from, to, of: all })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{precision, tiny_llm};
    use profiles::WeightFormat;

    #[test]
    fn a_part_that_is_there_is_not_sent_again() {
        // 1024 wide: 16 heads, 4 of them for keys and values; no norms, so parts are exact shares.
        let model = tiny_llm("t", 1, 1024);
        let block = &model.blocks[1].block;
        let precision = precision(WeightFormat::W4);
        let part = |from, to| Held { precision, from, to, of: 4 };
        let whole = Held { precision, from: 0, to: 1, of: 1 };
        let all = work::weight_bytes(block, precision);
        let near = |a: f64, b: f64| assert!((a - b).abs() < 1.0, "{a} {b}");
        near(whole.beside(block, None), all);
        near(part(0, 3).beside(block, None), 0.75 * all);
        near(part(0, 3).beside(block, Some(&whole)), 0.0);
        near(part(0, 3).beside(block, Some(&part(0, 1))), 0.5 * all);
        near(part(1, 4).beside(block, Some(&part(0, 2))), 0.5 * all);
        near(whole.beside(block, Some(&part(0, 3))), 0.25 * all);
        let other = Held { precision: crate::testing::precision(WeightFormat::W8), ..whole };
        near(part(0, 3).beside(block, Some(&other)), 0.75 * all);
    }
}
