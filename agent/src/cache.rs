//! Where models are kept.

use std::path::{Path, PathBuf};

/// `$WATTLINE_CACHE`, or `~/.cache/wattline`.
pub(crate) fn folder() -> PathBuf {
    let set = |name| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    let home = || set("HOME").unwrap_or_else(|| PathBuf::from(".")).join(".cache/wattline");
    set("WATTLINE_CACHE").unwrap_or_else(home)
}

/// Model files, whole and checked.
pub(crate) fn models() -> PathBuf {
    folder().join("models")
}

/// Weights as they were packed for this machine; may be deleted at any time.
pub(crate) fn packed() -> PathBuf {
    folder().join("packed")
}

/// Free bytes of the file system that holds a path, or will: the nearest folder that exists counts.
pub(crate) fn free(path: &Path) -> Option<u64> {
    let there = path.ancestors().find(|p| p.exists())?;
    let stat = rustix::fs::statvfs(there).ok()?;
    Some(stat.f_bavail.saturating_mul(stat.f_frsize))
}
