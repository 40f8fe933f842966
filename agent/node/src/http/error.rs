//! Errors in the form of the OpenAI API.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// Why a request is not answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    status: StatusCode,
    kind: &'static str,
    code: Option<&'static str>,
    param: Option<String>,
    message: String,
    /// Seconds after which it may go.
    again_s: Option<u32>,
}

impl Refused {
    fn new(status: StatusCode, kind: &'static str, code: Option<&'static str>, message: impl Into<String>) -> Self {
        Self { status, kind, code, param: None, message: message.into(), again_s: None }
    }

    /// In words.
    pub(crate) fn why(&self) -> String {
        self.message.clone()
    }

    fn invalid(status: StatusCode, code: Option<&'static str>, message: impl Into<String>) -> Self {
        Self::new(status, "invalid_request_error", code, message)
    }

    /// A field that is missing, malformed, out of range or not supported.
    pub(crate) fn field(param: &str, message: impl Into<String>) -> Self {
        Self { param: Some(param.into()), ..Self::invalid(StatusCode::BAD_REQUEST, None, message) }
    }

    pub(crate) fn body(message: impl Into<String>) -> Self {
        Self::invalid(StatusCode::BAD_REQUEST, None, message)
    }

    pub(crate) fn too_long(most: usize) -> Self {
        Self::invalid(StatusCode::PAYLOAD_TOO_LARGE, Some("request_too_large"), format!("a request has at most {most} bytes"))
    }

    pub(crate) fn context(message: impl Into<String>) -> Self {
        let refused = Self::invalid(StatusCode::BAD_REQUEST, Some("context_length_exceeded"), message);
        Self { param: Some("messages".into()), ..refused }
    }

    pub(crate) fn key() -> Self {
        let message = "send an API key of this agent's `api_keys:` as `Authorization: Bearer KEY`";
        Self::invalid(StatusCode::UNAUTHORIZED, Some("invalid_api_key"), message)
    }

    pub(crate) fn model(name: &str, known: &[String]) -> Self {
        let known = if known.is_empty() { "none is served now".into() } else { format!("there are {}", known.join(", ")) };
        let refused = Self::invalid(StatusCode::NOT_FOUND, Some("model_not_found"), format!("no model `{name}`; {known}"));
        Self { param: Some("model".into()), ..refused }
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::invalid(StatusCode::NOT_FOUND, None, message)
    }

    pub(crate) fn method() -> Self {
        Self::invalid(StatusCode::METHOD_NOT_ALLOWED, None, "another method is used with this address")
    }

    /// The queue is full.
    pub(crate) fn full(again_s: u32) -> Self {
        let message = "as many requests wait as may wait; try again later";
        let refused = Self::new(StatusCode::TOO_MANY_REQUESTS, "rate_limit_error", Some("queue_full"), message);
        Self { again_s: Some(again_s), ..refused }
    }

    /// A stage is lost, or the plan changes.
    pub(crate) fn unavailable(message: impl Into<String>) -> Self {
        let refused = Self::new(StatusCode::SERVICE_UNAVAILABLE, "server_error", Some("unavailable"), message);
        Self { again_s: Some(2), ..refused }
    }

    pub(crate) fn engine(message: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "server_error", None, message)
    }

    /// As the value that a stream says.
    pub(crate) fn value(&self) -> serde_json::Value {
        let Self { kind, code, param, message, .. } = self;
        json!({ "error": { "message": message, "type": kind, "param": param, "code": code } })
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self.value())).into_response();
        if let Some(seconds) = self.again_s {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
