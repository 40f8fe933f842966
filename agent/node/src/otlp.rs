//! Spans of requests for an OpenTelemetry collector, where one is configured: OTLP/HTTP in its JSON form
//! (OpenTelemetry specification, "OTLP", JSON Protobuf Encoding: lower camel case, ids in hexadecimal, 64-bit integers
//! as decimal strings, enums as numbers; attributes by the semantic conventions for generative AI).
//!
//! A request is one span with two below it, the prompt and the decoding, as the entry of its pipeline saw them; stages
//! on other devices have none of their own. What was asked and answered is never sent.

use crate::shared::{Shared, lock};
use protocol::{Digest, Name, PlanRef};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::io::{Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How often spans are sent.
const EVERY: Duration = Duration::from_secs(1);
/// How often the end is looked for.
const STEP: Duration = Duration::from_millis(100);
/// Spans that wait for a collector; older ones are dropped.
const WAITING: usize = 1_024;
/// A collector that takes longer is not there.
const WITHIN: Duration = Duration::from_secs(2);
/// Enum values of `Span.SpanKind` and `Status.StatusCode`.
const SERVER: u32 = 2;
const INTERNAL: u32 = 1;
const OK: u32 = 1;
const ERROR: u32 = 2;

/// Where a caller's own trace goes on (W3C Trace Context, `traceparent`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Parent {
    trace: String,
    span: String,
}

impl Parent {
    /// `00-<32 hex>-<16 hex>-<2 hex>`; anything else is as if it were not there.
    pub(crate) fn read(header: &str) -> Option<Self> {
        let parts: Vec<&str> = header.split('-').collect();
        let [version, trace, span, _] = parts.as_slice() else { return None };
        let hex = |text: &str, length| {
            text.len() == length
                && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
                && text.bytes().any(|b| b != b'0')
        };
        (*version == "00" && hex(trace, 32) && hex(span, 16)).then(|| Self { trace: (*trace).into(), span: (*span).into() })
    }
}

/// A request that ended.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) parent: Option<Parent>,
    /// `chat` or `text_completion`.
    pub(crate) operation: &'static str,
    pub(crate) service: Name,
    pub(crate) replica: u32,
    pub(crate) plan: PlanRef,
    pub(crate) prompt: usize,
    pub(crate) tokens: u64,
    pub(crate) ttft_s: Option<f64>,
    pub(crate) whole_s: f64,
    /// Milliseconds since 1970.
    pub(crate) ended_ms: u64,
    /// Why it failed.
    pub(crate) failed: Option<String>,
}

/// Requests that wait to be sent; nothing waits where no collector is configured.
#[derive(Debug, Default)]
pub(crate) struct Outbox(Mutex<VecDeque<Request>>);

impl Outbox {
    pub(crate) fn put(&self, request: Request) {
        let mut waiting = lock(&self.0);
        if waiting.len() >= WAITING {
            waiting.pop_front();
        }
        waiting.push_back(request);
    }

    fn take(&self) -> Vec<Request> {
        lock(&self.0).drain(..).collect()
    }
}

/// Runs until the node ends; what waits then is sent once more.
pub(crate) fn send(shared: &Arc<Shared>, collector: &str) {
    let mut slept = Duration::ZERO;
    loop {
        let over = shared.ended();
        if over || slept >= EVERY {
            slept = Duration::ZERO;
            let requests = shared.outbox.take();
            if !requests.is_empty()
                && let Err(why) = post(collector, &body(shared.me.as_str(), shared.fleet.as_str(), &requests))
            {
                shared.metrics.note(format!("otlp: {collector}: {why}; {} spans are lost", requests.len()));
            }
        }
        if over {
            return;
        }
        std::thread::sleep(STEP);
        slept += STEP;
    }
}

fn post(collector: &str, body: &Value) -> std::io::Result<()> {
    let other = |why: &str| std::io::Error::other(why.to_owned());
    let at = collector.to_socket_addrs()?.next().ok_or_else(|| other("no address"))?;
    let mut stream = TcpStream::connect_timeout(&at, WITHIN)?;
    stream.set_read_timeout(Some(WITHIN))?;
    stream.set_write_timeout(Some(WITHIN))?;
    let body = body.to_string();
    let head = format!(
        "POST /v1/traces HTTP/1.1\r\nHost: {collector}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(&[head.as_bytes(), body.as_bytes()].concat())?;
    let mut answer = [0; 64];
    let read = stream.read(&mut answer)?;
    let line = String::from_utf8_lossy(&answer[..read]).into_owned();
    let status = line.split(' ').nth(1).unwrap_or_default();
    if status.starts_with('2') {
        Ok(())
    } else {
        Err(other(&format!("it answers `{}`", line.lines().next().unwrap_or_default())))
    }
}

fn text(key: &str, value: &str) -> Value {
    json!({ "key": key, "value": { "stringValue": value } })
}

fn number(key: &str, value: u64) -> Value {
    json!({ "key": key, "value": { "intValue": value.to_string() } })
}

/// `ExportTraceServiceRequest`.
fn body(agent: &str, fleet: &str, requests: &[Request]) -> Value {
    let spans: Vec<Value> = requests.iter().flat_map(spans).collect();
    let resource = [
        text("service.name", "wattline-agent"),
        text("service.namespace", fleet),
        text("service.instance.id", agent),
        text("service.version", env!("CARGO_PKG_VERSION")),
    ];
    let scope = json!({ "name": "wattline", "version": env!("CARGO_PKG_VERSION") });
    json!({ "resourceSpans": [{ "resource": { "attributes": resource }, "scopeSpans": [{ "scope": scope, "spans": spans }] }] })
}

fn spans(r: &Request) -> Vec<Value> {
    // Without randomness from the system there is no id that nobody else has.
    let Ok(random) = fleet::enrol::random() else { return Vec::new() };
    let fresh = Digest::of(&random).to_string();
    let (trace, root) = match &r.parent {
        Some(parent) => (parent.trace.clone(), fresh[32..48].to_owned()),
        None => (fresh[..32].to_owned(), fresh[32..48].to_owned()),
    };
    let end = r.ended_ms.saturating_mul(1_000_000);
    let start = end.saturating_sub((r.whole_s * 1e9) as u64);
    let first = r.ttft_s.map(|s| (start + (s * 1e9) as u64).min(end));
    let span = |id: &str, parent: &str, name: &str, kind: u32, from: u64, to: u64| {
        json!({
            "traceId": trace, "spanId": id, "parentSpanId": parent, "name": name, "kind": kind,
            "startTimeUnixNano": from.to_string(), "endTimeUnixNano": to.to_string(),
        })
    };
    let parent = r.parent.as_ref().map_or("", |p| &p.span);
    let mut whole = span(&root, parent, &format!("{} {}", r.operation, r.service), SERVER, start, end);
    whole["attributes"] = json!([
        text("gen_ai.operation.name", r.operation),
        text("gen_ai.request.model", r.service.as_str()),
        number("gen_ai.usage.input_tokens", r.prompt as u64),
        number("gen_ai.usage.output_tokens", r.tokens),
        number("wattline.replica", u64::from(r.replica)),
        number("wattline.plan.generation", r.plan.generation),
        text("wattline.plan.id", &r.plan.id.to_string()),
    ]);
    whole["status"] = match &r.failed {
        None => json!({ "code": OK }),
        Some(why) => json!({ "code": ERROR, "message": why }),
    };
    let mut all = vec![whole];
    if let Some(first) = first {
        all.push(span(&fresh[48..64], &root, "prompt", INTERNAL, start, first));
        if r.tokens > 1 {
            let id = Digest::of(fresh.as_bytes()).to_string();
            all.push(span(&id[..16], &root, "decode", INTERNAL, first, end));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> Request {
        Request {
            parent: None,
            operation: "chat",
            service: Name::new("tutor").unwrap(),
            replica: 1,
            plan: PlanRef { generation: 7, id: "a".repeat(64).parse().unwrap() },
            prompt: 12,
            tokens: 5,
            ttft_s: Some(0.25),
            whole_s: 1.0,
            ended_ms: 1_544_712_661_000,
            failed: None,
        }
    }

    #[test]
    fn times_nest_and_add_up() {
        let all = spans(&request());
        let times: Vec<(&str, &str, &str)> = all
            .iter()
            .map(|s| {
                (s["name"].as_str().unwrap(), s["startTimeUnixNano"].as_str().unwrap(), s["endTimeUnixNano"].as_str().unwrap())
            })
            .collect();
        assert_eq!(
            times,
            [
                ("chat tutor", "1544712660000000000", "1544712661000000000"),
                ("prompt", "1544712660000000000", "1544712660250000000"),
                ("decode", "1544712660250000000", "1544712661000000000"),
            ]
        );
        assert!(all[1..].iter().all(|s| s["parentSpanId"] == all[0]["spanId"] && s["traceId"] == all[0]["traceId"]));
        let one = Request { ttft_s: None, failed: Some("a stage is lost".into()), ..request() };
        let failed = spans(&one);
        assert_eq!((failed.len(), &failed[0]["status"]["code"]), (1, &json!(2)));
    }

    #[test]
    fn a_callers_trace_goes_on() {
        let (trace, span) = ("5b8efff798038103d269b633813fc60c", "eee19b7ec3c1b174");
        let parent = Parent::read(&format!("00-{trace}-{span}-01"));
        let all = spans(&Request { parent: parent.clone(), ..request() });
        assert!(parent.is_some() && all.iter().all(|s| s["traceId"] == trace));
        assert_eq!(all[0]["parentSpanId"], span);
        for wrong in [
            "",
            "00-x-y-01",
            &format!("01-{trace}-{span}-01"),
            &format!("00-{}-{span}-01", "0".repeat(32)),
            &format!("00-{}-{span}-01", trace.to_uppercase()),
        ] {
            assert_eq!(Parent::read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_waits_too_long_is_dropped_oldest_first() {
        let outbox = Outbox::default();
        (0..WAITING as u64 + 3).for_each(|tokens| outbox.put(Request { tokens, ..request() }));
        let taken = outbox.take();
        assert_eq!((taken.len(), taken[0].tokens), (WAITING, 3));
        assert!(outbox.take().is_empty());
    }
}
