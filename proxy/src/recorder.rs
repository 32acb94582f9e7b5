//! Where recording begins and ends: admits an exchange (id, flight slot, "started"
//! on the feed) and hands it to the journal when it has ended. Shared by all data
//! threads; nothing here waits.

use std::{
    sync::Arc,
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use glassway_shared::{
    config::{Durability, Record},
    id::ExchangeId,
    model::{Mode, Outcome},
    store::record::Marks,
};
use http::{HeaderMap, request::Parts};
use tokio::sync::oneshot;

use crate::{
    capture::{Budget, Capture},
    discretion::{Rules, Whose},
    feed::{Feed, Signal},
    flight::Flight,
    journal::{Ended, Queue},
    live::{Answer, Head, Live, Recording},
    metrics::Metrics,
    redact::{self, Redactor},
};

/// Fixed memory of a record beside its headers and bodies, roughly.
const ROW: usize = 1024;

/// See the module.
pub struct Recorder {
    /// Memory for recording.
    pub budget: Arc<Budget>,
    /// What runs.
    pub flight: Arc<Flight>,
    /// Who listens.
    pub feed: Arc<Feed>,
    queue: Queue,
    metrics: Arc<Metrics>,
    redactor: Redactor,
    rules: Rules,
    max_body: usize,
    before_end: bool,
}

impl Recorder {
    pub(crate) fn new(
        config: &Record,
        budget: Arc<Budget>,
        flight: Arc<Flight>,
        feed: Arc<Feed>,
        queue: Queue,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            budget,
            flight,
            feed,
            queue,
            metrics,
            redactor: Redactor::new(&config.redact_headers),
            rules: Rules::new(config),
            max_body: usize::try_from(config.max_body_bytes).unwrap_or(usize::MAX),
            before_end: config.durability == Durability::BeforeEnd,
        }
    }

    /// A request head has arrived.
    pub fn begin(self: &Arc<Self>, parts: &Parts, whose: Whose<'_>, mode: Mode) -> Recording {
        self.begin_as(ExchangeId::new(), parts, whose, mode)
    }

    /// The same under an id that was promised to somebody.
    pub fn begin_as(
        self: &Arc<Self>,
        id: ExchangeId,
        parts: &Parts,
        whose: Whose<'_>,
        mode: Mode,
    ) -> Recording {
        let discretion = self.rules.of(whose);
        let target = match discretion.is_metadata() {
            true => parts.uri.path().to_owned(),
            false => redact::target(parts.uri.path_and_query().map_or("/", |t| t.as_str())),
        };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let head = Head {
            method: parts.method.clone(),
            target,
            version: parts.version,
            client_ip: whose.ip,
            headers: self.redactor.block(&parts.headers),
            origin: whose.origin,
            mode,
            discretion,
        };
        let request = Capture::new(&self.budget, self.max_body);
        let at_us = i64::try_from(now.as_micros()).unwrap_or(i64::MAX);
        let live =
            self.flight.admit(|slot| Live::new(id, Instant::now(), at_us, slot, head, request));
        self.feed.send(|| Signal::Started(live.clone()));
        Recording::new(live, self.clone())
    }

    /// What the client gets, from its head on.
    pub fn answer(&self, status: u16, headers: &HeaderMap, ttfb_us: u64, stream: bool) -> Answer {
        Answer {
            status,
            headers: self.redactor.block(headers),
            trailers: Vec::new(),
            ttfb_us,
            stream,
            body: Capture::new(&self.budget, self.max_body),
            marks: Marks::default(),
        }
    }

    /// The stored form of a request's headers as it goes upstream.
    pub fn headers(&self, headers: &HeaderMap) -> Vec<u8> {
        self.redactor.block(headers)
    }

    /// A capture beside others of its kind, which hold so much together.
    pub fn capture_beside(&self, held: usize) -> Capture {
        Capture::new(&self.budget, self.max_body.saturating_sub(held))
    }

    /// A capture for WebSocket messages.
    pub fn capture(&self) -> Capture {
        Capture::new(&self.budget, self.max_body)
    }

    /// The stored form of trailers.
    pub fn trailers(&self, trailers: &HeaderMap) -> Vec<u8> {
        self.redactor.block(trailers)
    }

    /// Ends an exchange: into the queue, its bodies shed where memory is short.
    pub(crate) fn end(&self, live: Arc<Live>, outcome: Outcome) -> Option<oneshot::Receiver<()>> {
        let duration_us = live.elapsed_us();
        live.ends();
        let row = {
            let mut state = live.state();
            let answer = state.answer.as_ref().map_or(0, |a| a.headers.len());
            let size = ROW + live.head.headers.len() + answer + state.kept_beside().heads;
            self.budget.take_row(size).or_else(|| {
                // Bodies go before rows.
                state.shed();
                self.budget.take_row(size)
            })
        };
        self.flight.ended(&live);
        let Some(row) = row else {
            self.budget.count_lost(1);
            self.flight.lose(live.slot);
            self.feed.send(|| Signal::Lost(live.clone(), outcome, duration_us));
            return None;
        };
        // While nothing can be written nobody waits: clients are served.
        let (committed, wait) = match self.before_end && self.metrics.is_writable() {
            true => {
                let (committed, wait) = oneshot::channel();
                (Some(committed), Some(wait))
            }
            false => (None, None),
        };
        self.metrics.vitals.ended();
        self.queue.push(Ended { live, outcome, duration_us, row, committed });
        wait
    }
}
