//! The oracle that planner uses: physics and the exact search.

use super::minimal::{Answer, Oracle};
use super::{Conflict, find_with};
use crate::search::{self, Effort, Feasibility};
use scenarios::Scenario;

/// The conflict of a scenario, by the exact search at its usual effort; `None`: the scenario has a
/// plan, or nothing could be proved.
pub fn find(scenario: &Scenario) -> Option<Conflict> {
    find_with(scenario, &mut Proof::default())
}

/// Asks physics and the exact search.
#[derive(Clone, Debug)]
pub struct Proof {
    pub effort: Effort,
}

impl Default for Proof {
    /// Work of about a second a question: a conflict takes some dozens of questions.
    fn default() -> Self {
        Self { effort: Effort::for_seconds(1.0) }
    }
}

impl Oracle for Proof {
    fn ask(&mut self, scenario: &Scenario) -> Answer {
        match search::feasible(&crate::survive::build(scenario).table, &self.effort) {
            Feasibility::Yes(_) => Answer::Possible,
            Feasibility::No => Answer::Impossible,
            Feasibility::Unknown => Answer::Unknown,
        }
    }
}
