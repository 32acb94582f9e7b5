//! Connections that wait for their next request. An HTTP/1 one comes back when its
//! answer was read to the end and stays for a few seconds, since many relays close
//! at five; an HTTP/2 one is shared.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};

use super::connect::Connected;
use crate::{target::Origin, tee::Upload};

/// How long an idle connection is believed to live, unless `Keep-Alive` says less.
const IDLE: Duration = Duration::from_secs(4);
/// Idle connections kept per upstream.
const MAX_IDLE: usize = 256;
/// Answers with more headers than hyper's default of 100 are valid.
const MAX_HEADERS: usize = 128;

type One = http1::SendRequest<Upload>;
type Two = http2::SendRequest<Upload>;

/// A connection to send one request on.
pub(super) enum Line {
    One(One),
    Two(Two),
}

#[derive(Default)]
struct Shelf {
    one: Vec<(One, Instant)>,
    two: Option<Two>,
}

/// Few enough that comparing pointers beats hashing names.
#[derive(Default)]
struct Shelves(Vec<(Arc<Origin>, Shelf)>);

impl Shelves {
    fn find(&mut self, origin: &Arc<Origin>) -> Option<&mut Shelf> {
        let same = |other: &Arc<Origin>| Arc::ptr_eq(other, origin) || other == origin;
        self.0.iter_mut().find(|(other, _)| same(other)).map(|(_, shelf)| shelf)
    }

    fn find_or_add(&mut self, origin: &Arc<Origin>) -> &mut Shelf {
        if self.find(origin).is_none() {
            self.0.push((origin.clone(), Shelf::default()));
        }
        self.find(origin).expect("just added")
    }
}

/// See the module.
#[derive(Default)]
pub(super) struct Pool {
    shelves: Mutex<Shelves>,
}

impl Pool {
    pub(super) fn new() -> Arc<Self> {
        Arc::default()
    }

    fn shelves(&self) -> MutexGuard<'_, Shelves> {
        self.shelves.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection that is ready, if one waits.
    pub(super) async fn take(&self, origin: &Arc<Origin>) -> Option<Line> {
        loop {
            let mut sender = {
                let mut shelves = self.shelves();
                let shelf = shelves.find(origin)?;
                if let Some(two) = &shelf.two {
                    match two.is_closed() {
                        false => return Some(Line::Two(two.clone())),
                        true => shelf.two = None,
                    }
                }
                // The one used last lives longest.
                let (sender, until) = shelf.one.pop()?;
                if until <= Instant::now() {
                    shelf.one.clear();
                    return None;
                }
                sender
            };
            // Its task may not have come round to noticing the end of the last answer.
            if sender.is_ready() || sender.ready().await.is_ok() {
                return Some(Line::One(sender));
            }
        }
    }

    fn put(&self, origin: &Arc<Origin>, sender: One, keep: Duration) {
        if sender.is_closed() {
            return;
        }
        let now = Instant::now();
        let mut shelves = self.shelves();
        let shelf = shelves.find_or_add(origin);
        let expired = shelf.one.iter().take_while(|(_, until)| *until <= now).count();
        shelf.one.drain(..expired);
        if shelf.one.len() < MAX_IDLE {
            shelf.one.push((sender, now + keep));
        }
    }

    /// Starts HTTP on a fresh connection.
    pub(super) async fn handshake(
        &self,
        origin: &Arc<Origin>,
        connected: Connected,
    ) -> Result<Line, hyper::Error> {
        let http2 = connected.http2;
        let io = TokioIo::new(connected.io);
        if !http2 {
            let (sender, connection) = http1::Builder::new()
                .preserve_header_case(true)
                .max_headers(MAX_HEADERS)
                .handshake(io)
                .await?;
            // The task ends with the connection, which ends when its sender is dropped.
            tokio::spawn(async move {
                let _ = connection.with_upgrades().await;
            });
            return Ok(Line::One(sender));
        }
        let (sender, connection) = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .initial_stream_window_size(1 << 20)
            .initial_connection_window_size(4 << 20)
            .keep_alive_interval(Duration::from_secs(20))
            .max_header_list_size(256 * 1024)
            .handshake(io)
            .await?;
        tokio::spawn(async move {
            let _ = connection.await;
        });
        self.shelves().find_or_add(origin).two = Some(sender.clone());
        Ok(Line::Two(sender))
    }
}

/// Gives an HTTP/1 connection back to its pool.
pub struct Reuse {
    sender: One,
    pool: Arc<Pool>,
    origin: Arc<Origin>,
    keep: Duration,
}

impl Reuse {
    pub(super) fn new(sender: One, pool: &Arc<Pool>, origin: &Arc<Origin>) -> Self {
        Self { sender, pool: pool.clone(), origin: origin.clone(), keep: IDLE }
    }

    /// What the answer's `Keep-Alive: timeout=N` says, less a second for the way.
    pub fn keep_alive(&mut self, value: &str) {
        let timeout = value.split(',').find_map(|p| p.trim().strip_prefix("timeout="));
        if let Some(seconds) = timeout.and_then(|t| t.trim().parse::<u64>().ok()) {
            self.keep = Duration::from_secs(seconds.saturating_sub(1).min(60));
        }
    }

    /// The answer's body was seen to end.
    pub fn done(self) {
        let Self { sender, pool, origin, keep } = self;
        if !keep.is_zero() {
            pool.put(&origin, sender, keep);
        }
    }
}
