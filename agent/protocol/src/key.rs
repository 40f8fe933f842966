//! Where things are said on the bus: `wattline/FLEET/TOPIC/AGENT/REST…`, and patterns over that.

use crate::id::{Name, NotAName};
use std::fmt;
use std::str::FromStr;

/// First part of every key.
pub const ROOT: &str = "wattline";
/// Longest key: room for a digest after the names.
const KEY_BYTES: usize = 384;

/// What is said below a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Topic {
    /// Liveliness tokens.
    Alive,
    /// The signed plan that an agent shall carry out.
    Desired,
    /// What an agent has made of it.
    Status,
    /// Measurements; may be lost.
    Telemetry,
    /// Commands with an answer.
    Rpc,
    /// Who has which model file.
    Blob,
}

impl Topic {
    pub const ALL: [Self; 6] = [Self::Alive, Self::Desired, Self::Status, Self::Telemetry, Self::Rpc, Self::Blob];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Alive => "alive",
            Self::Desired => "desired",
            Self::Status => "status",
            Self::Telemetry => "telemetry",
            Self::Rpc => "rpc",
            Self::Blob => "blob",
        }
    }
}

/// Why a text is no key or pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAKey {
    #[error("key: {got} bytes, at most {KEY_BYTES}")]
    TooLong { got: usize },
    #[error("key `{text}`: expected `wattline/FLEET/TOPIC/AGENT` with a topic of alive, desired, status, telemetry, rpc, blob")]
    Form { text: String },
    #[error("key: {0}")]
    Name(#[from] NotAName),
}

/// A key: one place to say something.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    text: String,
    topic: Topic,
}

impl Key {
    #[must_use]
    pub fn new(fleet: &Name, topic: Topic, agent: &Name) -> Self {
        Self { text: format!("{ROOT}/{fleet}/{}/{agent}", topic.as_str()), topic }
    }

    /// The key one part further down.
    #[must_use]
    pub fn below(&self, part: &Name) -> Self {
        Self { text: format!("{}/{part}", self.text), topic: self.topic }
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    #[must_use]
    pub fn topic(&self) -> Topic {
        self.topic
    }

    /// The third of its names: whom it is about.
    #[must_use]
    pub fn agent(&self) -> &str {
        self.text.split('/').nth(3).unwrap_or_default()
    }

    #[must_use]
    pub fn fleet(&self) -> &str {
        self.text.split('/').nth(1).unwrap_or_default()
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Key {
    type Err = NotAKey;

    fn from_str(text: &str) -> Result<Self, NotAKey> {
        if text.len() > KEY_BYTES {
            return Err(NotAKey::TooLong { got: text.len() });
        }
        let form = || NotAKey::Form { text: text.chars().take(80).collect() };
        let mut parts = text.split('/');
        let (root, fleet, topic) = (parts.next(), parts.next(), parts.next());
        if root != Some(ROOT) {
            return Err(form());
        }
        Name::new(fleet.ok_or_else(form)?)?;
        let topic = topic.and_then(|t| Topic::ALL.into_iter().find(|k| k.as_str() == t)).ok_or_else(form)?;
        let mut agents = 0;
        for part in parts {
            Name::new(part)?;
            agents += 1;
        }
        if agents == 0 { Err(form()) } else { Ok(Self { text: text.to_owned(), topic }) }
    }
}

/// Keys of a kind: as a key, but a part may be `*` (any one part) and the last `**` (any rest).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pattern(String);

impl Pattern {
    /// Everything of a topic in a fleet.
    #[must_use]
    pub fn topic(fleet: &Name, topic: Topic) -> Self {
        Self(format!("{ROOT}/{fleet}/{}/**", topic.as_str()))
    }

    /// Everything of a topic about one agent, the bare key included.
    #[must_use]
    pub fn about(fleet: &Name, topic: Topic, agent: &Name) -> Self {
        Self(format!("{ROOT}/{fleet}/{}/{agent}/**", topic.as_str()))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    #[must_use]
    pub fn matches(&self, key: &Key) -> bool {
        let mut parts = key.as_str().split('/');
        for want in self.0.split('/') {
            match (want, parts.next()) {
                ("**", _) => return true,
                ("*", Some(_)) => {}
                (w, Some(p)) if w == p => {}
                _ => return false,
            }
        }
        parts.next().is_none()
    }
}

impl From<Key> for Pattern {
    fn from(key: Key) -> Self {
        Self(key.text)
    }
}

impl FromStr for Pattern {
    type Err = NotAKey;

    fn from_str(text: &str) -> Result<Self, NotAKey> {
        if text.len() > KEY_BYTES {
            return Err(NotAKey::TooLong { got: text.len() });
        }
        let count = text.split('/').count();
        for (i, part) in text.split('/').enumerate() {
            match part {
                "**" if i + 1 == count && i > 0 => {}
                "*" if i > 0 => {}
                _ => {
                    Name::new(part)?;
                }
            }
        }
        if text.split('/').next() == Some(ROOT) {
            Ok(Self(text.to_owned()))
        } else {
            Err(NotAKey::Form { text: text.chars().take(80).collect() })
        }
    }
}
