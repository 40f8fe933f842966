//! What can keep a probe from measuring.

use std::path::PathBuf;

/// Errors of this crate; each names what was being done.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    #[error("cannot measure storage in {folder}: {why}")]
    Storage { folder: PathBuf, why: String },
    #[error("cannot run the trial model")]
    Engine(#[from] engine::EngineError),
    #[error("cannot have {bytes} bytes of memory to read")]
    Memory { bytes: usize },
    #[error("link to {peer}: {why}")]
    Link { peer: String, why: String },
    #[error("cannot listen on {address}: {why}")]
    Listen { address: String, why: String },
    #[error("the measurements do not make a profile: {0}")]
    Profile(String),
    #[error("no probed profile: {0}")]
    Read(String),
}
