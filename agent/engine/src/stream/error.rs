//! What can go wrong with weights that stay on disk.

use std::path::PathBuf;

/// Why packed weights cannot be streamed. Each says what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StreamError {
    /// The file ends before what is read.
    #[error(
        "{path} ends after {have} bytes where {want} were expected: something shortened it while it was used; start again, \
         then it is packed anew"
    )]
    Short {
        /// The file.
        path: PathBuf,
        /// Bytes that are there.
        have: u64,
        /// Bytes that were to be there.
        want: u64,
    },
    /// The file is not there.
    #[error("{path} is gone: something deletes files there; start again, or keep packed weights in another folder")]
    Gone {
        /// The file.
        path: PathBuf,
    },
    /// The system refused to read.
    #[error("cannot read {path}: {why}; check the disk (`dmesg`), or keep packed weights in a folder on another one")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        why: String,
    },
    /// The disk filled up while packed weights were written; what was written is gone.
    #[error(
        "no room for packed weights in {folder}: {written} bytes were written, {free} are free now; free more, or use another disk"
    )]
    Full {
        /// The folder.
        folder: PathBuf,
        /// Bytes that fitted.
        written: u64,
        /// Bytes that are free since they were deleted.
        free: u64,
    },
    /// The folder cannot be written; nothing is left there.
    #[error(
        "cannot keep packed weights in {folder}: {why}; weights are streamed from there, so name a folder that can be written"
    )]
    Write {
        /// The folder.
        folder: PathBuf,
        /// What the system said.
        why: String,
    },
    /// What was just packed and written reads otherwise.
    #[error("{path} was written and is not what was written ({why}): check the disk (`dmesg`), or use another one")]
    Changed {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// Even the smallest window does not fit.
    #[error("{limit} bytes for weights are too few: {least} are needed at least (what every token uses, and two windows)")]
    Room {
        /// Bytes that were allowed.
        limit: u64,
        /// Fewest bytes that do.
        least: u64,
    },
}
