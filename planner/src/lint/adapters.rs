//! The linter's own account of adapters: what lies beside a layer, what of it is in memory, what a request waits for.

use profiles::{Block, Mixer, ModelProfile};
use protocol::PlannedService;
use scenarios::Service;

use super::account::{Account, Pass};
use super::note::{Notes, near};

/// How the adapters of a service are held, as its plan says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Adapters {
    /// Bytes of one for each parameter of the layers.
    density: f64,
    /// In memory.
    kept: f64,
    /// Share of the requests that read theirs from storage.
    pub(super) misses: f64,
}

/// Parameters of a block that adapters lie beside.
fn beside(block: &Block) -> f64 {
    match block.mixer {
        Mixer::None => 0.0,
        _ => block.multiplied as f64,
    }
}

/// Whether the plan holds them as the scenario lets it; the outer `None`: it does not.
pub(super) fn resolve(w: &Service, p: &PlannedService, model: &ModelProfile, notes: &mut Notes) -> Option<Option<Adapters>> {
    let (asked, said) = match (&w.adapters, &p.adapters) {
        (None, None) => return Some(None),
        (Some(asked), Some(said)) => (asked, said),
        (asked, _) => {
            let what =
                if asked.is_some() { "its requests name adapters, the plan has none" } else { "its requests name no adapters" };
            notes.fatal("adapters", p.name.as_str(), what);
            return None;
        }
    };
    let all = said.kept == asked.count && said.misses.abs() < 1e-12;
    let some = asked.kept.is_some_and(|k| k.count == said.kept && near(k.misses.get(), said.misses, 1e-9));
    let same = said.count == asked.count && near(said.bytes, asked.size.get(), 1e-9);
    notes.check(same && (all || some), "adapters", &p.name, || {
        format!("{} of {} adapters of {} B in memory is not what the scenario lets it choose", said.kept, said.count, said.bytes)
    });
    let layers: f64 = model.chain().map(beside).sum();
    (same && (all || some)).then_some(Some(Adapters {
        density: if layers > 0.0 { asked.size.get() / layers } else { 0.0 },
        kept: f64::from(said.kept),
        misses: said.misses,
    }))
}

impl Adapters {
    /// Bytes of one beside a block.
    pub(super) fn bytes(&self, block: &Block) -> f64 {
        self.density * beside(block)
    }

    /// Bytes in memory beside a block.
    pub(super) fn resident(&self, block: &Block) -> f64 {
        self.kept * self.bytes(block)
    }

    /// Adds what one adapter takes beside a block: each of its numbers, two bytes, once a pass, and two operations a row.
    pub(super) fn add(&self, block: &Block, pass: Pass, to: &mut Account) {
        let numbers = self.bytes(block) / 2.0 * f64::from(block.loops.max(1));
        let ops = 2.0 * numbers * pass.new * pass.sequences;
        to.ops += ops;
        to.weights += 2.0 * numbers;
        if pass.new <= 1.0 {
            to.following += ops / pass.sequences.max(1.0) * (pass.sequences - 1.0).max(0.0);
        }
    }
}
