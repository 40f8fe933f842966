//! The bus inside one process: for one machine and for tests.
//!
//! Messages are handed over on the thread that publishes, in its order; nothing is ever dropped.

use super::{Bus, BusError, Handler, Held, Keep, Life, Message, Qos, Sink, Watch, fits};
use crate::key::{Key, Pattern};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Where the participants of a process meet.
#[derive(Clone, Default)]
pub struct Hub(Arc<Shared>);

#[derive(Default)]
struct Shared {
    next: AtomicU64,
    state: Mutex<State>,
}

/// All that is declared, by a number that grows; the second part is the session.
#[derive(Default)]
struct State {
    sinks: BTreeMap<u64, (u64, Pattern, Arc<Sink>)>,
    servers: BTreeMap<u64, (u64, Pattern, Arc<Handler>)>,
    watches: BTreeMap<u64, (u64, Pattern, Arc<Watch>)>,
    tokens: BTreeMap<u64, (u64, Key)>,
    kept: BTreeMap<(Key, u64), Vec<u8>>,
}

impl Hub {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A new participant; what it declared ends with it.
    #[must_use]
    pub fn join(&self) -> Local {
        Local { hub: self.clone(), session: self.number() }
    }

    fn number(&self) -> u64 {
        self.0.next.fetch_add(1, Ordering::Relaxed)
    }

    /// Nothing that is called while the lock is held can panic in the middle of a change.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes tokens away and tells those who watch.
    fn bury(&self, which: impl Fn(u64, u64) -> bool) {
        let mut calls: Vec<(Arc<Watch>, Key)> = Vec::new();
        {
            let mut state = self.state();
            let gone: Vec<u64> = state.tokens.iter().filter(|(n, (s, _))| which(**n, *s)).map(|(n, _)| *n).collect();
            for n in gone {
                let Some((_, key)) = state.tokens.remove(&n) else { continue };
                if state.tokens.values().any(|(_, k)| *k == key) {
                    continue;
                }
                let heard = state.watches.values().filter(|(_, p, _)| p.matches(&key));
                calls.extend(heard.map(|(_, _, w)| (Arc::clone(w), key.clone())));
            }
        }
        for (watch, key) in calls {
            watch(Life::Gone(key));
        }
    }
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hub")
    }
}

/// A participant of a [`Hub`].
#[derive(Debug)]
pub struct Local {
    hub: Hub,
    session: u64,
}

/// What a declaration takes back when it ends.
struct Declared {
    hub: Hub,
    number: u64,
}

impl Drop for Declared {
    fn drop(&mut self) {
        let number = self.number;
        {
            let mut state = self.hub.state();
            state.sinks.remove(&number);
            state.servers.remove(&number);
            state.watches.remove(&number);
        }
        self.hub.bury(|n, _| n == number);
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        let session = self.session;
        {
            let mut state = self.hub.state();
            state.sinks.retain(|_, v| v.0 != session);
            state.servers.retain(|_, v| v.0 != session);
            state.watches.retain(|_, v| v.0 != session);
            state.kept.retain(|(_, s), _| *s != session);
        }
        self.hub.bury(|_, s| s == session);
    }
}

impl Local {
    fn declared(&self, number: u64) -> Held {
        Held::new(Declared { hub: self.hub.clone(), number })
    }
}

impl Bus for Local {
    fn publish(&self, key: &Key, payload: &[u8], _qos: Qos, keep: Keep) -> Result<(), BusError> {
        fits(key, payload)?;
        let sinks: Vec<Arc<Sink>> = {
            let mut state = self.hub.state();
            if keep == Keep::Last {
                state.kept.insert((key.clone(), self.session), payload.to_vec());
            }
            state.sinks.values().filter(|(_, p, _)| p.matches(key)).map(|(_, _, s)| Arc::clone(s)).collect()
        };
        for sink in sinks {
            sink(Message { key: key.clone(), payload: payload.to_vec() });
        }
        Ok(())
    }

    fn subscribe(&self, pattern: &Pattern, sink: Sink) -> Result<Held, BusError> {
        let number = self.hub.number();
        self.hub.state().sinks.insert(number, (self.session, pattern.clone(), Arc::new(sink)));
        Ok(self.declared(number))
    }

    fn last(&self, pattern: &Pattern, _within: Duration) -> Result<Vec<Message>, BusError> {
        let state = self.hub.state();
        let found = state.kept.iter().filter(|((key, _), _)| pattern.matches(key));
        Ok(found.map(|((key, _), payload)| Message { key: key.clone(), payload: payload.clone() }).collect())
    }

    fn serve(&self, pattern: &Pattern, handler: Handler) -> Result<Held, BusError> {
        let number = self.hub.number();
        self.hub.state().servers.insert(number, (self.session, pattern.clone(), Arc::new(handler)));
        Ok(self.declared(number))
    }

    /// The handler runs on a thread of its own, so that one that hangs costs the caller its time limit only.
    fn request(&self, key: &Key, payload: &[u8], within: Duration) -> Result<Vec<u8>, BusError> {
        fits(key, payload)?;
        let server = {
            let state = self.hub.state();
            state.servers.values().find(|(_, p, _)| p.matches(key)).map(|(_, _, h)| Arc::clone(h))
        };
        let Some(server) = server else { return Err(BusError::Nobody { key: key.clone() }) };
        let (tell, told) = channel();
        let (asked, payload) = (key.clone(), payload.to_vec());
        std::thread::spawn(move || {
            // The caller may have given up meanwhile.
            let _ = tell.send(server(&asked, &payload));
        });
        match told.recv_timeout(within) {
            Ok(Ok(answer)) => fits(key, &answer).map(|()| answer),
            Ok(Err(why)) => Err(BusError::Refused { key: key.clone(), why }),
            Err(RecvTimeoutError::Timeout) => Err(BusError::TimedOut { key: key.clone(), within }),
            Err(RecvTimeoutError::Disconnected) => {
                Err(BusError::Refused { key: key.clone(), why: "the handler failed".to_owned() })
            }
        }
    }

    fn declare_alive(&self, key: &Key) -> Result<Held, BusError> {
        let number = self.hub.number();
        let watches: Vec<Arc<Watch>> = {
            let mut state = self.hub.state();
            let known = state.tokens.values().any(|(_, k)| k == key);
            state.tokens.insert(number, (self.session, key.clone()));
            let heard = state.watches.values().filter(|(_, p, _)| !known && p.matches(key));
            heard.map(|(_, _, w)| Arc::clone(w)).collect()
        };
        for watch in watches {
            watch(Life::Born(key.clone()));
        }
        Ok(self.declared(number))
    }

    fn watch_alive(&self, pattern: &Pattern, watch: Watch) -> Result<Held, BusError> {
        let number = self.hub.number();
        let watch = Arc::new(watch);
        let mut there: Vec<Key> = {
            let mut state = self.hub.state();
            state.watches.insert(number, (self.session, pattern.clone(), Arc::clone(&watch)));
            state.tokens.values().filter(|(_, k)| pattern.matches(k)).map(|(_, k)| k.clone()).collect()
        };
        there.sort();
        there.dedup();
        for key in there {
            watch(Life::Born(key));
        }
        Ok(self.declared(number))
    }
}
