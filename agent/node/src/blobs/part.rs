//! A file of which some chunks are here: as long as the whole, with holes.
//!
//! Beside it stands which chunks were written, a line each, added once a chunk is on the disk: so no line is believed
//! that a crash made too early. A chunk is believed only after its digest was right in this process.

use crate::shared::lock;
use protocol::{Digest, Manifest};
use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// Endings: of the file, and of the list of its chunks that are here.
pub(super) const FILE: &str = "part";
pub(super) const HAVE: &str = "have";

pub(crate) struct PartFile {
    pub(crate) path: PathBuf,
    pub(crate) manifest: Manifest,
    have: PathBuf,
    file: File,
    state: Mutex<State>,
    /// One fetches at a time.
    pub(super) turn: Mutex<()>,
}

#[derive(Default)]
struct State {
    /// Chunks that are said to be here.
    claimed: BTreeSet<usize>,
    /// Those whose digest was right.
    right: BTreeSet<usize>,
}

impl PartFile {
    pub(super) fn path(folder: &Path, sha256: Digest) -> PathBuf {
        folder.join(format!("{sha256}.{FILE}"))
    }

    /// Makes the file, or goes on with what is there.
    pub(super) fn open(folder: &Path, manifest: Manifest) -> io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let path = Self::path(folder, manifest.sha256);
        let have = path.with_extension(HAVE);
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path)?;
        if file.metadata()?.len() != manifest.bytes {
            file.set_len(manifest.bytes)?;
        }
        let text = std::fs::read_to_string(&have).unwrap_or_default();
        // The last line may be torn: then it is a number of its own, and that chunk's digest tells.
        let claimed = text.lines().filter_map(|l| l.parse().ok()).filter(|n| *n < manifest.chunks.len()).collect();
        let state = Mutex::new(State { claimed, right: BTreeSet::new() });
        Ok(Self { path, manifest, have, file, state, turn: Mutex::new(()) })
    }

    /// Those of some chunks that are not here. What was here before this process is read and compared.
    pub(super) fn missing(&self, of: &BTreeSet<usize>) -> io::Result<BTreeSet<usize>> {
        let mut wrong = false;
        let mut missing = BTreeSet::new();
        for &chunk in of {
            let (claimed, right) = {
                let state = lock(&self.state);
                (state.claimed.contains(&chunk), state.right.contains(&chunk))
            };
            if right {
                continue;
            }
            if claimed && self.is_right(chunk)? {
                lock(&self.state).right.insert(chunk);
                continue;
            }
            wrong |= claimed;
            lock(&self.state).claimed.remove(&chunk);
            missing.insert(chunk);
        }
        if wrong {
            let lines: String = lock(&self.state).claimed.iter().map(|n| format!("{n}\n")).collect();
            std::fs::write(&self.have, lines)?;
        }
        Ok(missing)
    }

    fn is_right(&self, chunk: usize) -> io::Result<bool> {
        let range = self.manifest.range(chunk);
        let mut bytes = vec![0; usize::try_from(range.end - range.start).unwrap_or_default()];
        self.file.read_exact_at(&mut bytes, range.start)?;
        Ok(self.manifest.is_chunk(chunk, &bytes))
    }

    /// Writes chunks that follow each other, whose digests were right.
    pub(super) fn write(&self, chunks: Range<usize>, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all_at(bytes, self.manifest.range(chunks.start).start)?;
        self.file.sync_data()?;
        let mut have = OpenOptions::new().create(true).append(true).open(&self.have)?;
        let lines: String = chunks.clone().map(|n| format!("{n}\n")).collect();
        have.write_all(lines.as_bytes()).and_then(|()| have.sync_data())?;
        let mut state = lock(&self.state);
        state.claimed.extend(chunks.clone());
        state.right.extend(chunks);
        Ok(())
    }

    /// Whether all chunks of a range are here; whoever gets them checks them.
    pub(super) fn has(&self, bytes: Range<u64>) -> bool {
        let state = lock(&self.state);
        self.manifest.covering(bytes).all(|chunk| state.claimed.contains(&chunk))
    }

    /// The first bytes of the file that are here without a hole, at most so many chunks.
    pub(super) fn beginning(&self, chunks: usize) -> io::Result<Vec<u8>> {
        let end = self.manifest.range(chunks.saturating_sub(1)).end;
        let mut bytes = vec![0; usize::try_from(end).unwrap_or_default()];
        self.file.read_exact_at(&mut bytes, 0)?;
        Ok(bytes)
    }
}
