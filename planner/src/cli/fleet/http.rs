//! One request to an agent. HTTP/1.0, so that the answer ends with the connection and needs no framing.

use std::io::{Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::Duration;

/// An agent answers from memory, or asks another one.
const WITHIN: Duration = Duration::from_secs(10);
/// Largest answer: the statuses of some hundred agents.
const ANSWER_BYTES: u64 = 16 << 20;

/// An agent's HTTP address.
#[derive(Clone, Debug)]
pub(crate) struct Agent {
    pub(crate) address: String,
    pub(crate) api_key: Option<String>,
}

/// Why an agent did not do it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HttpError {
    #[error("{address} is not reached: {why}")]
    Unreached { address: String, why: String },
    #[error("{address} answers, but not as an agent does")]
    NoAgent { address: String },
    #[error("{address} refused: {why}")]
    Refused { address: String, status: u16, why: String },
}

impl Agent {
    pub(crate) fn get(&self, path: &str) -> Result<Vec<u8>, HttpError> {
        self.ask("GET", path, &[])
    }

    pub(crate) fn put(&self, path: &str, body: &[u8]) -> Result<Vec<u8>, HttpError> {
        self.ask("PUT", path, body)
    }

    fn ask(&self, method: &str, path: &str, body: &[u8]) -> Result<Vec<u8>, HttpError> {
        let address = self.address.clone();
        let unreached = |why: std::io::Error| HttpError::Unreached { address: address.clone(), why: why.to_string() };
        let no_agent = || HttpError::NoAgent { address: self.address.clone() };
        // A key with a line's end would be another header.
        let key = self.api_key.as_ref().filter(|k| k.chars().all(|c| c.is_ascii_graphic()));
        let key = key.map(|k| format!("Authorization: Bearer {k}\r\n")).unwrap_or_default();
        let at = self.address.to_socket_addrs().map_err(unreached)?.next().ok_or_else(no_agent)?;
        let mut stream = TcpStream::connect_timeout(&at, WITHIN).map_err(unreached)?;
        stream.set_read_timeout(Some(WITHIN)).and_then(|()| stream.set_write_timeout(Some(WITHIN))).map_err(unreached)?;
        let head = format!("{method} {path} HTTP/1.0\r\nHost: {address}\r\n{key}Content-Length: {}\r\n\r\n", body.len());
        stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body)).map_err(unreached)?;
        let mut whole = Vec::new();
        stream.take(ANSWER_BYTES).read_to_end(&mut whole).map_err(unreached)?;
        let end = whole.windows(4).position(|w| w == b"\r\n\r\n").ok_or_else(no_agent)?;
        let head = String::from_utf8_lossy(&whole[..end]).into_owned();
        let status = head.strip_prefix("HTTP/1.").and_then(|h| h.split(' ').nth(1)?.parse::<u16>().ok()).ok_or_else(no_agent)?;
        let body = whole.split_off(end + 4);
        if (200..300).contains(&status) {
            return Ok(body);
        }
        let said = serde_json::from_slice::<serde_json::Value>(&body).ok();
        let why = said.as_ref().and_then(|v| v["error"]["message"].as_str()).unwrap_or("without a reason");
        Err(HttpError::Refused { address: self.address.clone(), status, why: why.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    /// Answers one connection with these bytes, whatever it asks, and gives back what was asked.
    fn once(answer: &'static [u8]) -> (Agent, std::thread::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let agent = Agent { address: listener.local_addr().expect("bound").to_string(), api_key: Some("k1".into()) };
        let asked = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a caller");
            let mut got = [0; 512];
            let n = stream.read(&mut got).expect("a request");
            let _ = stream.write_all(answer);
            String::from_utf8_lossy(&got[..n]).into_owned()
        });
        (agent, asked)
    }

    #[test]
    fn answers_of_all_kinds() {
        let (agent, asked) = once(b"HTTP/1.1 200 OK\r\nx: y\r\n\r\n{}");
        assert_eq!(agent.get("/fleet/status").expect("fine"), b"{}");
        let asked = asked.join().expect("asked");
        assert!(asked.starts_with("GET /fleet/status HTTP/1.0\r\n") && asked.contains("Bearer k1\r\n"), "{asked}");
        let (agent, _asked) = once(b"HTTP/1.1 401 no\r\n\r\n{\"error\":{\"message\":\"send a key\"}}");
        let refused = agent.get("/").expect_err("refused").to_string();
        assert!(refused.ends_with("refused: send a key"), "{refused}");
        let (agent, _asked) = once(b"SSH-2.0-OpenSSH\r\n");
        assert!(matches!(agent.get("/"), Err(HttpError::NoAgent { .. })));
    }

    #[test]
    fn nobody_is_an_error() {
        let closed = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound").to_string();
        let agent = Agent { address: closed, api_key: None };
        assert!(matches!(agent.get("/"), Err(HttpError::Unreached { .. })));
    }
}
