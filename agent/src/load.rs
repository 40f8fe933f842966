//! A model, ready to run.

use crate::args::Machine;
use crate::exit::Failure;
use crate::registry::Registry;
use engine::chat::Template;
use engine::{File, Options, Precision, Stage, Tokenizer};
use kernels::Pool;
use std::sync::Arc;

/// A model file with what reads its texts.
pub(crate) struct Model {
    /// As the user named it.
    pub(crate) name: String,
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
        Ok(Self { name: name.into(), file, tokenizer })
    }

    /// Packs it at a precision.
    pub(crate) fn stage(&self, machine: &Machine, precision: Precision) -> Result<Stage, Failure> {
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
