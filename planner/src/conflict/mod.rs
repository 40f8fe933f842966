//! Why nothing works: the smallest set of demands that cannot all hold, with their lines, and the
//! cheapest ways out.
//!
//! A [`Demand`] is one thing that the owner of a scenario asks for. A conflict is a set of demands
//! that no plan can keep together while every proper subset of it can be kept. It is found by asking
//! an [`Oracle`] whether the scenario with only some of its demands has a plan: first for each
//! service alone (most conflicts are of one service), then by QuickXplain (Junker 2004), then a pass
//! that removes whatever can still go, and at last a look for a smaller set.
//!
//! Search proves or it does not: where the oracle does not know, a subset counts as possible, so
//! that what is reported is always proved to be impossible, and `minimal` says whether each subset
//! was proved to be possible.

mod demand;
mod minimal;
mod proof;
mod relax;
mod render;
#[cfg(test)]
mod tests;
mod without;

pub use demand::{Demand, demands};
pub use minimal::{Answer, Oracle, minimal, satisfiable};
pub use proof::{Proof, find};
pub use relax::{Relaxation, Remedy};
pub use without::without;

use scenarios::Scenario;
use serde::Serialize;

/// Demands that cannot all hold.
#[must_use]
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Conflict {
    pub demands: Vec<Stated>,
    /// True where every proper subset is proved to be possible; false: a smaller set may exist.
    pub minimal: bool,
    /// Ways out, the smallest change first.
    pub relaxations: Vec<Relaxation>,
    /// Questions asked to the search.
    pub questions: u32,
}

/// A demand as the owner said it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Stated {
    pub demand: Demand,
    /// `the first token of chat within 900 ms at the 90th percentile`.
    pub text: String,
    /// 1-based line of the scenario file; 0: a default, said nowhere.
    pub line: u32,
}

/// The conflict of a scenario by any oracle; `None`: it has a plan, or nothing could be proved.
pub fn find_with(scenario: &Scenario, oracle: &mut dyn Oracle) -> Option<Conflict> {
    let mut asked = minimal::Memory::new(scenario, oracle);
    let core = minimal::core(scenario, &mut asked)?;
    let relaxations = relax::relaxations(scenario, &core.demands, &mut asked);
    Some(Conflict {
        demands: core.demands.iter().map(|d| state(scenario, d)).collect(),
        minimal: core.minimal,
        relaxations,
        questions: asked.questions,
    })
}

fn state(scenario: &Scenario, demand: &Demand) -> Stated {
    Stated { demand: demand.clone(), text: demand.text(scenario), line: demand.at(scenario).line }
}
