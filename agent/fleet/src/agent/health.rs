//! Whether a plan is kept: three failures condemn it, a healthy probation proves it, and it is good when
//! every device that has a stage has proved it.
//!
//! A device that has proved a plan does not condemn it any more, and none calls it good before all have
//! proved it: so of "good here" and "given up there" only one can happen in a fleet.

use super::Agent;
use crate::rules::{Now, flawed};
use protocol::{Name, PlanId, PlanRef};

/// How a plan went in one window of the shell (10 s, say).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    pub plan: PlanId,
    /// Measured over planned rate where there was enough demand to tell.
    pub rate_share: Option<f64>,
    pub temperature_c: Option<f64>,
    /// Memory in use over what the plan allows.
    pub memory_share: Option<f64>,
}

impl Agent {
    /// Takes a window in.
    pub(super) fn sampled(&mut self, sample: &Sample, now: Now) {
        let Some(current) = self.ledger.current.filter(|c| c.id == sample.plan) else { return };
        let throttle_c = self.plans.get(&current.id).and_then(|l| l.devices.get(&self.me)).map(|d| d.throttle_c);
        if let (Some(t), Some(throttle_c)) = (sample.temperature_c, throttle_c) {
            let before = self.governor.share();
            self.governor.felt(t, throttle_c, &self.rules, now.mono_ms);
            self.changed |= (self.governor.share() - before).abs() > f64::EPSILON;
        }
        let slow = sample.rate_share.filter(|s| *s < self.rules.rate_share);
        let full = sample.memory_share.filter(|s| *s > 1.0);
        let why = match (slow, full) {
            (Some(s), _) => Some(format!("{:.0} % of the planned rate", s * 100.0)),
            (_, Some(m)) => Some(format!("{:.0} % of the planned memory", m * 100.0)),
            _ if self.governor.is_hot() => Some("at its temperature ceiling".to_owned()),
            _ => None,
        };
        if let Some(why) = why {
            self.struck = Some((current.id, why));
            self.healthy = (None, 0);
            return;
        }
        if !self.working(current) {
            return;
        }
        if let Some(slot) = self.slots.get_mut(&current.id) {
            slot.wait.reset();
        }
        let run = if self.healthy.0 == Some(current.id) { self.healthy.1 } else { 0 };
        self.healthy = (Some(current.id), run.saturating_add(1));
    }

    /// Whether the plan does here what it should.
    fn working(&self, plan: PlanRef) -> bool {
        let enters = self.admitted.0 == Some(plan);
        self.serves(plan.id) && (!enters || !self.admitted.1.is_empty())
    }

    /// Whether failures of a plan still count against it.
    pub(super) fn on_trial(&self, plan: PlanRef) -> bool {
        let l = &self.ledger;
        let votes = self.plans.get(&plan.id).is_some_and(|p| p.uses(&self.me));
        votes && l.last_good != Some(plan) && l.proved != Some(plan) && !l.condemned.contains(&plan.id)
    }

    /// A plan that another of its devices has given up.
    pub(super) fn contagion(&self) -> Option<(PlanRef, String)> {
        let l = &self.ledger;
        let plans = [l.pending, l.current].into_iter().flatten();
        plans.filter(|p| l.last_good != Some(*p) && !l.condemned.contains(&p.id)).find_map(|p| {
            let layout = self.plans.get(&p.id)?;
            let gave_up = |n: &&Name| self.peers.get(*n).is_some_and(|peer| peer.status.condemned.contains(&p.id));
            layout.others(&self.me).find(gave_up).map(|n| (p, format!("given up by {n}")))
        })
    }

    /// The current plan, if its probation is over.
    pub(super) fn proves(&self) -> Option<PlanRef> {
        let current = self.ledger.current?;
        let healthy = self.healthy.0 == Some(current.id) && self.healthy.1 >= self.rules.proof_samples;
        (healthy && self.on_trial(current)).then_some(current)
    }

    /// The proved plan (or the current one, where it has no stage here), if all of its devices have proved it
    /// or one calls it good.
    pub(super) fn commits(&self) -> Option<PlanRef> {
        let l = &self.ledger;
        let follows = |p: &PlanRef| self.plans.get(&p.id).is_some_and(|l| !l.uses(&self.me));
        let proved =
            l.current.filter(follows).or(l.proved).filter(|p| l.last_good != Some(*p) && !l.condemned.contains(&p.id))?;
        if l.last_good.is_some_and(|g| g.generation > proved.generation) {
            return None;
        }
        let layout = self.plans.get(&proved.id)?;
        let says = |n: &Name| self.peers.get(n).map(|p| &p.status);
        let good = |n: &Name| says(n).is_some_and(|s| s.last_good == Some(proved));
        let agrees = |n: &Name| good(n) || says(n).is_some_and(|s| s.proved == Some(proved.id));
        let all = layout.others(&self.me).all(agrees) || layout.others(&self.me).any(good);
        (all || flawed!(self.rules, CommitAlone)).then_some(proved)
    }
}
