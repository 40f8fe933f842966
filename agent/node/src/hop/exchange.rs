//! Between the two halves of a stage: the states before the first layer from its leader to the partner, then twice a
//! layer each half's part of a sum. With two halves every way of summing is a star: each sends its part to the other and
//! adds what comes. Two numbers have one sum in whatever order they are added, so both go on from the same bits.
//!
//! Parts cross in half precision, whatever a plan says of hops: they are rounded twice a layer, not once a stage. Each
//! half adds its own part as the other reads it.

use super::frame::{Head, HopError, Incoming, Kind, Outgoing};
use super::states;
use crate::wires::Wire;
use engine::EngineError;
use engine::model::Partner;
use std::io::{Read, Write};

/// Numbers that both may send before they read: two frames of each, at most 40 KiB, fit into what a connection holds by
/// itself. Larger ones go one after the other, the leader's first, or both would wait for each other to read.
const AT_ONCE: usize = 5 << 10;

/// One end.
pub(crate) struct Exchange<S> {
    stream: S,
    outgoing: Outgoing,
    incoming: Incoming,
    session: u64,
    /// Frames so far, in each direction.
    sent: u32,
    received: u32,
    /// Numbers in a hidden state.
    cols: usize,
    within_ms: u32,
    /// Has the stage; the other is its partner.
    leads: bool,
    /// What the other half sent last.
    theirs: Vec<f32>,
    /// Why the other half is lost.
    lost: Option<HopError>,
    /// Ends the wait for a device that is gone.
    _wire: Option<Wire>,
}

impl<S: Read + Write> Exchange<S> {
    /// An end of a stream whose opening is done; the opening's frames are not counted.
    pub(super) fn new(stream: S, (outgoing, incoming): (Outgoing, Incoming), session: u64, leads: bool) -> Self {
        let (theirs, lost) = (Vec::new(), None);
        let (sent, received, cols, within_ms) = (0, 0, 0, 0);
        Self { stream, outgoing, incoming, session, sent, received, cols, within_ms, leads, theirs, lost, _wire: None }
    }

    /// States of this width, each answer within so long.
    pub(super) fn of(self, cols: usize, within_ms: u32, wire: Option<Wire>) -> Self {
        Self { cols, within_ms, _wire: wire, ..self }
    }

    /// So many frames were sent and received before.
    pub(super) fn after(self, sent: u32, received: u32) -> Self {
        Self { sent, received, ..self }
    }

    /// At the partner: the states of the next step, tokens × width.
    pub(super) fn states(&mut self) -> Result<Vec<f32>, HopError> {
        self.receive(Kind::States, None)?;
        Ok(std::mem::take(&mut self.theirs))
    }

    /// Why the last step broke off, where it was the other half's fault.
    pub(crate) fn lost(&mut self) -> Option<HopError> {
        self.lost.take()
    }

    /// Sends rows, and leaves in `numbers` what the other reads.
    fn send(&mut self, kind: Kind, numbers: &mut [f32]) -> Result<(), HopError> {
        let size = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let (cols, bits) = (self.cols, states::sum_bits(numbers));
        let head = Head {
            bits,
            rows: size(numbers.len() / cols.max(1)),
            cols: size(cols),
            ..Head::of(kind, self.session, self.sent, self.within_ms)
        };
        self.sent = self.sent.wrapping_add(1);
        self.outgoing.send_packed(&mut self.stream, &head, |out| states::pack_rounding(numbers, cols, bits, out))
    }

    /// Takes the other's rows into `theirs`: as many as said, where it is.
    fn receive(&mut self, kind: Kind, rows: Option<usize>) -> Result<(), HopError> {
        let (head, payload) = self.incoming.next(&mut self.stream, self.within_ms)?;
        let got = (head.kind, head.session, head.sequence, head.cols as usize, head.rows as usize);
        let expected = (kind, self.session, self.received, self.cols, rows.unwrap_or(head.rows as usize));
        if got != expected {
            return Err(HopError::Form(format!("{got:?} from the other half of the stage where {expected:?} was expected")));
        }
        self.received = self.received.wrapping_add(1);
        let unpacked = states::unpack(payload, head.rows as usize, self.cols, head.bits, &mut self.theirs);
        unpacked.ok_or_else(|| HopError::Form("a partial sum that is no finite number".into()))
    }

    fn swap(&mut self, partial: &mut [f32]) -> Result<(), HopError> {
        let rows = Some(partial.len() / self.cols.max(1));
        if self.leads || partial.len() <= AT_ONCE {
            self.send(Kind::Partial, partial)?;
            return self.receive(Kind::Partial, rows);
        }
        self.receive(Kind::Partial, rows)?;
        self.send(Kind::Partial, partial)
    }

    /// Remembers why; the engine only passes on that it broke off.
    fn lose(&mut self, why: HopError) -> EngineError {
        let said = EngineError::Input(format!("the other half of the stage: {why}"));
        self.lost = Some(why);
        said
    }
}

impl<S: Read + Write> Partner for Exchange<S> {
    fn begin(&mut self, states: &mut [f32]) -> Result<(), EngineError> {
        // The partner has been given them.
        if !self.leads {
            return Ok(());
        }
        self.send(Kind::States, states).map_err(|why| self.lose(why))
    }

    fn sum(&mut self, partial: &mut [f32]) -> Result<(), EngineError> {
        self.swap(partial).map_err(|why| self.lose(why))?;
        partial.iter_mut().zip(&self.theirs).for_each(|(own, other)| *own += other);
        Ok(())
    }
}

#[cfg(test)]
mod cost;
#[cfg(test)]
mod tests;
