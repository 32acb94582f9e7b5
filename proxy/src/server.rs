//! Connections: accepted on current-thread runtimes that share one listener, told
//! apart by their first bytes (HTTP/1.1 or prior-knowledge HTTP/2), and drained when
//! the process is asked to stop.
//!
//! A multi-thread runtime cost 13 to 22 % more CPU per request; SO_REUSEPORT does not
//! combine with a socket that systemd hands over.

mod drain;
mod guard;
mod quiet;
mod stall;
mod streams;

use std::{io, net::SocketAddr, sync::Arc, thread::JoinHandle, time::Duration};

use glassway_shared::{
    listen::{self, linger},
    networks::Networks,
    service::watchdog::{Pulse, Watchdog},
    tls::{Tls, TlsStream},
};
use http::{HeaderValue, Response, StatusCode, header};
use hyper::{
    server::conn::{http1, http2},
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};

use crate::{
    app::{App, Tasks},
    exchange,
    tee::Reply,
    upstream::{Client, Connector},
};

pub use drain::Drain;
use guard::Guard;
pub use guard::{Boundary, Part};
use stall::Stall;
use streams::Streams;

/// hyper's default is 100; each place costs a little on every request.
const MAX_HEADERS: usize = 128;

const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What a server speaks that speaks TLS, the one it likes best first.
pub const PROTOCOLS: &[&[u8]] = &[b"h2", b"http/1.1"];

/// Starts the data threads.
pub fn start(
    app: &Arc<App>,
    listener: &std::net::TcpListener,
    tls: Option<&Arc<Tls>>,
    connector: &Arc<Connector>,
    drain: &Drain,
    watchdog: &mut Watchdog,
) -> io::Result<Vec<JoinHandle<()>>> {
    let most = app.config.proxy.max_connections;
    let cap = Arc::new(Semaphore::new(most));
    app.metrics.places(&cap, most);
    listen::give_up_after(listener, app.config.proxy.idle_timeout.limit());
    (0..app.config.proxy_threads())
        .map(|n| {
            let (app, connector, cap) = (app.clone(), connector.clone(), cap.clone());
            let (listener, tls, drain) = (listener.try_clone()?, tls.cloned(), drain.clone());
            let pulse = watchdog.part(format!("accept loop {n}"));
            std::thread::Builder::new().name(format!("data-{n}")).spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .expect("the kernel has room for one more event queue");
                runtime.block_on(serve(app, listener, tls, connector, cap, drain, pulse));
            })
        })
        .collect()
}

async fn serve(
    app: Arc<App>,
    listener: std::net::TcpListener,
    tls: Option<Arc<Tls>>,
    connector: Arc<Connector>,
    cap: Arc<Semaphore>,
    drain: Drain,
    pulse: Pulse,
) {
    // Checked when the configuration was read.
    let allowed = Networks::of(&app.config.proxy.allowed_clients);
    let listener = TcpListener::from_std(listener).expect("the listener is non-blocking");
    let client = Client::new(connector, app.config.proxy.first_byte_timeout.0);
    let connections = Tasks::default();
    app.metrics.vitals.thread(pulse.clone());
    listen::accept(listener, cap, pulse.clone(), drain.begun(), |stream, peer, permit| {
        if !allowed.admit(peer.ip()) {
            tracing::debug!(client.address = %peer, "not one of proxy.allowed_clients: closed unread");
            return;
        }
        let running = connections.begin();
        let connection = Connection {
            app: app.clone(),
            client: client.clone(),
            peer,
            drain: drain.clone(),
            _permit: permit,
        };
        let tls = tls.clone();
        tokio::spawn(async move {
            match tls {
                None => connection.run(stream).await,
                // Boxed, so that a plain connection is not as large.
                Some(tls) => Box::pin(connection.run_tls(stream, &tls)).await,
            }
            drop(running);
        });
    })
    .await;
    let drained = pulse.beside(async {
        connections.all_done().await;
        app.tunnels.all_done().await;
    });
    let limit = app.config.proxy.drain_timeout.0;
    if tokio::time::timeout(limit, drained).await.is_err() {
        tracing::warn!(
            connections = connections.count(),
            "exchanges still ran after drain_timeout and are cut"
        );
    }
    // Dropping the runtime cuts what still runs; its recordings end as they are dropped.
}

struct Connection {
    app: Arc<App>,
    client: Client,
    peer: SocketAddr,
    drain: Drain,
    _permit: OwnedSemaphorePermit,
}

impl Connection {
    async fn run(self, stream: TcpStream) {
        let proxy = &self.app.config.proxy;
        let wait = limit(proxy.header_timeout.0);
        let detected = tokio::select! {
            biased;
            detected = tokio::time::timeout(wait, speaks_http2(&stream)) => detected,
            // Nothing was asked yet, nor is anything on its way.
            () = linger(self.drain.begun(), proxy.drain_timeout.0, || true) => return,
        };
        match detected {
            // Boxed, so that the many HTTP/1 connections are not as large as the few others.
            Ok(Ok(true)) => Box::pin(self.http2(stream)).await,
            Ok(Ok(false)) => self.http1(stream).await,
            Ok(Err(_)) | Err(_) => {}
        }
    }

    /// The handshake has as long as a request's head, in a task of its own. One that has
    /// begun is for a request that a stop must not fail.
    async fn run_tls(self, stream: TcpStream, tls: &Tls) {
        let proxy = &self.app.config.proxy;
        let shaking = async {
            let mut first = [0];
            tokio::select! {
                biased;
                begun = stream.peek(&mut first) => begun?,
                () = linger(self.drain.begun(), proxy.drain_timeout.0, || true) => {
                    return Err(io::ErrorKind::ConnectionAborted.into());
                }
            };
            tls.acceptor().accept(stream).await
        };
        match tokio::time::timeout(limit(proxy.header_timeout.0), shaking).await {
            Ok(Ok(stream)) if speaks_h2(&stream) => self.http2(stream).await,
            Ok(Ok(stream)) => self.http1(stream).await,
            Ok(Err(e)) => {
                tracing::debug!(client.address = %self.peer, error = %e, "no TLS handshake");
            }
            Err(_) => {}
        }
    }

    async fn http1(self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        let Self { app, client, peer, drain, _permit } = self;
        let proxy = &app.config.proxy;
        let mut builder = http1::Builder::new();
        builder
            .preserve_header_case(true)
            .auto_date_header(false)
            .half_close(false)
            .max_headers(MAX_HEADERS)
            .max_header_size(proxy.max_header_bytes)
            // The guard's own timeout tells a slow head from a quiet connection.
            .header_read_timeout(None);
        let boundary = Boundary::default();
        let stream = Stall::new(stream, boundary.clone());
        let guard = Guard::new(stream, boundary.clone(), proxy.header_timeout.limit());
        let waiting = boundary.clone();
        let quiet = linger(drain.begun(), proxy.drain_timeout.0, move || waiting.is_quiet());
        let service_app = app.clone();
        let service = service_fn(move |request| {
            let (app, client, drain) = (service_app.clone(), client.clone(), drain.clone());
            let parts = Some((boundary.part(), boundary.part()));
            async move {
                let ip = peer.ip().to_canonical();
                let mut response = exchange::serve(app, client, ip, request, parts).await;
                if drain.has_begun() {
                    announce_close(&mut response);
                }
                Ok::<_, std::convert::Infallible>(response)
            }
        });
        let connection = builder.serve_connection(TokioIo::new(guard), service).with_upgrades();
        tokio::pin!(connection);
        let ended = tokio::select! {
            biased;
            ended = connection.as_mut() => ended,
            () = quiet => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        log_end(ended, peer);
    }

    async fn http2(self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        let Self { app, client, peer, drain, _permit } = self;
        let mut builder = http2::Builder::new(Streams::new(app.config.proxy.idle_timeout.0));
        builder
            .timer(TokioTimer::new())
            .auto_date_header(false)
            .max_concurrent_streams(256)
            .max_header_list_size(
                u32::try_from(app.config.proxy.max_header_bytes).unwrap_or(u32::MAX),
            )
            .initial_stream_window_size(1 << 20)
            .initial_connection_window_size(4 << 20)
            .keep_alive_interval(Some(Duration::from_secs(30)))
            .keep_alive_timeout(Duration::from_secs(20));
        let boundary = Boundary::default();
        let stream = Stall::new(stream, boundary.clone());
        let left = limit(app.config.proxy.idle_timeout.0);
        let asked = boundary.clone();
        let service = service_fn(move |request| {
            let (app, client) = (app.clone(), client.clone());
            let (upload, reply) = (asked.part(), asked.part());
            async move {
                let ip = peer.ip().to_canonical();
                let parts = Some((upload, reply.on(streams::current())));
                let response = exchange::serve(app, client, ip, request, parts).await;
                Ok::<_, std::convert::Infallible>(response)
            }
        });
        let connection = builder.serve_connection(TokioIo::new(stream), service);
        let ended = quiet::until_unused(
            connection,
            |connection| connection.graceful_shutdown(),
            &drain,
            &boundary,
            quiet::KEEP_ALIVE,
            left,
        );
        if let Some(ended) = ended.await {
            log_end(ended, peer);
        }
    }
}

/// Tells an HTTP/1 client that this answer is the connection's last. A connection that
/// becomes a tunnel has its own end.
fn announce_close(response: &mut Response<Reply>) {
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
}

fn log_end(ended: Result<(), hyper::Error>, peer: SocketAddr) {
    if let Err(e) = ended {
        tracing::debug!(client.address = %peer, error = %crate::upstream::chain(&e), "a connection ended early");
    }
}

/// Zero means no limit, to tokio as well.
fn limit(timeout: Duration) -> Duration {
    if timeout.is_zero() { Duration::from_secs(86_400 * 365) } else { timeout }
}

fn speaks_h2(stream: &TlsStream<TcpStream>) -> bool {
    stream.get_ref().1.alpn_protocol() == Some(b"h2")
}

/// Looks at the first bytes without taking them. Most requests differ from the
/// preface in their second byte.
async fn speaks_http2(stream: &TcpStream) -> io::Result<bool> {
    let mut seen = [0; PREFACE.len()];
    loop {
        let n = stream.peek(&mut seen).await?;
        if n == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if seen[..n] != PREFACE[..n] {
            return Ok(false);
        }
        if n == PREFACE.len() {
            return Ok(true);
        }
        // A beginning of the preface: peeking again returns at once, so wait a little.
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
