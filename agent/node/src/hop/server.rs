//! The called side: one thread for each open stream.

use super::client::IDLE_MS;
use super::frame::{Head, HopError, Incoming, Kind, Outgoing};
use super::{OPEN_MS, OPENING, Opening, half, key, states};
use crate::http::relay;
use crate::link::{Link, StepError};
use crate::loaded::{Loaded, LoadedStage};
use crate::shared::Shared;
use crate::tls::{Stream, Use};
use crate::wires::Wire;
use engine::model::Input;
use protocol::hex;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Streams that are open at the same time; each has a thread and a KV cache.
const STREAMS: usize = 64;

/// Counts a stream for as long as it lives.
struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Takes streams until the node ends.
pub(crate) fn listen(shared: &Arc<Shared>, listener: TcpListener) {
    let open = Arc::new(AtomicUsize::new(0));
    for stream in listener.incoming() {
        if shared.ended() {
            return;
        }
        // A connection that was gone before it was taken is nobody's loss.
        let Ok(stream) = stream else { continue };
        let counted = Counted(Arc::clone(&open));
        if open.fetch_add(1, Ordering::SeqCst) >= STREAMS {
            continue;
        }
        let shared = Arc::clone(shared);
        std::thread::spawn(move || {
            let _counted = counted;
            serve(&shared, stream);
        });
    }
}

/// One stream, to its end. Whoever is on the other side hears why it ended.
fn serve(shared: &Arc<Shared>, stream: TcpStream) {
    if stream.set_nodelay(true).is_err() || limit(&stream, OPEN_MS).is_err() {
        return;
    }
    let mut stream = match Stream::called(shared.tls.as_ref(), stream) {
        Ok((stream, Use::Hop)) => stream,
        Ok((stream, Use::Request)) => return relay::pass(shared, stream),
        Err(e) => return shared.metrics.note(format!("refused a stream: {e}")),
    };
    let (mut outgoing, mut incoming) = (Outgoing::default(), Incoming::default());
    // Certificates have shown who is there; without them nobody holds a thread for nothing.
    let mut wait_ms = if shared.tls.is_some() { IDLE_MS } else { OPEN_MS };
    // A caller that is gone holds no thread and no cache.
    let mut wire = None;
    loop {
        let session = shared.session();
        match talk(shared, &mut stream, (&mut outgoing, &mut incoming), &mut wire, session, wait_ms) {
            // Of a caller that is known the next opening is waited for.
            Ok(Ended::Done) if !shared.ended() => wait_ms = IDLE_MS,
            Ok(_) => return,
            Err(why) => {
                // It may have gone away meanwhile.
                let _ = outgoing.send(&mut stream, &Head::of(Kind::Refused, session, 0, OPEN_MS), cut(&why).as_bytes());
                return;
            }
        }
    }
}

/// How a request's part of a stream ended.
enum Ended {
    /// The caller has what it wanted, and may open another one.
    Done,
    Gone,
}

/// A reason as long as a frame's text may be.
fn cut(why: &str) -> String {
    why.chars().take(1_000).collect()
}

pub(super) fn limit(stream: &TcpStream, ms: u32) -> Result<(), HopError> {
    let within = Some(Duration::from_millis(ms.max(1).into()));
    stream.set_read_timeout(within).and_then(|()| stream.set_write_timeout(within)).map_err(HopError::Broken)
}

fn talk(
    shared: &Arc<Shared>,
    stream: &mut Stream,
    (outgoing, incoming): (&mut Outgoing, &mut Incoming),
    wire: &mut Option<Wire>,
    session: u64,
    wait_ms: u32,
) -> Result<Ended, String> {
    let said = |e: HopError| e.to_string();
    let challenge = fleet::enrol::random().map_err(|e| e.to_string())?;
    outgoing.send(stream, &Head::of(Kind::Challenge, session, 0, OPEN_MS), &challenge).map_err(said)?;
    limit(stream.tcp(), wait_ms).map_err(said)?;
    let (head, sealed) = match incoming.next(stream, wait_ms) {
        Ok(opening) => opening,
        // Nobody has used it for long, or its caller has ended.
        Err(HopError::Late(_) | HopError::Broken(_)) => return Ok(Ended::Gone),
        Err(e) => return Err(e.to_string()),
    };
    if (head.kind, head.session) != (Kind::Open, session) {
        return Err("expected an opening".into());
    }
    let within_ms = head.deadline_ms.min(shared.limits.hop_ms);
    let (opening, loaded) = admitted(shared, sealed, &challenge)?;
    let stage = opening.called(&loaded);
    let before = stage.and_then(|s| s.before.as_ref());
    *wire = before.map(|name| shared.wires.hold(name, stream.tcp())).transpose().map_err(|e| e.to_string())?;
    let stage = stage.ok_or_else(|| format!("no stage {} of {} is here", opening.stage, opening.service))?;
    if opening.partner {
        let ends = (stream, std::mem::take(outgoing), std::mem::take(incoming));
        return half::serve(shared, ends, session, (&loaded, stage), within_ms).map(|()| Ended::Gone);
    }
    let mut link = Link::open(shared, loaded.plan.id, stage, &opening.draw, within_ms).map_err(|e| e.to_string())?;
    outgoing.send(stream, &Head::of(Kind::Ready, session, 0, within_ms), &[]).map_err(said)?;
    // A caller computes between two frames, and may wait for its turn.
    limit(stream.tcp(), within_ms.saturating_mul(4)).map_err(said)?;
    let cols = stage.stage.config().hidden;
    let (mut heard, mut told) = (0, 1);
    let mut rows = Vec::new();
    loop {
        let (head, payload) = match incoming.next(stream, within_ms) {
            Ok(frame) => frame,
            // The caller has what it wanted.
            Err(HopError::Broken(_)) => return Ok(Ended::Gone),
            Err(e) => return Err(e.to_string()),
        };
        if (head.kind, head.session, head.sequence) == (Kind::Done, session, heard) {
            return Ok(Ended::Done);
        }
        if (head.kind, head.session, head.sequence, head.cols as usize) != (Kind::States, session, heard, cols) {
            return Err(format!(
                "{:?} {} of {} numbers where states {heard} of {cols} were expected",
                head.kind, head.sequence, head.cols
            ));
        }
        heard += 1;
        if !shared.serves(loaded.plan.id) {
            return Err(format!("{} is not served here any more", loaded.plan));
        }
        let unpacked = states::unpack(payload, head.rows as usize, cols, head.bits, &mut rows);
        unpacked.ok_or("a hidden state that is no finite number")?;
        let drawn = link.step(Input::Hidden(&rows), head.wanted).map_err(|e: StepError| e.to_string())?;
        if let Some(choice) = drawn {
            let mut token = [0; 8];
            token[..4].copy_from_slice(&choice.token.to_le_bytes());
            token[4..].copy_from_slice(&choice.logprob.to_le_bytes());
            outgoing.send(stream, &Head::of(Kind::Token, session, told, within_ms), &token).map_err(said)?;
            told += 1;
        }
    }
}

/// Checks who asks, for what, and that the plan puts it before this device.
fn admitted(shared: &Shared, sealed: &[u8], challenge: &[u8; 32]) -> Result<(Opening, Arc<Loaded>), String> {
    let listener = &shared.known;
    let (head, body) = listener.vouched(sealed, &key(&shared.fleet, &shared.me)).map_err(|e| e.to_string())?;
    let opening: Opening = serde_json::from_slice(body).map_err(|e| format!("opening: {e}"))?;
    if opening.schema != OPENING {
        return Err(format!("opening: schema `{}`, this version reads `{OPENING}`", opening.schema));
    }
    if opening.challenge != hex::encode(challenge) {
        return Err("opening: it signs another challenge".into());
    }
    opening.draw.sampling.check().map_err(|e| e.to_string())?;
    if !shared.serves(opening.plan) {
        return Err(format!("plan {:?} is not ready here", opening.plan));
    }
    let loaded = shared.loaded(opening.plan).ok_or("the plan is not in memory")?;
    let before = opening.called(&loaded).and_then(|s| s.before.clone());
    if before.as_ref() != Some(&head.sender) {
        let what = if opening.partner { "beside the half of a stage that is here" } else { "before this stage" };
        return Err(format!("the plan does not put {} {what}", head.sender));
    }
    Ok((opening, loaded))
}

impl Opening {
    /// The stage, or the half of one, that is asked for.
    fn called<'l>(&self, loaded: &'l Loaded) -> Option<&'l LoadedStage> {
        if self.partner {
            return loaded.half(&self.service, self.replica, self.stage);
        }
        loaded.stage(&self.service, self.replica, self.stage)
    }
}
