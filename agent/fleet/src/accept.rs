//! Whether an agent takes a plan, from its ledger and the plan's head alone.
//!
//! The attacks that a signature alone does not stop (The Update Framework's list): rollback, freeze,
//! fast-forward within the planner's own power, mixing two planners' plans.

use protocol::{Ledger, Name, Order, PlanId, PlanRef};

/// Why a plan with a good signature is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("it is for fleet `{theirs}`, this agent belongs to `{ours}`")]
    OtherFleet { theirs: Name, ours: Name },
    #[error("{offered} is older than {newest}, which was accepted before")]
    Older { offered: PlanRef, newest: PlanRef },
    #[error("{offered} has the generation of {newest} and other content: two planners at once")]
    Fork { offered: PlanRef, newest: PlanRef },
    #[error("{offered} follows another plan than {newest} and does not settle it: two planners at once")]
    NotAChild { offered: PlanRef, newest: PlanRef },
    #[error("it failed here before")]
    Condemned,
    #[error("it expired {by_ms} ms ago")]
    Expired { by_ms: u64 },
}

/// What to do with a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Take,
    /// It is taken already.
    Known,
    Refuse(Refusal),
}

/// Judges a plan whose signature was checked.
///
/// A generation more than one ahead is taken whatever its parent: this agent was away. Time is never
/// believed to be before the latest plan's issue, so that a clock set back does not revive an old plan;
/// it is not remembered how far ahead a clock once was, so that a wrong one does no lasting harm.
#[must_use]
pub fn judge(ledger: &Ledger, order: &Order, held: impl Fn(PlanId) -> bool, wall_ms: u64) -> Verdict {
    use Verdict::{Known, Refuse, Take};
    let offered = order.plan();
    if order.fleet != ledger.fleet {
        return Refuse(Refusal::OtherFleet { theirs: order.fleet.clone(), ours: ledger.fleet.clone() });
    }
    if ledger.condemned.contains(&order.id) {
        return Refuse(Refusal::Condemned);
    }
    if let Some(newest) = ledger.newest {
        if offered.generation < newest.generation {
            return Refuse(Refusal::Older { offered, newest });
        }
        if offered == newest {
            // Its file was lost from this disk: taken once more, whatever the hour.
            return if held(order.id) { Known } else { Take };
        }
        if offered.generation == newest.generation {
            return Refuse(Refusal::Fork { offered, newest });
        }
        let follows = order.parent == Some(newest.id) || order.settles.contains(&newest.id);
        if offered.generation == newest.generation + 1 && !follows {
            return Refuse(Refusal::NotAChild { offered, newest });
        }
    }
    let wall = wall_ms.max(ledger.time_floor_ms);
    if wall > order.expires_ms {
        return Refuse(Refusal::Expired { by_ms: wall - order.expires_ms });
    }
    Take
}

#[cfg(test)]
mod tests;
