//! What a file of kept weights holds, and where.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::{Mutex, PoisonError};

use kernels::{KeptError, Matrix, Pool};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{part_name, sha256};
use crate::model::Options;

/// First and last bytes of a file; the digits number this form of it.
const MAGIC: &[u8; 8] = b"WLKEPT01";
/// Digest and length of the index, magic.
const TRAILER: usize = 32 + 8 + 8;
/// Matrices begin at multiples of this.
const ALIGNMENT: usize = 64;

/// Why a file of kept weights is not used.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unusable {
    #[error("nothing is kept")]
    Missing,
    #[error("the kept weights cannot be read: {0}")]
    Unreadable(String),
    #[error("the kept weights are damaged ({0})")]
    Damaged(String),
    #[error("the kept weights are of another model or precision")]
    Other,
    #[error("the kept weights do not serve here: `{name}`: {source}")]
    Matrix { name: String, source: KeptError },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    name: String,
    offset: u64,
    bytes: u64,
    sha256: String,
}

/// Model, precision, kernel and part decide; entries say where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Index {
    model: String,
    precision: String,
    /// `auto`: the fastest for each format.
    kernel: String,
    part: String,
    entries: Vec<Entry>,
}

impl Index {
    /// What is wanted, without entries. `model` is the file's SHA-256.
    pub(super) fn of(model: String, options: &Options) -> Self {
        Self {
            model,
            precision: options.precision.name().into_owned(),
            kernel: options.kernel.map_or("auto", kernels::Kernel::name).into(),
            part: part_name(options.part.as_ref()),
            entries: Vec::new(),
        }
    }

    /// One for each that is wanted; the digest's beginning is enough to part models, the index has the whole.
    pub(super) fn file_name(&self) -> String {
        let digest = self.model.get(..16).unwrap_or(&self.model);
        format!("{digest}-{}-{}-{}{}", self.precision, self.kernel, self.part, super::files::ENDING)
    }

    fn is_for(&self, wanted: &Self) -> bool {
        let key = |i: &Self| [i.model.clone(), i.precision.clone(), i.kernel.clone(), i.part.clone()];
        key(self) == key(wanted)
    }

    /// Writes a whole file.
    pub(super) fn write<'m>(
        &self,
        matrices: impl Iterator<Item = (String, &'m Matrix)>,
        out: &mut impl Write,
    ) -> std::io::Result<()> {
        let mut index = self.clone();
        out.write_all(MAGIC)?;
        let mut at = MAGIC.len();
        let mut bytes = Vec::new();
        for (name, matrix) in matrices {
            let padding = at.next_multiple_of(ALIGNMENT) - at;
            out.write_all(&[0; ALIGNMENT][..padding])?;
            at += padding;
            bytes.clear();
            matrix.encode(&mut bytes)?;
            out.write_all(&bytes)?;
            index.entries.push(Entry { name, offset: at as u64, bytes: bytes.len() as u64, sha256: sha256(&bytes) });
            at += bytes.len();
        }
        let text = serde_json::to_vec(&index)?;
        out.write_all(&text)?;
        out.write_all(&Sha256::digest(&text))?;
        out.write_all(&(text.len() as u64).to_le_bytes())?;
        out.write_all(MAGIC)
    }

    /// The index at the end of a file, its digest checked.
    fn parse(all: &[u8]) -> Result<Self, Unusable> {
        let damaged = |what: &str| Unusable::Damaged(what.into());
        let short = || damaged("too short");
        if all.get(..MAGIC.len()).ok_or_else(short)? != MAGIC {
            return Err(damaged("not such a file, or of another version"));
        }
        let (rest, trailer) = all.split_at_checked(all.len().saturating_sub(TRAILER)).ok_or_else(short)?;
        let (digest, trailer) = trailer.split_at_checked(32).ok_or_else(short)?;
        let (length, magic) = trailer.split_first_chunk::<8>().ok_or_else(short)?;
        if magic != MAGIC {
            return Err(damaged("its end is missing"));
        }
        let length = usize::try_from(u64::from_le_bytes(*length)).ok().filter(|n| *n <= rest.len());
        let text = &rest[rest.len() - length.ok_or_else(|| damaged("index"))?..];
        if Sha256::digest(text).as_slice() != digest {
            return Err(damaged("digest of the index"));
        }
        serde_json::from_slice(text).map_err(|e| Unusable::Damaged(format!("index: {e}")))
    }
}

/// All matrices of a file, each against its digest, on all threads.
pub(super) fn read(all: &[u8], wanted: &Index, pool: &Pool) -> Result<BTreeMap<String, Matrix>, Unusable> {
    let index = Index::parse(all)?;
    if !index.is_for(wanted) {
        return Err(Unusable::Other);
    }
    let done: Vec<Mutex<Option<Result<Matrix, Unusable>>>> = index.entries.iter().map(|_| Mutex::new(None)).collect();
    pool.split(done.len(), 1, &|_, range| {
        for i in range {
            let result = matrix(all, &index.entries[i]);
            *done[i].lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
        }
    });
    let mut matrices = BTreeMap::new();
    for (entry, done) in index.entries.into_iter().zip(done) {
        let done = done.into_inner().unwrap_or_else(PoisonError::into_inner).unwrap_or(Err(Unusable::Missing));
        matrices.insert(entry.name, done?);
    }
    Ok(matrices)
}

fn matrix(all: &[u8], entry: &Entry) -> Result<Matrix, Unusable> {
    let damaged = |what: &str| Unusable::Damaged(format!("{what} of `{}`", entry.name));
    let start = usize::try_from(entry.offset).ok();
    let end = start.and_then(|s| s.checked_add(usize::try_from(entry.bytes).ok()?));
    let bytes = start.zip(end).and_then(|(s, e)| all.get(s..e)).ok_or_else(|| damaged("place"))?;
    if sha256(bytes) != entry.sha256 {
        return Err(damaged("digest"));
    }
    Matrix::decode(bytes).map_err(|source| Unusable::Matrix { name: entry.name.clone(), source })
}
