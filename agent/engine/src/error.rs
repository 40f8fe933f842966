//! What can go wrong, by what was being done.

use std::path::PathBuf;

use profiles::gguf::GgufError;

use crate::stream::StreamError;

/// Errors of this crate.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    #[error("cannot read or write {path}")]
    File { path: PathBuf, source: std::io::Error },
    #[error("the model file is not sound: {0}")]
    Gguf(#[from] GgufError),
    /// A tensor is missing, or has another shape or type than the architecture wants.
    #[error("tensor `{name}`: {why}")]
    Tensor { name: String, why: String },
    /// The file asks for something that is not built.
    #[error("{0}")]
    Unsupported(String),
    #[error("tokenizer: {0}")]
    Tokenizer(String),
    #[error("chat template")]
    Template(#[from] minijinja::Error),
    #[error("cannot pack `{name}`")]
    Pack { name: String, source: kernels::PackError },
    /// More positions than the model was made for.
    #[error("{wanted} positions do not fit in the context of {limit}")]
    Context { wanted: usize, limit: usize },
    /// Weights that stay on disk cannot be read, written, or given the memory that they need.
    #[error(transparent)]
    Stream(#[from] StreamError),
    /// A caller's value that cannot be.
    #[error("{0}")]
    Input(String),
}

impl EngineError {
    pub(crate) fn tensor(name: &str, why: impl Into<String>) -> Self {
        Self::Tensor { name: name.into(), why: why.into() }
    }
}
