//! A plan's stages of one device, in memory.

mod files;
mod wanted;

pub(crate) use files::{Known, fetch, verify};
pub(crate) use wanted::Need;

use crate::batch::Batch;
use crate::samples::{self, Scaling};
use crate::settings::Settings;
use crate::shared::Shared;
use engine::chat::Template;
use engine::generate::Close;
use engine::kept::Kept;
use engine::model::Partner;
use engine::{EngineError, File, Options, Precision, Room, Stage, StreamError, Tokenizer};
use files::{Place, fetched, open, place};
use fleet::Layout;
use fleet::agent::Fault;
use kernels::Pool;
use protocol::{Name, PlanRef};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use wanted::{Wanted, need, wanted};

/// Packed weights of earlier plans that an agent keeps beside those of its stages, bytes.
const PACKED_MOST: u64 = 4 << 30;

/// What reads and writes a model's texts.
pub(crate) struct Text {
    pub(crate) tokenizer: Tokenizer,
    /// `None`: a model that is not tuned to chat.
    pub(crate) template: Option<Template>,
}

/// One stage, with what the plan says of it.
pub(crate) struct LoadedStage {
    pub(crate) service: Name,
    /// The plan's name of it.
    pub(crate) model: String,
    pub(crate) replica: u32,
    /// Place in the pipeline, from 0.
    pub(crate) index: usize,
    /// Whose stage comes next; nobody's after a partner's half, which goes back to its leader.
    pub(crate) next: Option<Name>,
    /// Who calls it: whose stage comes before; of a partner's half, its leader.
    pub(crate) before: Option<Name>,
    pub(crate) role: Role,
    pub(crate) stage: Stage,
    /// Steps of its requests.
    pub(crate) batch: Batch,
    pub(crate) kv_bits: u8,
    /// Bits of a number that crosses to the next stage.
    pub(crate) activation_bits: u8,
    /// At the first stage.
    pub(crate) text: Option<Arc<Text>>,
    /// Planned seconds for a token.
    pub(crate) tpot_s: f64,
    pub(crate) scaling: Scaling,
    /// How answers are closed, at the first stage.
    pub(crate) close: Option<Close>,
    /// What the plan expects of an answer: joules of all devices, and seconds.
    pub(crate) expected: (f64, f64),
}

/// How much of its layers a device has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// All heads.
    Whole,
    /// The first heads: the stage is this device's, and this partner has the others.
    Leader(Name),
    /// The last heads of another's stage.
    Partner,
}

impl LoadedStage {
    /// Who shares this device's stage.
    pub(crate) fn partner(&self) -> Option<&Name> {
        match &self.role {
            Role::Leader(partner) => Some(partner),
            Role::Whole | Role::Partner => None,
        }
    }
}

/// All stages of a plan here.
pub(crate) struct Loaded {
    pub(crate) plan: PlanRef,
    pub(crate) stages: Vec<LoadedStage>,
}

impl Loaded {
    pub(crate) fn stage(&self, service: &Name, replica: u32, index: usize) -> Option<&LoadedStage> {
        self.at(service, replica, index, false)
    }

    /// This device's half of a stage that is another's.
    pub(crate) fn half(&self, service: &Name, replica: u32, index: usize) -> Option<&LoadedStage> {
        self.at(service, replica, index, true)
    }

    fn at(&self, service: &Name, replica: u32, index: usize, half: bool) -> Option<&LoadedStage> {
        let is = |s: &&LoadedStage| (&s.service, s.replica, s.index, s.role == Role::Partner) == (service, replica, index, half);
        self.stages.iter().find(is)
    }

    /// Bytes of weights in memory.
    pub(crate) fn bytes(&self) -> u64 {
        self.stages.iter().map(|s| s.stage.size().held).sum()
    }

    /// Whether weights that a stage keeps on disk could not be read.
    pub(crate) fn is_broken(&self) -> bool {
        self.stages.iter().filter_map(|s| s.stage.streamed()).any(|told| told.failed > 0)
    }
}

fn failed(why: impl Into<String>) -> Fault {
    Fault::Failed(why.into())
}

/// Loads all stages of a device.
pub(crate) fn load(layout: &Layout, shared: &Shared) -> Result<Loaded, Fault> {
    let all = wanted(layout, &shared.me)?;
    let asked: f64 = all.iter().map(Wanted::memory_bytes).sum();
    if shared.free_bytes().is_some_and(|free| asked > free as f64) {
        return Err(Fault::NoRoom);
    }
    let mut texts: BTreeMap<PathBuf, Arc<Text>> = BTreeMap::new();
    let mut stages = Vec::new();
    for w in &all {
        let path = match place(layout, shared, &w.service.model)? {
            Place::Own(path) => path,
            Place::Fetched(meant) => fetched(shared, &w.service.model, &meant)?.path.clone(),
        };
        let file = open(&path)?;
        let engine = |e: EngineError| failed(format!("{}: {e}", path.display()));
        let own = w.stage();
        let weights = own.weights.unwrap_or(w.service.precision.weights);
        let Need { part, shard, .. } = need(w, &path, &file)?;
        let options = Options { part: Some(part), precision: Precision::of(weights), kernel: None };
        let stage = match (&shard, own.resident_share) {
            (Some(shard), _) => Stage::load_shard(&file, &options, shard, Arc::clone(&shared.pool)).map_err(engine)?,
            (None, share) if share < 1.0 => streamed(&shared.settings, (&path, &file), &options, share, &shared.pool)?,
            (None, _) => Stage::load(&file, &options, Arc::clone(&shared.pool)).map_err(engine)?,
        };
        let is_entry = w.index == 0 && !w.half;
        let text = match (is_entry, texts.get(&path)) {
            (true, Some(text)) => Some(Arc::clone(text)),
            (true, None) => {
                let tokenizer = Tokenizer::new(&file).map_err(engine)?;
                let template = Template::new(&file, &tokenizer).map_err(engine)?;
                let text = Arc::new(Text { tokenizer, template });
                texts.insert(path.clone(), Arc::clone(&text));
                Some(text)
            }
            _ => None,
        };
        let close = text.as_ref().map(|t| samples::close(&w.service.scaling, &t.tokenizer)).transpose();
        let chain = &w.service.replicas[w.replica as usize];
        let name = |i: usize| chain.stages.get(i).and_then(|s| Name::new(&s.device).ok());
        let service = Name::new(&w.service.name).map_err(|e| failed(e.to_string()))?;
        stages.push(LoadedStage {
            service,
            model: w.service.model.clone(),
            replica: w.replica,
            index: w.index,
            next: if w.half { None } else { name(w.index + 1) },
            before: if w.half { name(w.index) } else { w.index.checked_sub(1).and_then(name) },
            role: w.role()?,
            stage,
            batch: Batch::default(),
            kv_bits: w.service.precision.kv_bits,
            activation_bits: w.service.precision.activation_bits,
            text,
            tpot_s: chain.tpot_s,
            scaling: Scaling::of(&w.service.scaling).map_err(failed)?,
            close: close.map_err(|why| failed(format!("{}: {why}", w.service.name)))?.flatten(),
            expected: (w.service.expected.energy_j, chain.total_s),
        });
    }
    let loaded = Loaded { plan: layout.plan(), stages };
    Ok(loaded)
}

/// A stage with a share of its weights in memory, the others in the folder of this agent's state.
fn streamed(
    settings: &Settings,
    (model, file): (&Path, &File),
    options: &Options,
    share: f64,
    pool: &Arc<Pool>,
) -> Result<Stage, Fault> {
    let kept = Kept::new(settings.state.join("packed"), PACKED_MOST);
    let loaded = kept.stream(model, file, options, Room::Share(share), Arc::clone(pool)).map_err(|e| match e {
        // A disk can be cleared; a share that is too small stays so.
        EngineError::Stream(e @ (StreamError::Full { .. } | StreamError::Write { .. })) => Fault::Unavailable(e.to_string()),
        e => failed(format!("{}: {e}", model.display())),
    })?;
    Ok(loaded.stage)
}

/// One token through every stage, so that the first user does not wait for page faults.
pub(crate) fn warm(loaded: &Loaded) -> Result<(), Fault> {
    use engine::model::{Chunk, Input, Want};
    for s in &loaded.stages {
        let mut sequence = s.stage.sequence(s.kv_bits).map_err(|e| failed(e.to_string()))?;
        let zeros = vec![0.0; s.stage.config().hidden];
        let input = if s.stage.part().embedding { Input::Tokens(&[0]) } else { Input::Hidden(&zeros) };
        let mut work = engine::Workspace::new();
        let chunk = Chunk { sequence: &mut sequence, input, want: Want::Last };
        let done = match s.role {
            Role::Whole => s.stage.forward(&mut [chunk], &mut work),
            Role::Leader(_) | Role::Partner => s.stage.forward_shared(&mut [chunk], &mut work, &mut Nobody),
        };
        done.map_err(|e| failed(e.to_string()))?;
    }
    Ok(())
}

/// In place of the other half, where only this half's memory is to be touched.
struct Nobody;

impl Partner for Nobody {
    fn begin(&mut self, _: &mut [f32]) -> Result<(), EngineError> {
        Ok(())
    }

    fn sum(&mut self, _: &mut [f32]) -> Result<(), EngineError> {
        Ok(())
    }
}
