//! Model files by what is in them: what this device has of them, for itself and for others.
//!
//! A plan may say which file each of its models is ([`protocol::Order::models`]). A device that was told of a file of
//! its own uses that if it is the one; otherwise it fetches the parts that its stages need, from any agent or origin,
//! in chunks that are checked one by one. What a crash tore, or a disk bent, is told by its digest and fetched again.

pub(crate) mod fetch;
mod origin;
mod own;
mod part;
mod rate;

pub use origin::{BadOrigin, Origin};

use crate::shared::lock;
use own::Own;
pub(crate) use part::PartFile;
use protocol::{BlobRef, Digest, Manifest};
use rate::Rate;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// Ending of lists of chunks, which are named by their digest.
const LIST: &str = "manifest";

/// All that is here.
pub(crate) struct Blobs {
    folder: PathBuf,
    own: Own,
    parts: Mutex<BTreeMap<Digest, Arc<PartFile>>>,
    /// Bytes a second that others are sent, and that are fetched.
    pub(crate) sending: Rate,
    pub(crate) fetching: Rate,
    sent: AtomicU64,
    fetched: AtomicU64,
}

/// Bytes of a file that can be sent.
pub(crate) struct Piece {
    pub(crate) path: PathBuf,
    pub(crate) range: Range<u64>,
    /// Of the whole file.
    pub(crate) bytes: u64,
}

impl Blobs {
    pub(crate) fn new(state: &Path, send_bytes_s: Option<u64>, fetch_bytes_s: Option<u64>) -> Self {
        let folder = state.join("blobs");
        Self {
            own: Own::new(&folder),
            folder,
            parts: Mutex::default(),
            sending: Rate::new(send_bytes_s),
            fetching: Rate::new(fetch_bytes_s),
            sent: AtomicU64::new(0),
            fetched: AtomicU64::new(0),
        }
    }

    /// The file of this path, if it is the one that is meant. Read whole once for as long as it does not change.
    pub(crate) fn is(&self, path: &Path, meant: &BlobRef) -> bool {
        std::fs::metadata(path).is_ok_and(|m| m.len() == meant.bytes) && self.own.blob(path) == Some(*meant)
    }

    fn list(&self, manifest: Digest) -> PathBuf {
        self.folder.join(format!("{manifest}.{LIST}"))
    }

    /// A list of chunks that is here, as it is written. `paths`: files of this device, of which those of `bytes` are
    /// read if they never were.
    pub(crate) fn manifest(&self, manifest: Digest, bytes: Option<u64>, paths: &[&Path]) -> Option<Vec<u8>> {
        if let Ok(text) = std::fs::read(self.list(manifest)) {
            return Some(text);
        }
        let same = |p: &&&Path| std::fs::metadata(p).is_ok_and(|m| Some(m.len()) == bytes);
        paths.iter().filter(same).find(|p| self.own.blob(p).is_some_and(|b| b.manifest == manifest))?;
        std::fs::read(self.list(manifest)).ok()
    }

    /// Keeps a list that was checked.
    fn keep_list(&self, meant: &BlobRef, text: &[u8]) -> io::Result<()> {
        own::write_list(&self.folder, meant.manifest, text)
    }

    /// A list that is kept, checked.
    fn kept(&self, meant: &BlobRef) -> Option<Manifest> {
        Manifest::read(&std::fs::read(self.list(meant.manifest)).ok()?, meant).ok()
    }

    /// The file of which parts are, or will be, here.
    fn part(&self, manifest: Manifest) -> io::Result<Arc<PartFile>> {
        let mut parts = lock(&self.parts);
        if let Some(part) = parts.get(&manifest.sha256) {
            return Ok(Arc::clone(part));
        }
        let part = Arc::new(PartFile::open(&self.folder, manifest)?);
        parts.insert(part.manifest.sha256, Arc::clone(&part));
        Ok(part)
    }

    /// A part file that is here.
    pub(crate) fn parts_of(&self, meant: &BlobRef) -> Option<Arc<PartFile>> {
        self.part(self.kept(meant)?).ok()
    }

    /// Bytes of the file of this digest, if all of them are here; all of the file where no range is asked for.
    pub(crate) fn piece(&self, sha256: Digest, asked: Option<Range<u64>>) -> Option<Piece> {
        let whole = |path: PathBuf, bytes: u64| {
            let range = asked.clone().unwrap_or(0..bytes);
            (range.end <= bytes && range.start <= range.end).then_some(Piece { path, range, bytes })
        };
        if let Some((path, bytes)) = self.own.file(sha256) {
            return whole(path, bytes);
        }
        let part = lock(&self.parts).get(&sha256).cloned().or_else(|| self.part_on_disk(sha256))?;
        let piece = whole(part.path.clone(), part.manifest.bytes)?;
        part.has(piece.range.clone()).then_some(piece)
    }

    /// One that was fetched before this process began.
    fn part_on_disk(&self, sha256: Digest) -> Option<Arc<PartFile>> {
        let lists = std::fs::read_dir(&self.folder).ok()?.flatten().map(|e| e.path());
        let mut lists = lists.filter(|p| p.extension().is_some_and(|e| e == LIST));
        let manifest = lists.find_map(|path| {
            let text = std::fs::read(&path).ok()?;
            // It was checked when it was kept; its own digest is its name.
            let list: Manifest = serde_json::from_slice(&text).ok().filter(|l: &Manifest| l.sha256 == sha256)?;
            Manifest::read(&text, &list.blob().ok()?).ok()
        })?;
        PartFile::path(&self.folder, sha256).is_file().then(|| self.part(manifest).ok())?
    }

    /// Removes what was fetched for plans that are gone. `keep`: lists of the files that are still meant.
    pub(crate) fn forget(&self, keep: &BTreeSet<Digest>) {
        let kept: Vec<Digest> = keep
            .iter()
            .filter_map(|m| serde_json::from_slice::<Manifest>(&std::fs::read(self.list(*m)).ok()?).ok())
            .map(|l| l.sha256)
            .collect();
        let Ok(entries) = std::fs::read_dir(&self.folder) else { return };
        for path in entries.flatten().map(|e| e.path()) {
            let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
            let (stem, ending) = name.split_once('.').unwrap_or((name, ""));
            let Ok(digest) = stem.parse::<Digest>() else { continue };
            let stays = match ending {
                LIST => keep.contains(&digest) || self.own.is_listed(digest),
                part::FILE | part::HAVE => kept.contains(&digest),
                _ => true,
            };
            if !stays {
                lock(&self.parts).remove(&digest);
                // What cannot be removed now is tried again with the next plan.
                let _ = std::fs::remove_file(&path);
            }
        }
    }

    pub(crate) fn count_sent(&self, bytes: u64) {
        self.sent.fetch_add(bytes, Ordering::Relaxed);
    }

    fn count_fetched(&self, bytes: u64) {
        self.fetched.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Bytes sent to others and fetched from them, since the start.
    pub(crate) fn totals(&self) -> (u64, u64) {
        (self.sent.load(Ordering::Relaxed), self.fetched.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests;
