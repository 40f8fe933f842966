//! The far side: answers until its time is over. One thread a connection, few connections, every read with a deadline.

use super::wire::{Ask, DATAGRAM, HELLO, TOKEN, Timed, drain, fill};
use crate::clock::Watch;
use crate::error::ProbeError;
use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// What one client may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    pub connections: usize,
    /// Silence that ends a connection.
    pub silence: Duration,
    /// Longest connection.
    pub connection: Duration,
    /// Bytes of one connection, both ways.
    pub bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connections: 4, silence: Duration::from_secs(5), connection: Duration::from_secs(60), bytes: 1 << 30 }
    }
}

/// Who may send datagrams: token and address of each open connection.
type Guests = Arc<Mutex<Vec<([u8; TOKEN], IpAddr)>>>;

/// Listens on one address, TCP and UDP.
#[derive(Debug)]
pub struct Listener {
    tcp: TcpListener,
    udp: UdpSocket,
    limits: Limits,
    guests: Guests,
    open: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
}

/// How often a waiting thread looks whether it should end.
const TICK: Duration = Duration::from_millis(50);

impl Listener {
    /// # Errors
    /// The address cannot be had.
    pub fn bind(address: SocketAddr, limits: Limits) -> Result<Self, ProbeError> {
        let wrong = |e: io::Error| ProbeError::Listen { address: address.to_string(), why: e.to_string() };
        let tcp = TcpListener::bind(address).map_err(wrong)?;
        let own = tcp.local_addr().map_err(wrong)?;
        let udp = UdpSocket::bind(own).map_err(wrong)?;
        tcp.set_nonblocking(true).map_err(wrong)?;
        udp.set_read_timeout(Some(TICK)).map_err(wrong)?;
        Ok(Self { tcp, udp, limits, guests: Guests::default(), open: Arc::default(), stop: Arc::default() })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// The system does not say.
    pub fn address(&self) -> Result<SocketAddr, ProbeError> {
        let wrong = |e: io::Error| ProbeError::Listen { address: "its address".into(), why: e.to_string() };
        self.tcp.local_addr().map_err(wrong)
    }

    /// Set it to true and [`serve`](Self::serve) returns.
    #[must_use]
    pub fn stop(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.stop)
    }

    /// Answers for so long, or until stopped; `tell` hears of each client and how its visit ended.
    pub fn serve(&self, time: Duration, tell: &(dyn Fn(&str) + Sync)) {
        let watch = Watch::start();
        let over = || self.stop.load(Ordering::Relaxed) || watch.seconds() >= time.as_secs_f64();
        std::thread::scope(|scope| {
            scope.spawn(|| self.reflect(&over));
            while !over() {
                let Ok((stream, peer)) = self.tcp.accept() else {
                    std::thread::sleep(TICK);
                    continue;
                };
                if self.open.fetch_add(1, Ordering::SeqCst) >= self.limits.connections {
                    self.open.fetch_sub(1, Ordering::SeqCst);
                    tell(&format!("{peer}: refused, {} connections are open", self.limits.connections));
                    continue;
                }
                scope.spawn(move || {
                    let ended = self.visit(stream, peer.ip());
                    self.open.fetch_sub(1, Ordering::SeqCst);
                    match ended {
                        Ok(bytes) => tell(&format!("{peer}: measured, {bytes} bytes")),
                        Err(e) => tell(&format!("{peer}: ended: {e}")),
                    }
                });
            }
            // Visits end at their own deadlines; no new one begins.
            self.stop.store(true, Ordering::Relaxed);
        });
    }

    /// Sends datagrams of guests back as they came.
    fn reflect(&self, over: &(dyn Fn() -> bool + Sync)) {
        let mut bytes = [0; DATAGRAM];
        while !over() {
            let Ok((n, from)) = self.udp.recv_from(&mut bytes) else { continue };
            let known = |(token, ip): &([u8; TOKEN], IpAddr)| bytes[..n].starts_with(token) && *ip == from.ip();
            if n >= TOKEN && self.guests.lock().unwrap_or_else(PoisonError::into_inner).iter().any(known) {
                let _ = self.udp.send_to(&bytes[..n], from);
            }
        }
    }

    fn visit(&self, mut stream: TcpStream, ip: IpAddr) -> io::Result<u64> {
        let watch = Watch::start();
        stream.set_nonblocking(false)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(self.limits.silence))?;
        stream.set_write_timeout(Some(self.limits.silence))?;
        let mut hello = [0; HELLO.len()];
        stream.read_exact(&mut hello)?;
        if hello != HELLO {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "not a probe of this version"));
        }
        let mut token = [0; TOKEN];
        std::fs::File::open("/dev/urandom")?.read_exact(&mut token)?;
        stream.write_all(&HELLO)?;
        stream.write_all(&token)?;
        self.guests.lock().unwrap_or_else(PoisonError::into_inner).push((token, ip));
        let ended = self.answer(&mut Timed { stream, watch, most: self.limits.connection });
        self.guests.lock().unwrap_or_else(PoisonError::into_inner).retain(|(t, _)| *t != token);
        ended
    }

    fn answer(&self, stream: &mut Timed) -> io::Result<u64> {
        let mut moved = 0_u64;
        loop {
            let ask = Ask::read(stream)?;
            let size = match ask {
                Ask::Echo(n) => 2 * u64::from(n),
                Ask::Take(n) | Ask::Give(n) => n,
                Ask::Bye => return Ok(moved),
            };
            moved = moved.saturating_add(size);
            if moved > self.limits.bytes {
                return Err(io::Error::other("it asked for more than one client may have"));
            }
            if self.stop.load(Ordering::Relaxed) {
                return Err(io::Error::from(io::ErrorKind::TimedOut));
            }
            match ask {
                Ask::Echo(n) => {
                    let mut payload = vec![0; n as usize];
                    stream.read_exact(&mut payload)?;
                    stream.write_all(&payload)?;
                }
                Ask::Take(n) => {
                    drain(stream, n)?;
                    stream.write_all(&n.to_be_bytes())?;
                }
                Ask::Give(n) => fill(stream, n)?,
                Ask::Bye => {}
            }
        }
    }
}
