//! Files that the device was told of, by what is in them. A file is read whole once; what was found is kept with the
//! time it was written and its length, so that a restart does not read it again.

use crate::shared::lock;
use protocol::{BlobRef, Digest, Manifest};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::UNIX_EPOCH;

/// Name of what is kept.
const INDEX: &str = "own.json";

/// A file as it was when it was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Seen {
    written_ns: u128,
    blob: BlobRef,
    sha256: Digest,
}

pub(super) struct Own {
    folder: PathBuf,
    /// None: not read from the disk yet.
    seen: Mutex<Option<BTreeMap<PathBuf, Seen>>>,
}

/// When a file was last written, and its length.
fn state(path: &Path) -> io::Result<(u128, u64)> {
    let meta = std::fs::metadata(path)?;
    // A clock before 1970 is as good as any other time, as long as it stays the same.
    let written = meta.modified()?.duration_since(UNIX_EPOCH).map_or(0, |d| d.as_nanos());
    Ok((written, meta.len()))
}

/// Writes a list of chunks under its digest.
pub(super) fn write_list(folder: &Path, manifest: Digest, text: &[u8]) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    whole(&folder.join(format!("{manifest}.{}", super::LIST)), text)
}

/// Writes a file beside its place and renames it: there is never half of one.
fn whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let draft = path.with_extension("draft");
    let written = std::fs::write(&draft, bytes).and_then(|()| std::fs::File::open(&draft)?.sync_all());
    written.and_then(|()| std::fs::rename(&draft, path)).inspect_err(|_| {
        // A full disk keeps no half of it.
        let _ = std::fs::remove_file(&draft);
    })
}

impl Own {
    pub(super) fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), seen: Mutex::default() }
    }

    fn with<T>(&self, act: impl FnOnce(&mut BTreeMap<PathBuf, Seen>) -> T) -> T {
        let mut seen = lock(&self.seen);
        let read = || serde_json::from_slice(&std::fs::read(self.folder.join(INDEX)).ok()?).ok();
        // A torn index costs reading the files once more.
        act(seen.get_or_insert_with(|| read().unwrap_or_default()))
    }

    /// What a file is, read whole if it has changed since. `None`: it cannot be read, or nothing can be written here.
    pub(super) fn blob(&self, path: &Path) -> Option<BlobRef> {
        let (written_ns, bytes) = state(path).ok()?;
        let same = |s: &&Seen| s.written_ns == written_ns && s.blob.bytes == bytes;
        if let Some(seen) = self.with(|all| all.get(path).filter(same).cloned()) {
            return Some(seen.blob);
        }
        let manifest = Manifest::of(&mut std::fs::File::open(path).ok()?, bytes).ok()?;
        let blob = manifest.blob().ok()?;
        if state(path).ok()? != (written_ns, bytes) {
            return None;
        }
        write_list(&self.folder, blob.manifest, &manifest.to_bytes().ok()?).ok()?;
        let seen = Seen { written_ns, blob, sha256: manifest.sha256 };
        let text = self.with(|all| {
            all.insert(path.to_owned(), seen);
            serde_json::to_vec(all)
        });
        // Kept for the next start; without it the file is read once more.
        let _ = text.map(|t| whole(&self.folder.join(INDEX), &t));
        Some(blob)
    }

    /// The file of this digest, if it is as it was.
    pub(super) fn file(&self, sha256: Digest) -> Option<(PathBuf, u64)> {
        let found = self.with(|all| all.iter().find(|(_, s)| s.sha256 == sha256).map(|(p, s)| (p.clone(), s.clone())));
        let (path, seen) = found?;
        (state(&path).ok()? == (seen.written_ns, seen.blob.bytes)).then_some((path, seen.blob.bytes))
    }

    /// Whether a list of chunks is one of these files'.
    pub(super) fn is_listed(&self, manifest: Digest) -> bool {
        self.with(|all| all.values().any(|s| s.blob.manifest == manifest))
    }

    /// All that were read.
    pub(super) fn all(&self) -> Vec<BlobRef> {
        self.with(|all| all.values().map(|s| s.blob).collect())
    }
}
