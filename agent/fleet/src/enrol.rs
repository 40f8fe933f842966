//! Who belongs to a fleet: the owner's keys and the agents' keys, and the files that they live in.
//!
//! The roster is public and the same on all devices; a secret key is in one file that only its user may read.

use crate::certificate;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use protocol::sign::{Keyring, PublicKey, Signer};
use protocol::{Name, hex};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// What a roster says it is.
const ROSTER: &str = "wattline.roster/1";
/// What a key file begins with.
const KEY: &str = "wattline-key/1 ";
/// Largest roster: 10,000 agents.
const ROSTER_BYTES: u64 = 2 << 20;

/// A fleet's name, whose plans its agents believe, and its agents.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Roster {
    schema: String,
    pub fleet: Name,
    /// Public keys; two while one replaces the other.
    planners: Vec<String>,
    /// Certificates of these keys as authorities of the devices' certificates, DER in base64; none in a roster from
    /// before there were certificates, whose fleet then links up without them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    authorities: Vec<String>,
    agents: BTreeMap<Name, String>,
}

/// The owner's secret keys.
#[derive(Debug)]
pub struct Owners {
    pub now: Signer,
    /// While one key replaces the other.
    pub next: Option<Signer>,
}

impl Owners {
    /// # Errors
    /// When a key cannot be read. That there is no next one is none.
    pub fn read(now: &Path, next: &Path) -> Result<Self, EnrolError> {
        let next = if next.exists() { Some(read_key(next)?) } else { None };
        Ok(Self { now: read_key(now)?, next })
    }

    /// By whom certificates are signed.
    #[must_use]
    pub fn newest(&self) -> &Signer {
        self.next.as_ref().unwrap_or(&self.now)
    }
}

impl From<Signer> for Owners {
    fn from(now: Signer) -> Self {
        Self { now, next: None }
    }
}

/// Why keys or a roster cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum EnrolError {
    #[error("{}: {source}", .path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("{}: others may read this secret key; mend it with `chmod 600 {}`", .path.display(), .path.display())]
    Open { path: PathBuf },
    #[error("{}: no key file; `planner keygen` and `planner enroll` write them", .path.display())]
    NoKey { path: PathBuf },
    #[error("{}: no roster: {why}; `planner keygen` writes one", .path.display())]
    NoRoster { path: PathBuf, why: String },
    #[error("`{agent}` is enrolled already")]
    Twice { agent: Name },
    #[error("{}: no certificate: {why}; `planner enroll` writes one beside the key", .path.display())]
    NoCertificate { path: PathBuf, why: String },
    #[error("certificate: {0}")]
    Certificate(String),
    #[error("the operating system gives no random numbers: {0}")]
    Random(getrandom::Error),
}

fn file(path: &Path) -> impl Fn(io::Error) -> EnrolError {
    let path = path.to_owned();
    move |source| EnrolError::File { path: path.clone(), source }
}

/// 32 bytes that nobody can guess.
///
/// # Errors
/// When the operating system has none.
pub fn random() -> Result<[u8; 32], EnrolError> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(EnrolError::Random)?;
    Ok(bytes)
}

/// Makes a key and writes it to a new file that only its user may read.
///
/// # Errors
/// When the file is there already, or cannot be written.
pub fn make_key(path: &Path) -> Result<Signer, EnrolError> {
    let seed = random()?;
    let mut out = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(file(path))?;
    let line = format!("{KEY}{}\n", hex::encode(&seed));
    out.write_all(line.as_bytes()).and_then(|()| out.sync_all()).map_err(file(path))?;
    Ok(Signer::from_seed(&seed))
}

/// Reads a secret key.
///
/// # Errors
/// When it is no key file, or others may read it.
pub fn read_key(path: &Path) -> Result<Signer, EnrolError> {
    let meta = fs::metadata(path).map_err(file(path))?;
    if meta.permissions().mode() & 0o077 != 0 {
        return Err(EnrolError::Open { path: path.to_owned() });
    }
    let none = || EnrolError::NoKey { path: path.to_owned() };
    if meta.len() > 1024 {
        return Err(none());
    }
    let text = String::from_utf8(fs::read(path).map_err(file(path))?).map_err(|_| none())?;
    let digits = text.strip_prefix(KEY).and_then(|t| t.strip_suffix('\n')).ok_or_else(none)?;
    hex::decode(digits).map(|seed| Signer::from_seed(&seed)).map_err(|_| none())
}

impl Roster {
    /// A fleet without agents.
    ///
    /// # Errors
    /// When its certificate cannot be made.
    pub fn new(fleet: Name, owner: &Signer) -> Result<Self, EnrolError> {
        let authorities = vec![STANDARD.encode(certificate::authority(&fleet, owner)?)];
        let planners = vec![owner.public().to_string()];
        Ok(Self { schema: ROSTER.to_owned(), fleet, planners, authorities, agents: BTreeMap::new() })
    }

    /// Reads a roster; every key in it is checked.
    ///
    /// # Errors
    /// When it is no roster, or a key is none.
    pub fn read(path: &Path) -> Result<Self, EnrolError> {
        let none = |why: String| EnrolError::NoRoster { path: path.to_owned(), why };
        let bytes = fs::metadata(path).map_err(file(path))?.len();
        if bytes > ROSTER_BYTES {
            return Err(none(format!("{bytes} bytes, at most {ROSTER_BYTES}")));
        }
        let roster: Self = serde_json::from_slice(&fs::read(path).map_err(file(path))?).map_err(|e| none(e.to_string()))?;
        if roster.schema != ROSTER {
            return Err(none(format!("schema `{}`, this version reads `{ROSTER}`", roster.schema)));
        }
        for key in roster.planners.iter().chain(roster.agents.values()) {
            key.parse::<PublicKey>().map_err(|e| none(e.to_string()))?;
        }
        for authority in &roster.authorities {
            STANDARD.decode(authority).map_err(|e| none(format!("authority: {e}")))?;
        }
        Ok(roster)
    }

    /// Writes it beside its place and renames.
    ///
    /// # Errors
    /// When the folder cannot be written to.
    pub fn write(&self, path: &Path) -> Result<(), EnrolError> {
        let mut text = serde_json::to_vec_pretty(self).map_err(|e| file(path)(io::Error::other(e)))?;
        text.push(b'\n');
        let draft = path.with_extension("draft");
        fs::write(&draft, text).and_then(|()| fs::rename(&draft, path)).map_err(file(path))
    }

    /// Adds an agent, and writes its new key and its certificate into a folder, as `AGENT.key` and `AGENT.crt`.
    ///
    /// # Errors
    /// When there is one of that name, or a file of it.
    pub fn enrol(&mut self, agent: Name, folder: &Path, owners: &Owners) -> Result<Signer, EnrolError> {
        if self.agents.contains_key(&agent) {
            return Err(EnrolError::Twice { agent });
        }
        let signer = make_key(&folder.join(format!("{agent}.key")))?;
        self.certify(&agent, &signer.public(), folder, owners)?;
        self.agents.insert(agent, signer.public().to_string());
        Ok(signer)
    }

    /// Writes a certificate for an agent's key into a folder, in the place of one that is there.
    ///
    /// # Errors
    /// When the folder cannot be written to.
    fn certify(&self, agent: &Name, key: &PublicKey, folder: &Path, owners: &Owners) -> Result<(), EnrolError> {
        let mut chain = vec![certificate::issue(&self.fleet, owners.newest(), agent, key)?];
        if let Some(next) = &owners.next {
            chain.push(certificate::cross(&self.fleet, &owners.now, &next.public())?);
        }
        let path = folder.join(format!("{agent}.crt"));
        let text: String = chain.iter().map(|der| certificate::pem("CERTIFICATE", der)).collect();
        let draft = path.with_extension("draft");
        fs::write(&draft, text).and_then(|()| fs::rename(&draft, &path)).map_err(file(&path))
    }

    /// Believes the owner's next key beside the present one, and gives every agent a certificate by it that those who
    /// only know the present one believe as well.
    ///
    /// # Errors
    /// When the folder cannot be written to.
    pub fn begin_rotation(&mut self, folder: &Path, owners: &Owners) -> Result<(), EnrolError> {
        let next = owners.newest();
        let key = next.public().to_string();
        if !self.planners.contains(&key) {
            self.planners.push(key);
            self.authorities.push(STANDARD.encode(certificate::authority(&self.fleet, next)?));
        }
        for (agent, key) in &self.agents {
            if let Ok(key) = key.parse() {
                self.certify(agent, &key, folder, owners)?;
            }
        }
        Ok(())
    }

    /// Believes this key of the owner alone.
    ///
    /// # Errors
    /// When its certificate cannot be made.
    pub fn end_rotation(&mut self, next: &Signer) -> Result<(), EnrolError> {
        self.planners = vec![next.public().to_string()];
        self.authorities = vec![STANDARD.encode(certificate::authority(&self.fleet, next)?)];
        Ok(())
    }

    /// Certificates by which a device's certificate must be signed, DER; none: links are opened without certificates.
    #[must_use]
    pub fn authorities(&self) -> Vec<Vec<u8>> {
        self.authorities.iter().filter_map(|a| STANDARD.decode(a).ok()).collect()
    }

    /// Whose plans are believed.
    #[must_use]
    pub fn planners(&self) -> Keyring {
        Keyring::new(self.planners.iter().filter_map(|k| k.parse().ok()))
    }

    /// Each agent with its key.
    pub fn agents(&self) -> impl Iterator<Item = (&Name, Keyring)> {
        self.agents.iter().map(|(name, key)| (name, Keyring::new(key.parse().ok())))
    }

    /// Whether this key is the agent's.
    #[must_use]
    pub fn knows(&self, agent: &Name, key: &PublicKey) -> bool {
        self.agents.get(agent).is_some_and(|k| *k == key.to_string())
    }
}

#[cfg(test)]
mod tests;
