//! The calling side.

use super::frame::{Head, HopError, Incoming, Kind, Outgoing};
use super::{Draw, Exchange, OPEN_MS, OPENING, Opening, key, states};
use crate::shared::Shared;
use crate::tls::{Stream, Use};
use crate::wires::Wire;
use engine::sample::Choice;
use protocol::message;
use protocol::{Name, PlanId, hex};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::Duration;

/// Longest wait for a connection: one lost packet and its repetition after a second are less.
const CONNECT: Duration = Duration::from_secs(2);
/// A device that is there says its challenge within this.
const PROBE_MS: u32 = 1_000;

/// An open stream to the next stage.
pub(crate) struct Hop {
    stream: Stream,
    outgoing: Outgoing,
    incoming: Incoming,
    session: u64,
    sent: u32,
    received: u32,
    cols: usize,
    bits: u8,
    within_ms: u32,
    wire: Wire,
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
    /// Opens a stream; when it returns, all stages behind are ready.
    pub(crate) fn open(shared: &Shared, to: &Name, called: &Called<'_>, draw: &Draw, within_ms: u32) -> Result<Self, HopError> {
        let address = shared.peers.hop(to).ok_or_else(|| HopError::Refused("it has not said its address".into()))?;
        if shared.wires.is_gone(to) {
            return Err(HopError::Refused("its token is lost".into()));
        }
        // What hangs is to be noticed before a step would be late.
        let open_ms = within_ms.min(OPEN_MS);
        let stream = connect(&address, open_ms)?;
        let wire = shared.wires.hold(to, &stream).map_err(HopError::Broken)?;
        let stream = Stream::calling(shared.tls.as_ref(), Use::Hop, to, stream).map_err(HopError::Broken)?;
        let (cols, bits) = (called.cols, called.bits);
        let mut hop = Self {
            stream,
            outgoing: Outgoing::default(),
            incoming: Incoming::default(),
            session: 0,
            sent: 0,
            received: 0,
            cols,
            bits,
            within_ms: open_ms,
            wire,
        };
        let (challenge, number) = hop.incoming.next(&mut hop.stream, open_ms)?;
        if challenge.kind != Kind::Challenge {
            return Err(HopError::Form(format!("a {:?} instead of a challenge", challenge.kind)));
        }
        hop.session = challenge.session;
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
        hop.outgoing.send(&mut hop.stream, &Head::of(Kind::Open, hop.session, 0, within_ms), &sealed)?;
        hop.next(Kind::Ready)?;
        hop.within_ms = within_ms;
        let within = Some(Duration::from_millis(within_ms.max(1).into()));
        let set = hop.stream.tcp().set_read_timeout(within).and_then(|()| hop.stream.tcp().set_write_timeout(within));
        set.map_err(HopError::Broken)?;
        Ok(hop)
    }

    /// The open stream as the one between two halves of a stage, of which this is the leader's end.
    pub(crate) fn exchange(self) -> Exchange<Stream> {
        let ends = Exchange::new(self.stream, (self.outgoing, self.incoming), self.session, true);
        ends.of(self.cols, self.within_ms, Some(self.wire)).after(self.sent, self.received)
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
        self.outgoing.send_packed(&mut self.stream, &head, |out| states::pack(rows, cols, bits, out))
    }

    /// Waits for the token that was asked for.
    pub(crate) fn token(&mut self) -> Result<Choice, HopError> {
        let payload = self.next(Kind::Token)?;
        let word = |at: usize| [payload[at], payload[at + 1], payload[at + 2], payload[at + 3]];
        Ok(Choice { token: u32::from_le_bytes(word(0)), logprob: f32::from_le_bytes(word(4)) })
    }

    /// The next frame, which must be of this kind, session and number.
    fn next(&mut self, kind: Kind) -> Result<&[u8], HopError> {
        let (head, payload) = self.incoming.next(&mut self.stream, self.within_ms)?;
        let expected = (kind, self.session, self.received);
        if (head.kind, head.session, head.sequence) != expected {
            let got = (head.kind, head.session, head.sequence);
            return Err(HopError::Form(format!("{got:?} where {expected:?} was expected")));
        }
        self.received += 1;
        Ok(payload)
    }
}
