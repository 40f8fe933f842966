//! What an agent is told when it starts.

use crate::blobs::Origin;
use crate::modes::Commands;
use fleet::certificate::Credentials;
use fleet::enrol::{EnrolError, Roster, read_key};
use protocol::{Digest, Name, Signer};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

/// The configuration of an agent; as a file, `agent run --config FILE`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Its name, as it was enrolled.
    pub agent: Name,
    /// The fleet's roster.
    pub fleet: PathBuf,
    /// Its secret key.
    pub key: PathBuf,
    /// Its certificate; none: beside the key, with the ending `crt`.
    #[serde(default)]
    pub certificate: Option<PathBuf>,
    /// Whether what crosses between agents is secret and both sides of a link show a certificate; none: where the
    /// roster has an authority, which it has since there are certificates.
    #[serde(default)]
    pub tls: Option<bool>,
    /// Folder for its ledger and plans.
    pub state: PathBuf,
    /// What it does for others on the bus.
    #[serde(default)]
    pub role: Role,
    /// Address on which the bus listens, `HOST:PORT`; none: a free port of the loopback.
    #[serde(default)]
    pub listen: Option<String>,
    /// Addresses of other agents' buses.
    #[serde(default)]
    pub connect: Vec<String>,
    /// Address on which neighbours in a pipeline are listened to.
    #[serde(default = "any_port")]
    pub hop: SocketAddr,
    /// Address of the OpenAI-compatible server.
    #[serde(default = "any_port")]
    pub http: SocketAddr,
    /// Model files by the names that plans give them.
    #[serde(default)]
    pub models: BTreeMap<String, PathBuf>,
    /// SHA-256 of model files by the same names: a file that is another one is not loaded. What `agent pull` fetched
    /// has its digest in the list of models.
    #[serde(default)]
    pub digests: BTreeMap<String, Digest>,
    /// Web servers that have model files by their digest, for what no agent has.
    #[serde(default)]
    pub origins: Vec<Origin>,
    /// Folder below which `sys` and `proc` lie for the sensors, as in a container; none: the machine's own.
    #[serde(default)]
    pub sensors: Option<PathBuf>,
    /// File on which a program of this device takes an exclusive lock (`flock`) while no plan may take another's place
    /// here; none: a plan does so when it is ready.
    #[serde(default)]
    pub hold: Option<PathBuf>,
    /// Command, program first, that sets a power mode of the plan, by the mode's id in the profile; `{clock}` in it
    /// stands for the clock's factor. None: modes are its owner's business, and nothing is set.
    #[serde(default, deserialize_with = "commands")]
    pub power_modes: Commands,
    /// Address of an OpenTelemetry collector, `HOST:PORT`, that gets a trace of each request (OTLP/HTTP, JSON); none:
    /// nothing is sent.
    #[serde(default)]
    pub otlp: Option<String>,
    /// Keys of which a request must have one; none: anyone who reaches the address may ask.
    #[serde(default)]
    pub api_keys: Vec<String>,
    /// Threads of the engine; none: all cores.
    #[serde(default)]
    pub threads: Option<usize>,
    /// Bytes that models may take; none: what the system calls available.
    #[serde(default)]
    pub memory_bytes: Option<u64>,
    #[serde(default)]
    pub limits: Limits,
}

impl Settings {
    /// What this agent shows on its links; none: its links are plain.
    ///
    /// # Errors
    /// When its certificate cannot be read.
    pub fn credentials(&self, roster: &Roster, signer: &Signer) -> Result<Option<Credentials>, EnrolError> {
        let authorities = roster.authorities();
        if !self.tls.unwrap_or(!authorities.is_empty()) {
            return Ok(None);
        }
        let path = self.certificate.clone().unwrap_or_else(|| self.key.with_extension("crt"));
        Credentials::read(authorities, &path, signer).map(Some)
    }

    /// The same, from its files.
    ///
    /// # Errors
    /// When roster, key or certificate cannot be read.
    pub fn read_credentials(&self) -> Result<Option<Credentials>, EnrolError> {
        self.credentials(&Roster::read(&self.fleet)?, &read_key(&self.key)?)
    }

    /// What other machines can reach because the configuration says so, and may read or ask there: one line each.
    /// `secret`: links between agents have certificates.
    #[must_use]
    pub fn exposed(&self, secret: bool) -> Vec<String> {
        let plain = "what crosses is signed and not secret (there are no certificates): use a network that you trust, or a VPN";
        let mut lines = Vec::new();
        if let Some(at) = self.listen.as_ref().filter(|at| !secret && !is_loopback(at)) {
            lines.push(format!("listen: {at} is reached from other machines; {plain}"));
        }
        if !secret && !self.hop.ip().is_loopback() {
            lines.push(format!("hop: {} is reached from other machines; {plain}", self.hop));
        }
        if !self.http.ip().is_loopback() {
            let anyone = if self.api_keys.is_empty() { ", and anyone there may ask (api_keys has none)" } else { "" };
            lines.push(format!(
                "http: {} is reached from other machines{anyone}; requests, answers and keys of users are not secret: use a \
                 network that you trust, or a proxy that ends TLS",
                self.http
            ));
        }
        if let Some(at) = self.otlp.as_ref().filter(|at| !is_loopback(at)) {
            lines.push(format!(
                "otlp: {at} is told when each request came, how long it took and how many tokens it had, in plain HTTP"
            ));
        }
        lines
    }
}

/// Commands of which none is empty.
fn commands<'de, D: Deserializer<'de>>(from: D) -> Result<Commands, D::Error> {
    let commands = Commands::deserialize(from)?;
    match commands.iter().find(|(_, command)| command.iter().all(String::is_empty)) {
        None => Ok(commands),
        Some((mode, _)) => Err(D::Error::custom(format!(
            "power mode `{mode}` has no command; write a list, the program first, such as [nvpmodel, -m, \"0\"]"
        ))),
    }
}

/// Whether `HOST:PORT`, with or without `tcp/`, is this machine only. A name is believed to be elsewhere.
fn is_loopback(address: &str) -> bool {
    let bare = address.strip_prefix("tcp/").unwrap_or(address);
    bare.parse::<SocketAddr>().map_or_else(|_| bare.starts_with("localhost:"), |at| at.ip().is_loopback())
}

/// What an agent does for others on the bus.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Links up with all other peers: a fleet in one house.
    #[default]
    Peer,
    /// Passes on what leaves say.
    Hub,
    /// Reaches the others through a hub.
    Leaf,
}

/// What a server takes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Requests that run at the same time; their next tokens are computed together.
    pub running: usize,
    /// Requests that wait for their turn; more are refused.
    pub waiting: usize,
    /// Longest request, bytes.
    pub body_bytes: usize,
    /// Longest answer, tokens.
    pub answer_tokens: usize,
    /// A neighbour that does not answer a step within this is given up, ms.
    pub hop_ms: u32,
    /// A request whose pipeline is broken waits so long for it to be whole again, ms.
    pub heal_ms: u32,
    /// A neighbour that says nothing for so long is lost to the bus, ms; none: 2,000.
    pub lease_ms: Option<u32>,
    /// Bytes of model files a second that others are sent; none: as fast as it goes.
    pub send_bytes_s: Option<u64>,
    /// Bytes of model files a second that are fetched.
    pub fetch_bytes_s: Option<u64>,
    /// Length of a window of health, ms: three bad ones give a plan up, six good ones prove it.
    pub window_ms: u32,
}

impl Default for Limits {
    /// Assumed: a step of 256 prompt tokens through a gigabyte of weights takes a slow board several seconds.
    fn default() -> Self {
        let (running, waiting, hop_ms) = (4, 16, 30_000);
        Self {
            running,
            waiting,
            body_bytes: 1 << 20,
            answer_tokens: 4_096,
            hop_ms,
            heal_ms: 10_000,
            lease_ms: None,
            send_bytes_s: None,
            fetch_bytes_s: None,
            window_ms: 10_000,
        }
    }
}

/// Loopback, because nothing listens beyond it unless told to.
fn any_port() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 0))
}

#[cfg(test)]
mod tests;
