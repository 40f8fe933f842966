//! What the other agents said last.

use crate::shared::lock;
use protocol::message::{Listener, MessageError};
use protocol::{Key, Name, Status};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// A status and the signed message that it came in.
#[derive(Clone)]
pub(crate) struct Heard {
    pub(crate) status: Arc<Status>,
    pub(crate) sealed: Arc<[u8]>,
}

pub(crate) struct Peers {
    listener: Mutex<Listener>,
    last: Mutex<BTreeMap<Name, Heard>>,
    samples: Mutex<Samples>,
}

/// What was measured. Samples overtake statuses on their way, so they have an order of their own.
struct Samples {
    listener: Listener,
    last: BTreeMap<Name, Arc<[u8]>>,
}

/// Why a status is not believed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoStatus {
    #[error(transparent)]
    Message(#[from] MessageError),
    #[error(transparent)]
    Read(#[from] protocol::schema::ReadError),
    #[error("a status of {about} by {sender}")]
    Other { about: Name, sender: Name },
}

impl Peers {
    pub(crate) fn new(listener: Listener) -> Self {
        let samples = Samples { listener: listener.clone(), last: BTreeMap::new() };
        Self { samples: Mutex::new(samples), listener: Mutex::new(listener), last: Mutex::default() }
    }

    /// Takes in what was said on a key.
    pub(crate) fn hear(&self, key: &Key, bytes: &[u8]) -> Result<Arc<Status>, NoStatus> {
        let status = {
            let mut listener = lock(&self.listener);
            let (head, body) = listener.open(bytes, key)?;
            let status = Status::read(body)?;
            if status.agent != head.sender {
                return Err(NoStatus::Other { about: status.agent, sender: head.sender });
            }
            Arc::new(status)
        };
        lock(&self.last).insert(status.agent.clone(), Heard { status: Arc::clone(&status), sealed: bytes.into() });
        Ok(status)
    }

    /// Keeps what a device said that it measures, for planners. One that is not believed is as if it were lost.
    pub(crate) fn hear_sample(&self, key: &Key, bytes: &[u8]) {
        let mut samples = lock(&self.samples);
        if let Ok((head, _)) = samples.listener.open(bytes, key) {
            samples.last.insert(head.sender, bytes.into());
        }
    }

    /// The signed message of each device's last sample.
    pub(crate) fn samples(&self) -> Vec<Arc<[u8]>> {
        lock(&self.samples).last.values().cloned().collect()
    }

    pub(crate) fn status(&self, of: &Name) -> Option<Arc<Status>> {
        lock(&self.last).get(of).map(|h| Arc::clone(&h.status))
    }

    /// Where a neighbour's stages are reached.
    pub(crate) fn hop(&self, of: &Name) -> Option<String> {
        self.status(of)?.hop.clone()
    }

    /// All, by name.
    pub(crate) fn all(&self) -> Vec<Heard> {
        lock(&self.last).values().cloned().collect()
    }
}
