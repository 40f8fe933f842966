//! A plan as the fleet sees it: who forms a pipeline with whom, who is its entry, who must agree.

use protocol::{Name, Order, Plan, PlanRef, PlannedService, SignedPlan};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// One replica of a service: stages in order; the first one's device is the entry.
#[derive(Clone, Debug, PartialEq)]
pub struct Pipeline {
    pub service: Name,
    pub replica: u32,
    pub stages: Vec<Name>,
    /// Whoever computes a part of it, in the order in which a step reaches them: each stage's device, then the partner
    /// that shares the stage.
    pub members: Vec<Name>,
    /// Share of the service's requests.
    pub share: f64,
}

impl Pipeline {
    #[must_use]
    pub fn entry(&self) -> &Name {
        &self.stages[0]
    }

    #[must_use]
    pub fn has(&self, device: &Name) -> bool {
        self.members.contains(device)
    }
}

/// A device that the plan uses or lets sleep.
#[derive(Clone, Debug, PartialEq)]
pub struct Device {
    pub throttle_c: f64,
    /// Number of its neighbourhood.
    group: Option<usize>,
}

/// A signed plan with its structure worked out once.
#[derive(Debug)]
pub struct Layout {
    pub signed: Arc<SignedPlan>,
    pub pipelines: Vec<Pipeline>,
    pub devices: BTreeMap<Name, Device>,
    users: BTreeSet<Name>,
    groups: Vec<BTreeSet<Name>>,
}

/// Why a plan cannot be carried out by anyone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    #[error("plan, device or service: {0}")]
    Name(#[from] protocol::id::NotAName),
    #[error("plan: device `{device}` stands twice in it")]
    Twice { device: String },
    #[error("plan, service `{service}`: a replica without stages")]
    NoStages { service: String },
    #[error("plan, service `{service}`: device `{device}` is not among the plan's devices, or asleep")]
    NoDevice { service: String, device: String },
    #[error("plan, service `{service}`: `{device}` shares a stage with itself; a partner is another device")]
    Alone { service: String, device: String },
    #[error("plan: {got} {what}, at most {most}")]
    TooMany { what: &'static str, got: usize, most: usize },
    #[error("plan, service `{service}`: {what}, which agents do not do yet; plan it without `{without}`")]
    NotYet { service: String, what: &'static str, without: &'static str },
}

/// What a plan asks for that no agent does yet; `None`: nothing.
///
/// Whoever carried such a plan out would silently serve something else.
#[must_use]
pub fn not_yet(plan: &Plan) -> Option<Unusable> {
    let of = |service: &PlannedService| {
        let filters = service.replicas.iter().flat_map(|r| &r.stages).any(|st| st.filters);
        let mut stages = service.replicas.iter().flat_map(|r| &r.stages);
        let both = stages.any(|st| st.partner.as_ref().is_some_and(|p| p.device == st.device && p.processor != st.processor));
        let (what, without) = if service.filter.is_some() || filters {
            ("a filter looks at its requests first", "prefilters")
        } else if service.exit.is_some() {
            ("its requests may leave the model early", "early_exits")
        } else if service.adapters.is_some() {
            ("its requests name adapters", "adapters")
        } else if service.experts.is_some() {
            ("some of its experts are kept in memory", "expert_caches")
        } else if both {
            ("two processors of one device compute a stage together", "together")
        } else {
            return None;
        };
        Some(Unusable::NotYet { service: service.name.clone(), what, without })
    };
    plan.services.iter().find_map(of)
}

impl Layout {
    /// Works a plan's structure out.
    ///
    /// # Errors
    /// When a name, a device or a stage is missing or wrong.
    pub fn of(signed: Arc<SignedPlan>) -> Result<Self, Unusable> {
        let plan = &signed.plan;
        let most = protocol::limits::PLAN_PARTS;
        let parts = plan.services.iter().flat_map(|s| &s.replicas).flat_map(|r| &r.stages);
        let stages: usize = parts.map(|s| 1 + usize::from(s.partner.is_some())).sum();
        for (what, got) in [("devices", plan.devices.len()), ("stages", stages)] {
            if got > most {
                return Err(Unusable::TooMany { what, got, most });
            }
        }
        if let Some(why) = not_yet(plan) {
            return Err(why);
        }
        let mut devices = BTreeMap::new();
        let mut awake = BTreeSet::new();
        for d in &plan.devices {
            let name = Name::new(&d.name)?;
            if d.awake {
                awake.insert(name.clone());
            }
            let device = Device { throttle_c: d.expected.throttle_c, group: None };
            if devices.insert(name, device).is_some() {
                return Err(Unusable::Twice { device: d.name.clone() });
            }
        }
        let mut pipelines = Vec::new();
        for s in &plan.services {
            let service = Name::new(&s.name)?;
            for (replica, r) in (0u32..).zip(&s.replicas) {
                let known = |device: &str| {
                    let name = Name::new(device)?;
                    let there = awake.contains(&name).then_some(name);
                    there.ok_or_else(|| Unusable::NoDevice { service: s.name.clone(), device: device.into() })
                };
                let (mut stages, mut members) = (Vec::new(), Vec::new());
                for stage in &r.stages {
                    let device = known(&stage.device)?;
                    stages.push(device.clone());
                    members.push(device);
                    if let Some(partner) = &stage.partner {
                        if partner.device == stage.device {
                            return Err(Unusable::Alone { service: s.name.clone(), device: partner.device.clone() });
                        }
                        members.push(known(&partner.device)?);
                    }
                }
                if stages.is_empty() {
                    return Err(Unusable::NoStages { service: s.name.clone() });
                }
                pipelines.push(Pipeline { service: service.clone(), replica, stages, members, share: r.share });
            }
        }
        let groups = groups(&pipelines);
        for (i, group) in groups.iter().enumerate() {
            for name in group {
                if let Some(d) = devices.get_mut(name) {
                    d.group = Some(i);
                }
            }
        }
        let users = groups.iter().flatten().cloned().collect();
        Ok(Self { signed, pipelines, devices, users, groups })
    }

    #[must_use]
    pub fn order(&self) -> &Order {
        &self.signed.order
    }

    #[must_use]
    pub fn plan(&self) -> PlanRef {
        self.signed.order.plan()
    }

    /// Pipelines that start at a device.
    pub fn entered_at<'a>(&'a self, device: &'a Name) -> impl Iterator<Item = &'a Pipeline> {
        self.pipelines.iter().filter(move |p| p.entry() == device)
    }

    /// Pipelines that a device is part of.
    pub fn through<'a>(&'a self, device: &'a Name) -> impl Iterator<Item = &'a Pipeline> {
        self.pipelines.iter().filter(move |p| p.has(device))
    }

    /// Whether a device has a stage.
    #[must_use]
    pub fn uses(&self, device: &Name) -> bool {
        self.users.contains(device)
    }

    /// The other devices that have a stage: these keep or give up the plan together.
    ///
    /// All of them, not only those connected by pipelines: after a failure all must be back on the same
    /// plan, whose pipelines may run across what is apart in this one.
    pub fn others<'a>(&'a self, device: &'a Name) -> impl Iterator<Item = &'a Name> {
        self.users.iter().filter(move |n| *n != device)
    }

    /// The other devices that share a pipeline with this one, or with one that does, and so on.
    pub fn neighbours<'a>(&'a self, device: &'a Name) -> impl Iterator<Item = &'a Name> {
        let group = self.devices.get(device).and_then(|d| d.group).and_then(|g| self.groups.get(g));
        group.into_iter().flatten().filter(move |n| *n != device)
    }
}

/// Devices connected by pipelines.
fn groups(pipelines: &[Pipeline]) -> Vec<BTreeSet<Name>> {
    let mut groups: Vec<BTreeSet<Name>> = Vec::new();
    for p in pipelines {
        let mut joined: BTreeSet<Name> = p.members.iter().cloned().collect();
        groups.retain(|g| {
            let meets = !g.is_disjoint(&joined);
            if meets {
                joined.extend(g.iter().cloned());
            }
            !meets
        });
        groups.push(joined);
    }
    groups
}

#[cfg(all(test, feature = "sim"))]
mod tests;
