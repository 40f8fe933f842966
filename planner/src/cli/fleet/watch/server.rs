//! The server of the live page: three addresses that only give, on the loopback unless told otherwise.

use crate::cli::exit::Failure;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use reports::{LIVE_POLICY, Live, live, live_main};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

/// What is shown now, given anew at each look.
#[derive(Clone, Debug, Default)]
pub(super) struct Board(Arc<Mutex<Arc<Live>>>);

impl Board {
    pub(super) fn show(&self, state: Live) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(state);
    }

    fn now(&self) -> Arc<Live> {
        Arc::clone(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The running server; it ends with this.
#[derive(Debug)]
pub(super) struct Server {
    runtime: Option<tokio::runtime::Runtime>,
    pub(super) address: SocketAddr,
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Server {
    /// Listens. `public`: other machines may be let in.
    pub(super) fn start(board: Board, address: SocketAddr, public: bool) -> Result<Self, Failure> {
        if !address.ip().is_loopback() && !public {
            let message =
                format!("error: --serve {address} is reached from other machines, and whoever reaches it sees the fleet");
            return Err(Failure::input(format!("{message}\n  help: --serve 127.0.0.1:{}, or --public as well", address.port())));
        }
        let failed = |e: std::io::Error| {
            Failure::input(format!("error: --serve {address}: {e}\n  help: another port; port 0 takes a free one"))
        };
        let listener = std::net::TcpListener::bind(address).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().map_err(failed)?;
        let listener = {
            let _inside = runtime.enter();
            tokio::net::TcpListener::from_std(listener).map_err(failed)?
        };
        let routes = routes(board, address.ip().is_loopback());
        runtime.spawn(async move {
            // Fails when the listener does, and then for good.
            let _ = axum::serve(listener, routes).await;
        });
        Ok(Self { runtime: Some(runtime), address })
    }
}

fn routes(board: Board, loopback: bool) -> Router {
    Router::new()
        .route("/", get(|State(board): State<Board>| async move { Html(live(&board.now())) }))
        .route("/main", get(|State(board): State<Board>| async move { Html(live_main(&board.now())) }))
        .route("/state.json", get(json))
        .fallback(|| async { (StatusCode::NOT_FOUND, "there are /, /main and /state.json\n") })
        .layer(from_fn_with_state(loopback, guard))
        .with_state(board)
}

async fn json(State(board): State<Board>) -> Response {
    match serde_json::to_vec_pretty(&*board.now()) {
        Ok(bytes) => ([(header::CONTENT_TYPE, "application/json")], bytes).into_response(),
        Err(e) => (StatusCode::INTERNAL_SERVER_ERROR, e.to_string()).into_response(),
    }
}

/// Nothing is kept by browsers or framed, and what is on the loopback is not given to a page of another name that was
/// made to point there (DNS rebinding).
async fn guard(State(loopback): State<bool>, request: Request, next: Next) -> Response {
    // A browser always names one; who names none is no browser.
    let own = request.headers().get(header::HOST).is_none_or(|h| h.to_str().is_ok_and(is_own));
    let mut response = if loopback && !own {
        (StatusCode::FORBIDDEN, "ask by address, as http://127.0.0.1\n").into_response()
    } else {
        next.run(request).await
    };
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, LIVE_POLICY),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Whether a `Host` is an address or this machine's own name.
fn is_own(host: &str) -> bool {
    let name = host.rsplit_once(':').filter(|(_, port)| port.bytes().all(|b| b.is_ascii_digit())).map_or(host, |(name, _)| name);
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    bare == "localhost" || bare.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read as _, Write as _};

    fn ask(to: SocketAddr, path: &str, host: &str) -> String {
        let mut stream = std::net::TcpStream::connect(to).unwrap();
        write!(stream, "GET {path} HTTP/1.0\r\nHost: {host}\r\n\r\n").unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn it_gives_what_is_shown_and_only_to_who_asks_by_address() {
        let board = Board::default();
        let server = Server::start(board.clone(), "127.0.0.1:0".parse().unwrap(), false).unwrap();
        let at = server.address;
        board.show(Live { fleet: "home-7".into(), ..Live::default() });
        let page = ask(at, "/", &at.to_string());
        assert!(page.starts_with("HTTP/1.0 200") && page.contains("<h1>home-7</h1>"), "{page}");
        assert!(
            page.contains("content-security-policy: default-src 'none'") && page.contains("cache-control: no-store"),
            "{page}"
        );
        assert!(ask(at, "/state.json", "localhost:1").contains("\"fleet\": \"home-7\""));
        let main = ask(at, "/main", "[::1]:80");
        assert!(main.contains("<h1>home-7</h1>") && !main.contains("<style>"), "{main}");
        for host in ["evil.example", "evil.example:8090", "", "127.0.0.1.evil.example"] {
            let refused = ask(at, "/", host);
            assert!(refused.starts_with("HTTP/1.0 403") && !refused.contains("home-7"), "{host}: {refused}");
        }
        assert!(ask(at, "/other", "localhost").starts_with("HTTP/1.0 404"));
        let taken = Server::start(Board::default(), at, false).unwrap_err();
        assert!(taken.message.contains("port 0"), "{}", taken.message);
    }

    #[test]
    fn other_machines_only_where_told() {
        let all: SocketAddr = "0.0.0.0:0".parse().unwrap();
        let refused = Server::start(Board::default(), all, false).unwrap_err();
        assert!(refused.message.contains("--public"), "{}", refused.message);
        assert!(Server::start(Board::default(), all, true).is_ok());
    }
}
