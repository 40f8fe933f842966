//! Files of kept weights: written whole, used last deleted last.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rustix::fs::{Timespec, Timestamps, UTIME_NOW, UTIME_OMIT, futimens};

/// Ending of whole files; those being written have more behind it.
pub(super) const ENDING: &str = ".packed";

/// Writes beside the place and renames.
pub(super) fn replace(
    place: &Path,
    write: impl FnOnce(&mut BufWriter<std::fs::File>) -> std::io::Result<()>,
) -> std::io::Result<()> {
    let mut beside = place.as_os_str().to_owned();
    beside.push(format!(".{}", std::process::id()));
    let beside = PathBuf::from(beside);
    let result = (|| {
        let mut out = BufWriter::with_capacity(1 << 20, std::fs::File::create(&beside)?);
        write(&mut out)?;
        out.flush()?;
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
