//! Where a session listens and connects.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::net::SocketAddr;
use std::str::FromStr;

/// An address of a session, `HOST:PORT` or `tcp/HOST:PORT`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint(String);

/// Why a text is no endpoint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no endpoint; expected HOST:PORT, such as 192.168.1.10:7447")]
pub struct BadEndpoint {
    pub text: String,
}

impl FromStr for Endpoint {
    type Err = BadEndpoint;

    fn from_str(text: &str) -> Result<Self, BadEndpoint> {
        let bad = || BadEndpoint { text: text.chars().take(80).collect() };
        let bare = text.strip_prefix("tcp/").unwrap_or(text);
        let (host, port) = bare.rsplit_once(':').ok_or_else(bad)?;
        let fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        let named = !host.is_empty() && host.chars().all(fine) && port.parse::<u16>().is_ok();
        // An IPv6 address stands in brackets.
        if named || bare.parse::<SocketAddr>().is_ok() { Ok(Self(bare.to_owned())) } else { Err(bad()) }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a session does for others. All peers of a fleet link up with each other; a hundred peers are 4,950 links,
/// so a larger fleet has a few hubs, and leaves that each connect to one of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// Links up with every peer that it hears of.
    #[default]
    Peer,
    /// Passes on what leaves and other hubs say; hubs connect only where they are told to.
    Hub,
    /// Reaches all others through the first hub that answers.
    Leaf,
}

/// What a session shows on its links, and by whom a neighbour's certificate must be signed; all PEM.
#[derive(Clone, PartialEq, Eq)]
pub struct Tls {
    /// One after another.
    pub authorities: String,
    pub certificate: String,
    /// Secret.
    pub key: String,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls")
    }
}

/// A session's place in the net.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    pub role: Role,
    /// None: on a free port of the loopback, so that only this machine's sessions reach it; a leaf: nowhere.
    pub listen: Option<Endpoint>,
    pub connect: Vec<Endpoint>,
    /// Both sides of each link show a certificate, over QUIC (TLS 1.3 on UDP). None: links are plain TCP.
    pub tls: Option<Tls>,
    /// After so long without a word a neighbour is lost, ms; none: [`LEASE_MS`].
    pub lease_ms: Option<u32>,
}

/// What pipelines can wait for a silent neighbour, ms. Hundreds of sessions that begin at once on few cores say nothing
/// for longer: such a fleet needs more.
pub const LEASE_MS: u32 = 2_000;

impl Place {
    /// `exit_on_failure` and `timeout_ms`: by default a session gives up where the other is not there yet.
    /// The sessions' numbers are those that larger fleets need. Two that connect to each other at the same moment take each other's link for a second one
    /// and close both; times between attempts that differ from session to session end that.
    pub(crate) fn config(&self) -> zenoh::Result<zenoh::Config> {
        let loopback = Endpoint("127.0.0.1:0".into());
        // Not Zenoh's links of TLS over TCP, which read and write one session from two threads without a lock and
        // crash by it (eclipse-zenoh/zenoh#2557).
        let scheme = if self.tls.is_some() { "quic" } else { "tcp" };
        let at = |e: &Endpoint| format!("{scheme}/{e}");
        let chance = RandomState::new().hash_one(());
        let (first_ms, longest_ms) = (300 + chance % 500, 1_500 + (chance >> 32) % 1_500);
        let mode = match self.role {
            Role::Peer => "peer",
            Role::Hub => "router",
            Role::Leaf => "client",
        };
        // A leaf is not called.
        let listen = match (self.role, &self.listen) {
            (Role::Leaf, None) => Vec::new(),
            (_, own) => vec![at(own.as_ref().unwrap_or(&loopback))],
        };
        let encoded = |pem: &str| STANDARD.encode(pem);
        // The message's signature says who speaks; a link need only be by a device of the fleet.
        let tls = self.tls.as_ref().map_or(json!({}), |tls| {
            json!({
                "root_ca_certificate_base64": encoded(&tls.authorities),
                "listen_certificate_base64": encoded(&tls.certificate),
                "listen_private_key_base64": encoded(&tls.key),
                "connect_certificate_base64": encoded(&tls.certificate),
                "connect_private_key_base64": encoded(&tls.key),
                "enable_mtls": true,
                "verify_name_on_connect": false,
            })
        });
        let settings = json!({
            "mode": mode,
            "listen": { "endpoints": listen, "exit_on_failure": true },
            "connect": {
                "endpoints": self.connect.iter().map(at).collect::<Vec<_>>(),
                "timeout_ms": -1,
                "exit_on_failure": false,
                "retry": { "period_init_ms": first_ms, "period_max_ms": longest_ms, "period_increase_factor": 1.7 },
            },
            "scouting": { "multicast": { "enabled": false }, "gossip": { "enabled": true } },
            "transport": {
                "link": { "tx": { "lease": self.lease_ms.unwrap_or(LEASE_MS) }, "tls": tls },
                "unicast": { "max_sessions": 10_000, "accept_pending": 10_000 },
            },
        });
        zenoh::Config::from_json5(&settings.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_read() {
        for good in ["127.0.0.1:7447", "tcp/pi-1.lan:1", "[::1]:7447", "host_a:0"] {
            let read: Endpoint = good.parse().expect(good);
            assert_eq!(read.to_string(), good.trim_start_matches("tcp/"));
        }
        for bad in ["", "host", ":7447", "host:", "host:70000", "a b:1", "udp/host:1", "::1:7447", "h#x=y:1"] {
            let why = bad.parse::<Endpoint>().expect_err(bad).to_string();
            assert!(why.contains("HOST:PORT"), "{why}");
        }
    }
}
