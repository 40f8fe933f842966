//! The last kept message of each key: every session answers for its own.

use protocol::bus::Message;
use protocol::key::{Key, Pattern};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use zenoh::key_expr::KeyExpr;
use zenoh::query::{ConsolidationMode, QueryTarget, Queryable};
use zenoh::{Session, Wait as _};

/// Before the key, so that no request for a served key asks for what is kept on it.
const BEFORE: &str = "last/";

#[derive(Default)]
pub(crate) struct Kept(Mutex<BTreeMap<Key, Vec<u8>>>);

impl Kept {
    /// Nothing panics while it is held.
    fn all(&self) -> MutexGuard<'_, BTreeMap<Key, Vec<u8>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn put(&self, key: &Key, payload: &[u8]) {
        self.all().insert(key.clone(), payload.to_vec());
    }

    fn matching(&self, asked: &KeyExpr<'_>) -> Vec<(KeyExpr<'static>, Vec<u8>)> {
        let named = |key: &Key| KeyExpr::try_from(format!("{BEFORE}{key}")).ok();
        let found = self.all().iter().filter_map(|(key, bytes)| Some((named(key)?, bytes.clone()))).collect::<Vec<_>>();
        found.into_iter().filter(|(key, _)| asked.intersects(key)).collect()
    }
}

/// Answers whoever asks.
pub(crate) fn serve(session: &Session, kept: &Arc<Kept>) -> zenoh::Result<Queryable<()>> {
    let kept = Arc::clone(kept);
    let answer = move |query: zenoh::query::Query| {
        for (key, payload) in kept.matching(query.key_expr()) {
            // An asker that has gone away is no error.
            let _ = query.reply(key, payload).wait();
        }
    };
    session.declare_queryable(format!("{BEFORE}**")).callback(answer).wait()
}

/// Asks all sessions; those that do not answer in time are left out.
pub(crate) fn ask(session: &Session, pattern: &Pattern, within: Duration) -> zenoh::Result<Vec<Message>> {
    let get = session.get(format!("{BEFORE}{}", pattern.as_str())).timeout(within);
    let replies = get.target(QueryTarget::All).consolidation(ConsolidationMode::None).wait()?;
    let mut found = Vec::new();
    while let Ok(reply) = replies.recv() {
        let Ok(sample) = reply.result() else { continue };
        let key = sample.key_expr().as_str().strip_prefix(BEFORE).and_then(|k| k.parse().ok());
        found.extend(key.map(|key| Message { key, payload: sample.payload().to_bytes().into_owned() }));
    }
    found.sort_by(|a, b| a.key.cmp(&b.key));
    Ok(found)
}
