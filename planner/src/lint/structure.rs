//! Names, order, shares, cuts: whether a plan says something that could be carried out.

use profiles::{DeviceProfile, ModelProfile, PowerMode, Precision, WeightFormat};
use protocol::{Plan, PlannedDevice, PlannedPartner, PlannedService, PlannedStage, SCHEMA, canonical};
use scenarios::{Device, Scenario, Service};

use super::adapters::{self, Adapters};
use super::cost::Held;
use super::experts::{self, Experts};
use super::gate::{self, Gate};
use super::note::{Notes, near};

/// A device that the plan names rightly.
#[derive(Clone, Copy)]
pub(super) struct Site<'a> {
    pub(super) wanted: &'a Device,
    pub(super) planned: &'a PlannedDevice,
    /// The mode, where it is awake.
    pub(super) mode: Option<&'a PowerMode>,
    pub(super) clock: f64,
    pub(super) booked_cap: f64,
    /// Awake for requests only.
    pub(super) naps: bool,
}

impl Site<'_> {
    /// Power without work, leakage excluded, in a mode of its profile.
    pub(super) fn rest_w(&self, mode: &PowerMode) -> f64 {
        if self.naps { self.wanted.profile.sleep.power.value.get() } else { mode.idle.value.get() }
    }
}

/// A service whose stages can be followed.
pub(super) struct Served<'a> {
    pub(super) wanted: &'a Service,
    pub(super) planned: &'a PlannedService,
    pub(super) model: &'a ModelProfile,
    pub(super) gate: Gate<'a>,
    pub(super) adapters: Option<Adapters>,
    pub(super) experts: Option<Experts>,
    pub(super) replicas: Vec<Vec<Placed<'a>>>,
}

impl Served<'_> {
    /// What of its model a stage with a resident share has in memory.
    pub(super) fn held(&self, resident_share: f64) -> Held {
        Held { resident_share, adapters: self.adapters, experts: self.experts }
    }
}

/// A stage with its names resolved.
#[derive(Clone, Copy)]
pub(super) struct Placed<'a> {
    pub(super) stage: &'a PlannedStage,
    pub(super) device: usize,
    pub(super) processor: usize,
    /// Its own weights, else the service's.
    pub(super) precision: Precision,
    /// Who computes it together with `device`: another device, or another processor of the same.
    pub(super) mate: Option<Mate>,
}

impl Placed<'_> {
    /// Its devices, each once.
    pub(super) fn devices(&self) -> impl Iterator<Item = usize> + use<> {
        let own = self.device;
        std::iter::once(own).chain(self.mate.map(|m| m.device).filter(move |d| *d != own))
    }

    /// Its processors, each with its device.
    fn processors(&self) -> impl Iterator<Item = (usize, usize)> + use<> {
        std::iter::once((self.device, self.processor)).chain(self.mate.map(|m| (m.device, m.processor)))
    }
}

/// The second device of a shared stage, or the second processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mate {
    pub(super) device: usize,
    pub(super) processor: usize,
    /// That it has of every layer.
    pub(super) kv_heads: u32,
}

/// A plan whose names all resolve.
pub(super) struct Resolved<'a> {
    pub(super) devices: Vec<Site<'a>>,
    pub(super) services: Vec<Served<'a>>,
}

/// Checks the form; `None` where numbers cannot be worked out.
pub(super) fn resolve<'a>(scenario: &'a Scenario, plan: &'a Plan, notes: &mut Notes) -> Option<Resolved<'a>> {
    head(scenario, plan, notes);
    let devices = devices(scenario, plan, notes)?;
    let services = services(scenario, plan, notes)?;
    let resolved = Resolved { devices, services };
    awake(scenario, &resolved, notes);
    Some(resolved)
}

fn head(scenario: &Scenario, plan: &Plan, notes: &mut Notes) {
    notes.check(plan.schema == SCHEMA, "schema", "plan", || format!("schema is `{}`, this linter knows `{SCHEMA}`", plan.schema));
    let mut bare = plan.clone();
    bare.id.clear();
    let digest = canonical::bytes(&bare).map(|b| canonical::digest(&b));
    let holds = digest.as_ref().is_ok_and(|d| *d == plan.id);
    notes.check(holds, "id", "plan", || "its id is not the hash of its content".into());
    notes.check(plan.fleet == scenario.name, "fleet", "plan", || {
        format!("it is for fleet `{}`, the scenario is `{}`", plan.fleet, scenario.name)
    });
    notes.check(plan.scenario == scenario.digest, "scenario", "plan", || {
        "it was made from another version of the scenario".into()
    });
    let first = plan.parent.is_none();
    notes.check(plan.generation >= 1 && first == (plan.generation == 1), "generation", "plan", || {
        format!(
            "generation {} does not fit {}",
            plan.generation,
            if first { "a plan without a parent" } else { "a plan with a parent" }
        )
    });
    let own_parent = plan.parent.as_ref() == Some(&plan.id);
    notes.check(!own_parent, "parent", "plan", || "it is its own parent".into());
    notes.check(!plan.planner.is_empty(), "planner", "plan", || "it does not say which planner made it".into());
}

fn devices<'a>(scenario: &'a Scenario, plan: &'a Plan, notes: &mut Notes) -> Option<Vec<Site<'a>>> {
    let names = |n: &[String]| n.join(", ");
    let wanted: Vec<String> = scenario.devices.iter().map(|d| d.name.clone()).collect();
    let planned: Vec<String> = plan.devices.iter().map(|d| d.name.clone()).collect();
    if wanted != planned {
        let message = format!("the scenario has {}; the plan has {}", names(&wanted), names(&planned));
        notes.fatal("devices", "plan", message);
        return None;
    }
    let mut sites = Vec::new();
    let mut whole = true;
    for (w, p) in scenario.devices.iter().zip(&plan.devices) {
        notes.check(p.profile == w.profile.id, "profile", &p.name, || {
            format!("`{}` is planned as a `{}`", w.profile.id, p.profile)
        });
        let site = scenario.sites.get(w.site).map_or("", |s| s.name.as_str());
        notes.check(p.site == site, "site", &p.name, || format!("it is at `{site}`, not at `{}`", p.site));
        let (mode, clock, booked_cap) = mode(scenario, w, p, notes);
        whole &= mode.is_some() == p.awake;
        let naps = p.mode.as_ref().is_some_and(|m| m.naps);
        let hosts = scenario.devices.iter().any(|g| g.host.is_some_and(|h| scenario.devices[h].name == w.name));
        notes.check(!naps || (w.naps && w.may_sleep && !hosts), "naps", &p.name, || "it may not sleep between requests".into());
        sites.push(Site { wanted: w, planned: p, mode, clock, booked_cap, naps });
    }
    whole.then_some(sites)
}

/// The power mode that a device is set to.
fn mode<'a>(scenario: &Scenario, w: &'a Device, p: &PlannedDevice, notes: &mut Notes) -> (Option<&'a PowerMode>, f64, f64) {
    notes.check(p.awake == p.mode.is_some(), "mode", &p.name, || {
        "awake devices have a power mode, sleeping ones have none".into()
    });
    let Some(set) = &p.mode else { return (None, 1.0, 1.0) };
    let found = w.profile.modes.iter().find(|m| m.id == set.id);
    notes.check(found.is_some(), "mode", &p.name, || format!("its profile has no power mode `{}`", set.id));
    notes.check(w.modes.is_empty() || w.modes.contains(&set.id), "mode-allowed", &p.name, || {
        format!("power mode `{}` is not among those allowed: {}", set.id, w.modes.join(", "))
    });
    let clock = set.clock;
    notes.check(clock > 0.0 && clock <= 1.0, "clock", &p.name, || format!("clock factor {clock} is not in (0, 1]"));
    let limit = scenario.limits.booked_time.value.get();
    notes.check(set.booked_cap > 0.0, "booked-cap", &p.name, || format!("booked cap {} lets nothing run", set.booked_cap));
    notes.at_most("booked-cap", &p.name, "the booked cap", set.booked_cap, limit);
    let clock = if clock > 0.0 && clock <= 1.0 { clock } else { 1.0 };
    (found, clock, set.booked_cap)
}

fn services<'a>(scenario: &'a Scenario, plan: &'a Plan, notes: &mut Notes) -> Option<Vec<Served<'a>>> {
    let wanted: Vec<&str> = scenario.services.iter().map(|s| s.name.as_str()).collect();
    let planned: Vec<&str> = plan.services.iter().map(|s| s.name.as_str()).collect();
    if wanted != planned {
        notes.fatal("services", "plan", format!("the scenario has {}; the plan has {}", wanted.join(", "), planned.join(", ")));
        return None;
    }
    let mut out = Vec::new();
    for (w, p) in scenario.services.iter().zip(&plan.services) {
        let model = w.models.iter().map(|m| &m.value).find(|m| m.id == p.model);
        notes.check(model.is_some(), "model", &p.name, || format!("`{}` is not among its models", p.model));
        let replicas = replicas(scenario, p, notes);
        let gate = model.and_then(|model| Gate::resolve(w, p, model, notes));
        let adapters = model.and_then(|model| adapters::resolve(w, p, model, notes));
        let experts = model.and_then(|model| experts::resolve(w, p, model, notes));
        if let (Some(model), Some(gate), Some(adapters), Some(experts), Some(replicas)) =
            (model, gate, adapters, experts, replicas)
            && covers(model, p, notes)
        {
            let served = Served { wanted: w, planned: p, model, gate, adapters, experts, replicas };
            wishes(scenario, &served, notes);
            out.push(served);
        }
    }
    apart(scenario, &out, notes);
    (out.len() == wanted.len()).then_some(out)
}

/// Resolves names of devices and processors.
fn replicas<'a>(scenario: &Scenario, p: &'a PlannedService, notes: &mut Notes) -> Option<Vec<Vec<Placed<'a>>>> {
    let mut all = Vec::new();
    for (r, replica) in p.replicas.iter().enumerate() {
        let mut chain = Vec::new();
        for (i, stage) in replica.stages.iter().enumerate() {
            let subject = stage_name(p, r, i);
            let device = scenario.devices.iter().position(|d| d.name == stage.device);
            notes.check(device.is_some(), "stage-device", &subject, || format!("there is no device `{}`", stage.device));
            let processors = device.map(|d| &scenario.devices[d].profile.processors);
            let processor = processors.and_then(|all| all.iter().position(|q| q.id == stage.processor));
            notes.check(processor.is_some(), "stage-processor", &subject, || {
                format!("`{}` has no processor `{}`", stage.device, stage.processor)
            });
            let precision = Precision { weights: stage.weights.unwrap_or(p.precision.weights), ..p.precision };
            let mate = match &stage.partner {
                Some(partner) => Some(mate(scenario, partner, &subject, notes)?),
                None => None,
            };
            chain.push(Placed { stage, device: device?, processor: processor?, precision, mate });
        }
        all.push(chain);
    }
    Some(all)
}

/// Resolves the second device of a shared stage.
fn mate(scenario: &Scenario, partner: &PlannedPartner, subject: &str, notes: &mut Notes) -> Option<Mate> {
    let device = scenario.devices.iter().position(|d| d.name == partner.device);
    notes.check(device.is_some(), "stage-device", subject, || format!("there is no device `{}`", partner.device));
    let processors = &scenario.devices[device?].profile.processors;
    let processor = processors.iter().position(|q| q.id == partner.processor);
    notes.check(processor.is_some(), "stage-processor", subject, || {
        format!("`{}` has no processor `{}`", partner.device, partner.processor)
    });
    Some(Mate { device: device?, processor: processor?, kv_heads: partner.kv_heads })
}

pub(super) fn stage_name(p: &PlannedService, replica: usize, stage: usize) -> String {
    format!("{} replica {} stage {}", p.name, replica + 1, stage + 1)
}

/// Whether every replica's stages follow each other from the first block to the last.
fn covers(model: &ModelProfile, p: &PlannedService, notes: &mut Notes) -> bool {
    let blocks = model.block_count();
    let mut fine = !p.replicas.is_empty();
    notes.check(fine, "replicas", &p.name, || "it has no replica".into());
    for (r, replica) in p.replicas.iter().enumerate() {
        let subject = format!("{} replica {}", p.name, r + 1);
        let mut next = 0u64;
        for stage in &replica.stages {
            // A filter may have a stage to itself.
            let some = stage.end > stage.start || (stage.filters && stage.end == 0);
            let follows = u64::from(stage.start) == next && some;
            notes.check(follows, "stages-contiguous", &subject, || {
                format!("a stage {}..{} comes where block {next} is due", stage.start, stage.end)
            });
            fine &= follows;
            next = stage.end.into();
        }
        notes.check(next == blocks, "stages-cover", &subject, || format!("stages end at block {next} of {blocks}"));
        fine &= next == blocks;
    }
    fine
}

/// What the owner wishes of places and counts.
fn wishes(scenario: &Scenario, s: &Served<'_>, notes: &mut Notes) {
    let (w, p) = (s.wanted, s.planned);
    let device = |d: usize| scenario.devices[d].name.as_str();
    notes.check(w.precisions.contains(&p.precision), "precision-allowed", &p.name, || format!("{} is not allowed", p.precision));
    let (least, most) = w.replicas;
    notes.check((least.max(1)..=most.max(least).max(1)).contains(&(p.replicas.len() as u32)), "replica-count", &p.name, || {
        format!("{} replicas, {least} to {most} are allowed", p.replicas.len())
    });
    let shares: f64 = p.replicas.iter().map(|r| r.share).sum();
    notes.check(near(shares, 1.0, 1e-9), "shares", &p.name, || format!("the replicas' shares add up to {shares}"));
    let even = 1.0 / p.replicas.len() as f64;
    notes.check(p.replicas.iter().all(|r| near(r.share, even, 1e-9)), "shares-even", &p.name, || {
        "replicas serve equal shares".into()
    });
    let mut used: Vec<usize> = Vec::new();
    for (r, chain) in s.replicas.iter().enumerate() {
        let subject = format!("{} replica {}", p.name, r + 1);
        notes.check(chain.len() <= w.max_stages.max(1) as usize, "max-stages", &subject, || {
            format!("{} stages, at most {} are allowed", chain.len(), w.max_stages)
        });
        let all: Vec<(usize, usize)> = chain.iter().flat_map(Placed::processors).collect();
        let twice = (1..all.len()).any(|i| all[..i].contains(&all[i]));
        notes.check(!twice, "processor-twice", &subject, || "two of its stages are on one processor".into());
        let mut devices: Vec<usize> = chain.iter().flat_map(Placed::devices).collect();
        for pin in &w.pins {
            notes.check(devices.contains(&pin.value), "pin", &subject, || format!("no stage is on {}", device(pin.value)));
        }
        for f in &w.forbidden {
            notes.check(!devices.contains(&f.value), "forbidden", &subject, || format!("a stage is on {}", device(f.value)));
        }
        let seen = |d: usize| w.private_to.iter().any(|p| p.value == d);
        let private = w.private_to.is_empty() || chain.first().is_some_and(|c| c.devices().all(seen));
        notes.check(private, "private", &subject, || "its first block sees prompts off the private devices".into());
        devices.sort_unstable();
        devices.dedup();
        notes.check(!devices.iter().any(|d| used.contains(d)), "replicas-disjoint", &subject, || {
            "it shares a device with another replica".into()
        });
        used.extend(devices);
    }
    for (r, chain) in s.replicas.iter().enumerate() {
        for (i, c) in chain.iter().enumerate() {
            let subject = stage_name(p, r, i);
            let owner = &scenario.devices[c.device];
            if c.stage.end > c.stage.start {
                kernel(&owner.profile, c, c.precision.weights, &subject, notes);
            }
            if let Some(filter) = s.gate.filter.filter(|_| c.stage.filters) {
                kernel(&owner.profile, c, filter.precision.weights, &subject, notes);
            }
            gate::check(s, r, i, &subject, notes);
            super::shared::check(scenario, s, c, &subject, notes);
            let other = c.precision.weights != p.precision.weights;
            notes.check(c.stage.weights.is_none() || other, "stage-weights", &subject, || {
                "its weights are said again, though they are the service's".into()
            });
            notes.check(!other || w.mixed, "mixed-precisions", &subject, || {
                format!("it is at {}, all of the service must be at {}", c.precision.weights, p.precision.weights)
            });
            notes.check(w.precisions.contains(&c.precision), "precision-allowed", &subject, || {
                format!("{} is not allowed", c.precision)
            });
            let share = c.stage.resident_share;
            notes.check(share > 0.0 && share <= 1.0, "resident-share", &subject, || {
                format!("resident share {share} is not in (0, 1]")
            });
            let reads = s.experts.is_some() || s.adapters.is_some_and(|a| a.misses > 0.0);
            let pages = reads && c.stage.end > c.stage.start;
            notes.check(c.mate.is_none() || s.adapters.is_none(), "pair-adapters", &subject, || {
                "adapters are not divided between two devices".into()
            });
            notes.check(
                (share >= 1.0 && !pages) || (owner.may_stream && owner.profile.storage.is_some()),
                "streaming",
                &subject,
                || format!("weights may not be streamed on {}", owner.name),
            );
        }
    }
}

fn kernel(profile: &DeviceProfile, c: &Placed<'_>, format: WeightFormat, subject: &str, notes: &mut Notes) {
    let has = profile.processors[c.processor].kernels.contains_key(&format);
    notes.check(has, "kernel", subject, || format!("{} has no {format} kernel", c.stage.processor));
}

/// Services that must be apart share no device.
fn apart(scenario: &Scenario, all: &[Served<'_>], notes: &mut Notes) {
    let devices = |s: &Served<'_>| -> Vec<usize> { s.replicas.iter().flatten().flat_map(Placed::devices).collect() };
    for s in all {
        for a in &s.wanted.apart_from {
            let Some(other) = all.iter().find(|o| o.planned.name == scenario.services[a.value].name) else { continue };
            let (mine, theirs) = (devices(s), devices(other));
            if let Some(&d) = mine.iter().find(|d| theirs.contains(d)) {
                let message = format!("it shares {} with {}", scenario.devices[d].name, other.planned.name);
                notes.fatal("apart", s.planned.name.as_str(), message);
            }
        }
    }
}

/// Who must be awake, who may sleep, who is awake for nothing.
fn awake(scenario: &Scenario, r: &Resolved<'_>, notes: &mut Notes) {
    let used = |d: usize| r.services.iter().flat_map(|s| &s.replicas).flatten().any(|c| c.devices().any(|x| x == d));
    for (d, site) in r.devices.iter().enumerate() {
        let name = site.planned.name.as_str();
        let hosts = r.devices.iter().any(|g| g.wanted.host == Some(d) && g.planned.awake);
        if site.planned.awake {
            if !used(d) && site.wanted.may_sleep && !hosts {
                notes.warn("awake-idle", name, "it is awake although nothing needs it");
            }
            continue;
        }
        notes.check(!used(d), "asleep-used", name, || "it sleeps, but a stage is on it".into());
        notes.check(site.wanted.may_sleep, "must-wake", name, || "it must stay awake".into());
        notes.check(!hosts, "host-asleep", name, || {
            let guest = scenario.devices.iter().find(|g| g.host == Some(d)).map_or("", |g| g.name.as_str());
            format!("it sleeps, but it hosts {guest}, which is awake")
        });
    }
}
