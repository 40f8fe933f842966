//! The linter's own account of a mixture of which some experts are in memory.

use profiles::{Block, Mlp, ModelProfile, Precision};
use protocol::PlannedService;
use scenarios::Service;

use super::account::{self, Account};
use super::note::{Notes, near};

/// What of every layer's experts is in memory, as the plan says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Experts {
    holds: f64,
    hits: f64,
}

/// Whether the scenario offers what the plan keeps; the outer `None`: it does not.
pub(super) fn resolve(w: &Service, p: &PlannedService, model: &ModelProfile, notes: &mut Notes) -> Option<Option<Experts>> {
    let Some(said) = &p.experts else { return Some(None) };
    let mixture = model.chain().any(|b| experts(b).is_some());
    notes.check(mixture, "experts", &p.name, || format!("{} is no mixture of experts", model.id));
    let same = |a: f64, b: f64| near(a, b, 1e-9);
    let offered = w.expert_caches.iter().any(|c| same(c.holds.get(), said.holds) && same(c.hits.get(), said.hits));
    notes.check(offered, "experts", &p.name, || {
        format!("the scenario offers no cache of {} of the experts with {} of look-ups found", said.holds, said.hits)
    });
    let whole = p.replicas.iter().flat_map(|r| &r.stages).all(|st| st.resident_share >= 1.0);
    notes.check(whole, "experts", &p.name, || "beside a cache of experts all other weights are in memory".into());
    (mixture && offered && whole).then_some(Some(Experts { holds: said.holds, hits: said.hits }))
}

/// Experts of a block, those of a token, and parameters of each.
fn experts(block: &Block) -> Option<(f64, f64, f64)> {
    match block.mlp {
        Mlp::Experts { experts, active, parameters_per_expert } => {
            Some((f64::from(experts), f64::from(active), parameters_per_expert as f64))
        }
        _ => None,
    }
}

impl Experts {
    /// Bytes that a pass reads from storage.
    pub(super) fn missing(&self, block: &Block, work: &Account) -> f64 {
        let Some((all, _, each)) = experts(block) else { return 0.0 };
        // Found are those that are looked up successfully, and never more than there are.
        let found = if self.hits * work.touched > self.holds * all { self.holds * all } else { self.hits * work.touched };
        if work.read > 0.0 { work.weights * (work.touched - found).max(0.0) * each / work.read } else { 0.0 }
    }

    /// Bytes of a block's weights in memory.
    pub(super) fn resident(&self, block: &Block, precision: Precision) -> f64 {
        let away = experts(block).map_or(0.0, |(all, _, each)| (1.0 - self.holds) * all * each);
        account::weight_bytes_of(block, account::all_parameters(block) - away, precision)
    }
}

/// Bytes of the experts of one layer on their way, the most of any layer.
pub(super) fn passing(chain: &[&Block], precision: Precision) -> f64 {
    let of = |b: &&Block| experts(b).map_or(0.0, |(_, active, each)| account::weight_bytes_of(b, active * each, precision));
    chain.iter().map(of).fold(0.0, f64::max)
}
