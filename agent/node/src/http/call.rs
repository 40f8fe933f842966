//! One request to another agent, or to any web server: HTTP/1.0, so that the answer ends with the connection.

use super::relay;
use crate::shared::Shared;
use crate::tls::{Stream, Use};
use crate::wires::Wire;
use axum::http::StatusCode;
use protocol::Name;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::Duration;

/// Longest wait for a connection; a process that is gone refuses at once.
const CONNECT: Duration = Duration::from_secs(2);
/// Longest head of an answer.
const HEAD_BYTES: u64 = 16 << 10;

/// An answer whose body is still to be read.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    /// Lines of the head, in lower case.
    lines: Vec<String>,
    pub(crate) body: BufReader<Stream>,
    _wire: Option<Wire>,
}

fn wrong(why: &str) -> io::Error {
    io::Error::other(why.to_owned())
}

/// Asks an agent, over TLS where the fleet has it. A device that is lost meanwhile is not waited for.
pub(crate) fn agent(shared: &Shared, device: &Name, request: &[u8], silence: Duration) -> io::Result<Answer> {
    let tls = shared.tls.as_ref();
    // What is secret goes to where neighbours are heard, the rest to where users are.
    let said = shared.peers.status(device).and_then(|s| if tls.is_some() { s.hop.clone() } else { s.http.clone() });
    let stream = connect(&said.ok_or_else(|| wrong("no address"))?, silence)?;
    let wire = shared.wires.hold(device, &stream)?;
    let mut stream = Stream::calling(tls, Use::Request, device, stream)?;
    if tls.is_some() {
        stream.write_all(&relay::length(request)?)?;
    }
    answer(stream, request, Some(wire))
}

/// Asks a web server, `HOST:PORT`.
pub(crate) fn server(address: &str, request: &[u8], silence: Duration) -> io::Result<Answer> {
    answer(Stream::Plain(connect(address, silence)?), request, None)
}

fn connect(address: &str, silence: Duration) -> io::Result<TcpStream> {
    let at = address.to_socket_addrs()?.next().ok_or_else(|| wrong("no address"))?;
    let stream = TcpStream::connect_timeout(&at, CONNECT)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(silence))?;
    Ok(stream)
}

fn answer(mut stream: Stream, request: &[u8], wire: Option<Wire>) -> io::Result<Answer> {
    stream.write_all(request)?;
    stream.flush()?;
    let mut body = BufReader::new(stream);
    let mut lines = Vec::new();
    let mut head = io::Read::take(&mut body, HEAD_BYTES);
    loop {
        let mut line = String::new();
        if head.read_line(&mut line)? == 0 {
            return Err(wrong("no answer"));
        }
        if line.trim_end().is_empty() {
            break;
        }
        lines.push(line.trim_end().to_ascii_lowercase());
    }
    let status = lines.first().and_then(|l| l.split(' ').nth(1)?.parse().ok()).ok_or_else(|| wrong("no answer of HTTP"))?;
    Ok(Answer { status, lines, body, _wire: wire })
}

impl Answer {
    /// Headers, lower case.
    pub(crate) fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.lines.iter().skip(1).filter_map(|l| l.split_once(':')).map(|(name, value)| (name, value.trim()))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers().find(|(n, _)| *n == name).map(|(_, value)| value)
    }

    /// All of a body of at most so many bytes.
    pub(crate) fn whole(&mut self, most: u64) -> io::Result<Vec<u8>> {
        let said = self.header("content-length").map(str::to_owned);
        let mut body = Vec::new();
        io::Read::take(&mut self.body, most).read_to_end(&mut body)?;
        if said.is_some_and(|n| n.parse() != Ok(body.len())) {
            return Err(wrong("its answer broke off"));
        }
        Ok(body)
    }
}
