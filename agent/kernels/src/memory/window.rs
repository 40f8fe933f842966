//! Memory that codes of matrices are read into, over and over.

use super::Buffer;
use std::sync::Arc;

/// Bytes that one owner fills and matrices then look at ([`Outline::over`](crate::Outline::over)); when the last of
/// them is gone, [`reclaimed`](Self::reclaimed) gives the bytes back to be filled anew.
///
/// They begin at a page, so that a disk can write to them directly.
#[derive(Debug)]
pub struct Window(Buffer);

impl Window {
    /// `len` zero bytes; none when that does not fit the address space.
    pub fn new(len: usize) -> Option<Self> {
        Buffer::paged(len).map(Self)
    }

    /// Its bytes.
    pub fn bytes(&self) -> &[u8] {
        self.0.bytes()
    }

    /// Its bytes, to fill them.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        self.0.bytes_mut()
    }

    /// The window, where no matrix looks at it any more.
    pub fn reclaimed(shared: Arc<Self>) -> Option<Self> {
        Arc::into_inner(shared)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lent_is_seen_and_comes_back() {
        let mut window = Window::new(5000).expect("fits");
        assert_eq!(window.bytes().as_ptr().align_offset(4096), 0);
        window.bytes_mut()[64..70].copy_from_slice(b"codes!");
        let shared = Arc::new(window);
        assert!(Buffer::lent(&shared, 64, 4937).is_none() && Buffer::lent(&shared, 5056, 0).is_none(), "beyond the end");
        assert!(Buffer::lent(&shared, 32, 4).is_none() && Buffer::lent(&shared, usize::MAX, 2).is_none(), "no line");
        let (one, two) = (Buffer::lent(&shared, 64, 6).expect("inside"), Buffer::lent(&shared, 64, 5).expect("inside"));
        assert_eq!((one.bytes(), two.bytes()), (&b"codes!"[..], &b"codes"[..]));
        assert!(Window::reclaimed(Arc::clone(&shared)).is_none(), "still looked at");
        drop((one, two));
        assert_eq!(Window::reclaimed(shared).expect("nobody looks").bytes()[64], b'c');
    }

    #[test]
    #[should_panic(expected = "only looked at")]
    fn what_is_lent_is_not_written() {
        let shared = Arc::new(Window::new(64).expect("fits"));
        Buffer::lent(&shared, 0, 64).expect("inside").bytes_mut()[0] = 1;
    }
}
