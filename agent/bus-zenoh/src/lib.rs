//! The bus between processes and machines, over Zenoh: no server, each session listens and connects where it is told.
//!
//! Endpoints are always explicit: nothing is scouted by multicast. Sessions that share a neighbour learn each
//! other's address from it and link up directly, so the end of the first one splits nobody. Settings and their
//! reasons: `docs/fleet.md`. Nothing outside this crate sees a type of Zenoh.

mod kept;
mod place;

use kept::Kept;
pub use place::{BadEndpoint, Endpoint, Place, Role};
use protocol::bus::{Bus, BusError, Handler, Held, Keep, Life, Message, Qos, Sink, Watch, fits};
use protocol::key::{Key, Pattern};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use zenoh::bytes::ZBytes;
use zenoh::key_expr::KeyExpr;
use zenoh::qos::{CongestionControl, Priority};
use zenoh::query::{ConsolidationMode, Query, QueryTarget};
use zenoh::sample::SampleKind;
use zenoh::{Session, Wait as _};

/// What a refusal begins with: Zenoh's own errors (a time limit) begin otherwise.
const REFUSED: &[u8] = b"refused: ";
/// A good-bye takes up to 10 s on a link that loses packets (eclipse-zenoh/zenoh#2675): so long and no longer.
const CLOSE: Duration = Duration::from_secs(1);

/// A session; its end takes back all that it declared.
pub struct Zenoh {
    /// Only taken by the drop.
    session: Option<Session>,
    kept: Arc<Kept>,
    /// Answers for what is kept.
    keeper: Option<zenoh::query::Queryable<()>>,
}

impl fmt::Debug for Zenoh {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Zenoh")
    }
}

fn failed(doing: &'static str) -> impl Fn(zenoh::Error) -> BusError {
    move |e| BusError::Transport { doing, why: e.to_string() }
}

fn expression(text: &str) -> Result<KeyExpr<'static>, BusError> {
    KeyExpr::try_from(text.to_owned()).map_err(failed("naming a key"))
}

impl Zenoh {
    /// Opens a session. It does not wait for others: it connects as soon as they are there, and again after a loss.
    ///
    /// # Errors
    /// When an endpoint to listen on cannot be had.
    pub fn open(place: &Place) -> Result<Self, BusError> {
        let config = place.config().map_err(failed("reading the configuration"))?;
        let session = zenoh::open(config).wait().map_err(failed("opening"))?;
        let kept = Arc::new(Kept::default());
        let keeper = kept::serve(&session, &kept).map_err(failed("serving what is kept"))?;
        Ok(Self { session: Some(session), kept, keeper: Some(keeper) })
    }

    fn session(&self) -> Result<&Session, BusError> {
        self.session.as_ref().ok_or(BusError::Transport { doing: "speaking", why: "the session is closed".into() })
    }
}

impl Drop for Zenoh {
    fn drop(&mut self) {
        let (keeper, session) = (self.keeper.take(), self.session.take());
        let (tell, told) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            drop(keeper);
            if let Some(session) = session {
                // A session that cannot say good-bye is missed by its lease.
                let _ = session.close().wait();
            }
            let _ = tell.send(());
        });
        let _ = told.recv_timeout(CLOSE);
    }
}

impl Bus for Zenoh {
    fn publish(&self, key: &Key, payload: &[u8], qos: Qos, keep: Keep) -> Result<(), BusError> {
        fits(key, payload)?;
        if keep == Keep::Last {
            self.kept.put(key, payload);
        }
        // A message that blocks closes its link after 5 s; one that may drop is dropped where the way is full.
        let (congestion, priority) = match qos {
            Qos::Sample => (CongestionControl::Drop, Priority::DataLow),
            Qos::Assured => (CongestionControl::Block, Priority::InteractiveHigh),
        };
        let put = self.session()?.put(expression(key.as_str())?, payload);
        put.congestion_control(congestion).priority(priority).wait().map_err(failed("publishing"))
    }

    fn subscribe(&self, pattern: &Pattern, sink: Sink) -> Result<Held, BusError> {
        let hear = move |sample: zenoh::sample::Sample| {
            // A key of another form is no message of ours.
            if let (SampleKind::Put, Ok(key)) = (sample.kind(), sample.key_expr().as_str().parse()) {
                sink(Message { key, payload: sample.payload().to_bytes().into_owned() });
            }
        };
        let declared = self.session()?.declare_subscriber(expression(pattern.as_str())?).callback(hear);
        declared.wait().map(Held::new).map_err(failed("subscribing"))
    }

    fn last(&self, pattern: &Pattern, within: Duration) -> Result<Vec<Message>, BusError> {
        kept::ask(self.session()?, pattern, within).map_err(failed("asking for what is kept"))
    }

    /// Each request has a thread of its own: one that hangs holds up nobody else.
    fn serve(&self, pattern: &Pattern, handler: Handler) -> Result<Held, BusError> {
        let handler = Arc::new(handler);
        let answer = move |query: Query| {
            let handler = Arc::clone(&handler);
            std::thread::spawn(move || reply(&query, &handler));
        };
        let declared = self.session()?.declare_queryable(expression(pattern.as_str())?).callback(answer);
        declared.wait().map(Held::new).map_err(failed("serving"))
    }

    fn request(&self, key: &Key, payload: &[u8], within: Duration) -> Result<Vec<u8>, BusError> {
        fits(key, payload)?;
        let get = self.session()?.get(expression(key.as_str())?).payload(payload).timeout(within);
        let get = get.target(QueryTarget::All).consolidation(ConsolidationMode::None);
        let get = get.congestion_control(CongestionControl::Block).priority(Priority::InteractiveHigh);
        let replies = get.wait().map_err(failed("asking"))?;
        let Ok(reply) = replies.recv() else { return Err(BusError::Nobody { key: key.clone() }) };
        match reply.result() {
            Ok(sample) => {
                let answer = sample.payload().to_bytes().into_owned();
                fits(key, &answer).map(|()| answer)
            }
            Err(error) => match error.payload().to_bytes().strip_prefix(REFUSED) {
                Some(why) => Err(BusError::Refused { key: key.clone(), why: String::from_utf8_lossy(why).into_owned() }),
                None => Err(BusError::TimedOut { key: key.clone(), within }),
            },
        }
    }

    fn declare_alive(&self, key: &Key) -> Result<Held, BusError> {
        let token = self.session()?.liveliness().declare_token(expression(key.as_str())?);
        token.wait().map(Held::new).map_err(failed("showing that it lives"))
    }

    fn watch_alive(&self, pattern: &Pattern, watch: Watch) -> Result<Held, BusError> {
        let see = move |sample: zenoh::sample::Sample| {
            let Ok(key) = sample.key_expr().as_str().parse() else { return };
            watch(match sample.kind() {
                SampleKind::Put => Life::Born(key),
                SampleKind::Delete => Life::Gone(key),
            });
        };
        let watching = self.session()?.liveliness().declare_subscriber(expression(pattern.as_str())?);
        watching.history(true).callback(see).wait().map(Held::new).map_err(failed("watching who lives"))
    }
}

/// Answers one request. An asker that has gone away is no error.
fn reply(query: &Query, handler: &Handler) {
    let Ok(key) = query.key_expr().as_str().parse::<Key>() else { return };
    let asked = query.payload().map(ZBytes::to_bytes).unwrap_or_default();
    let answer = handler(&key, &asked).and_then(|bytes| match fits(&key, &bytes) {
        Ok(()) => Ok(bytes),
        Err(e) => Err(e.to_string()),
    });
    let _ = match answer {
        Ok(bytes) => query.reply(query.key_expr().clone(), bytes).wait(),
        Err(why) => query.reply_err([REFUSED, why.as_bytes()].concat()).wait(),
    };
}
