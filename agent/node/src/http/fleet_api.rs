//! What a planner reaches through any one agent: all statuses, plans, and the way in for a new plan.
//!
//! An agent that is asked needs no trust: statuses are signed by who said them, plans by the fleet's owner.

use super::error::Refused;
use super::state::Serving;
use crate::shell;
use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use protocol::bus::{Keep, Qos};
use protocol::limits::ENVELOPE_BYTES;
use protocol::{Key, Name, PlanId, Topic, envelope};
use serde_json::json;
use std::sync::Arc;

/// The signed message of each agent's last status, and of what it measured last.
pub(crate) async fn statuses(State(serving): State<Arc<Serving>>, headers: HeaderMap) -> Result<Response, Refused> {
    serving.allowed(&headers)?;
    let all = serving.shared.peers.all();
    let said: Vec<_> = all.iter().map(|h| json!(String::from_utf8_lossy(&h.sealed))).collect();
    let shared = &serving.shared;
    let samples: Vec<_> = shared.peers.samples().iter().map(|s| json!(String::from_utf8_lossy(s))).collect();
    let (fleet, agent, notes) = (&shared.fleet, &shared.me, shared.metrics.notes());
    Ok(Json(json!({ "fleet": fleet, "agent": agent, "statuses": said, "telemetry": samples, "notes": notes })).into_response())
}

/// Takes a signed plan and publishes it to the devices that it names.
pub(crate) async fn put(State(serving): State<Arc<Serving>>, headers: HeaderMap, body: Body) -> Result<Response, Refused> {
    serving.allowed(&headers)?;
    let bytes = serving.body(body, ENVELOPE_BYTES).await?;
    let signed = envelope::open(&bytes, &serving.shared.planners).map_err(|e| Refused::body(e.to_string()))?;
    if signed.order.fleet != serving.shared.fleet {
        return Err(Refused::body(format!("it is for fleet `{}`, this is `{}`", signed.order.fleet, serving.shared.fleet)));
    }
    let shared = Arc::clone(&serving.shared);
    let work = move || {
        let Some(layout) = shell::offer(&shared, &bytes) else { return Err("it cannot be carried out by anyone".to_owned()) };
        for device in layout.devices.keys() {
            let key = Key::new(&shared.fleet, Topic::Desired, device);
            shared.bus.publish(&key, &bytes, Qos::Assured, Keep::Last).map_err(|e| e.to_string())?;
        }
        Ok(())
    };
    match tokio::task::spawn_blocking(work).await {
        Ok(Ok(())) => Ok((StatusCode::ACCEPTED, Json(json!({ "plan": signed.order.plan() }))).into_response()),
        Ok(Err(why)) => Err(Refused::body(why)),
        Err(e) => Err(Refused::engine(e.to_string())),
    }
}

/// The envelope of a plan that an agent holds.
pub(crate) async fn plan(
    State(serving): State<Arc<Serving>>,
    headers: HeaderMap,
    Path((agent, id)): Path<(String, String)>,
) -> Result<Response, Refused> {
    serving.allowed(&headers)?;
    let agent = Name::new(&agent).map_err(|e| Refused::not_found(e.to_string()))?;
    let id: PlanId = id.parse().map_err(|_| Refused::not_found("a plan's id has 64 digits"))?;
    let shared = Arc::clone(&serving.shared);
    if agent == shared.me {
        return match shared.plan(id) {
            Some(plan) => Ok(plan.bytes.clone().into_response()),
            None => Err(Refused::not_found(format!("no plan {id:?} is held here"))),
        };
    }
    match tokio::task::spawn_blocking(move || shell::envelope_of(&shared, &agent, id)).await {
        Ok(Ok(bytes)) => Ok(bytes.into_response()),
        Ok(Err(why)) => Err(Refused::not_found(why)),
        Err(e) => Err(Refused::engine(e.to_string())),
    }
}
