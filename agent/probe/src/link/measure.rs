//! The near side: asks, waits, counts.

use super::wire::{Ask, DATAGRAM, HELLO, TOKEN, Timed, drain, fill};
use crate::clock::Watch;
use crate::error::ProbeError;
use crate::runs::quantile;
use serde::{Deserialize, Serialize};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

/// Payload of a round trip: an activation of a small model's token.
pub const PAYLOAD: u32 = 2048;
const SILENCE: Duration = Duration::from_secs(5);
/// Longest visit, whatever the other side does.
const MOST: Duration = Duration::from_secs(60);
/// A rate test grows fourfold until it takes this long, or is this large.
const RATE_S: f64 = 0.4;
const RATE_MAX: u64 = 64 << 20;

/// One link.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Link {
    pub peer: String,
    /// s there and back of [`PAYLOAD`] bytes over TCP without delay.
    pub round_trip_p50_s: f64,
    pub round_trip_p99_s: f64,
    pub round_trips: usize,
    /// B/s of one TCP stream.
    pub up: f64,
    pub down: f64,
    /// Share of datagrams that did not come back within a second: the loss of both ways together.
    pub loss: f64,
    pub datagrams: usize,
}

/// Measures the link to a listening agent; `trips` round trips and as many datagrams.
///
/// # Errors
/// Nobody listens there, or what answers is no agent of this version, or it fell silent.
pub fn measure(peer: SocketAddr, trips: usize) -> Result<Link, ProbeError> {
    run(peer, trips).map_err(|e| {
        let why = match e.kind() {
            io::ErrorKind::ConnectionRefused => "nobody listens there; run `agent probe --listen` on that machine".to_owned(),
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => "no answer in time".to_owned(),
            io::ErrorKind::UnexpectedEof => "the other side hung up".to_owned(),
            _ => e.to_string(),
        };
        ProbeError::Link { peer: peer.to_string(), why }
    })
}

fn run(peer: SocketAddr, trips: usize) -> io::Result<Link> {
    let stream = TcpStream::connect_timeout(&peer, SILENCE)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(SILENCE))?;
    stream.set_write_timeout(Some(SILENCE))?;
    let own = stream.local_addr()?;
    let mut stream = Timed { stream, watch: Watch::start(), most: MOST };
    stream.write_all(&HELLO)?;
    let mut hello = [0; HELLO.len()];
    stream.read_exact(&mut hello)?;
    if hello != HELLO {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "what answers is no listening agent of this version"));
    }
    let mut token = [0; TOKEN];
    stream.read_exact(&mut token)?;
    let times = (0..trips + 10).map(|_| echo(&mut stream)).collect::<io::Result<Vec<f64>>>()?;
    // The first warm up.
    let times = &times[10..];
    let up = rate(|bytes| {
        Ask::Take(bytes).write(&mut stream)?;
        fill(&mut stream, bytes)?;
        let mut count = [0; 8];
        stream.read_exact(&mut count)
    })?;
    let down = rate(|bytes| {
        Ask::Give(bytes).write(&mut stream)?;
        drain(&mut stream, bytes)
    })?;
    let lost = datagrams(peer, own, token, trips)?;
    Ask::Bye.write(&mut stream)?;
    Ok(Link {
        peer: peer.to_string(),
        round_trip_p50_s: quantile(times, 0.5).unwrap_or(0.0),
        round_trip_p99_s: quantile(times, 0.99).unwrap_or(0.0),
        round_trips: times.len(),
        up,
        down,
        loss: lost as f64 / trips.max(1) as f64,
        datagrams: trips,
    })
}

fn echo(stream: &mut Timed) -> io::Result<f64> {
    // One write, so that no segment waits for another.
    let mut message = Vec::with_capacity(9 + PAYLOAD as usize);
    Ask::Echo(PAYLOAD).write(&mut message)?;
    message.resize(9 + PAYLOAD as usize, 7);
    let mut back = vec![0; PAYLOAD as usize];
    let watch = Watch::start();
    stream.write_all(&message)?;
    stream.read_exact(&mut back)?;
    Ok(watch.seconds())
}

/// B/s, of the largest of the growing amounts.
fn rate(mut once: impl FnMut(u64) -> io::Result<()>) -> io::Result<f64> {
    let mut bytes = 256 << 10;
    loop {
        let watch = Watch::start();
        once(bytes)?;
        let took = watch.seconds();
        if took >= RATE_S || bytes >= RATE_MAX {
            return Ok(bytes as f64 / took.max(1e-9));
        }
        bytes *= 4;
    }
}

/// How many of `count` datagrams did not come back.
fn datagrams(peer: SocketAddr, own: SocketAddr, token: [u8; TOKEN], count: usize) -> io::Result<usize> {
    let socket = UdpSocket::bind(SocketAddr::new(own.ip(), 0))?;
    socket.connect(peer)?;
    socket.set_read_timeout(Some(Duration::from_millis(2)))?;
    let mut seen = vec![false; count];
    let mut receive = |socket: &UdpSocket| {
        let mut bytes = [0; DATAGRAM];
        // As many as are out at most: a flood is not waited for.
        for _ in 0..count {
            let Ok(n) = socket.recv(&mut bytes) else { break };
            let number = bytes.get(TOKEN..TOKEN + 8).and_then(|b| b.try_into().ok()).map(u64::from_be_bytes);
            let place = number.and_then(|i| usize::try_from(i).ok()).filter(|_| n == DATAGRAM && bytes.starts_with(&token));
            if let Some(seen) = place.and_then(|i| seen.get_mut(i)) {
                *seen = true;
            }
        }
    };
    for i in 0..count {
        let mut bytes = [0; DATAGRAM];
        bytes[..TOKEN].copy_from_slice(&token);
        bytes[TOKEN..TOKEN + 8].copy_from_slice(&(i as u64).to_be_bytes());
        // A full queue drops it here: lost as well.
        let _ = socket.send(&bytes);
        receive(&socket);
    }
    socket.set_read_timeout(Some(Duration::from_millis(250)))?;
    (0..4).for_each(|_| receive(&socket));
    Ok(seen.iter().filter(|s| !**s).count())
}
