//! Requests for a service that begins at another device: handed on as they came, answers back as they come.
//!
//! So users need one address, and a plan that moves a service changes nothing for them.

use super::error::Refused;
use super::stream;
use crate::shared::Shared;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use protocol::Name;
use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::Duration;
use tokio::sync::mpsc;

/// Longest wait for a connection; a process that is gone refuses at once.
const CONNECT: Duration = Duration::from_secs(2);
/// Longest silence within an answer: a queue, then a long prompt.
const SILENCE: Duration = Duration::from_secs(300);
/// Longest head of an answer.
const HEAD_BYTES: u64 = 16 << 10;
/// Says that a request was handed on once, and is not handed on again.
pub(crate) const HANDED: &str = "x-wattline-handed-on";

/// Services of the plan that begin at other devices which serve it now, with those devices.
fn elsewhere(shared: &Shared) -> Vec<(Name, Name)> {
    let active = shared.peers.status(&shared.me).and_then(|s| s.active).or_else(|| shared.traffic.plan());
    let Some(signed) = active.and_then(|p| shared.plan(p.id)) else { return Vec::new() };
    let mut found = Vec::new();
    for service in &signed.plan.services {
        for stage in service.replicas.iter().filter_map(|r| r.stages.first()) {
            let names = Name::new(&service.name).ok().zip(Name::new(&stage.device).ok());
            let serves = |d: &Name| {
                shared.peers.status(d).is_some_and(|s| s.http.is_some() && s.active.map(|a| a.id) == Some(signed.order.id))
            };
            found.extend(names.filter(|(_, device)| *device != shared.me && serves(device)));
        }
    }
    found
}

/// Services that are answered through this device.
pub(crate) fn services(shared: &Shared) -> BTreeSet<Name> {
    let mut all = shared.traffic.services();
    all.extend(elsewhere(shared).into_iter().map(|(service, _)| service));
    all
}

/// Hands a request on; `None`: no other device answers for the service, or it was handed on before.
pub(crate) async fn hand_on(
    shared: &Shared,
    service: &Name,
    path: &'static str,
    headers: &HeaderMap,
    body: &[u8],
) -> Option<Result<Response, Refused>> {
    if headers.contains_key(HANDED) {
        return None;
    }
    let device = elsewhere(shared).into_iter().find(|(s, _)| s == service)?.1;
    let address = shared.peers.status(&device)?.http.clone()?;
    let key = headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok());
    let key = key.map(|k| format!("Authorization: {k}\r\n")).unwrap_or_default();
    let length = body.len();
    let head = format!("POST {path} HTTP/1.0\r\nHost: {address}\r\n{key}{HANDED}: 1\r\nContent-Length: {length}\r\n\r\n");
    let request = [head.as_bytes(), body].concat();
    let (tell, told) = mpsc::channel(64);
    let (send_head, head) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let begun = begin(&address, &request);
        match begun {
            Err(e) => drop(send_head.send(Err(e))),
            Ok((answer, head)) => {
                // Whoever asked may have gone away.
                if send_head.send(Ok(head)).is_ok() {
                    pass(answer, &tell);
                }
            }
        }
    });
    let lost = |why: String| Refused::unavailable(format!("{device}, where `{service}` begins, is not reached: {why}"));
    let (status, kept) = match head.await {
        Ok(Ok(head)) => head,
        Ok(Err(e)) => return Some(Err(lost(e.to_string()))),
        Err(_) => return Some(Err(lost("it broke off".into()))),
    };
    let mut response = stream::response(told);
    *response.status_mut() = status;
    response.headers_mut().extend(kept);
    Some(Ok(response))
}

type Head = (StatusCode, Vec<(HeaderName, HeaderValue)>);

/// Sends a request and reads the answer's head.
fn begin(address: &str, request: &[u8]) -> std::io::Result<(BufReader<TcpStream>, Head)> {
    let wrong = |why: &str| std::io::Error::other(why.to_owned());
    let at = address.to_socket_addrs()?.next().ok_or_else(|| wrong("no address"))?;
    let mut stream = TcpStream::connect_timeout(&at, CONNECT)?;
    stream.set_read_timeout(Some(SILENCE))?;
    stream.write_all(request)?;
    let mut answer = BufReader::new(stream);
    let mut lines = Vec::new();
    {
        let mut head = answer.by_ref().take(HEAD_BYTES);
        loop {
            let mut line = String::new();
            if head.read_line(&mut line)? == 0 {
                return Err(wrong("no answer"));
            }
            if line.trim_end().is_empty() {
                break;
            }
            lines.push(line);
        }
    }
    let status = lines.first().and_then(|l| l.split(' ').nth(1)?.parse().ok()).ok_or_else(|| wrong("no answer of HTTP"))?;
    let kept = ["content-type", "retry-after", "x-wattline-plan"];
    let header = |line: &String| {
        let (name, value) = line.split_once(':')?;
        let name = name.to_ascii_lowercase();
        let name = kept.contains(&name.as_str()).then(|| HeaderName::try_from(name).ok())??;
        Some((name, HeaderValue::from_str(value.trim()).ok()?))
    };
    Ok((answer, (status, lines.iter().skip(1).filter_map(header).collect())))
}

/// Passes the answer's bytes on as they come.
fn pass(mut answer: BufReader<TcpStream>, tell: &mpsc::Sender<Vec<u8>>) {
    let mut piece = vec![0; 16 << 10];
    while let Ok(n @ 1..) = answer.read(&mut piece) {
        if tell.blocking_send(piece[..n].to_vec()).is_err() {
            return;
        }
    }
}
