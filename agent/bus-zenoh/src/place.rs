//! Where a session listens and connects.

use serde_json::json;
use std::fmt;
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

/// A session's place in the net.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    pub role: Role,
    /// None: on a free port of the loopback, so that only this machine's sessions reach it; a leaf: nowhere.
    pub listen: Option<Endpoint>,
    pub connect: Vec<Endpoint>,
}

impl Place {
    /// `exit_on_failure` and `timeout_ms`: by default a session gives up where the other is not there yet.
    /// The lease of 2 s is what pipelines can wait for a silent neighbour; the sessions' numbers are those that
    /// larger fleets need.
    pub(crate) fn config(&self) -> zenoh::Result<zenoh::Config> {
        let loopback = Endpoint("127.0.0.1:0".into());
        let tcp = |e: &Endpoint| format!("tcp/{e}");
        let mode = match self.role {
            Role::Peer => "peer",
            Role::Hub => "router",
            Role::Leaf => "client",
        };
        // A leaf is not called.
        let listen = match (self.role, &self.listen) {
            (Role::Leaf, None) => Vec::new(),
            (_, at) => vec![tcp(at.as_ref().unwrap_or(&loopback))],
        };
        let settings = json!({
            "mode": mode,
            "listen": { "endpoints": listen, "exit_on_failure": true },
            "connect": {
                "endpoints": self.connect.iter().map(tcp).collect::<Vec<_>>(),
                "timeout_ms": -1,
                "exit_on_failure": false,
            },
            "scouting": { "multicast": { "enabled": false }, "gossip": { "enabled": true } },
            "transport": {
                "link": { "tx": { "lease": 2000 } },
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
