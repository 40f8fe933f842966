//! Zeroed memory for weights: aligned to cache lines, on huge pages where the system gives them.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::ptr::NonNull;

const LINE: usize = 64;
/// Size of a huge page on x86-64 and on aarch64 with 4 KiB base pages.
const HUGE: usize = 2 << 20;

/// Owned bytes. Huge pages are worth 5 to 20 % of the read rate (kernel-peers, section 1).
pub(crate) struct Buffer {
    start: NonNull<u8>,
    len: usize,
    held: Held,
}

enum Held {
    Heap(Layout),
    #[cfg(unix)]
    Map {
        base: NonNull<u8>,
        len: usize,
    },
}

// SAFETY: the buffer owns its bytes; shared access is through `&self` to plain bytes.
unsafe impl Send for Buffer {}
// SAFETY: as above.
unsafe impl Sync for Buffer {}

impl Buffer {
    /// `len` zero bytes at a 64-byte boundary; none when that does not fit the address space.
    pub(crate) fn zeroed(len: usize) -> Option<Self> {
        #[cfg(unix)]
        if len >= HUGE
            && let Some(mapped) = Self::map(len)
        {
            return Some(mapped);
        }
        let layout = Layout::from_size_align(len.max(1), LINE).ok()?;
        // SAFETY: the layout's size is not zero.
        let start = unsafe { alloc_zeroed(layout) };
        let Some(start) = NonNull::new(start) else { handle_alloc_error(layout) };
        Some(Self { start, len, held: Held::Heap(layout) })
    }

    #[cfg(unix)]
    fn map(len: usize) -> Option<Self> {
        let whole = len.checked_next_multiple_of(HUGE)?.checked_add(HUGE)?;
        // SAFETY: a fresh anonymous mapping touches no memory of ours; the kernel checks the length.
        let base = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                whole,
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
            libc::madvise(start.as_ptr().cast(), len.next_multiple_of(HUGE), libc::MADV_HUGEPAGE);
        }
        Some(Self { start, len, held: Held::Map { base, len: whole } })
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn as_ptr(&self) -> *const u8 {
        self.start.as_ptr()
    }

    pub(crate) fn as_mut_ptr(&mut self) -> *mut u8 {
        self.start.as_ptr()
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        // SAFETY: `len` initialised bytes are owned from `start`.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }

    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above, and the borrow is exclusive.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.len) }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        match self.held {
            // SAFETY: allocated with this layout.
            Held::Heap(layout) => unsafe { dealloc(self.start.as_ptr(), layout) },
            #[cfg(unix)]
            // SAFETY: mapped with this base and length, and nothing else unmaps it.
            Held::Map { base, len } => unsafe {
                libc::munmap(base.as_ptr().cast(), len);
            },
        }
    }
}

impl std::fmt::Debug for Buffer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Buffer({} bytes)", self.len)
    }
}
