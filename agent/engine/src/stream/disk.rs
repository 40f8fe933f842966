//! A file of packed weights that is read past the page cache.

use std::fs::File;
use std::io::ErrorKind;
use std::ops::Range;
use std::path::{Path, PathBuf};

use kernels::Window;
use rustix::fs::{Advice, Mode, OFlags, fadvise, open};
use rustix::io::{Errno, pread};

use super::StreamError;

/// Direct reads begin and end at multiples of this, in the file and in memory: a page.
const PAGE: u64 = 4096;

/// An open file. It stays readable when its name is deleted.
#[derive(Debug)]
pub(crate) struct Disk {
    file: File,
    path: PathBuf,
    /// `O_DIRECT`: nothing goes through the page cache. Where the file system refuses, pages are dropped behind each read.
    direct: bool,
}

/// Bytes of a window that a range is read into.
pub(crate) fn window_bytes(range: &Range<u64>) -> u64 {
    range.end.next_multiple_of(PAGE) - range.start / PAGE * PAGE
}

impl Disk {
    /// Opens the file, past the page cache where that is possible.
    pub(crate) fn open(path: &Path) -> Result<Self, StreamError> {
        let with = |flags| {
            let file = open(path, OFlags::RDONLY | OFlags::CLOEXEC | flags, Mode::empty())?;
            Ok::<_, Errno>(Self { file: File::from(file), path: path.into(), direct: !flags.is_empty() })
        };
        // A file system may take the flag and refuse the reads, so that one is tried.
        let direct = with(direct_flag()).ok().filter(|disk| {
            let page = Window::new(PAGE as usize);
            disk.direct && page.is_some_and(|mut page| pread(&disk.file, page.bytes_mut(), 0).is_ok())
        });
        match direct {
            Some(disk) => Ok(disk),
            None => with(OFlags::empty()).map_err(|e| failed(path, e)),
        }
    }

    /// Whether the page cache is passed by.
    pub(crate) fn is_direct(&self) -> bool {
        self.direct
    }

    /// Its path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Reads a range into a window of at least [`window_bytes`]; where in the window it begins.
    pub(crate) fn read(&self, range: &Range<u64>, window: &mut Window) -> Result<usize, StreamError> {
        let from = range.start / PAGE * PAGE;
        let wrong = || StreamError::Read { path: self.path.clone(), why: "the window is too small".into() };
        let size = usize::try_from(window_bytes(range)).map_err(|_| wrong())?;
        let bytes = window.bytes_mut().get_mut(..size).ok_or_else(wrong)?;
        let (mut have, wanted) = (0_usize, range.end - from);
        while (have as u64) < wanted {
            match pread(&self.file, &mut bytes[have..], from + have as u64) {
                Ok(0) => return Err(self.short(from + have as u64, range.end)),
                Ok(n) => have += n,
                Err(Errno::INTR) => continue,
                Err(e) => return Err(failed(&self.path, e)),
            }
            // Only a file's end comes between pages; from there nothing can be read directly.
            if (have as u64) < wanted && !(have as u64).is_multiple_of(PAGE) {
                return Err(self.short(from + have as u64, range.end));
            }
        }
        if !self.direct {
            // A refusal costs memory that the system takes back when it wants.
            let _ = fadvise(&self.file, from, std::num::NonZeroU64::new(size as u64), Advice::DontNeed);
        }
        Ok((range.start - from) as usize)
    }

    fn short(&self, have: u64, want: u64) -> StreamError {
        StreamError::Short { path: self.path.clone(), have, want }
    }
}

fn failed(path: &Path, e: Errno) -> StreamError {
    let error = std::io::Error::from(e);
    match error.kind() {
        ErrorKind::NotFound => StreamError::Gone { path: path.into() },
        _ => StreamError::Read { path: path.into(), why: error.to_string() },
    }
}

/// Flag of `open(2)` that passes the page cache by; empty where there is none.
#[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
pub fn direct_flag() -> OFlags {
    OFlags::DIRECT
}

/// Flag of `open(2)` that passes the page cache by; empty where there is none.
#[cfg(not(any(target_os = "linux", target_os = "android", target_os = "freebsd")))]
pub fn direct_flag() -> OFlags {
    OFlags::empty()
}
