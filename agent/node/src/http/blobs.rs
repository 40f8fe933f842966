//! Model files, by digest and range, for other agents and whoever may ask.

use super::error::Refused;
use super::state::Serving;
use super::stream;
use crate::blobs::Piece;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use protocol::Digest;
use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;
use tokio::sync::mpsc;

/// Bytes of one write.
const SOME: usize = 256 << 10;

/// `GET /blobs/sha256/DIGEST`: a list of chunks (`?bytes=LENGTH` of its file, so that files of another length need not
/// be read), or bytes of a file (`Range: bytes=FIRST-LAST`, RFC 9110 section 14).
pub(crate) async fn get(
    State(serving): State<Arc<Serving>>,
    headers: HeaderMap,
    Path(digest): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Refused> {
    serving.allowed(&headers)?;
    let digest: Digest = digest.parse().map_err(|_| Refused::not_found("a digest has 64 digits"))?;
    let range = headers.get(header::RANGE).map(range).transpose()?;
    let bytes = query.and_then(|q| q.strip_prefix("bytes=")?.parse().ok());
    let shared = Arc::clone(&serving.shared);
    let find = move || {
        if let Some(piece) = shared.blobs.piece(digest, range) {
            return Some(Found::Piece(piece));
        }
        // A file that nobody asked for yet is read now: once.
        let paths: Vec<_> = shared.settings.models.values().map(std::path::PathBuf::as_path).collect();
        shared.blobs.manifest(digest, bytes, &paths).map(Found::List)
    };
    match tokio::task::spawn_blocking(find).await.map_err(|e| Refused::engine(e.to_string()))? {
        Some(Found::List(text)) => Ok(([(header::CONTENT_TYPE, "application/json")], text).into_response()),
        Some(Found::Piece(piece)) => send(&serving, &piece),
        None => Err(Refused::not_found("these bytes are not here")),
    }
}

enum Found {
    List(Vec<u8>),
    Piece(Piece),
}

/// `bytes=FIRST-LAST`; of the forms of a range only this one is used.
fn range(value: &HeaderValue) -> Result<Range<u64>, Refused> {
    let read = |text: &str| {
        let (first, last) = text.strip_prefix("bytes=")?.split_once('-')?;
        let (first, last) = (first.parse::<u64>().ok()?, last.parse::<u64>().ok()?);
        (first <= last).then_some(first..last.checked_add(1)?)
    };
    value.to_str().ok().and_then(read).ok_or_else(|| Refused::field("Range", "write `Range: bytes=FIRST-LAST`"))
}

fn send(serving: &Serving, piece: &Piece) -> Result<Response, Refused> {
    let file = File::open(&piece.path).map_err(|e| Refused::engine(e.to_string()))?;
    let Range { start, end } = piece.range;
    let shared = Arc::clone(&serving.shared);
    let (tell, told) = mpsc::channel::<Vec<u8>>(2);
    std::thread::spawn(move || {
        let mut at = start;
        while at < end && !shared.ended() {
            let mut some = vec![0; SOME.min(usize::try_from(end - at).unwrap_or(SOME))];
            shared.blobs.sending.take(some.len());
            // What ends early is seen by its length.
            if file.read_exact_at(&mut some, at).is_err() {
                return;
            }
            at += some.len() as u64;
            shared.blobs.count_sent(some.len() as u64);
            if tell.blocking_send(some).is_err() {
                return;
            }
        }
    });
    let mut response = stream::response(told);
    let whole = start == 0 && end == piece.bytes;
    *response.status_mut() = if whole { StatusCode::OK } else { StatusCode::PARTIAL_CONTENT };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(end - start));
    if !whole {
        let said = format!("bytes {start}-{}/{}", end.saturating_sub(1), piece.bytes);
        headers.insert(header::CONTENT_RANGE, HeaderValue::from_str(&said).map_err(|e| Refused::engine(e.to_string()))?);
    }
    Ok(response)
}
