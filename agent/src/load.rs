//! A model, ready to run.

use crate::args::{Machine, Memory};
use crate::clock::Watch;
use crate::exit::Failure;
use crate::print::{percent, short};
use crate::registry::Registry;
use engine::chat::Template;
use engine::kept::{Kept, Loaded, Origin};
use engine::stream::Streamed;
use engine::{File, Options, Precision, Stage, Tokenizer};
use kernels::Pool;
use serde::Serialize;
use std::path::PathBuf;
use std::sync::Arc;

/// Most bytes of packed weights in the cache.
const KEPT_MOST: u64 = 4 << 30;
/// Smaller model files pack faster than anyone notices.
const KEPT_FROM: u64 = 16 << 20;

/// A model file with what reads its texts.
pub(crate) struct Model {
    /// As the user named it.
    pub(crate) name: String,
    /// Where its file lies.
    pub(crate) path: PathBuf,
    pub(crate) file: File,
    pub(crate) tokenizer: Tokenizer,
}

impl Model {
    /// Opens a known model by name, or any GGUF file by path.
    pub(crate) fn open(name: &str) -> Result<Self, Failure> {
        let path = Registry::read(None)?.locate(name)?;
        let wrong = |e: engine::EngineError| {
            Failure::help(
                format!("{}: {}", path.display(), crate::exit::causes(&e)),
                "models that run: GGUF files of llama, qwen2, gemma3",
            )
        };
        let file = File::open(&path).map_err(wrong)?;
        let tokenizer = Tokenizer::new(&file).map_err(wrong)?;
        Ok(Self { name: name.into(), path, file, tokenizer })
    }

    /// It at a precision: packed weights of an earlier run where they are kept, and says so on stderr.
    pub(crate) fn stage(&self, machine: &Machine, precision: Precision) -> Result<Stage, Failure> {
        told(|| Ok(kept().load(&self.path, &self.file, &machine.options(precision), machine.pool())?))
    }

    /// It with so much of its weights in memory; all without a limit.
    pub(crate) fn stage_within(&self, machine: &Machine, precision: Precision, memory: Memory) -> Result<Stage, Failure> {
        let Some(room) = memory.memory else { return self.stage(machine, precision) };
        told(|| Ok(kept().stream(&self.path, &self.file, &machine.options(precision), room, machine.pool())?))
    }

    /// It packed now: what is measured is this build and this machine.
    pub(crate) fn packed(&self, machine: &Machine, precision: Precision) -> Result<Stage, Failure> {
        Ok(Stage::load(&self.file, &machine.options(precision), machine.pool())?)
    }

    /// Its chat template.
    pub(crate) fn template(&self) -> Result<Template, Failure> {
        Template::new(&self.file, &self.tokenizer)?.ok_or_else(|| {
            Failure::help(
                format!("`{}` has no chat template: it is not tuned to chat", self.name),
                "agent generate continues a text with any model",
            )
        })
    }
}

/// The cache of packed weights.
pub(crate) fn kept() -> Kept {
    let folder = crate::cache::packed();
    // A cache never takes more than half of what is free.
    let limit = crate::cache::free(&folder).map_or(KEPT_MOST, |free| KEPT_MOST.min(free / 2));
    Kept::new(folder, limit).at_least(KEPT_FROM)
}

/// Loads, and says on stderr where the weights came from.
pub(crate) fn told(load: impl FnOnce() -> Result<Loaded, Failure>) -> Result<Stage, Failure> {
    let watch = Watch::start();
    let loaded = load()?;
    let seconds = short(watch.wall());
    if let Some(note) = &loaded.note {
        eprintln!("weights {note}");
    }
    match loaded.origin {
        Origin::Kept => eprintln!("weights packed by an earlier run, read from the cache in {seconds} s"),
        Origin::Packed => eprintln!("weights packed in {seconds} s, kept in the cache for the next start"),
        Origin::NotKept => {}
    }
    Ok(loaded.stage)
}

/// How much of a stage's weights is in memory, and how the others are read.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Resident {
    /// Of all weight bytes, windows included.
    pub(crate) share: f64,
    pub(crate) bytes: u64,
    /// Bytes that a pass with the output matrix reads from the disk.
    pub(crate) read_bytes_per_pass: u64,
    /// B/s of the disk while it was asked; nothing before it was.
    pub(crate) read_rate: Option<f64>,
    /// Seconds in which computing waited for it.
    pub(crate) waited_s: f64,
    /// Whether reads pass the page cache by.
    pub(crate) direct: bool,
}

impl Resident {
    /// Since `earlier`; none where all is in memory.
    pub(crate) fn of(stage: &Stage, earlier: Option<Streamed>) -> Option<Self> {
        let now = stage.streamed()?;
        let told = earlier.map_or(now, |earlier| now.since(&earlier));
        let size = stage.size();
        Some(Self {
            share: size.held as f64 / size.bytes as f64,
            bytes: size.held,
            read_bytes_per_pass: now.each_pass,
            read_rate: Some(told.rate()).filter(|rate| *rate > 0.0),
            waited_s: told.waited_s,
            direct: now.direct,
        })
    }

    /// `24.8 % of 96.6 MB of weights; 76.1 MB a pass read at 1200 MB/s past the page cache`
    pub(crate) fn line(&self) -> String {
        let mega = |bytes: f64| short(bytes * 1e-6);
        let rate = self.read_rate.map_or_else(String::new, |rate| format!(" at {} MB/s", mega(rate)));
        let how = if self.direct { "past the page cache" } else { "through the page cache, dropped behind" };
        format!(
            "{} of {} MB of weights; {} MB a pass read{rate} {how}",
            percent(self.share),
            mega(self.bytes as f64 / self.share),
            mega(self.read_bytes_per_pass as f64)
        )
    }
}

impl Machine {
    pub(crate) fn pool(&self) -> Arc<Pool> {
        let all = || std::thread::available_parallelism().map_or(1, usize::from);
        Arc::new(Pool::new(self.threads.unwrap_or_else(all), self.wait.into()))
    }

    pub(crate) fn options(&self, precision: Precision) -> Options {
        Options { part: None, precision, kernel: self.kernel }
    }
}
