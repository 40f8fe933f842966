//! Regions of huge pages that packed matrices are carved from.
//!
//! A small model's matrices are smaller than a huge page, and a layer's follow each other: packed in the
//! order of use they share pages, and a kernel's prefetch beyond the end of one reaches the next.

use super::{HUGE, LINE};
use std::ptr::NonNull;
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// Bytes of a region that several share. What is never touched of it takes no memory.
const REGION: usize = 64 << 20;

/// Below this the heap serves as well, and a memory checker sees every end.
pub(super) const SMALLEST: usize = 16 << 10;

/// An anonymous mapping that starts at a huge page.
pub(super) struct Region {
    base: NonNull<u8>,
    mapped: usize,
    start: NonNull<u8>,
    len: usize,
}

// SAFETY: the region is only an owner; its bytes are reached through the buffers that were carved from it.
unsafe impl Send for Region {}
// SAFETY: as above.
unsafe impl Sync for Region {}

impl Region {
    /// `len` zero bytes; none when the system refuses.
    pub(super) fn map(len: usize) -> Option<Self> {
        let len = len.checked_next_multiple_of(HUGE)?;
        let mapped = len.checked_add(HUGE)?;
        // SAFETY: a fresh anonymous mapping touches no memory of ours; the kernel checks the length.
        let base = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                mapped,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                -1,
                0,
            )
        };
        if base == libc::MAP_FAILED {
            return None;
        }
        let base = NonNull::new(base.cast::<u8>())?;
        let skip = base.as_ptr().align_offset(HUGE);
        // SAFETY: skip < HUGE, and the mapping is HUGE longer than what is used.
        let start = unsafe { base.add(skip) };
        #[cfg(target_os = "linux")]
        // SAFETY: the range lies inside the mapping. A refusal costs speed only, so the result is not needed.
        unsafe {
            libc::madvise(start.as_ptr().cast(), len, libc::MADV_HUGEPAGE);
        }
        Some(Self { base, mapped, start, len })
    }

    pub(super) fn start(&self) -> NonNull<u8> {
        self.start
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        // SAFETY: mapped with this base and length, nothing else unmaps it, and no buffer holds it any more.
        unsafe {
            libc::munmap(self.base.as_ptr().cast(), self.mapped);
        }
    }
}

/// The region that is being filled, and how far. Whoever holds a part of it keeps it; this does not.
static OPEN: Mutex<(Weak<Region>, usize)> = Mutex::new((Weak::new(), 0));

/// `len` zero bytes that nobody else has, behind those carved before where there is room.
pub(super) fn carve(len: usize) -> Option<(Arc<Region>, NonNull<u8>)> {
    let size = len.checked_next_multiple_of(LINE)?;
    let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
    let (region, at) = match open.0.upgrade() {
        Some(region) if size <= region.len - open.1 => (region, open.1),
        _ => (Arc::new(Region::map(size.max(REGION))?), 0),
    };
    // SAFETY: at + size <= region.len, and every byte is carved once.
    let start = unsafe { region.start.add(at) };
    *open = (Arc::downgrade(&region), at + size);
    Some((region, start))
}
