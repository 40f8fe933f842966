//! Read rate of storage, past the page cache.
//!
//! Where the file system takes `O_DIRECT`, nothing is cached. Where it does not, the file is written out and dropped from
//! the cache (`posix_fadvise`, `DONTNEED`) before each run, which the kernel may disregard: the result says which way it
//! was. A file system in memory has no storage rate.

use crate::clock::Watch;
use crate::error::ProbeError;
use crate::runs::Rate;
use engine::stream::direct_flag;
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{RngCore, SeedableRng};
use rustix::fs::{Advice, Mode, OFlags, fadvise, fdatasync, fstatfs, open};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

/// One read: what the engine's mapped files ask for at most at once, and a multiple of any sector.
const BLOCK: usize = 4 << 20;
/// Alignment of direct reads: a page.
const ALIGN: usize = 4096;
/// A trial file of our own: large against a drive's cache of recent blocks, small against a card's wear.
const OWN_BYTES: usize = 64 << 20;
/// Blocks of one run.
const RUN_BLOCKS: usize = 16;

/// File systems in memory, by the magic number of `statfs(2)`: tmpfs, ramfs.
const IN_MEMORY: [i64; 2] = [0x0102_1994, 0x8584_58f6];

/// How the page cache was kept out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// `O_DIRECT`: nothing is cached.
    Direct,
    /// Dropped before each run; what the kernel kept nevertheless was read from memory.
    Dropped,
}

/// What was measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Storage {
    /// B/s of one reader, 4 MiB at a time, in order.
    pub rate: Rate,
    pub way: Way,
    /// Folder of the file that was read.
    pub folder: PathBuf,
    /// Bytes of the file.
    pub bytes: u64,
}

/// A file to read, removed at the end where it is our own.
#[derive(Debug)]
pub struct Disk {
    path: PathBuf,
    own: bool,
    bytes: u64,
    way: Way,
    buffer: Vec<u8>,
    next: u64,
    rates: Vec<f64>,
}

impl Drop for Disk {
    fn drop(&mut self) {
        if self.own {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

impl Disk {
    /// Reads the largest file of `folder` where there is one of at least 64 MiB, else one of its own, which is removed
    /// again.
    ///
    /// # Errors
    /// The folder is in memory, or holds no such file and cannot be written.
    pub fn new(folder: &Path) -> Result<Self, ProbeError> {
        let wrong = |e: std::io::Error| ProbeError::Storage { folder: folder.into(), why: e.to_string() };
        let there = File::open(folder).map_err(wrong)?;
        let kind = fstatfs(&there).map_err(|e| wrong(e.into()))?.f_type as i64;
        if IN_MEMORY.contains(&kind) {
            let why = "this file system is in memory; name a folder on a disk".to_owned();
            return Err(ProbeError::Storage { folder: folder.into(), why });
        }
        let largest = std::fs::read_dir(folder)
            .map_err(wrong)?
            .filter_map(|e| {
                let e = e.ok()?;
                let meta = e.metadata().ok().filter(std::fs::Metadata::is_file)?;
                (meta.len() >= OWN_BYTES as u64).then(|| (meta.len(), e.path()))
            })
            .max();
        let (path, own) = match largest {
            Some((_, path)) => (path, false),
            None => (write_own(folder).map_err(wrong)?, true),
        };
        let mut disk = Self { path, own, bytes: 0, way: Way::Direct, buffer: vec![0; BLOCK + ALIGN], next: 0, rates: Vec::new() };
        disk.bytes = std::fs::metadata(&disk.path).map_err(wrong)?.len();
        // One read decides which way it goes.
        if disk.direct().and_then(|mut f| disk.read(&mut f, 1)).is_err() {
            disk.way = Way::Dropped;
        }
        Ok(disk)
    }

    fn direct(&self) -> std::io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | direct_flag();
        Ok(File::from(open(&self.path, flags, Mode::empty())?))
    }

    /// Reads blocks from where it stands; seconds and bytes.
    fn read(&mut self, file: &mut File, blocks: usize) -> std::io::Result<(f64, usize)> {
        let skip = self.buffer.as_ptr().align_offset(ALIGN);
        let block = &mut self.buffer[skip..skip + BLOCK];
        let watch = Watch::start();
        let mut bytes = 0;
        for _ in 0..blocks {
            match file.read(block)? {
                0 => break,
                n => bytes += n,
            }
        }
        Ok((watch.seconds(), bytes))
    }

    /// One run of 64 MiB, each round the next part of the file.
    ///
    /// # Errors
    /// The file could be read no more.
    pub fn round(&mut self) -> Result<(), ProbeError> {
        self.run().map_err(|e| ProbeError::Storage { folder: self.folder(), why: e.to_string() })
    }

    fn run(&mut self) -> std::io::Result<()> {
        use std::io::{Seek, SeekFrom};
        let run = (RUN_BLOCKS * BLOCK) as u64;
        if self.next + run > self.bytes {
            self.next = 0;
        }
        let mut file = match self.way {
            Way::Direct => self.direct()?,
            Way::Dropped => {
                let file = File::open(&self.path)?;
                fdatasync(&file)?;
                fadvise(&file, 0, None, Advice::DontNeed)?;
                file
            }
        };
        file.seek(SeekFrom::Start(self.next))?;
        let (seconds, bytes) = self.read(&mut file, RUN_BLOCKS)?;
        self.next += run;
        if seconds > 0.0 && bytes > 0 {
            self.rates.push(bytes as f64 / seconds);
        }
        Ok(())
    }

    fn folder(&self) -> PathBuf {
        self.path.parent().map_or_else(PathBuf::new, Path::to_path_buf)
    }

    /// What the rounds say; `None` before the first.
    #[must_use]
    pub fn done(self) -> Option<Storage> {
        Some(Storage { rate: Rate::of(&self.rates)?, way: self.way, folder: self.folder(), bytes: self.bytes })
    }
}

/// A file that no compression makes small, on the disk when this returns.
fn write_own(folder: &Path) -> std::io::Result<PathBuf> {
    let path = folder.join(format!(".agent-probe-{}.tmp", std::process::id()));
    let write = || -> std::io::Result<()> {
        let mut file = File::create_new(&path)?;
        let mut random = Xoshiro256PlusPlus::seed_from_u64(1);
        let mut block = vec![0_u8; 1 << 20];
        for _ in 0..OWN_BYTES / block.len() {
            random.fill_bytes(&mut block);
            file.write_all(&block)?;
        }
        file.sync_all()
    };
    let done = write();
    if done.is_err() {
        let _ = std::fs::remove_file(&path);
    }
    done.map(|()| path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_on_disk_has_a_rate_and_is_left_clean() {
        // The build's own folder: a temporary one may lie in memory.
        let folder = tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR")).expect("writable");
        match Disk::new(folder.path()) {
            Ok(mut disk) => {
                disk.round().expect("read");
                disk.round().expect("read");
                let storage = disk.done().expect("two rounds");
                assert!(storage.rate.fast > 1e5 && storage.bytes == OWN_BYTES as u64, "{storage:?}");
            }
            Err(e) => assert!(e.to_string().contains("in memory"), "{e}"),
        }
        assert_eq!(std::fs::read_dir(folder.path()).expect("there").count(), 0, "nothing is left");
    }

    #[test]
    fn what_cannot_be_read_says_so() {
        let error = Disk::new(Path::new("/nowhere/at/all")).expect_err("not there");
        assert!(error.to_string().contains("/nowhere/at/all"), "{error}");
        if Path::new("/proc/self").exists() && Path::new("/dev/shm").exists() {
            let error = Disk::new(Path::new("/dev/shm")).expect_err("in memory");
            assert!(error.to_string().contains("in memory"), "{error}");
        }
    }
}
