//! The server: the OpenAI HTTP API for users, health for supervisors, the fleet's state for planners.

mod answer;
mod blobs;
pub(crate) mod call;
mod error;
mod fleet_api;
pub(crate) mod forward;
mod openai;
pub(crate) mod relay;
mod state;
mod stream;
mod watch;

use crate::error::NodeError;
use crate::shared::Shared;
use axum::Router;
use axum::routing::{get, post, put};
use error::Refused;
use state::Serving;
use std::net::TcpListener;
use std::sync::Arc;

/// The running server; it ends with this, and what it still sends breaks off.
pub(crate) struct Server(Option<tokio::runtime::Runtime>);

impl Server {
    pub(crate) fn start(shared: Arc<Shared>, listener: TcpListener) -> Result<Self, NodeError> {
        let failed = |source| NodeError::Start { what: "the server", source };
        // Two threads parse and send; the work is done elsewhere.
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let listener = {
            let _inside = runtime.enter();
            tokio::net::TcpListener::from_std(listener).map_err(failed)?
        };
        let routes = routes(Arc::new(Serving::new(shared)));
        runtime.spawn(async move {
            // Fails when the listener does, and then for good.
            let _ = axum::serve(listener, routes).await;
        });
        Ok(Self(Some(runtime)))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

fn routes(serving: Arc<Serving>) -> Router {
    Router::new()
        .route("/v1/chat/completions", post(answer::chat))
        .route("/v1/completions", post(answer::text))
        .route("/v1/models", get(watch::models))
        .route("/healthz", get(watch::health))
        .route("/readyz", get(watch::ready))
        .route("/metrics", get(watch::metrics))
        .route("/blobs/sha256/{digest}", get(blobs::get))
        .route("/fleet/status", get(fleet_api::statuses))
        .route("/fleet/plan", put(fleet_api::put))
        .route("/fleet/agents/{agent}/plans/{id}", get(fleet_api::plan))
        .fallback(|| async { Refused::not_found("no such address") })
        .method_not_allowed_fallback(|| async { Refused::method() })
        .with_state(serving)
}
