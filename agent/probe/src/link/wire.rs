//! The few messages of a link probe, all of fixed size but the payloads, whose lengths are checked before they are read.

use crate::clock::Watch;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// First bytes of both sides, with the version.
pub(crate) const HELLO: [u8; 16] = *b"wattline-probe 1";
/// Largest payload of an echo.
pub(crate) const ECHO_MAX: u32 = 64 << 10;
/// Largest amount of one rate test.
pub(crate) const BULK_MAX: u64 = 256 << 20;
/// Bytes written at once.
pub(crate) const PIECE: usize = 64 << 10;
/// A datagram: token, number, filling; below any usual MTU.
pub(crate) const DATAGRAM: usize = 1200;
pub(crate) const TOKEN: usize = 16;

/// What a client asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ask {
    /// So many bytes follow and come back.
    Echo(u32),
    /// So many bytes follow and are counted.
    Take(u64),
    /// So many bytes are wanted.
    Give(u64),
    /// No more.
    Bye,
}

impl Ask {
    pub(crate) fn write(self, to: &mut impl Write) -> io::Result<()> {
        let (kind, size) = match self {
            Self::Echo(n) => (1, u64::from(n)),
            Self::Take(n) => (2, n),
            Self::Give(n) => (3, n),
            Self::Bye => (4, 0),
        };
        let mut bytes = [0; 9];
        bytes[0] = kind;
        bytes[1..].copy_from_slice(&size.to_be_bytes());
        to.write_all(&bytes)
    }

    /// # Errors
    /// The stream's, or a message that is none: another kind, or a size beyond its bound.
    pub(crate) fn read(from: &mut impl Read) -> io::Result<Self> {
        let mut bytes = [0; 9];
        from.read_exact(&mut bytes)?;
        let [kind, size @ ..] = bytes;
        let size = u64::from_be_bytes(size);
        let wrong = |what: &str| Err(io::Error::new(io::ErrorKind::InvalidData, format!("{what} of {size} bytes")));
        match kind {
            1 => match u32::try_from(size) {
                Ok(n @ 1..=ECHO_MAX) => Ok(Self::Echo(n)),
                _ => wrong("an echo"),
            },
            2 if size <= BULK_MAX => Ok(Self::Take(size)),
            3 if size <= BULK_MAX => Ok(Self::Give(size)),
            4 => Ok(Self::Bye),
            _ => wrong("a message"),
        }
    }
}

/// Reads and drops exactly so many bytes.
pub(crate) fn drain(from: &mut impl Read, mut bytes: u64) -> io::Result<()> {
    let mut piece = vec![0; PIECE];
    while bytes > 0 {
        let part = piece.len().min(usize::try_from(bytes).unwrap_or(usize::MAX));
        match from.read(&mut piece[..part])? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            n => bytes -= n as u64,
        }
    }
    Ok(())
}

/// Writes exactly so many bytes of no meaning.
pub(crate) fn fill(to: &mut impl Write, mut bytes: u64) -> io::Result<()> {
    let piece: Vec<u8> = (0..PIECE).map(|i| (i * 31 % 251) as u8).collect();
    while bytes > 0 {
        let part = piece.len().min(usize::try_from(bytes).unwrap_or(usize::MAX));
        to.write_all(&piece[..part])?;
        bytes -= part as u64;
    }
    Ok(())
}

/// A stream with a deadline for all of it, beside that of each read: a trickle of bytes is no way around it.
pub(crate) struct Timed {
    pub(crate) stream: TcpStream,
    pub(crate) watch: Watch,
    pub(crate) most: Duration,
}

impl Timed {
    fn check(&self) -> io::Result<()> {
        if self.watch.seconds() > self.most.as_secs_f64() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(()) }
    }
}

impl Read for Timed {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.check()?;
        self.stream.read(bytes)
    }
}

impl Write for Timed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.check()?;
        self.stream.write(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn messages_come_back() {
        for ask in [Ask::Echo(1), Ask::Echo(ECHO_MAX), Ask::Take(0), Ask::Give(BULK_MAX), Ask::Bye] {
            let mut bytes = Vec::new();
            ask.write(&mut bytes).expect("memory");
            assert_eq!(Ask::read(&mut &bytes[..]).expect("written by us"), ask);
        }
    }

    proptest! {
        #[test]
        fn no_bytes_pass_the_bounds(bytes in prop::collection::vec(any::<u8>(), 0..12)) {
            match Ask::read(&mut &bytes[..]) {
                Ok(Ask::Echo(n)) => prop_assert!((1..=ECHO_MAX).contains(&n)),
                Ok(Ask::Take(n) | Ask::Give(n)) => prop_assert!(n <= BULK_MAX),
                Ok(Ask::Bye) | Err(_) => {}
            }
        }
    }

    #[test]
    fn bulk_is_exact() {
        let mut bytes = Vec::new();
        fill(&mut bytes, 100_001).expect("memory");
        assert_eq!(bytes.len(), 100_001);
        let mut rest = &bytes[..];
        drain(&mut rest, 100_000).expect("enough");
        assert_eq!(rest.len(), 1);
        assert!(drain(&mut rest, 2).is_err(), "too few");
    }
}
