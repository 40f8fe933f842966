//! What goes over the stream between two stages: a header of 36 bytes, little-endian, and a payload.
//!
//! ```text
//!  0  4  "WLH1"
//!  4  1  kind           5  1  bits of a number: 32, 16, 8, 4 (as few as needed), or 0 where there are none
//!  6  1  1: a token is wanted after the last row               7  1  0
//!  8  8  session       16  4  sequence, from 0, in each direction
//! 20  4  rows          24  4  numbers in a row
//! 28  4  milliseconds within which the answer counts           32  4  bytes that follow
//! ```

mod buffers;

use super::states;
pub(crate) use buffers::{Incoming, Outgoing};
use std::io;

const MAGIC: [u8; 4] = *b"WLH1";
pub(crate) const HEADER: usize = 36;
/// Most rows of one frame: what a prefill puts through together.
const ROWS: u32 = engine::model::PREFILL as u32;
/// Widest row: no model that runs is wider.
const COLS: u32 = 1 << 16;
/// Longest text: a signed opening, or a reason.
const TEXT: u32 = 16 << 10;

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A number that the opener must sign.
    Challenge = 1,
    /// A signed opening.
    Open = 2,
    /// The stages behind are ready.
    Ready = 3,
    /// Rows of hidden states.
    States = 4,
    /// A drawn token: its number and log-probability.
    Token = 5,
    /// Why not, in words; the stream ends.
    Refused = 6,
    /// The request has what it wanted: what comes next on this stream is another one's opening.
    Done = 7,
    /// One half's part of a sum, in rows as the states that it is of.
    Partial = 8,
}

impl Kind {
    const ALL: [Self; 8] =
        [Self::Challenge, Self::Open, Self::Ready, Self::States, Self::Token, Self::Refused, Self::Done, Self::Partial];

    /// Whether so many bits are sent of a number of it.
    fn is_sent_at(self, bits: u8) -> bool {
        match self {
            // From a leader to its partner also as a sum is.
            Self::States => states::WIDTHS.contains(&bits) || states::SUMS.contains(&bits),
            Self::Partial => states::SUMS.contains(&bits),
            _ => false,
        }
    }
}

/// A header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) kind: Kind,
    pub(crate) bits: u8,
    pub(crate) wanted: bool,
    pub(crate) session: u64,
    pub(crate) sequence: u32,
    pub(crate) rows: u32,
    pub(crate) cols: u32,
    pub(crate) deadline_ms: u32,
}

/// Why a stream is given up.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HopError {
    #[error("nothing within {0} ms")]
    Late(u32),
    #[error("the stream broke: {0}")]
    Broken(io::Error),
    #[error("what came is no frame: {0}")]
    Form(String),
    #[error("it refused: {0}")]
    Refused(String),
}

impl Head {
    pub(crate) fn of(kind: Kind, session: u64, sequence: u32, deadline_ms: u32) -> Self {
        Self { kind, bits: 0, wanted: false, session, sequence, rows: 0, cols: 0, deadline_ms }
    }

    fn bytes(&self, payload: usize) -> [u8; HEADER] {
        let mut out = [0; HEADER];
        out[..4].copy_from_slice(&MAGIC);
        out[4..7].copy_from_slice(&[self.kind as u8, self.bits, u8::from(self.wanted)]);
        out[8..16].copy_from_slice(&self.session.to_le_bytes());
        let length = u32::try_from(payload).unwrap_or(u32::MAX);
        for (at, n) in [(16, self.sequence), (20, self.rows), (24, self.cols), (28, self.deadline_ms), (32, length)] {
            out[at..at + 4].copy_from_slice(&n.to_le_bytes());
        }
        out
    }

    /// The header and how many bytes follow: as many as it says elsewhere, and never more than a frame may have.
    fn read(bytes: &[u8; HEADER]) -> Result<(Self, usize), HopError> {
        let form = |why: String| Err(HopError::Form(why));
        let word = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        if bytes[..4] != MAGIC {
            return form("it does not begin with WLH1".into());
        }
        let Some(kind) = Kind::ALL.into_iter().find(|k| *k as u8 == bytes[4]) else {
            return form(format!("kind {}", bytes[4]));
        };
        if bytes[6] > 1 || bytes[7] != 0 {
            return form("a reserved byte is used".into());
        }
        let head = Self {
            kind,
            bits: bytes[5],
            wanted: bytes[6] == 1,
            session: u64::from(word(8)) | u64::from(word(12)) << 32,
            sequence: word(16),
            rows: word(20),
            cols: word(24),
            deadline_ms: word(28),
        };
        let length = word(32);
        let (low, high) = match (kind, head.bits) {
            (Kind::States | Kind::Partial, bits)
                if kind.is_sent_at(bits) && (1..=ROWS).contains(&head.rows) && (1..=COLS).contains(&head.cols) =>
            {
                states::bytes(bits, head.rows, head.cols)
            }
            (Kind::States | Kind::Partial, bits) => {
                return form(format!("{} rows of {} numbers of {bits} bits", head.rows, head.cols));
            }
            (Kind::Challenge, 0) => (32, 32),
            (Kind::Token, 0) => (8, 8),
            (Kind::Ready | Kind::Done, 0) => (0, 0),
            (Kind::Open | Kind::Refused, 0) => (0, TEXT),
            (_, bits) => return form(format!("{kind:?} of {bits} bits")),
        };
        if !(low..=high).contains(&length) {
            return form(format!("{length} bytes follow a {kind:?}"));
        }
        Ok((head, length as usize))
    }
}

fn broken(error: io::Error, within_ms: u32) -> HopError {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => HopError::Late(within_ms),
        _ => HopError::Broken(error),
    }
}

#[cfg(test)]
mod tests;
