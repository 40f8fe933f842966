//! Health, readiness, counts, and the list of models.

use super::error::Refused;
use super::state::Serving;
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use protocol::Phase;
use serde_json::json;
use std::fmt::Write as _;
use std::sync::Arc;

/// The process lives and answers.
pub(crate) async fn health() -> &'static str {
    "ok\n"
}

/// The newest plan is served here, as far as it is this device's.
pub(crate) async fn ready(State(serving): State<Arc<Serving>>) -> Response {
    let status = serving.shared.peers.status(&serving.shared.me);
    let phase = status.as_ref().map_or(Phase::Idle, |s| s.phase);
    let serves =
        matches!(phase, Phase::Serving | Phase::Draining | Phase::RolledBack) && status.is_some_and(|s| s.active.is_some());
    let code = if serves { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (code, format!("{}\n", word(phase))).into_response()
}

fn word(phase: Phase) -> String {
    serde_json::to_value(phase).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
}

pub(crate) async fn models(State(serving): State<Arc<Serving>>, headers: HeaderMap) -> Result<Response, Refused> {
    serving.allowed(&headers)?;
    let shared = &serving.shared;
    let model = |s| json!({ "id": s, "object": "model", "created": 0, "owned_by": shared.fleet });
    let data: Vec<_> = super::forward::services(shared).into_iter().map(model).collect();
    Ok(Json(json!({ "object": "list", "data": data })).into_response())
}

/// Prometheus text, format 0.0.4.
pub(crate) async fn metrics(State(serving): State<Arc<Serving>>) -> Response {
    let shared = &serving.shared;
    let mut out = String::new();
    let mut gauge = |name: &str, what: &str, value: f64| {
        let _ = writeln!(out, "# HELP {name} {what}\n# TYPE {name} gauge\n{name} {value}");
    };
    gauge(
        "wattline_plan_generation",
        "Generation of the plan that requests go to.",
        shared.traffic.plan().map_or(0.0, |p| p.generation as f64),
    );
    gauge("wattline_running", "Requests that run.", shared.traffic.running() as f64);
    gauge("wattline_waiting", "Requests that wait for their turn.", serving.waiting() as f64);
    let share = shared.peers.status(&shared.me).map_or(0.0, |s| s.share);
    gauge("wattline_share", "Share of its planned load that this device takes.", share);
    if let Some(watts) = shared.metrics.power_w() {
        gauge("wattline_power_watts", "Power of the machine, measured.", watts);
    }
    // Nobody sets modes where the configuration has no commands.
    if let Some((mode, set)) = shared.modes.now().filter(|_| !shared.settings.power_modes.is_empty()) {
        let what = "1 where the power mode that the plan wants is set, else 0.";
        let (name, clock, id) = ("wattline_power_mode", mode.clock, mode.id.replace(['"', '\\', '\n'], "_"));
        let _ = writeln!(out, "# HELP {name} {what}\n# TYPE {name} gauge");
        let _ = writeln!(out, "{name}{{mode=\"{id}\",clock=\"{clock}\"}} {}", u8::from(set));
    }
    let lost = shared.wires.lost();
    let totals = shared.metrics.totals();
    let mut counter = |name: &str, what: &str, lines: Vec<(String, f64)>| {
        let _ = writeln!(out, "# HELP {name} {what}\n# TYPE {name} counter");
        for (labels, value) in lines {
            let _ = writeln!(out, "{name}{labels} {value}");
        }
    };
    counter(
        "wattline_refused_total",
        "Requests refused because the queue was full.",
        vec![(String::new(), shared.metrics.refused() as f64)],
    );
    counter(
        "wattline_replays_total",
        "Attempts to go on after a lost stage.",
        vec![(String::new(), shared.metrics.healed() as f64)],
    );
    counter(
        "wattline_hop_streams_total",
        "Streams to neighbours that were opened; requests share them.",
        vec![(String::new(), shared.metrics.streams() as f64)],
    );
    let (steps, rows) = shared.steps();
    counter("wattline_steps_total", "Steps of the stages in memory.", vec![(String::new(), steps as f64)]);
    counter(
        "wattline_step_requests_total",
        "Requests in all those steps: over the steps, how many go together.",
        vec![(String::new(), rows as f64)],
    );
    let (sent, fetched) = shared.blobs.totals();
    let way = |way: &str, bytes: u64| (format!("{{way=\"{way}\"}}"), bytes as f64);
    counter("wattline_blob_bytes_total", "Bytes of model files.", vec![way("sent", sent), way("fetched", fetched)]);
    let of = |pick: fn(&crate::metrics::Counts) -> f64| {
        let line = |((service, replica), c): &((protocol::Name, u32), crate::metrics::Counts)| {
            (format!("{{service=\"{service}\",replica=\"{replica}\"}}"), pick(c))
        };
        totals.iter().map(line).collect::<Vec<_>>()
    };
    counter("wattline_requests_total", "Requests that ended.", of(|c| c.requests as f64));
    counter("wattline_failed_total", "Requests that ended with an error.", of(|c| c.failed as f64));
    counter("wattline_tokens_total", "Tokens of answers.", of(|c| c.tokens as f64));
    counter("wattline_ttft_seconds_total", "Sum of times to the first token.", of(|c| c.ttft_s));
    counter("wattline_first_tokens_total", "First tokens.", of(|c| c.begun as f64));
    counter("wattline_decode_seconds_total", "Sum of times from the first to the last token.", of(|c| c.decode_s));
    counter("wattline_decoded_total", "Tokens after the first.", of(|c| c.decoded as f64));
    let _ = writeln!(out, "# HELP wattline_lost Devices whose token is lost.\n# TYPE wattline_lost gauge");
    for device in lost {
        let _ = writeln!(out, "wattline_lost{{device=\"{device}\"}} 1");
    }
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], out).into_response()
}
