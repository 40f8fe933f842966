//! A file mapped into memory: the one `unsafe` of this crate.

use std::fs::File;

use memmap2::Mmap;

/// Maps a whole file for reading.
///
/// A file that another program shortens while it is mapped ends the process (`SIGBUS`) when a page
/// that is gone is touched; model files are written once, under another name, and renamed.
pub(crate) fn map(file: &File) -> std::io::Result<Mmap> {
    // SAFETY: the map is private and read-only, and every use goes through `&[u8]` ranges that the
    // header check bounds by the file's length. What remains is another process that changes the
    // file: bytes are only ever read as numbers, each checked where it is used, so that other bytes
    // give other numbers and no memory error; a shortened file stops the process as said above.
    #[expect(unsafe_code, reason = "mapping a file is unsafe by definition; this is the crate's one place")]
    unsafe {
        Mmap::map(file)
    }
}
