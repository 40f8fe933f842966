//! The folder of a real agent.

use super::{Contents, File, Op};
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

/// Largest file that is read back: an envelope.
const FILE_BYTES: u64 = protocol::limits::ENVELOPE_BYTES as u64;

/// Carries operations out below a folder.
#[derive(Debug)]
pub struct Disk {
    folder: PathBuf,
}

/// What the disk refused.
#[derive(Debug, thiserror::Error)]
#[error("{}: {doing}: {source}", .path.display())]
pub struct DiskError {
    pub path: PathBuf,
    pub doing: &'static str,
    pub source: io::Error,
}

impl Disk {
    /// Opens a folder, and makes it where it is not there.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn open(folder: &Path) -> Result<Self, DiskError> {
        let wrong = |source| DiskError { path: folder.to_owned(), doing: "making the folder", source };
        fs::create_dir_all(folder).map_err(wrong)?;
        Ok(Self { folder: folder.to_owned() })
    }

    /// Carries one operation out; when it returns, it has happened as far as [`Op`] says.
    ///
    /// # Errors
    /// When the disk is full or fails.
    pub fn run(&self, op: &Op) -> Result<(), DiskError> {
        match op {
            Op::Write { file, bytes } => self.at(*file, "writing", |path| fs::File::create(path)?.write_all(bytes)),
            // A descriptor that may write is asked for, as some systems sync only through such.
            Op::Sync { file } => self.at(*file, "syncing", |path| fs::OpenOptions::new().write(true).open(path)?.sync_all()),
            Op::Rename { from, to } => {
                let to = self.folder.join(to.to_string());
                self.at(*from, "renaming", |path| fs::rename(path, &to))
            }
            Op::SyncFolder => {
                let sync = || fs::File::open(&self.folder)?.sync_all();
                sync().map_err(|source| DiskError { path: self.folder.clone(), doing: "syncing the folder", source })
            }
            Op::Remove { file } => self.at(*file, "removing", |path| match fs::remove_file(path) {
                Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
                other => other,
            }),
        }
    }

    fn at(&self, file: File, doing: &'static str, act: impl Fn(&Path) -> io::Result<()>) -> Result<(), DiskError> {
        let path = self.folder.join(file.to_string());
        act(&path).map_err(|source| DiskError { path, doing, source })
    }

    /// Reads what is there, and makes it durable before it is believed: the process that wrote it may have
    /// died between a rename and the sync of the folder, and a power cut would then bring back what was
    /// there before. Files of other names are left alone; what cannot be read or synced counts as absent,
    /// since an agent must start from what is left.
    ///
    /// # Errors
    /// When the folder itself cannot be listed or synced.
    pub fn read(&self) -> Result<Contents, DiskError> {
        let wrong = |source| DiskError { path: self.folder.clone(), doing: "listing the folder", source };
        let mut contents = Contents::default();
        for entry in fs::read_dir(&self.folder).map_err(wrong)?.flatten() {
            let Some(file) = entry.file_name().to_str().and_then(|n| n.parse::<File>().ok()) else { continue };
            let mut bytes = Vec::new();
            let read = fs::OpenOptions::new().read(true).write(true).open(entry.path()).and_then(|f| {
                f.sync_all()?;
                f.take(FILE_BYTES + 1).read_to_end(&mut bytes)
            });
            if read.is_ok() {
                contents.add(file, bytes.into());
            }
        }
        self.run(&Op::SyncFolder)?;
        Ok(contents)
    }
}
