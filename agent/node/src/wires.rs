//! Open streams by who is on the other side. A thread that waits for a device learns at once that it is gone:
//! its streams are shut down, which no deadline and no look between two reads could do as soon or as cheaply.

use crate::clock::seconds;
use crate::shared::lock;
use protocol::Name;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex};

#[derive(Default)]
pub(crate) struct Wires(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    next: u64,
    open: BTreeMap<u64, (Name, TcpStream)>,
    /// Devices whose token is lost and who have not been heard since.
    gone: BTreeMap<Name, Loss>,
}

/// When a token was lost, and the start of its device that was last heard of then.
#[derive(Clone, Copy)]
struct Loss {
    at_s: f64,
    boot: u64,
}

/// What was said before a loss may be heard so long after it: it waits in another queue than the loss.
const LATE_S: f64 = 1.0;

/// A stream's place in the list; it ends with this.
pub(crate) struct Wire {
    number: u64,
    state: Arc<Mutex<State>>,
}

impl Drop for Wire {
    fn drop(&mut self) {
        lock(&self.state).open.remove(&self.number);
    }
}

impl Wires {
    /// Watches over a stream for as long as the result lives.
    ///
    /// # Errors
    /// When the system has no handle left, or the device is gone already.
    pub(crate) fn hold(&self, to: &Name, stream: &TcpStream) -> std::io::Result<Wire> {
        let copy = stream.try_clone()?;
        let mut state = lock(&self.0);
        if state.gone.contains_key(to) {
            return Err(std::io::Error::other("its token is lost"));
        }
        let number = state.next;
        state.next += 1;
        state.open.insert(number, (to.clone(), copy));
        Ok(Wire { number, state: Arc::clone(&self.0) })
    }

    /// Its process ended, hangs, or is not reached: everything that waits for it stops waiting. `boot`: its last known start.
    pub(crate) fn gone(&self, who: &Name, boot: u64) {
        let mut state = lock(&self.0);
        state.gone.insert(who.clone(), Loss { at_s: seconds(), boot });
        for (_, stream) in state.open.values().filter(|(to, _)| to == who) {
            // It may be closed already.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// It showed itself.
    pub(crate) fn back(&self, who: &Name) {
        lock(&self.0).gone.remove(who);
    }

    /// It said something, in its start `boot`: it is back, unless that may have been on its way since before it was lost.
    /// False where it stays lost.
    pub(crate) fn said(&self, who: &Name, boot: u64) -> bool {
        let mut state = lock(&self.0);
        let late = |loss: &Loss| boot <= loss.boot && seconds() - loss.at_s < LATE_S;
        if state.gone.get(who).is_some_and(late) {
            return false;
        }
        state.gone.remove(who);
        true
    }

    /// All that are gone.
    pub(crate) fn lost(&self) -> BTreeSet<Name> {
        lock(&self.0).gone.keys().cloned().collect()
    }

    pub(crate) fn is_gone(&self, who: &Name) -> bool {
        lock(&self.0).gone.contains_key(who)
    }
}

#[cfg(test)]
mod tests;
