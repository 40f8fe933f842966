//! A stream's memory for frames: kept from one to the next, so that a token costs one write and one read.

use super::{HEADER, Head, HopError, Kind, broken};
use std::io::{self, Read, Write};

/// Room at first: a token's state of most models, so that a frame comes with one read.
const ROOM: usize = 16 << 10;

/// Where a frame is put together: header and payload leave in one piece, in as few packets as they can.
#[derive(Debug, Default)]
pub(crate) struct Outgoing(Vec<u8>);

impl Outgoing {
    /// Sends a frame with this payload.
    pub(crate) fn send(&mut self, to: &mut impl Write, head: &Head, payload: &[u8]) -> Result<(), HopError> {
        self.send_packed(to, head, |out| {
            out.extend_from_slice(payload);
            Some(())
        })
    }

    /// Sends a frame whose payload `pack` puts behind what is there, in its place. `None`: there is a state that
    /// is no finite number, and nothing is sent.
    pub(crate) fn send_packed(
        &mut self,
        to: &mut impl Write,
        head: &Head,
        pack: impl FnOnce(&mut Vec<u8>) -> Option<()>,
    ) -> Result<(), HopError> {
        self.0.clear();
        self.0.extend_from_slice(&[0; HEADER]);
        pack(&mut self.0).ok_or_else(|| HopError::Form("a hidden state that is no finite number".into()))?;
        let header = head.bytes(self.0.len() - HEADER);
        self.0[..HEADER].copy_from_slice(&header);
        to.write_all(&self.0).and_then(|()| to.flush()).map_err(|e| broken(e, head.deadline_ms))
    }
}

/// Where frames arrive; holds what came after the last one, too.
#[derive(Debug, Default)]
pub(crate) struct Incoming {
    bytes: Vec<u8>,
    /// What came and was not given yet.
    start: usize,
    end: usize,
}

impl Incoming {
    /// The next frame; `within_ms` is what the stream's own time limit was set to.
    pub(crate) fn next(&mut self, from: &mut impl Read, within_ms: u32) -> Result<(Head, &[u8]), HopError> {
        self.fill(from, HEADER).map_err(|e| broken(e, within_ms))?;
        let mut header = [0; HEADER];
        header.copy_from_slice(&self.bytes[self.start..self.start + HEADER]);
        let (head, length) = Head::read(&header)?;
        self.fill(from, HEADER + length).map_err(|e| broken(e, within_ms))?;
        let payload = self.start + HEADER..self.start + HEADER + length;
        self.start = payload.end;
        let payload = &self.bytes[payload];
        if head.kind == Kind::Refused {
            return Err(HopError::Refused(String::from_utf8_lossy(payload).into_owned()));
        }
        Ok((head, payload))
    }

    /// Reads until so many bytes are there. Room grows with what came, not with what a header says.
    fn fill(&mut self, from: &mut impl Read, wanted: usize) -> io::Result<()> {
        while self.end - self.start < wanted {
            if self.start > 0 {
                self.bytes.copy_within(self.start..self.end, 0);
                (self.start, self.end) = (0, self.end - self.start);
            }
            if self.end == self.bytes.len() {
                self.bytes.resize((2 * self.end).max(ROOM), 0);
            }
            match from.read(&mut self.bytes[self.end..]) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(n) => self.end += n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }
}
