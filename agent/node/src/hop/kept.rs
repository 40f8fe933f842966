//! Streams to neighbours that no request uses. The next request then needs no connection and no certificates on its way,
//! and TCP knows the round trip: a packet that is lost while it does not costs a second (RFC 6298, 2.1), later a fifth.

use super::client::{IDLE_MS, Line, reach};
use crate::clock;
use crate::shared::{Shared, lock};
use protocol::Name;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Streams to one neighbour that are kept: as many requests as run at the same time unless told otherwise.
const MOST: usize = 4;
/// How often is looked whether each neighbour has one, and after an attempt that failed.
const STEP: Duration = Duration::from_millis(500);
const AGAIN_S: f64 = 10.0;

/// Kept streams by who is on the other side, the last one used last.
#[derive(Default)]
pub(crate) struct Kept(Mutex<State>);

#[derive(Default)]
struct State {
    idle: BTreeMap<Name, Vec<(Line, f64)>>,
    /// Nothing is kept any more.
    over: bool,
}

impl Kept {
    /// The stream that was used last, unless it is so old that the other side may have closed it.
    pub(crate) fn take(&self, to: &Name) -> Option<Line> {
        let mut state = lock(&self.0);
        let idle = state.idle.get_mut(to)?;
        prune(idle);
        idle.pop().map(|(line, _)| line)
    }

    /// Keeps a stream on which the other side waits for an opening.
    pub(crate) fn put(&self, to: &Name, line: Line) {
        let mut state = lock(&self.0);
        if !state.over {
            let idle = state.idle.entry(to.clone()).or_default();
            idle.push((line, clock::seconds()));
            if idle.len() > MOST {
                idle.remove(0);
            }
        }
    }

    fn has(&self, to: &Name) -> bool {
        lock(&self.0).idle.get_mut(to).is_some_and(|idle| {
            prune(idle);
            !idle.is_empty()
        })
    }

    /// Closes all, for good.
    pub(crate) fn end(&self) {
        let mut state = lock(&self.0);
        state.over = true;
        state.idle.clear();
    }
}

/// Closes what is so old that the other side may do so.
fn prune(idle: &mut Vec<(Line, f64)>) {
    let oldest_s = clock::seconds() - f64::from(IDLE_MS) / 2e3;
    idle.retain(|(_, since_s)| *since_s >= oldest_s);
}

/// Sees that each device which comes next in a pipeline of the plan that is served has a stream ready, until the node
/// ends. Without certificates the called side waits for an opening only for a moment, so there is nothing to do.
pub(crate) fn keep(shared: &Arc<Shared>) {
    let mut failed: BTreeMap<Name, f64> = BTreeMap::new();
    while !shared.ended() && shared.tls.is_some() {
        std::thread::sleep(STEP);
        let plan = shared.peers.status(&shared.me).and_then(|s| s.active);
        let Some(loaded) = plan.and_then(|p| shared.loaded(p.id)) else { continue };
        let next: BTreeSet<Name> = loaded.stages.iter().filter_map(|s| s.next.clone()).filter(|n| *n != shared.me).collect();
        for to in next {
            let now = clock::seconds();
            let rests = failed.get(&to).is_some_and(|at| now - at < AGAIN_S);
            if rests || shared.kept.has(&to) || shared.wires.is_gone(&to) {
                continue;
            }
            match reach(shared, &to) {
                Ok(line) => shared.kept.put(&to, line),
                // A request that comes meanwhile finds out for itself.
                Err(_) => drop(failed.insert(to, now)),
            }
        }
    }
}
