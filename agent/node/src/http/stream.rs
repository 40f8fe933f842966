//! Server-sent events from a channel.

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, header};
use axum::response::Response;
use futures_core::Stream;
use serde_json::Value;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::sync::mpsc::Receiver;

/// The end of every stream of the API.
pub(crate) const DONE: &str = "data: [DONE]\n\n";

/// One event.
pub(crate) fn event(value: &Value) -> String {
    format!("data: {value}\n\n")
}

struct Events<T>(Receiver<T>);

impl<T: Into<Bytes> + Unpin> Stream for Events<T> {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(cx).map(|text| text.map(|t| Ok(t.into())))
    }
}

/// A response that says events as they come.
pub(crate) fn response<T: Into<Bytes> + Send + Unpin + 'static>(events: Receiver<T>) -> Response {
    let mut response = Response::new(Body::from_stream(Events(events)));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}
