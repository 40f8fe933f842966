//! The partner's side of a stage that two devices share: its half of each step, as long as the leader asks.
//!
//! Each request has a thread, a cache and memory of its own, and waits for nobody but its leader's half: requests at the
//! same time cannot wait for each other in a ring. Only the kernels' threads are taken in turn, an operation each.

use super::Exchange;
use super::frame::{Head, HopError, Incoming, Kind, Outgoing};
use super::server::limit;
use crate::loaded::{Loaded, LoadedStage};
use crate::shared::Shared;
use crate::tls::Stream;
use engine::Workspace;
use engine::model::{Chunk, Input, Want};

/// One request's steps, to its end.
pub(super) fn serve(
    shared: &Shared,
    (stream, mut outgoing, incoming): (&mut Stream, Outgoing, Incoming),
    session: u64,
    (loaded, stage): (&Loaded, &LoadedStage),
    within_ms: u32,
) -> Result<(), String> {
    let mut sequence = stage.stage.sequence(stage.kv_bits).map_err(|e| e.to_string())?;
    outgoing.send(stream, &Head::of(Kind::Ready, session, 0, within_ms), &[]).map_err(|e| e.to_string())?;
    // Between two steps the leader waits for the stages behind it, and may wait for its turn.
    limit(stream.tcp(), within_ms.saturating_mul(4)).map_err(|e| e.to_string())?;
    // The first frame was the one that said that it is ready.
    let ends = Exchange::new(stream, (outgoing, incoming), session, false).after(1, 0);
    let mut exchange = ends.of(stage.stage.config().hidden, within_ms, None);
    let mut work = Workspace::new();
    loop {
        let states = match exchange.states() {
            Ok(states) => states,
            // The leader has what it wanted.
            Err(HopError::Broken(_)) => return Ok(()),
            Err(e) => return Err(e.to_string()),
        };
        if !shared.serves(loaded.plan.id) {
            return Err(format!("{} is not served here any more", loaded.plan));
        }
        let chunk = Chunk { sequence: &mut sequence, input: Input::Hidden(&states), want: Want::Nothing };
        let done = stage.stage.forward_shared(&mut [chunk], &mut work, &mut exchange);
        stage.batch.stepped_alone();
        match (done, exchange.lost()) {
            (Ok(_), _) => {}
            (Err(_), Some(HopError::Broken(_))) => return Ok(()),
            (Err(_), Some(lost)) => return Err(lost.to_string()),
            (Err(e), None) => return Err(e.to_string()),
        }
    }
}
