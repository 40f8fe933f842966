//! A session and all that was declared on it, so that a new one can take its place.
//!
//! Two sessions that connect to each other at the same moment take each other's link for a second one and close both,
//! and where that happens between two steps of Zenoh 1.10.2 neither tries again (`peers_connector_retry` notes the
//! endpoint only after the link is up): they then miss each other for good. Whoever knows that the other is there asks
//! for a new session.

use crate::kept::{self, Kept};
use crate::place::Place;
use protocol::bus::{BusError, Held};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use zenoh::query::Queryable;
use zenoh::{Session, Wait as _};

/// A good-bye takes up to 10 s on a link that loses packets (eclipse-zenoh/zenoh#2675): so long and no longer.
const CLOSE: Duration = Duration::from_secs(1);
/// A session that is still saying good-bye holds its address: how often, and after what time, the next one asks again.
const ATTEMPTS: usize = 60;
const AGAIN: Duration = Duration::from_millis(200);

/// Declares something on a session.
type Declare = Box<dyn Fn(&Session) -> zenoh::Result<Held> + Send>;

/// What goes on while sessions change.
pub(crate) struct Sessions {
    place: Place,
    pub(crate) kept: Arc<Kept>,
    /// None between two sessions. Never locked while something is declared: a callback may speak.
    open: Mutex<Option<Open>>,
    declared: Mutex<Declared>,
}

struct Open {
    session: Session,
    /// Answers for what is kept.
    _keeper: Queryable<()>,
}

#[derive(Default)]
struct Declared {
    next: u64,
    all: BTreeMap<u64, (Declare, Option<Held>)>,
}

/// One declaration; it ends with this.
struct Guard {
    number: u64,
    of: Arc<Sessions>,
}

impl Drop for Guard {
    fn drop(&mut self) {
        drop(lock(&self.of.declared).all.remove(&self.number));
    }
}

/// Nothing panics in the middle of a change of what is locked here.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn failed(doing: &'static str) -> impl Fn(zenoh::Error) -> BusError {
    move |e| BusError::Transport { doing, why: e.to_string() }
}

impl Sessions {
    pub(crate) fn open(place: Place) -> Result<Arc<Self>, BusError> {
        let kept = Arc::new(Kept::default());
        let open = begin(&place, &kept)?;
        Ok(Arc::new(Self { place, kept, open: Mutex::new(Some(open)), declared: Mutex::default() }))
    }

    /// The session of now.
    pub(crate) fn now(&self) -> Result<Session, BusError> {
        let now = lock(&self.open).as_ref().map(|o| o.session.clone());
        now.ok_or(BusError::Transport { doing: "speaking", why: "the session is closed".into() })
    }

    /// Declares on this session and on all that come after it.
    pub(crate) fn declare(
        self: &Arc<Self>,
        doing: &'static str,
        how: impl Fn(&Session) -> zenoh::Result<Held> + Send + 'static,
    ) -> Result<Held, BusError> {
        let mut declared = lock(&self.declared);
        let held = how(&self.now()?).map_err(failed(doing))?;
        let number = declared.next;
        declared.next += 1;
        declared.all.insert(number, (Box::new(how), Some(held)));
        Ok(Held::new(Guard { number, of: Arc::clone(self) }))
    }

    /// Ends the session and begins another, with all that was declared.
    pub(crate) fn renew(&self) -> Result<(), BusError> {
        let mut declared = lock(&self.declared);
        declared.all.values_mut().for_each(|(_, held)| drop(held.take()));
        let old = lock(&self.open).take();
        end(old);
        let mut tries = 0;
        let new = loop {
            match begin(&self.place, &self.kept) {
                Ok(new) => break new,
                Err(e) if tries == ATTEMPTS => return Err(e),
                Err(_) => std::thread::sleep(AGAIN),
            }
            tries += 1;
        };
        let session = new.session.clone();
        *lock(&self.open) = Some(new);
        for (how, held) in declared.all.values_mut() {
            *held = Some(how(&session).map_err(failed("declaring anew"))?);
        }
        Ok(())
    }

    /// Says good-bye.
    pub(crate) fn close(&self) {
        let last = lock(&self.open).take();
        end(last);
    }
}

fn begin(place: &Place, kept: &Arc<Kept>) -> Result<Open, BusError> {
    let config = place.config().map_err(failed("reading the configuration"))?;
    let session = zenoh::open(config).wait().map_err(failed("opening"))?;
    let keeper = kept::serve(&session, kept).map_err(failed("serving what is kept"))?;
    Ok(Open { session, _keeper: keeper })
}

/// Ends a session, in the background where that takes long.
fn end(open: Option<Open>) {
    let Some(Open { session, _keeper }) = open else { return };
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        drop(_keeper);
        // A session that cannot say good-bye is missed by its lease.
        let _ = session.close().wait();
        let _ = tell.send(());
    });
    let _ = told.recv_timeout(CLOSE);
}
