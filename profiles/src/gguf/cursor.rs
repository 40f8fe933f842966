//! A place in the header's bytes that never goes past their end.

use super::error::{GgufError, Why};

/// Longest text, bytes.
pub(super) const MAX_STRING: u64 = 1 << 20;

#[derive(Debug)]
pub(super) struct Cursor<'b> {
    bytes: &'b [u8],
    at: usize,
}

impl<'b> Cursor<'b> {
    pub(super) fn new(bytes: &'b [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Bytes read so far.
    pub(super) fn at(&self) -> u64 {
        self.at as u64
    }

    pub(super) fn left(&self) -> u64 {
        (self.bytes.len() - self.at) as u64
    }

    pub(super) fn wrong(&self, why: Why) -> GgufError {
        why.at(self.at())
    }

    /// The next `len` bytes.
    pub(super) fn take(&mut self, len: u64) -> Result<&'b [u8], GgufError> {
        let end = usize::try_from(len).ok().and_then(|len| self.at.checked_add(len));
        let slice = end.and_then(|end| self.bytes.get(self.at..end)).ok_or_else(|| self.wrong(Why::Truncated))?;
        self.at += slice.len();
        Ok(slice)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], GgufError> {
        let mut out = [0; N];
        out.copy_from_slice(self.take(N as u64)?);
        Ok(out)
    }

    pub(super) fn u8(&mut self) -> Result<u8, GgufError> {
        self.array::<1>().map(|[b]| b)
    }

    pub(super) fn u16(&mut self) -> Result<u16, GgufError> {
        self.array().map(u16::from_le_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, GgufError> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64, GgufError> {
        self.array().map(u64::from_le_bytes)
    }

    /// A count of things that take at least `least` bytes each: refused before anything is allocated.
    pub(super) fn count(&mut self, what: &'static str, limit: u64, least: u64) -> Result<u64, GgufError> {
        let at = self.at();
        let count = self.u64()?;
        if count > limit {
            return Err(Why::TooMany { what, count, limit }.at(at));
        }
        match count.checked_mul(least) {
            Some(bytes) if bytes <= self.left() => Ok(count),
            _ => Err(Why::NoRoom { what, count }.at(at)),
        }
    }

    /// Length, then that many bytes.
    pub(super) fn raw_string(&mut self) -> Result<&'b [u8], GgufError> {
        let len = self.count("bytes of text", MAX_STRING, 1)?;
        self.take(len)
    }

    /// A text that must be UTF-8.
    pub(super) fn string(&mut self) -> Result<&'b str, GgufError> {
        let at = self.at();
        std::str::from_utf8(self.raw_string()?).map_err(|_| Why::Utf8.at(at))
    }
}
