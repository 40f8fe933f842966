//! What must hold at every step.

use crate::agent::{Agent, Open};
use crate::layout::Layout;
use protocol::{Ledger, PlanId, PlanRef};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A promise that was broken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("at {at_ms} ms, {node}: {what}")]
pub struct Violation {
    pub at_ms: u64,
    pub node: String,
    pub what: String,
}

/// What is known to be true of an agent, kept outside of it.
#[derive(Clone, Debug, Default)]
struct Seen {
    /// Ledger's number when last looked at.
    sequence: Option<u64>,
    newest: Option<PlanRef>,
    current: Option<PlanRef>,
    good: Option<PlanRef>,
    condemned: BTreeSet<PlanId>,
    /// Highest ledger that the disk said is safe.
    acked: Option<u64>,
    had_good: bool,
    /// The plan that it would go back to may be what a lying disk lost: until another comes it goes on as it can.
    robbed: bool,
    switches: BTreeMap<PlanId, u32>,
}

#[derive(Debug, Default)]
pub(super) struct Checker {
    seen: Vec<Seen>,
    /// Plans that a controller published.
    pub(super) genuine: BTreeMap<PlanId, Arc<Layout>>,
    /// Who ever had which plan in memory.
    pub(super) was_ready: BTreeSet<(usize, PlanId)>,
    /// A disk has lied and lost something: what rests on a vote that was forgotten is not promised.
    pub(super) forgetful: bool,
    pub(super) switches: u64,
    pub(super) rollbacks: u64,
    pub(super) commits: u64,
}

type Judged = Result<(), String>;

impl Checker {
    pub(super) fn new(nodes: usize) -> Self {
        Self { seen: vec![Seen::default(); nodes], ..Self::default() }
    }

    /// The disk said that this ledger is safe.
    pub(super) fn acked(&mut self, node: usize, ledger: &Ledger) {
        let seen = &mut self.seen[node];
        seen.acked = Some(ledger.sequence);
        seen.had_good = ledger.last_good.is_some();
    }

    /// What a start found must be no less than what was safe.
    pub(super) fn started(&self, node: usize, found: Option<&Ledger>, agent: &Agent) -> Judged {
        let seen = &self.seen[node];
        let Some(acked) = seen.acked else { return Ok(()) };
        let Some(found) = found else { return Err(format!("ledger {acked} was safe, after a crash there is none")) };
        if found.sequence < acked {
            return Err(format!("ledger {acked} was safe, after a crash there is {}", found.sequence));
        }
        if let Some(lost) = found.held().find(|p| agent.plan(p.id).is_none()) {
            return Err(format!("the ledger names {lost}, whose file is not whole"));
        }
        if seen.had_good && agent.ledger().last_good.is_none() {
            return Err("the last good plan is lost".into());
        }
        Ok(())
    }

    /// A disk lied: the past is what it shows now.
    pub(super) fn forget(&mut self, node: usize) {
        self.forgetful = true;
        self.seen[node] = Seen { robbed: true, ..Seen::default() };
    }

    /// Looks at an agent after each event.
    pub(super) fn agent(&mut self, node: usize, agent: &Agent) -> Judged {
        let ledger = agent.ledger();
        if self.seen[node].sequence == Some(ledger.sequence) {
            return Ok(());
        }
        self.newest(node, ledger)?;
        self.current(node, ledger)?;
        self.votes(node, ledger)?;
        let seen = &mut self.seen[node];
        seen.sequence = Some(ledger.sequence);
        seen.newest = ledger.newest;
        seen.current = ledger.current;
        seen.good = ledger.last_good;
        Ok(())
    }

    fn newest(&self, node: usize, ledger: &Ledger) -> Judged {
        let Some(newest) = ledger.newest else { return Ok(()) };
        if !self.genuine.contains_key(&newest.id) {
            return Err(format!("took {newest}, which no planner issued"));
        }
        match self.seen[node].newest {
            Some(before) if newest.generation < before.generation => Err(format!("took {newest} after {before}")),
            Some(before) if newest.generation == before.generation && newest.id != before.id => {
                Err(format!("took {newest} though it had {before}"))
            }
            _ => Ok(()),
        }
    }

    fn current(&mut self, node: usize, ledger: &Ledger) -> Judged {
        let seen = &mut self.seen[node];
        seen.condemned.extend(&ledger.condemned);
        // A failed plan goes on only while another is prepared. A disk that lied may have lost that one's file.
        let failed = |p: &PlanRef| ledger.condemned.contains(&p.id);
        seen.robbed &= ledger.pending.is_none() && (seen.sequence.is_none() || ledger.current == seen.current);
        let lost = (seen.sequence.is_none() || seen.robbed) && ledger.pending.is_none();
        if ledger.current.as_ref().is_some_and(failed) && ledger.pending.as_ref().is_none_or(failed) && !lost {
            return Err(format!("goes on with {:?}, which failed, and {:?} comes", ledger.current, ledger.pending));
        }
        if seen.sequence.is_none() {
            // A first look, or the first after a disk that lied: what is there is the beginning, since what was
            // before it nobody remembers.
            return Ok(());
        }
        let (Some(new), before) = (ledger.current, seen.current) else { return Ok(()) };
        if Some(new) == before {
            return Ok(());
        }
        if seen.condemned.contains(&new.id) {
            return Err(format!("serves {new}, which failed before"));
        }
        let count = seen.switches.entry(new.id).or_default();
        *count += 1;
        // Once by itself, and once after each plan that failed.
        if *count as usize > 1 + seen.condemned.len() {
            return Err(format!("switched to {new} {count} times, with {} failed plans", seen.condemned.len()));
        }
        match before {
            Some(old) if new.generation < old.generation && !seen.condemned.contains(&old.id) => {
                Err(format!("went from {old} to {new} without a failure"))
            }
            Some(old) if new.generation < old.generation => {
                self.rollbacks += 1;
                Ok(())
            }
            _ => {
                self.switches += 1;
                Ok(())
            }
        }
    }

    /// Counts plans that are called good.
    fn votes(&mut self, node: usize, ledger: &Ledger) -> Judged {
        if ledger.last_good != self.seen[node].good && ledger.last_good.is_some() {
            self.commits += 1;
        }
        self.seen[node].good = ledger.last_good;
        Ok(())
    }

    /// Good here and given up there: looked for over all agents.
    pub(super) fn contradiction(&self, names: &BTreeMap<protocol::Name, usize>, changed: usize) -> Judged {
        if self.forgetful {
            return Ok(());
        }
        let whose = |plan: PlanId, node: usize| -> Vec<usize> {
            let name = names.iter().find(|(_, i)| **i == node).map(|(n, _)| n);
            let layout = self.genuine.get(&plan);
            let others = layout.zip(name).map(|(l, n)| l.others(n).filter_map(|o| names.get(o).copied()).collect());
            others.unwrap_or_default()
        };
        let me = &self.seen[changed];
        if let Some(good) = me.good
            && let Some(other) = whose(good.id, changed).into_iter().find(|o| self.seen[*o].condemned.contains(&good.id))
        {
            return Err(format!("calls {good} good, which node {other} has given up"));
        }
        for id in &me.condemned {
            let keeps = |o: &usize| self.seen[*o].good.is_some_and(|g| g.id == *id);
            if let Some(other) = whose(*id, changed).into_iter().find(keeps) {
                return Err(format!("gave {id:?} up, which node {other} calls good"));
            }
        }
        Ok(())
    }

    /// New requests go somewhere else from now on.
    pub(super) fn admits(
        &self,
        node: usize,
        plan: Option<PlanRef>,
        open: &[Open],
        names: &BTreeMap<protocol::Name, usize>,
    ) -> Judged {
        let Some(plan) = plan else { return Ok(()) };
        let Some(layout) = self.genuine.get(&plan.id) else {
            return Err(format!("requests go to {plan}, which no planner issued"));
        };
        let current = self.seen[node].current;
        if !open.is_empty() && current != Some(plan) {
            return Err(format!("requests go to {plan} before the ledger says so, which has {current:?}"));
        }
        for o in open {
            let pipeline = layout.pipelines.iter().find(|p| p.service == o.service && p.replica == o.replica);
            let Some(pipeline) = pipeline else { return Err(format!("opens {o:?}, which {plan} does not have")) };
            let unready = |s: &&protocol::Name| names.get(*s).is_none_or(|i| !self.was_ready.contains(&(*i, plan.id)));
            if let Some(member) = pipeline.members.iter().find(unready) {
                return Err(format!("opens a pipeline of {plan} of which {member} never had it"));
            }
        }
        Ok(())
    }
}
