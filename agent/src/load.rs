//! A model, ready to run.

use crate::args::Machine;
use crate::clock::Watch;
use crate::exit::Failure;
use crate::print::short;
use crate::registry::Registry;
use engine::chat::Template;
use engine::kept::{Kept, Origin};
use engine::{File, Options, Precision, Stage, Tokenizer};
use kernels::Pool;
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
        let watch = Watch::start();
        let folder = crate::cache::packed();
        // A cache never takes more than half of what is free.
        let limit = crate::cache::free(&folder).map_or(KEPT_MOST, |free| KEPT_MOST.min(free / 2));
        let kept = Kept::new(folder, limit).at_least(KEPT_FROM);
        let loaded = kept.load(&self.path, &self.file, &machine.options(precision), machine.pool())?;
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

impl Machine {
    pub(crate) fn pool(&self) -> Arc<Pool> {
        let all = || std::thread::available_parallelism().map_or(1, usize::from);
        Arc::new(Pool::new(self.threads.unwrap_or_else(all), self.wait.into()))
    }

    pub(crate) fn options(&self, precision: Precision) -> Options {
        Options { part: None, precision, kernel: self.kernel }
    }
}
