//! Requests for a service that begins at another device: handed on as they came, answers back as they come.
//!
//! So users need one address, and a plan that moves a service changes nothing for them. What is lost with that
//! device is asked of it again, or said: an answer never just breaks off.

use super::call::{self, Answer};
use super::error::Refused;
use super::stream::{self, DONE, event};
use crate::clock;
use crate::shared::Shared;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use protocol::{Name, PlanRef, SignedPlan};
use std::collections::BTreeSet;
use std::io::BufRead as _;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// Longest silence within an answer: a queue, then a long prompt. A device that hangs is noticed by its token.
const SILENCE: Duration = Duration::from_secs(300);
/// Wait between two attempts.
const AGAIN: Duration = Duration::from_millis(200);
/// Longest answer that is no stream.
const WHOLE_BYTES: u64 = 16 << 20;
/// Says that a request was handed on once, and is not handed on again.
pub(crate) const HANDED: &str = "x-wattline-handed-on";

/// Services with the other devices where they begin, which serve that plan now. Of all plans that are held here, the
/// newest first: a device that cannot serve its own part, or has not switched yet, still hands requests on.
fn elsewhere(shared: &Shared) -> Vec<(Name, Name)> {
    let serves = |d: &Name, plan: PlanRef| {
        let there = |s: &protocol::Status| s.http.is_some() && s.active == Some(plan);
        *d != shared.me && !shared.wires.is_gone(d) && shared.peers.status(d).is_some_and(|s| there(&s))
    };
    let firsts = |signed: &SignedPlan| -> Vec<(Name, Name)> {
        let plan = signed.order.plan();
        let first = |service: &protocol::PlannedService| -> Vec<(Name, Name)> {
            let firsts = service.replicas.iter().filter_map(|r| r.stages.first());
            firsts.filter_map(|stage| Name::new(&service.name).ok().zip(Name::new(&stage.device).ok())).collect()
        };
        signed.plan.services.iter().flat_map(first).filter(|(_, device)| serves(device, plan)).collect()
    };
    shared.held().iter().flat_map(|signed| firsts(signed)).collect()
}

/// Whether a plan has the service, though perhaps nobody can answer for it now.
pub(crate) fn is_planned(shared: &Shared, service: &Name) -> bool {
    shared.held().iter().any(|p| p.plan.services.iter().any(|s| s.name == service.as_str()))
}

/// Services that are answered through this device.
pub(crate) fn services(shared: &Shared) -> BTreeSet<Name> {
    let mut all = shared.traffic.services();
    all.extend(elsewhere(shared).into_iter().map(|(service, _)| service));
    all
}

/// What came back.
enum Told {
    /// An answer whose body is an event stream, with who gives it.
    Stream(Head, Name, Answer),
    Whole(Head, Vec<u8>),
    /// The service begins here meanwhile.
    Here,
    Lost(String),
}

type Head = (StatusCode, Vec<(HeaderName, HeaderValue)>);

/// Hands a request on; `None`: it is to be answered here, if at all.
pub(crate) async fn hand_on(
    shared: &Arc<Shared>,
    service: &Name,
    path: &'static str,
    headers: &HeaderMap,
    body: &[u8],
) -> Option<Result<Response, Refused>> {
    if headers.contains_key(HANDED) || !elsewhere(shared).iter().any(|(s, _)| s == service) {
        return None;
    }
    let key = headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok());
    let key = key.map(|k| format!("Authorization: {k}\r\n")).unwrap_or_default();
    let head = format!("POST {path} HTTP/1.0\r\nHost: fleet\r\n{key}{HANDED}: 1\r\nContent-Length: {}\r\n\r\n", body.len());
    let request = [head.as_bytes(), body].concat();
    let (tell, told) = mpsc::channel(64);
    let (send_head, head) = tokio::sync::oneshot::channel();
    let (at, wanted) = (Arc::clone(shared), service.clone());
    std::thread::spawn(move || match ask(&at, &wanted, &request) {
        Told::Stream(head, device, answer) => {
            // Whoever asked may have gone away.
            if send_head.send(Ok((head, None))).is_ok() {
                pass(&device, answer, &tell);
            }
        }
        Told::Whole(head, body) => drop(send_head.send(Ok((head, Some(body))))),
        Told::Here => drop(send_head.send(Err(None))),
        Told::Lost(why) => drop(send_head.send(Err(Some(why)))),
    });
    let ((status, kept), whole) = match head.await {
        Ok(Ok(answer)) => answer,
        Ok(Err(None)) => return None,
        Ok(Err(Some(why))) => return Some(Err(Refused::unavailable(why))),
        Err(_) => return Some(Err(Refused::unavailable("it broke off"))),
    };
    let mut response = match whole {
        Some(body) => Response::new(Body::from(body)),
        None => stream::response(told),
    };
    *response.status_mut() = status;
    response.headers_mut().extend(kept);
    Some(Ok(response))
}

/// Asks where the service begins, again where that is lost before it has said anything.
fn ask(shared: &Shared, service: &Name, request: &[u8]) -> Told {
    let until = clock::seconds() + f64::from(shared.limits.heal_ms) / 1e3;
    loop {
        let devices: Vec<Name> = elsewhere(shared).into_iter().filter(|(s, _)| s == service).map(|(_, d)| d).collect();
        let (mut why, mut said) = ("the device where it begins is lost".to_owned(), None);
        for device in devices {
            match begin(shared, &device, request) {
                // One that cannot answer now is not the only one.
                Ok(Told::Whole(head, body)) if head.0 == StatusCode::SERVICE_UNAVAILABLE => said = Some(Told::Whole(head, body)),
                Ok(told) => return told,
                Err(e) => {
                    why = format!("{device} is lost: {e}");
                    shared.metrics.note(format!("`{service}`: {why}"));
                }
            }
        }
        if shared.traffic.services().contains(service) {
            return Told::Here;
        }
        if let Some(said) = said {
            return said;
        }
        if clock::seconds() >= until {
            return Told::Lost(format!("`{service}`: {why}; try again"));
        }
        std::thread::sleep(AGAIN);
    }
}

/// Sends a request and reads the answer's head, and its body where that is no stream.
fn begin(shared: &Shared, device: &Name, request: &[u8]) -> std::io::Result<Told> {
    let mut answer = call::agent(shared, device, request, SILENCE)?;
    let kept = ["content-type", "retry-after", "x-wattline-plan"];
    let header = |(name, value): (&str, &str)| {
        let name = kept.contains(&name).then(|| HeaderName::try_from(name).ok())??;
        Some((name, HeaderValue::from_str(value).ok()?))
    };
    let head = (answer.status, answer.headers().filter_map(header).collect());
    if answer.header("content-type").is_some_and(|t| t.starts_with("text/event-stream")) {
        return Ok(Told::Stream(head, device.clone(), answer));
    }
    Ok(Told::Whole(head, answer.whole(WHOLE_BYTES)?))
}

/// Passes whole events on as they come. One that breaks off is said to have done so.
fn pass(device: &Name, mut answer: Answer, tell: &mpsc::Sender<Vec<u8>>) {
    let (mut one, mut ended) = (Vec::new(), false);
    while let Ok(1..) = answer.body.read_until(b'\n', &mut one) {
        if one.ends_with(b"\n\n") {
            ended = one == DONE.as_bytes();
            if tell.blocking_send(std::mem::take(&mut one)).is_err() {
                return;
            }
        }
    }
    if !ended {
        let lost = Refused::unavailable(format!("{device}, which answered, is lost; ask again"));
        let _ = tell.blocking_send((event(&lost.value()) + DONE).into_bytes());
    }
}
