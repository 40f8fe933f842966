//! Requests that other agents hand on over a stream of their own, so that nobody reads them on the way: a length of
//! four bytes, little-endian, and a request of HTTP; back comes the answer as the server here gives it, to its end.

use crate::shared::Shared;
use crate::tls::Stream;
use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};

/// Room for a request's head.
const HEAD_BYTES: usize = 64 << 10;

/// What stands before a request.
pub(super) fn length(request: &[u8]) -> io::Result<[u8; 4]> {
    u32::try_from(request.len()).map(u32::to_le_bytes).map_err(io::Error::other)
}

/// Passes one request on to the server of this agent, and its answer back as it comes.
pub(crate) fn pass(shared: &Shared, mut stream: Stream) {
    if let Err(e) = through(shared, &mut stream).and_then(|()| stream.finish()) {
        // Whoever asked has gone away, or will see that the answer breaks off.
        shared.metrics.note(format!("a request that was handed on broke off: {e}"));
    }
}

fn through(shared: &Shared, stream: &mut Stream) -> io::Result<()> {
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let length = u32::from_le_bytes(length) as usize;
    if length > shared.limits.body_bytes + HEAD_BYTES {
        return Err(io::Error::other(format!("{length} bytes, at most {} and a head", shared.limits.body_bytes)));
    }
    // Room grows with what comes, not with what was said.
    let mut request = Vec::new();
    io::Read::take(&mut *stream, length as u64).read_to_end(&mut request)?;
    if request.len() < length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let mut server = TcpStream::connect(own(shared.http))?;
    server.write_all(&request)?;
    let mut some = vec![0; 16 << 10];
    loop {
        match server.read(&mut some)? {
            0 => return Ok(()),
            n => stream.write_all(&some[..n]).and_then(|()| stream.flush())?,
        }
    }
}

/// How a server is reached from its own machine.
fn own(mut at: SocketAddr) -> SocketAddr {
    match at.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => at.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => at.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    at
}
