//! Files of kept weights: written whole, used last deleted last.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use rustix::fs::{Advice, Timespec, Timestamps, UTIME_NOW, UTIME_OMIT, fadvise, fdatasync, futimens};

/// Ending of whole files; those being written have more behind it.
pub(super) const ENDING: &str = ".packed";

/// Writes beside the place and renames.
pub(super) fn replace(
    place: &Path,
    write: impl FnOnce(&mut BufWriter<std::fs::File>) -> std::io::Result<()>,
) -> std::io::Result<()> {
    let beside = beside(place);
    let result = (|| {
        let mut out = BufWriter::with_capacity(1 << 20, std::fs::File::create(&beside)?);
        let written = write(&mut out).and_then(|()| out.flush());
        // What could not be written is not tried again when the buffer goes.
        let _ = out.into_parts();
        written?;
        std::fs::rename(&beside, place)
    })();
    if result.is_err() {
        let _ = std::fs::remove_file(&beside);
    }
    result
}

/// Notes that a file was used. A failure costs its place in the order, no more.
pub(super) fn touch(place: &Path) {
    let Ok(file) = std::fs::File::options().write(true).open(place) else { return };
    let time = |nsec| Timespec { tv_sec: 0, tv_nsec: nsec };
    let _ = futimens(&file, &Timestamps { last_access: time(UTIME_OMIT), last_modification: time(UTIME_NOW) });
}

/// Deletes what processes that are no more left half-written.
pub(super) fn sweep(folder: &Path) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let writer = name.split_once(&format!("{ENDING}.")).and_then(|(_, rest)| rest.split('.').next()?.parse().ok());
        let gone = |pid: u32| Path::new("/proc/self").exists() && !Path::new("/proc").join(pid.to_string()).exists();
        if writer.is_some_and(gone) {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

/// Brings a file to the disk and drops its pages, so that none is counted as memory. A refusal costs that only.
pub(super) fn settle(place: &Path) {
    if let Ok(file) = std::fs::File::open(place) {
        let _ = fdatasync(&file);
        let _ = fadvise(&file, 0, None, Advice::DontNeed);
    }
}

/// Free bytes of the file system of a folder.
pub(super) fn free(folder: &Path) -> u64 {
    rustix::fs::statvfs(folder).map_or(0, |s| s.f_bavail.saturating_mul(s.f_frsize))
}

fn beside(place: &Path) -> PathBuf {
    // Two threads may write the same file at once; the last one's stays.
    static WRITTEN: AtomicU64 = AtomicU64::new(0);
    let mut beside = place.as_os_str().to_owned();
    beside.push(format!(".{}.{}", std::process::id(), WRITTEN.fetch_add(1, Ordering::Relaxed)));
    PathBuf::from(beside)
}

/// Deletes the longest unused until the others, without the one at `place`, take at most `most` bytes. What a
/// process left half-written goes in the same order.
pub(super) fn make_room(folder: &Path, place: &Path, most: u64) -> std::io::Result<()> {
    let mut found: Vec<(SystemTime, u64, PathBuf)> = Vec::new();
    for entry in std::fs::read_dir(folder)?.flatten() {
        let path = entry.path();
        let ours = path.file_name().is_some_and(|n| n.to_string_lossy().contains(ENDING));
        if let (true, Ok(meta)) = (ours && path != place, entry.metadata()) {
            found.push((meta.modified().unwrap_or(SystemTime::UNIX_EPOCH), meta.len(), path));
        }
    }
    found.sort();
    let mut total: u64 = found.iter().map(|(_, len, _)| len).sum();
    for (_, len, path) in found {
        if total <= most {
            break;
        }
        // Another process may have been faster.
        let _ = std::fs::remove_file(path);
        total -= len;
    }
    Ok(())
}
