//! One HTTP GET with a deadline, for devices on the local network: enough for a plug, no more.

use crate::missing::Missing;
use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

/// A plug's answer is a few hundred bytes.
const ANSWER_MAX: usize = 64 * 1024;

/// What came back.
pub(super) enum Got {
    Body(String),
    /// It wants to know who asks, in this way.
    Challenge(String),
}

/// The body of a successful answer, or what it wants first. Every wait is at most `limit`; the caller bounds their sum.
pub(super) fn get(what: &str, address: &str, path: &str, login: Option<&str>, limit: Duration) -> Result<Got, Missing> {
    let io = |e: std::io::Error| match e.kind() {
        std::io::ErrorKind::TimedOut | std::io::ErrorKind::WouldBlock => {
            Missing::TimedOut { what: what.into(), after_ms: u64::try_from(limit.as_millis()).unwrap_or(u64::MAX) }
        }
        _ => Missing::Failed { what: what.into(), error: e.to_string() },
    };
    let place = address.to_socket_addrs().map_err(io)?.next().ok_or_else(|| Missing::absent(what))?;
    let mut stream = TcpStream::connect_timeout(&place, limit).map_err(io)?;
    stream.set_read_timeout(Some(limit)).map_err(io)?;
    stream.set_write_timeout(Some(limit)).map_err(io)?;
    let login = login.map(|l| format!("Authorization: {l}\r\n")).unwrap_or_default();
    let request =
        format!("GET {path} HTTP/1.0\r\nHost: {address}\r\nAccept: application/json\r\n{login}Connection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).map_err(io)?;
    let (mut answer, mut piece) = (Vec::new(), [0; 2048]);
    while !complete(&answer) {
        let n = stream.read(&mut piece).map_err(io)?;
        if n == 0 {
            break;
        }
        answer.extend_from_slice(&piece[..n]);
        if answer.len() > ANSWER_MAX {
            return Err(Missing::malformed(what, "more than 64 kB", "a short answer"));
        }
    }
    body(what, &String::from_utf8_lossy(&answer))
}

/// Head and body; a bare line feed ends lines too, as some firmware writes.
fn split(answer: &str) -> Option<(&str, &str)> {
    answer.split_once("\r\n\r\n").or_else(|| answer.split_once("\n\n"))
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let fields = head.lines().skip(1).filter_map(|l| l.split_once(':'));
    fields.into_iter().find(|(n, _)| n.trim().eq_ignore_ascii_case(name)).map(|(_, v)| v.trim())
}

/// True when a stated length has arrived: a plug that keeps the connection open need not be waited for.
fn complete(answer: &[u8]) -> bool {
    let text = String::from_utf8_lossy(answer);
    let Some((head, body)) = split(&text) else { return false };
    header(head, "content-length").and_then(|n| n.parse::<usize>().ok()).is_some_and(|n| body.len() >= n)
}

fn body(what: &str, answer: &str) -> Result<Got, Missing> {
    let wrong = || Missing::malformed(what, answer, "an HTTP answer");
    let (head, body) = split(answer).ok_or_else(wrong)?;
    let status = head.split_whitespace().nth(1).and_then(|s| s.parse::<u16>().ok()).ok_or_else(wrong)?;
    match status {
        200 => {}
        401 => {
            let challenge = header(head, "www-authenticate").ok_or_else(|| Missing::Denied { what: what.into() })?;
            return Ok(Got::Challenge(challenge.to_owned()));
        }
        403 => return Err(Missing::Denied { what: what.into() }),
        404 => return Err(Missing::absent(what)),
        other => return Err(Missing::Failed { what: what.into(), error: format!("HTTP status {other}") }),
    }
    if header(head, "transfer-encoding").is_some_and(|t| t.eq_ignore_ascii_case("chunked")) {
        return dechunked(body).map(Got::Body).ok_or_else(wrong);
    }
    Ok(Got::Body(body.to_owned()))
}

/// Chunks that some firmware sends even to an HTTP/1.0 request.
fn dechunked(mut body: &str) -> Option<String> {
    let mut out = String::new();
    loop {
        let (size, rest) = body.split_once("\r\n")?;
        let size = usize::from_str_radix(size.split(';').next()?.trim(), 16).ok()?;
        if size == 0 {
            return Some(out);
        }
        out.push_str(rest.get(..size)?);
        body = rest.get(size..)?.strip_prefix("\r\n")?;
    }
}

/// Percent-encoded for a query.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// RFC 4648 with padding.
pub(super) fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().fold(0_usize, |w, &b| w << 8 | usize::from(b)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            out.push(if place <= chunk.len() { char::from(DIGITS[word >> (18 - 6 * place) & 63]) } else { '=' });
        }
    }
    out
}
