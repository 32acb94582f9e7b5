//! Sends one request upstream over a connection of its own or a reused one. One
//! client per data thread, so that its pool is never contended.
//!
//! hyper-util's pooled client cost 10 % more per request than this pool, which knows
//! that a connection comes back when its answer's body was seen to end.

mod connect;
mod patience;
mod pool;

use std::{
    future::poll_fn,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    task::{Poll, ready},
    time::{Duration, Instant},
};

use glassway_shared::address::Allow;
use http::{Request, Response, Version, header, uri::PathAndQuery};
use hyper::body::Incoming;

pub use connect::{Connector, TlsError};
pub use pool::Reuse;

use crate::{error::Fault, target::Base, tee::Upload};
use patience::Patience;
use pool::{Line, Pool};

/// See the module.
#[derive(Clone)]
pub struct Client {
    pool: Arc<Pool>,
    connector: Arc<Connector>,
    patience: Arc<Patience>,
}

/// How an upload fares, shared between the body being sent and whoever waits for the
/// answer.
#[derive(Debug)]
pub struct UploadState {
    began: Instant,
    moved_us: AtomicU64,
    failed: AtomicBool,
    stalled: AtomicBool,
}

impl UploadState {
    /// Nothing sent yet.
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            began: Instant::now(),
            moved_us: AtomicU64::new(0),
            failed: AtomicBool::new(false),
            stalled: AtomicBool::new(false),
        })
    }

    /// A piece was taken from the client, or the end.
    pub fn moved(&self) {
        self.moved_at(Instant::now());
    }

    fn moved_at(&self, now: Instant) {
        let us = u64::try_from((now - self.began).as_micros()).unwrap_or(u64::MAX);
        self.moved_us.store(us, Relaxed);
    }

    /// The client broke off.
    pub fn fail(&self) {
        self.failed.store(true, Relaxed);
    }

    /// The client sent nothing for too long.
    pub fn stall(&self) {
        self.stalled.store(true, Relaxed);
    }

    pub(crate) fn last_moved(&self) -> Instant {
        self.began + Duration::from_micros(self.moved_us.load(Relaxed))
    }
}

/// An answer's head, and how its connection fared.
pub struct Sent {
    /// Its body is still coming.
    pub response: Response<Incoming>,
    /// To give the connection back once the body has ended; `None` for HTTP/2.
    pub reuse: Option<Reuse>,
    /// To make the connection; `None` on a reused one.
    pub connect: Option<Duration>,
}

/// Why there is no answer.
pub enum SendError {
    /// The upstream's fault, or ours: to be answered.
    Fault(Fault),
    /// The client broke off while it sent.
    ClientGone,
    /// The client stopped sending.
    ClientStalled,
}

impl Client {
    /// A client with an empty pool, on the current thread's runtime.
    pub fn new(connector: Arc<Connector>, first_byte: Duration) -> Self {
        Self { pool: Pool::new(), connector, patience: Patience::new(first_byte) }
    }

    /// Which addresses people may choose.
    pub fn allow(&self) -> &Allow {
        self.connector.allow()
    }

    /// Sends, and waits for the answer's head. `dedicated` keeps the connection out of
    /// the pool and on HTTP/1.1, as a WebSocket needs.
    pub async fn send(
        &self,
        base: &Base,
        target: &PathAndQuery,
        mut request: Request<Upload>,
        upload: &Arc<UploadState>,
        dedicated: bool,
    ) -> Result<Sent, SendError> {
        loop {
            let pooled = match dedicated {
                true => None,
                false => self.pool.take(&base.origin).await,
            };
            let (line, connect) = match pooled {
                Some(line) => (line, None),
                None => {
                    let began = Instant::now();
                    // Boxed: rarely needed, and large.
                    let line = Box::pin(self.open(base, dedicated));
                    let line = line.await.map_err(SendError::Fault)?;
                    (line, Some(began.elapsed()))
                }
            };
            let result = match line {
                Line::One(mut sender) => {
                    *request.uri_mut() = target.clone().into();
                    *request.version_mut() = Version::HTTP_11;
                    let sending = sender.try_send_request(request);
                    let result = self.head(sending, upload, base).await?;
                    result.map(|response| {
                        (response, Some(Reuse::new(sender, &self.pool, &base.origin)))
                    })
                }
                Line::Two(mut sender) => {
                    if let Some(uri) = base.absolute(target) {
                        *request.uri_mut() = uri;
                    }
                    *request.version_mut() = Version::HTTP_2;
                    request.headers_mut().remove(header::HOST);
                    let sending = sender.try_send_request(request);
                    self.head(sending, upload, base).await?.map(|response| (response, None))
                }
            };
            match result {
                Ok((response, reuse)) => return Ok(Sent { response, reuse, connect }),
                // Never left this process: a reused connection had died unread.
                Err(Unsent { message: Some(unsent), .. }) if connect.is_none() => {
                    request = unsent;
                    request.headers_mut().entry(header::HOST).or_insert_with(|| base.host.clone());
                }
                Err(unsent) => {
                    if upload.failed.load(Relaxed) {
                        return Err(SendError::ClientGone);
                    }
                    if upload.stalled.load(Relaxed) {
                        return Err(SendError::ClientStalled);
                    }
                    return Err(SendError::Fault(unsent.fault(base)));
                }
            }
        }
    }

    /// Waits for the head, as long as patience lasts after the upload last moved.
    async fn head(
        &self,
        sending: impl Future<
            Output = Result<Response<Incoming>, hyper::client::conn::TrySendError<Request<Upload>>>,
        >,
        upload: &Arc<UploadState>,
        base: &Base,
    ) -> Result<Result<Response<Incoming>, Unsent>, SendError> {
        let mut sending = pin!(sending);
        let mut turn = None;
        poll_fn(|cx| {
            if let Poll::Ready(result) = sending.as_mut().poll(cx) {
                return Poll::Ready(Ok(result.map_err(|mut e| Unsent {
                    message: e.take_message(),
                    error: e.into_error(),
                })));
            }
            let turn = turn.get_or_insert_with(|| self.patience.wait(upload));
            ready!(turn.poll_over(cx));
            Poll::Ready(Err(SendError::Fault(Fault::timeout(format!(
                "{} did not begin to answer within {} s (proxy.first_byte_timeout)",
                base.prefix,
                self.patience.limit().as_secs_f64(),
            )))))
        })
        .await
    }

    async fn open(&self, base: &Base, dedicated: bool) -> Result<Line, Fault> {
        let connected = self.connector.connect(&base.origin, &base.prefix, dedicated).await;
        tracing::debug!(
            upstream = base.prefix,
            connected = connected.is_ok(),
            "a connection to an upstream was asked for"
        );
        let connected = connected?;
        self.pool.handshake(&base.origin, connected).await.map_err(|e| {
            Fault::connect(format!("{}: the connection failed at once: {}", base.prefix, chain(&e)))
        })
    }
}

/// A request that got no answer, with the request where it never left.
struct Unsent {
    message: Option<Request<Upload>>,
    error: hyper::Error,
}

impl Unsent {
    fn fault(&self, base: &Base) -> Fault {
        let (at, why) = (&base.prefix, chain(&self.error));
        if self.error.is_parse() || self.error.is_parse_too_large() {
            return Fault::invalid_response(format!(
                "{at} answered something that is not HTTP: {why}"
            ));
        }
        Fault::closed(format!("{at} closed the connection before it answered: {why}"))
    }
}

/// An error with its causes, in one line.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}
