//! The calling side.

use super::frame::{Head, HopError, Incoming, Kind, Outgoing};
use super::kept::Kept;
use super::{Draw, Exchange, OPEN_MS, OPENING, Opening, key, states};
use crate::shared::Shared;
use crate::tls::{Stream, Use};
use crate::wires::Wire;
use engine::sample::Choice;
use protocol::message;
use protocol::{Name, PlanId, hex};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::sync::Arc;
use std::time::Duration;

/// Longest wait for a connection: one lost packet and its repetition after a second are less.
const CONNECT: Duration = Duration::from_secs(2);
/// A device that is there says its challenge within this.
const PROBE_MS: u32 = 1_000;

/// So long the called side waits for the next opening of a caller that it knows; callers keep a stream for half of it.
pub(crate) const IDLE_MS: u32 = 600_000;

/// A stream on which the called side waits for an opening: it has said its challenge, or is about to.
pub(crate) struct Line {
    stream: Stream,
    outgoing: Outgoing,
    incoming: Incoming,
    wire: Wire,
}

/// An open stream to the next stage.
pub(crate) struct Hop {
    /// None: it was handed over.
    line: Option<Line>,
    session: u64,
    sent: u32,
    received: u32,
    cols: usize,
    bits: u8,
    within_ms: u32,
    /// All that was asked for has come, so that another request may use the stream.
    settled: bool,
    to: Name,
    kept: Arc<Kept>,
}

impl Drop for Hop {
    /// A stream in good order is kept for the next request.
    fn drop(&mut self) {
        let Some(mut line) = self.line.take().filter(|_| self.settled) else { return };
        let done = Head::of(Kind::Done, self.session, self.sent, OPEN_MS);
        if line.outgoing.send(&mut line.stream, &done, &[]).is_ok() {
            self.kept.put(&self.to, line);
        }
    }
}

fn handed_over() -> HopError {
    HopError::Form("the stream was handed over".into())
}

/// A way to an address; what it does not do in time is an error.
fn connect(address: &str, within_ms: u32) -> Result<TcpStream, HopError> {
    let within = Duration::from_millis(within_ms.max(1).into());
    let resolved = address.to_socket_addrs().map_err(HopError::Broken)?.next();
    let resolved = resolved.ok_or_else(|| HopError::Refused(format!("{address} is no address")))?;
    // Nobody can shut down what is not connected yet: whoever waits for a link that is down waits no longer than this.
    let stream = TcpStream::connect_timeout(&resolved, within.min(CONNECT)).map_err(HopError::Broken)?;
    let set = stream.set_nodelay(true).and_then(|()| stream.set_read_timeout(Some(within)));
    set.and_then(|()| stream.set_write_timeout(Some(within))).map_err(HopError::Broken)?;
    Ok(stream)
}

fn limit(stream: &TcpStream, within_ms: u32) -> Result<(), HopError> {
    let within = Some(Duration::from_millis(within_ms.max(1).into()));
    stream.set_read_timeout(within).and_then(|()| stream.set_write_timeout(within)).map_err(HopError::Broken)
}

/// A new stream to a device.
pub(super) fn reach(shared: &Shared, to: &Name) -> Result<Line, HopError> {
    let address = shared.peers.hop(to).ok_or_else(|| HopError::Refused("it has not said its address".into()))?;
    if shared.wires.is_gone(to) {
        return Err(HopError::Refused("its token is lost".into()));
    }
    let stream = connect(&address, OPEN_MS.min(shared.limits.hop_ms))?;
    let wire = shared.wires.hold(to, &stream).map_err(HopError::Broken)?;
    let mut stream = Stream::calling(shared.tls.as_ref(), Use::Hop, to, stream).map_err(HopError::Broken)?;
    // Certificates are shown now, not with the first opening.
    stream.shake().map_err(HopError::Broken)?;
    shared.metrics.opened();
    Ok(Line { stream, outgoing: Outgoing::default(), incoming: Incoming::default(), wire })
}

/// Whether a device's stages are reached and say their challenge.
pub(crate) fn answers(shared: &Shared, device: &Name) -> bool {
    let said = || {
        let address = shared.peers.hop(device)?;
        let stream = connect(&address, PROBE_MS).ok()?;
        let mut stream = Stream::calling(shared.tls.as_ref(), Use::Hop, device, stream).ok()?;
        let mut incoming = Incoming::default();
        let (head, _) = incoming.next(&mut stream, PROBE_MS).ok()?;
        Some(head.kind == Kind::Challenge)
    };
    said().unwrap_or(false)
}

/// Which stage of what is called.
pub(crate) struct Called<'a> {
    pub(crate) plan: PlanId,
    pub(crate) service: &'a Name,
    pub(crate) replica: u32,
    pub(crate) stage: usize,
    /// The partner that shares this stage is called, not the next stage.
    pub(crate) partner: bool,
    /// Numbers in a hidden state.
    pub(crate) cols: usize,
    /// Bits of each.
    pub(crate) bits: u8,
}

impl Hop {
    /// Opens a stream, one that is there already where possible; when it returns, all stages behind are ready.
    pub(crate) fn open(shared: &Shared, to: &Name, called: &Called<'_>, draw: &Draw, within_ms: u32) -> Result<Self, HopError> {
        while let Some(line) = shared.kept.take(to) {
            match Self::begin(shared, line, to, called, draw, within_ms) {
                // It ended while nobody used it, as with a device that was started anew.
                Err(HopError::Broken(_)) => {}
                begun => return begun,
            }
        }
        Self::begin(shared, reach(shared, to)?, to, called, draw, within_ms)
    }

    /// A request's part of a stream.
    fn begin(shared: &Shared, line: Line, to: &Name, called: &Called<'_>, draw: &Draw, within_ms: u32) -> Result<Self, HopError> {
        // What hangs is to be noticed before a step would be late.
        let open_ms = within_ms.min(OPEN_MS);
        limit(line.stream.tcp(), open_ms)?;
        let mut hop = Self {
            line: Some(line),
            session: 0,
            sent: 0,
            received: 0,
            cols: called.cols,
            bits: called.bits,
            within_ms: open_ms,
            settled: false,
            to: to.clone(),
            kept: Arc::clone(&shared.kept),
        };
        let line = hop.line()?;
        let (challenge, number) = line.incoming.next(&mut line.stream, open_ms)?;
        if challenge.kind != Kind::Challenge {
            return Err(HopError::Form(format!("a {:?} instead of a challenge", challenge.kind)));
        }
        let opening = Opening {
            schema: OPENING.into(),
            challenge: hex::encode(number),
            plan: called.plan,
            service: called.service.clone(),
            replica: called.replica,
            stage: called.stage,
            partner: called.partner,
            draw: draw.clone(),
        };
        let body = serde_json::to_vec(&opening).map_err(|e| HopError::Form(e.to_string()))?;
        let head = shared.head(&key(&shared.fleet, to));
        let sealed = message::seal(&head, &body, &shared.signer).map_err(|e| HopError::Form(e.to_string()))?;
        line.outgoing.send(&mut line.stream, &Head::of(Kind::Open, challenge.session, 0, within_ms), &sealed)?;
        hop.session = challenge.session;
        hop.next(Kind::Ready)?;
        hop.within_ms = within_ms;
        limit(hop.line()?.stream.tcp(), within_ms)?;
        hop.settled = true;
        Ok(hop)
    }

    /// The open stream as the one between two halves of a stage, of which this is the leader's end. No other request
    /// uses it after this one.
    pub(crate) fn exchange(mut self) -> Result<Exchange<Stream>, HopError> {
        let Line { stream, outgoing, incoming, wire } = self.line.take().ok_or_else(handed_over)?;
        let ends = Exchange::new(stream, (outgoing, incoming), self.session, true);
        Ok(ends.of(self.cols, self.within_ms, Some(wire)).after(self.sent, self.received))
    }

    fn line(&mut self) -> Result<&mut Line, HopError> {
        self.line.as_mut().ok_or_else(handed_over)
    }

    /// Sends rows of hidden states.
    pub(crate) fn send(&mut self, rows: &[f32], wanted: bool) -> Result<(), HopError> {
        let size = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let head = Head {
            bits: self.bits,
            wanted,
            rows: size(rows.len() / self.cols),
            cols: size(self.cols),
            ..Head::of(Kind::States, self.session, self.sent, self.within_ms)
        };
        self.sent += 1;
        let (cols, bits) = (self.cols, self.bits);
        self.settled = false;
        let line = self.line()?;
        line.outgoing.send_packed(&mut line.stream, &head, |out| states::pack(rows, cols, bits, out))?;
        self.settled = !wanted;
        Ok(())
    }

    /// Waits for the token that was asked for.
    pub(crate) fn token(&mut self) -> Result<Choice, HopError> {
        let payload = self.next(Kind::Token)?;
        let word = |at: usize| [payload[at], payload[at + 1], payload[at + 2], payload[at + 3]];
        let choice = Choice { token: u32::from_le_bytes(word(0)), logprob: f32::from_le_bytes(word(4)) };
        self.settled = true;
        Ok(choice)
    }

    /// The next frame, which must be of this kind, session and number.
    fn next(&mut self, kind: Kind) -> Result<&[u8], HopError> {
        let expected = (kind, self.session, self.received);
        let (line, within_ms) = (self.line.as_mut(), self.within_ms);
        let line = line.ok_or_else(|| HopError::Form("the stream was handed over".into()))?;
        let (head, payload) = line.incoming.next(&mut line.stream, within_ms)?;
        if (head.kind, head.session, head.sequence) != expected {
            let got = (head.kind, head.session, head.sequence);
            return Err(HopError::Form(format!("{got:?} where {expected:?} was expected")));
        }
        self.received += 1;
        Ok(payload)
    }
}
