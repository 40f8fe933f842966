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
const MAGIC: &[u8; 8] = b"WLKEPT02";
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

/// Where a matrix lies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) offset: u64,
    pub(super) bytes: u64,
    pub(super) sha256: String,
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
        let mut writing = self.begin(out)?;
        for (name, matrix) in matrices {
            writing.matrix(&name, matrix)?;
        }
        writing.finish()
    }

    /// Begins a file that is written matrix by matrix.
    pub(super) fn begin<'w, W: Write>(&self, out: &'w mut W) -> std::io::Result<Writing<'w, W>> {
        out.write_all(MAGIC)?;
        Ok(Writing { index: self.clone(), out, at: MAGIC.len() as u64 })
    }

    /// The index of a file of kept weights, if it is for what is wanted.
    pub(super) fn of_file(all: &[u8], wanted: &Self) -> Result<Vec<Entry>, Unusable> {
        let index = Self::parse(all)?;
        if index.is_for(wanted) { Ok(index.entries) } else { Err(Unusable::Other) }
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

/// A file that is being written.
pub(super) struct Writing<'w, W> {
    index: Index,
    out: &'w mut W,
    at: u64,
}

impl<W: Write> Writing<'_, W> {
    /// Appends a matrix.
    pub(super) fn matrix(&mut self, name: &str, matrix: &Matrix) -> std::io::Result<()> {
        let padding = self.at.next_multiple_of(ALIGNMENT as u64) - self.at;
        self.out.write_all(&[0; ALIGNMENT][..padding as usize])?;
        let offset = self.at + padding;
        let mut tee = Tee { out: &mut *self.out, digest: Sha256::new(), bytes: 0 };
        matrix.encode(&mut tee)?;
        let (bytes, sha256) = (tee.bytes, super::hex(&tee.digest.finalize()));
        self.index.entries.push(Entry { name: name.into(), offset, bytes, sha256 });
        self.at = offset + bytes;
        Ok(())
    }

    /// Writes the index.
    pub(super) fn finish(self) -> std::io::Result<()> {
        let text = serde_json::to_vec(&self.index)?;
        self.out.write_all(&text)?;
        self.out.write_all(&Sha256::digest(&text))?;
        self.out.write_all(&(text.len() as u64).to_le_bytes())?;
        self.out.write_all(MAGIC)
    }
}

/// What is written, digested on the way.
struct Tee<'w, W> {
    out: &'w mut W,
    digest: Sha256,
    bytes: u64,
}

impl<W: Write> Write for Tee<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let n = self.out.write(bytes)?;
        self.digest.update(&bytes[..n]);
        self.bytes += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.out.flush()
    }
}

/// All matrices of a file, each against its digest, on all threads.
pub(super) fn read(all: &[u8], wanted: &Index, pool: &Pool) -> Result<BTreeMap<String, Matrix>, Unusable> {
    let entries = Index::of_file(all, wanted)?;
    let done: Vec<Mutex<Option<Result<Matrix, Unusable>>>> = entries.iter().map(|_| Mutex::new(None)).collect();
    pool.split(done.len(), 1, &|_, range| {
        for i in range {
            let result = matrix(all, &entries[i]);
            *done[i].lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
        }
    });
    let mut matrices = BTreeMap::new();
    for (entry, done) in entries.into_iter().zip(done) {
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
