//! Stages that a plan asks of a device, and what each needs of its model's file.

use super::{Role, failed};
use crate::samples::Scaling;
use engine::model::{Config, Part, Shard};
use engine::{EngineError, File};
use fleet::Layout;
use fleet::agent::Fault;
use protocol::{Name, PlannedService, PlannedStage};
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

/// A stage that the plan asks of this device.
pub(super) struct Wanted<'p> {
    pub(super) service: &'p PlannedService,
    pub(super) replica: u32,
    pub(super) index: usize,
    /// As the partner of the device whose stage it is.
    pub(super) half: bool,
}

impl<'p> Wanted<'p> {
    pub(super) fn stage(&self) -> &'p PlannedStage {
        &self.service.replicas[self.replica as usize].stages[self.index]
    }

    /// Of what this device has of it.
    pub(super) fn memory_bytes(&self) -> f64 {
        let stage = self.stage();
        let half = stage.partner.as_ref().filter(|_| self.half);
        half.map_or(stage.memory_bytes, |partner| partner.memory_bytes)
    }

    /// What of every layer this device has; `None`: everything.
    fn shard(&self, file: &File, part: &Part) -> Result<Option<Shard>, EngineError> {
        let Some(partner) = &self.stage().partner else { return Ok(None) };
        let all = Config::new(file)?.kv_heads;
        let [first, last] = Shard::pair_of(file, part.layers.clone(), all.saturating_sub(partner.kv_heads as usize))?;
        Ok(Some(if self.half { last } else { first }))
    }

    pub(super) fn role(&self) -> Result<Role, Fault> {
        match &self.stage().partner {
            None => Ok(Role::Whole),
            Some(_) if self.half => Ok(Role::Partner),
            Some(partner) => Ok(Role::Leader(Name::new(&partner.device).map_err(|e| failed(e.to_string()))?)),
        }
    }
}

/// Stages of a device.
pub(super) fn wanted<'p>(layout: &'p Layout, me: &Name) -> Result<Vec<Wanted<'p>>, Fault> {
    let mut all = Vec::new();
    for service in &layout.signed.plan.services {
        for (replica, r) in (0u32..).zip(&service.replicas) {
            for (index, stage) in r.stages.iter().enumerate() {
                let here = stage.devices().position(|device| device == me.as_str());
                let Some(place) = here else { continue };
                if !(stage.resident_share > 0.0 && stage.resident_share <= 1.0) {
                    let share = stage.resident_share;
                    return Err(failed(format!("{}: a resident share of {share}, not above 0 and up to 1", service.name)));
                }
                if stage.partner.is_some() && stage.resident_share < 1.0 {
                    let share = stage.resident_share;
                    let why = "a stage that two devices share has all its weights in memory: plan it with a resident share of 1";
                    return Err(failed(format!("{}: a resident share of {share}; {why}", service.name)));
                }
                Scaling::of(&service.scaling).map_err(|why| failed(format!("{}: {why}", service.name)))?;
                all.push(Wanted { service, replica, index, half: place > 0 });
            }
        }
    }
    Ok(all)
}

/// The same by model.
pub(super) fn by_model<'p>(layout: &'p Layout, me: &Name) -> Result<BTreeMap<&'p str, Vec<Wanted<'p>>>, Fault> {
    let mut models: BTreeMap<&str, Vec<Wanted<'_>>> = BTreeMap::new();
    for w in wanted(layout, me)? {
        models.entry(&w.service.model).or_default().push(w);
    }
    Ok(models)
}

/// What a stage needs of its model's file.
pub(crate) struct Need {
    pub(super) part: Part,
    /// What of every layer, where two devices share them.
    pub(super) shard: Option<Shard>,
    /// Bytes of the file.
    pub(crate) reads: Vec<Range<u64>>,
}

pub(super) fn needs(stages: &[Wanted<'_>], path: &Path, file: &File) -> Result<Vec<Need>, Fault> {
    stages.iter().map(|w| need(w, path, file)).collect()
}

pub(super) fn need(w: &Wanted<'_>, path: &Path, file: &File) -> Result<Need, Fault> {
    let engine = |e: EngineError| failed(format!("{}: {}: {e}", w.service.name, path.display()));
    let part = part(w, path, file)?;
    let shard = w.shard(file, &part).map_err(engine)?;
    let reads = match &shard {
        Some(shard) => shard.reads(&part, file).map_err(engine)?,
        None => part.reads(file.header()),
    };
    Ok(Need { part, shard, reads })
}

/// A plan counts an embedding block, the layers, and a head block; the engine counts layers.
fn part(w: &Wanted<'_>, path: &Path, file: &File) -> Result<Part, Fault> {
    let layers = Config::new(file).map_err(|e| failed(e.to_string()))?.layers;
    let stages = &w.service.replicas[w.replica as usize].stages;
    let (own, last) = (&stages[w.index], stages.last().map_or(0, |s| s.end as usize));
    if last != layers + 2 {
        let name = path.display();
        return Err(failed(format!("{name}: {layers} layers and two ends, the plan has {last} blocks of {}", w.service.model)));
    }
    let follows = w.index == 0 && own.start == 0 || w.index > 0 && stages[w.index - 1].end == own.start;
    if !follows || own.start >= own.end {
        return Err(failed(format!("{}: blocks {} to {} do not follow each other", w.service.name, own.start, own.end)));
    }
    let (start, end) = (own.start as usize, own.end as usize);
    let layers = start.max(1) - 1..end.min(last - 1) - 1;
    if own.partner.is_some() && layers.is_empty() {
        return Err(failed(format!("{}: two devices share blocks {start} to {end}, among which is no layer", w.service.name)));
    }
    // Tokens go in and come out where the stage is; its partner has layers only.
    Ok(Part { embedding: start == 0 && !w.half, layers, head: end == last && !w.half })
}
