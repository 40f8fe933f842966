//! Packed weights kept on disk between runs: a start is then a read, not a search for scales.
//!
//! A file holds the matrices of one (model, precision, kernel, part), as [`kernels::Matrix::encode`] writes them:
//!
//! ```text
//! magic [8] · matrices, each at a multiple of 64 · index (JSON) · SHA-256 of the index [32] · its length u64 · magic [8]
//! ```
//!
//! The index names model and precision and has offset, length and SHA-256 of every matrix; all are checked before a
//! byte is used. What does not fit is packed anew and written again: a cache can be slow, never wrong. A file is
//! written beside its place and renamed; it isn't forced to the disk, since one that a crash tore is told by its digests.

mod files;
mod identity;
mod index;
mod shelf;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kernels::{Matrix, Pool};
use sha2::{Digest, Sha256};

use crate::error::EngineError;
use crate::gguf::File;
use crate::model::{Config, Options, Part, Ready, Shape, Stage, Weights};
use crate::stream::{Room, StreamError};
use index::{Index, Unusable};

/// A folder of packed weights.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    folder: PathBuf,
    limit: u64,
    least: u64,
}

/// Where the weights of a stage came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The folder, checked.
    Kept,
    /// The model file, and now they are kept.
    Packed,
    /// The model file; it is small, or they could not be kept, or are too large.
    NotKept,
}

/// A stage with how it came about.
#[derive(Debug)]
pub struct Loaded {
    pub stage: Stage,
    pub origin: Origin,
    /// What was wrong with the file that was there, or why none was written.
    pub note: Option<String>,
}

impl Kept {
    /// Files in `folder`, together at most `limit` bytes: the longest unused go first.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>, limit: u64) -> Self {
        Self { folder: folder.into(), limit, least: 0 }
    }

    /// Leaves out model files below so many bytes, which pack in no time.
    #[must_use]
    pub const fn at_least(mut self, bytes: u64) -> Self {
        self.least = bytes;
        self
    }

    /// The stage that [`Stage::load`] gives, from kept weights where they are there and sound. `path` is where
    /// `file` was opened: its digest is remembered by path, length and time of change.
    ///
    /// # Errors
    /// Those of [`Stage::load`]. A folder that cannot be read or written is none: the note says it.
    pub fn load(&self, path: &Path, file: &File, options: &Options, pool: Arc<Pool>) -> Result<Loaded, EngineError> {
        if (file.bytes().len() as u64) < self.least {
            return Ok(Loaded { stage: Stage::load(file, options, pool)?, origin: Origin::NotKept, note: None });
        }
        let model = match identity::digest(&self.folder, path, file) {
            Ok(digest) => digest,
            Err(why) => {
                let stage = Stage::load(file, options, pool)?;
                return Ok(Loaded { stage, origin: Origin::NotKept, note: Some(why.to_string()) });
            }
        };
        let wanted = Index::of(model, options);
        let place = self.folder.join(wanted.file_name());
        let mut note = None;
        match read(&place, &wanted, &pool) {
            Ok(matrices) => {
                let ready = Ready::new(matrices);
                let count = ready.left();
                let stage = Stage::load_with(file, options, Arc::clone(&pool), &ready)?;
                if ready.left() == 0 && stage.matrices().count() == count {
                    files::touch(&place);
                    return Ok(Loaded { stage, origin: Origin::Kept, note: None });
                }
                note = Some("the kept weights are not those of this model".to_owned());
            }
            Err(Unusable::Missing) => {}
            Err(why) => note = Some(why.to_string()),
        }
        let stage = Stage::load(file, options, pool)?;
        let (origin, failed) = match self.write(&place, &wanted, &stage) {
            Ok(true) => (Origin::Packed, None),
            Ok(false) => (Origin::NotKept, Some(format!("they are larger than the {} bytes that may be kept", self.limit))),
            Err(why) => (Origin::NotKept, Some(format!("cannot keep the packed weights in {}: {why}", self.folder.display()))),
        };
        Ok(Loaded { stage, origin, note: failed.or(note) })
    }

    /// The stage with at most `room` of its weights in memory: the others are read from the folder in every pass, the
    /// next while this one is computed with ([`crate::stream`]). The numbers are those of [`load`](Self::load). Where
    /// the folder has no sound file it is written first, one matrix in memory at a time, and what else is there goes,
    /// the longest unused first, as far as this folder's limit asks for it; the file itself may be larger.
    ///
    /// # Errors
    /// Those of [`Stage::load`], and [`StreamError`]: the folder cannot be read or written, the disk is full (then
    /// nothing half-written stays), or the room is too small.
    pub fn stream(
        &self,
        path: &Path,
        file: &File,
        options: &Options,
        room: Room,
        pool: Arc<Pool>,
    ) -> Result<Loaded, EngineError> {
        let model = identity::digest(&self.folder, path, file).map_err(|e| self.unwritable(&e, 0))?;
        self.streamed(model, (&Weights::File(file), Config::new(file)?), options, room, pool)
    }

    /// [`Stage::random`] with at most `room` of its weights in memory, as [`stream`](Self::stream) has a file's.
    ///
    /// # Errors
    /// As there.
    pub fn stream_random(
        &self,
        shape: &Shape,
        seed: u64,
        options: &Options,
        room: Room,
        pool: Arc<Pool>,
    ) -> Result<Loaded, EngineError> {
        let model = sha256(format!("random {shape:?} {seed}").as_bytes());
        self.streamed(model, (&Weights::Noise { shape, seed }, shape.config()), options, room, pool)
    }

    fn streamed(
        &self,
        model: String,
        (weights, config): (&Weights<'_>, Config),
        options: &Options,
        room: Room,
        pool: Arc<Pool>,
    ) -> Result<Loaded, EngineError> {
        let wanted = Index::of(model, options);
        let place = self.folder.join(wanted.file_name());
        let frame = || crate::model::Frame::of(weights, config.clone(), options);
        let note = match shelf::Shelf::open(&place, &wanted).and_then(|shelf| shelf.stage(frame()?, options, room, &pool)) {
            Ok(stage) => {
                files::touch(&place);
                return Ok(Loaded { stage, origin: Origin::Kept, note: None });
            }
            Err(shelf::Failed::Engine(e)) => return Err(e),
            Err(shelf::Failed::Unusable(Unusable::Missing)) => None,
            Err(shelf::Failed::Unusable(why)) => Some(why.to_string()),
        };
        self.pack(&place, &wanted, (weights, &frame()?), options, &pool)?;
        let changed = |why: Unusable| match why {
            Unusable::Missing => StreamError::Gone { path: place.clone() },
            why => StreamError::Changed { path: place.clone(), why: why.to_string() },
        };
        let stage = shelf::Shelf::open(&place, &wanted).and_then(|shelf| shelf.stage(frame()?, options, room, &pool));
        match stage {
            Ok(stage) => Ok(Loaded { stage, origin: Origin::Packed, note }),
            Err(shelf::Failed::Engine(e)) => Err(e),
            Err(shelf::Failed::Unusable(why)) => Err(changed(why).into()),
        }
    }

    /// Packs one matrix after the other into the file.
    fn pack(
        &self,
        place: &Path,
        wanted: &Index,
        (weights, frame): (&Weights<'_>, &crate::model::Frame),
        options: &Options,
        pool: &Pool,
    ) -> Result<(), EngineError> {
        let mut failed = None;
        let mut written = 0;
        let result = std::fs::create_dir_all(&self.folder).and_then(|()| {
            files::sweep(&self.folder);
            // How large it becomes is not known before it is packed: others leave half of what is free.
            files::make_room(&self.folder, place, self.limit.min(files::free(&self.folder) / 2))?;
            files::replace(place, |out| {
                let mut write = || -> Result<(), Stop> {
                    let mut writing = wanted.begin(out).map_err(Stop::Io)?;
                    Stage::each_packed(weights, frame, options, pool, &mut |name, m| writing.matrix(name, m).map_err(Stop::Io))?;
                    writing.finish().and_then(|()| out.flush()).map_err(Stop::Io)
                };
                write().map_err(|stop| {
                    written = out.get_ref().metadata().map_or(0, |m| m.len());
                    match stop {
                        Stop::Io(e) => e,
                        Stop::Engine(e) => {
                            failed = Some(e);
                            std::io::ErrorKind::InvalidData.into()
                        }
                    }
                })
            })
        });
        match (result, failed) {
            (_, Some(e)) => Err(e),
            (Err(e), None) => Err(self.unwritable(&e, written)),
            (Ok(()), None) => {
                files::settle(place);
                Ok(())
            }
        }
    }

    fn unwritable(&self, e: &std::io::Error, written: u64) -> EngineError {
        let folder = self.folder.clone();
        EngineError::Stream(match e.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded | std::io::ErrorKind::FileTooLarge => {
                StreamError::Full { free: files::free(&folder), folder, written }
            }
            _ => StreamError::Write { folder, why: e.to_string() },
        })
    }

    /// False where the weights are larger than the limit.
    fn write(&self, place: &Path, index: &Index, stage: &Stage) -> std::io::Result<bool> {
        // An index entry and padding come to less than 512 bytes a matrix.
        let bytes: u64 = stage.matrices().map(|(_, m)| m.bytes() as u64 + 1024).sum();
        if bytes > self.limit {
            return Ok(false);
        }
        std::fs::create_dir_all(&self.folder)?;
        files::make_room(&self.folder, place, self.limit - bytes)?;
        files::replace(place, |out| index.write(stage.named_matrices(), out))?;
        Ok(true)
    }
}

/// Why packing into a file ended.
enum Stop {
    Io(std::io::Error),
    Engine(EngineError),
}

impl From<EngineError> for Stop {
    fn from(e: EngineError) -> Self {
        Self::Engine(e)
    }
}

/// All matrices of a file, digests checked on all threads.
fn read(place: &Path, wanted: &Index, pool: &Pool) -> Result<BTreeMap<String, Matrix>, Unusable> {
    let file = match std::fs::File::open(place) {
        Ok(file) => file,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Err(Unusable::Missing),
        Err(e) => return Err(Unusable::Unreadable(e.to_string())),
    };
    let map = crate::map::map(&file).map_err(|e| Unusable::Unreadable(e.to_string()))?;
    index::read(&map, wanted, pool)
}

/// Lower-case hexadecimal.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// The part of a model, as file names and indices write it.
fn part_name(part: Option<&Part>) -> String {
    match part {
        None => "whole".into(),
        Some(p) => {
            let (from, to) = (p.layers.start, p.layers.end);
            format!("{}{from}-{to}{}", if p.embedding { "e" } else { "" }, if p.head { "h" } else { "" })
        }
    }
}
