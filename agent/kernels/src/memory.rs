//! Zeroed memory for weights: aligned to cache lines, on huge pages where the system gives them.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::ptr::NonNull;

#[cfg(unix)]
mod region;
mod window;

pub use window::Window;

/// What begins of a matrix begins at a multiple of this.
pub(crate) const LINE: usize = 64;
/// Alignment of memory that a disk writes to directly: a page.
const PAGE: usize = 4096;
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
    Part(#[expect(dead_code, reason = "keeps the memory")] std::sync::Arc<region::Region>),
    /// Bytes of a window, which others may look at too.
    Lent(#[expect(dead_code, reason = "keeps the memory")] std::sync::Arc<Window>),
}

// SAFETY: the buffer owns its bytes; shared access is through `&self` to plain bytes.
unsafe impl Send for Buffer {}
// SAFETY: as above.
unsafe impl Sync for Buffer {}

impl Buffer {
    /// `len` zero bytes at a 64-byte boundary for weights; none when that does not fit the address space. What
    /// is asked for in a row lies in a row, on the same huge pages: see [`region`].
    pub(crate) fn zeroed(len: usize) -> Option<Self> {
        #[cfg(unix)]
        if len >= region::SMALLEST
            && let Some((region, start)) = region::carve(len)
        {
            return Some(Self { start, len, held: Held::Part(region) });
        }
        Self::heap(len, LINE)
    }

    /// The same for what does not stay with weights: on huge pages of its own, or on the heap.
    pub(crate) fn apart(len: usize) -> Option<Self> {
        #[cfg(unix)]
        if len >= HUGE
            && let Some(region) = region::Region::map(len)
        {
            let start = region.start();
            return Some(Self { start, len, held: Held::Part(std::sync::Arc::new(region)) });
        }
        Self::heap(len, LINE)
    }

    /// `len` zero bytes on pages of the usual size, so that no more is resident than is asked for.
    fn paged(len: usize) -> Option<Self> {
        Self::heap(len, PAGE)
    }

    /// `len` bytes of a window from `at` on, only to look at; none where they do not lie in it, or not at a line.
    pub(crate) fn lent(window: &std::sync::Arc<Window>, at: usize, len: usize) -> Option<Self> {
        let bytes = window.bytes().get(at..)?.get(..len)?;
        let start = NonNull::from(bytes).cast::<u8>();
        at.is_multiple_of(LINE).then(|| Self { start, len, held: Held::Lent(std::sync::Arc::clone(window)) })
    }

    fn heap(len: usize, align: usize) -> Option<Self> {
        let layout = Layout::from_size_align(len.max(1), align).ok()?;
        // SAFETY: the layout's size is not zero.
        let start = unsafe { alloc_zeroed(layout) };
        let Some(start) = NonNull::new(start) else { handle_alloc_error(layout) };
        Some(Self { start, len, held: Held::Heap(layout) })
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn as_ptr(&self) -> *const u8 {
        self.start.as_ptr()
    }

    pub(crate) fn as_mut_ptr(&mut self) -> *mut u8 {
        assert!(!matches!(self.held, Held::Lent(_)), "a window is only looked at");
        self.start.as_ptr()
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        // SAFETY: `len` initialised bytes are owned from `start`.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }

    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        let start = self.as_mut_ptr();
        // SAFETY: as above, the borrow is exclusive, and the bytes are nobody else's.
        unsafe { std::slice::from_raw_parts_mut(start, self.len) }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        match self.held {
            // SAFETY: allocated with this layout.
            Held::Heap(layout) => unsafe { dealloc(self.start.as_ptr(), layout) },
            #[cfg(unix)]
            Held::Part(_) => {}
            Held::Lent(_) => {}
        }
    }
}

impl std::fmt::Debug for Buffer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Buffer({} bytes)", self.len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_zero_apart_and_aligned() {
        let sizes = [0, 1, 100, 16 << 10, (16 << 10) + 1, 300_000, 3 << 20, 70 << 20, 20 << 10];
        let mut all: Vec<Buffer> = sizes.iter().map(|len| Buffer::zeroed(*len).expect("fits")).collect();
        for (i, buffer) in all.iter_mut().enumerate() {
            assert_eq!((buffer.len(), buffer.as_ptr().align_offset(LINE)), (sizes[i], 0));
            assert!(buffer.bytes().iter().all(|b| *b == 0), "buffer {i}");
            buffer.bytes_mut().fill(i as u8 + 1);
        }
        // Half of them go, others come: nobody's bytes change, and what comes is zero.
        let kept: Vec<Buffer> = all.into_iter().step_by(2).collect();
        let fresh: Vec<Buffer> = sizes.iter().map(|len| Buffer::zeroed(*len).expect("fits")).collect();
        assert!(fresh.iter().all(|b| b.bytes().iter().all(|b| *b == 0)));
        for (i, buffer) in kept.iter().enumerate() {
            assert!(buffer.bytes().iter().all(|b| usize::from(*b) == 2 * i + 1), "buffer {i}");
        }
        let apart = Buffer::apart(3 << 20).expect("fits");
        assert!(apart.bytes().iter().all(|b| *b == 0));
        assert!(Buffer::zeroed(usize::MAX).is_none());
    }
}
