//! What can go wrong, by what was being done.

use engine::EngineError;

/// Errors of this crate.
#[derive(Debug, thiserror::Error)]
pub enum LearnError {
    #[error("the backbone cannot read the state `{text}`")]
    Backbone { text: String, source: EngineError },
    /// A caller's value that cannot be.
    #[error("{0}")]
    Input(String),
    #[error("the checkpoint cannot be read: it is no JSON of this program")]
    Checkpoint(#[source] serde_json::Error),
    /// It is of another run: continuing it would be neither run.
    #[error("the checkpoint is of another run: {what}: {found} there, {wanted} here")]
    OtherRun { what: String, found: String, wanted: String },
}
