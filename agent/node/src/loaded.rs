//! A plan's stages of one device, in memory.

use crate::batch::Batch;
use crate::blobs::{PartFile, fetch as blobs};
use crate::samples::{self, Scaling};
use crate::settings::Settings;
use crate::shared::{Shared, lock};
use engine::chat::Template;
use engine::generate::Close;
use engine::kept::Kept;
use engine::model::Part;
use engine::{EngineError, File, Options, Precision, Room, Stage, StreamError, Tokenizer};
use fleet::Layout;
use fleet::agent::Fault;
use kernels::Pool;
use protocol::{BlobRef, Digest, Name, PlanRef, PlannedService, PlannedStage};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

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
    /// Whose stage comes next.
    pub(crate) next: Option<Name>,
    /// Whose stage comes before.
    pub(crate) before: Option<Name>,
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

/// All stages of a plan here.
pub(crate) struct Loaded {
    pub(crate) plan: PlanRef,
    pub(crate) stages: Vec<LoadedStage>,
}

impl Loaded {
    pub(crate) fn stage(&self, service: &Name, replica: u32, index: usize) -> Option<&LoadedStage> {
        self.stages.iter().find(|s| s.service == *service && s.replica == replica && s.index == index)
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

/// A stage that the plan asks of this device.
struct Wanted<'p> {
    service: &'p PlannedService,
    replica: u32,
    index: usize,
}

impl<'p> Wanted<'p> {
    fn stage(&self) -> &'p PlannedStage {
        &self.service.replicas[self.replica as usize].stages[self.index]
    }
}

fn failed(why: impl Into<String>) -> Fault {
    Fault::Failed(why.into())
}

/// Stages of a device.
fn wanted<'p>(layout: &'p Layout, me: &Name) -> Result<Vec<Wanted<'p>>, Fault> {
    let mut all = Vec::new();
    for service in &layout.signed.plan.services {
        for (replica, r) in (0u32..).zip(&service.replicas) {
            for (index, stage) in r.stages.iter().enumerate().filter(|(_, s)| s.device == me.as_str()) {
                if !(stage.resident_share > 0.0 && stage.resident_share <= 1.0) {
                    let share = stage.resident_share;
                    return Err(failed(format!("{}: a resident share of {share}, not above 0 and up to 1", service.name)));
                }
                Scaling::of(&service.scaling).map_err(|why| failed(format!("{}: {why}", service.name)))?;
                all.push(Wanted { service, replica, index });
            }
        }
    }
    Ok(all)
}

/// The same by model.
fn by_model<'p>(layout: &'p Layout, me: &Name) -> Result<BTreeMap<&'p str, Vec<Wanted<'p>>>, Fault> {
    let mut models: BTreeMap<&str, Vec<Wanted<'_>>> = BTreeMap::new();
    for w in wanted(layout, me)? {
        models.entry(&w.service.model).or_default().push(w);
    }
    Ok(models)
}

/// Where a model's file is.
enum Place {
    /// A file that this device was told of.
    Own(PathBuf),
    /// One of which it keeps what it needs.
    Fetched(BlobRef),
}

fn place(layout: &Layout, shared: &Shared, model: &str) -> Result<Place, Fault> {
    let own = shared.settings.models.get(model);
    match (layout.order().models.get(model), own) {
        (Some(meant), Some(own)) if shared.blobs.is(own, meant) => Ok(Place::Own(own.clone())),
        (Some(meant), _) => Ok(Place::Fetched(*meant)),
        (None, Some(own)) => Ok(Place::Own(own.clone())),
        (None, None) => Err(Fault::Unavailable(format!(
            "no file of model {model}: name one under `models:` in the configuration, or say which it is with `planner model`"
        ))),
    }
}

fn parts(stages: &[Wanted<'_>], path: &Path, file: &File) -> Result<Vec<Part>, Fault> {
    stages.iter().map(|w| part(w, path, file)).collect()
}

/// Sees that all files are there, and fetches what others have of them.
pub(crate) fn fetch(layout: &Layout, shared: &Shared) -> Result<(), Fault> {
    let held = shared.held();
    let meant = held.iter().flat_map(|p| p.order.models.values()).chain(layout.order().models.values());
    shared.blobs.forget(&meant.map(|b| b.manifest).collect());
    for (model, stages) in by_model(layout, &shared.me)? {
        match place(layout, shared, model)? {
            Place::Own(path) => {
                std::fs::metadata(&path).map_err(|e| Fault::Unavailable(format!("{}: {e}", path.display())))?;
            }
            Place::Fetched(meant) => {
                blobs::bring(shared, layout, model, &meant, |file| parts(&stages, Path::new(model), file))?;
            }
        }
    }
    blobs::announce_own(shared);
    Ok(())
}

/// Whether each file is what its digest says, and a model of the plan's number of layers.
pub(crate) fn verify(layout: &Layout, shared: &Shared) -> Result<(), Fault> {
    for (model, stages) in by_model(layout, &shared.me)? {
        match place(layout, shared, model)? {
            Place::Own(path) => {
                if let Some(expected) = shared.settings.digests.get(model) {
                    whole(&path, expected, &shared.checked)?;
                }
                parts(&stages, &path, &open(&path)?)?;
            }
            Place::Fetched(meant) => {
                let part = fetched(shared, model, &meant)?;
                blobs::check(&part, model, &parts(&stages, &part.path, &open(&part.path)?)?)?;
            }
        }
    }
    Ok(())
}

fn fetched(shared: &Shared, model: &str, meant: &BlobRef) -> Result<Arc<PartFile>, Fault> {
    shared.blobs.parts_of(meant).ok_or_else(|| Fault::Corrupt(format!("{model}: what was fetched of its file is gone")))
}

/// Files whose digest was found right, with when they were written and how long they were: a plan that uses the same
/// file again does not read all of it again.
pub(crate) type Known = BTreeMap<PathBuf, (Option<SystemTime>, u64)>;

/// Whether a file is what its digest says.
fn whole(path: &Path, expected: &Digest, known: &Mutex<Known>) -> Result<(), Fault> {
    let absent = |e: std::io::Error| Fault::Unavailable(format!("{}: {e}", path.display()));
    let meta = std::fs::metadata(path).map_err(absent)?;
    let state = (meta.modified().ok(), meta.len());
    if lock(known).get(path) == Some(&state) {
        return Ok(());
    }
    let found = std::fs::File::open(path).and_then(|mut f| Digest::read(&mut f)).map_err(absent)?;
    if found != *expected {
        let name = path.display();
        return Err(Fault::Corrupt(format!("{name} is damaged: its SHA-256 is {found}, expected {expected}; fetch it anew")));
    }
    lock(known).insert(path.to_owned(), state);
    Ok(())
}

fn open(path: &Path) -> Result<File, Fault> {
    File::open(path).map_err(|e| failed(format!("{}: {e}", path.display())))
}

/// A plan counts an embedding block, the layers, and a head block; the engine counts layers.
fn part(w: &Wanted<'_>, path: &Path, file: &File) -> Result<Part, Fault> {
    let layers = engine::model::Config::new(file).map_err(|e| failed(e.to_string()))?.layers;
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
    Ok(Part { embedding: start == 0, layers: start.max(1) - 1..end.min(last - 1) - 1, head: end == last })
}

/// Loads all stages of a device.
pub(crate) fn load(layout: &Layout, shared: &Shared) -> Result<Loaded, Fault> {
    let all = wanted(layout, &shared.me)?;
    let asked: f64 = all.iter().map(|w| w.stage().memory_bytes).sum();
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
        let options = Options { part: Some(part(w, &path, &file)?), precision: Precision::of(weights), kernel: None };
        let stage = match own.resident_share {
            share if share < 1.0 => streamed(&shared.settings, (&path, &file), &options, share, &shared.pool)?,
            _ => Stage::load(&file, &options, Arc::clone(&shared.pool)).map_err(engine)?,
        };
        let text = match (w.index, texts.get(&path)) {
            (0, Some(text)) => Some(Arc::clone(text)),
            (0, None) => {
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
            next: name(w.index + 1),
            before: w.index.checked_sub(1).and_then(name),
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
        s.stage.forward(&mut [chunk], &mut work).map_err(|e| failed(e.to_string()))?;
    }
    Ok(())
}
