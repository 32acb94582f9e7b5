//! One exchange while it runs: what is known of it so far, readable by the link at
//! any moment, and the guard that ends it exactly once.
//!
//! The data path only appends here, under a lock that nobody else holds for longer
//! than a copy; parsing is left to the journal and to the link's ticker.

mod said;

use std::{
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Instant,
};

use glassway_shared::{
    id::ExchangeId,
    model::{Exchange, Failure, Mode, Origin, Outcome, Progress, Try, Usage},
    store::record::Marks,
};
use http::{Method, Version};
use jiff::Timestamp;
use tokio::sync::oneshot;

pub use said::{Said, Sent, SentBody};

use crate::{
    capture::Capture,
    discretion::Discretion,
    recorder::Recorder,
    snapshot::{Key, Provider, Snapshot, Token},
};

/// A running exchange.
pub struct Live {
    /// UUIDv7.
    pub id: ExchangeId,
    /// Where offsets count from.
    pub started: Instant,
    /// Unix microseconds.
    pub started_at_us: i64,
    /// Its place in the flight file.
    pub slot: u32,
    /// Known from the request's head.
    pub head: Head,
    state: Mutex<State>,
    over: AtomicBool,
}

/// What a request's head says, credentials redacted.
pub struct Head {
    /// As sent.
    pub method: Method,
    /// Path and query.
    pub target: String,
    /// The client's.
    pub version: Version,
    /// The peer.
    pub client_ip: IpAddr,
    /// The stored form.
    pub headers: Vec<u8>,
    /// Who caused it.
    pub origin: Origin,
    /// Whose credential travels.
    pub mode: Mode,
    /// How much may be seen.
    pub discretion: Discretion,
}

impl Head {
    /// The target without its query.
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }
}

/// What has become known since.
pub struct State {
    /// The provider's name.
    pub provider: Option<Arc<str>>,
    /// The key's name.
    pub key: Option<Arc<str>>,
    /// The client's token; of managed exchanges, refused ones among them.
    pub token: Option<Arc<Token>>,
    /// What it is paid by; of managed exchanges that were sent.
    pub billing: Option<Billing>,
    /// Attempts that ended, of managed exchanges.
    pub tries: Vec<Try>,
    /// The usage of a stream that only we asked for: the client's stream is without.
    pub aside: Option<Vec<u8>>,
    /// What was lost between the client's dialect and the upstream's.
    pub warnings: Vec<String>,
    /// What attempts said and were told, where the client saw something else.
    pub said: Vec<Said>,
    /// Where it went, credentials redacted.
    pub upstream_url: Option<String>,
    /// Upstream tries.
    pub attempts: u32,
    /// Until a new connection was ready.
    pub connect_us: Option<u32>,
    /// Whether the connection had served before.
    pub reused: bool,
    /// The client's body.
    pub request: Capture,
    /// The stored form.
    pub request_trailers: Vec<u8>,
    /// When its last byte had been taken.
    pub request_sent_us: Option<u64>,
    /// The answer, once its head is there.
    pub answer: Option<Answer>,
    /// What went wrong.
    pub error: Option<Failure>,
    /// WebSocket messages in the stored form.
    pub messages: Option<Capture>,
    /// Read from the request by the ticker.
    pub model: Option<String>,
    /// Read from the answer by the ticker.
    pub progress: Option<Progress>,
    /// When its first piece of content had come; read by the ticker.
    pub first_token_us: Option<u64>,
}

/// Which key pays for a managed exchange, and by which prices.
#[derive(Clone)]
pub struct Billing {
    /// The upstream that served it last.
    pub provider: Arc<Provider>,
    /// The key that served it last.
    pub key: Arc<Key>,
    /// The prices of that moment.
    pub snapshot: Arc<Snapshot>,
    /// The model's name at the upstream.
    pub model: Arc<str>,
}

impl State {
    /// What its upstream may repeat and nobody may see.
    pub fn secret(&self) -> &[u8] {
        self.billing.as_ref().map_or(&[], |billing| crate::managed::scrub::findable(&billing.key))
    }

    /// As people call the client's token.
    pub fn token_name(&self) -> Option<String> {
        self.token.as_ref().map(|token| token.row.name.clone())
    }
}

/// The answer as the client gets it.
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// The stored form.
    pub headers: Vec<u8>,
    /// The stored form.
    pub trailers: Vec<u8>,
    /// When the head arrived.
    pub ttfb_us: u64,
    /// An event stream or a WebSocket.
    pub stream: bool,
    /// Its body.
    pub body: Capture,
    /// When its pieces arrived; only of streams.
    pub marks: Marks,
}

impl Live {
    pub(crate) fn new(
        id: ExchangeId,
        started: Instant,
        started_at_us: i64,
        slot: u32,
        head: Head,
        request: Capture,
    ) -> Self {
        let state = State {
            provider: None,
            key: None,
            token: None,
            billing: None,
            tries: Vec::new(),
            aside: None,
            warnings: Vec::new(),
            said: Vec::new(),
            upstream_url: None,
            attempts: 0,
            connect_us: None,
            reused: false,
            request,
            request_trailers: Vec::new(),
            request_sent_us: None,
            answer: None,
            error: None,
            messages: None,
            model: None,
            progress: None,
            first_token_us: None,
        };
        Self {
            id,
            started,
            started_at_us,
            slot,
            head,
            state: Mutex::new(state),
            over: AtomicBool::new(false),
        }
    }

    /// The lock is only ever held for a copy; a panic under it leaves plain data.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it has ended and is on its way to the database.
    pub fn is_over(&self) -> bool {
        self.over.load(Relaxed)
    }

    pub(crate) fn ends(&self) {
        self.over.store(true, Relaxed);
    }

    /// Microseconds since the start.
    pub fn elapsed_us(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// As lists and the feed show it.
    pub fn exchange(&self) -> Exchange {
        let state = self.state();
        let answer = state.answer.as_ref();
        Exchange {
            id: self.id,
            started_at: Timestamp::from_microsecond(self.started_at_us).unwrap_or_default(),
            method: self.head.method.to_string(),
            path: self.head.path().to_owned(),
            origin: self.head.origin,
            mode: self.head.mode,
            client_ip: self.head.client_ip.to_string(),
            client_token: state.token_name(),
            provider: state.provider.as_deref().map(str::to_owned),
            key: state.key.as_deref().map(str::to_owned),
            model: state.model.clone(),
            upstream_model: state.billing.as_ref().map(|b| b.model.to_string()),
            status: answer.map(|a| a.status),
            outcome: Outcome::InFlight,
            error: state.error.clone(),
            stream: answer.is_some_and(|a| a.stream),
            duration_ms: None,
            ttfb_ms: answer.map(|a| ms(a.ttfb_us)),
            first_token_ms: state.first_token_us.map(ms),
            request_bytes: state.request.total(),
            response_bytes: answer.map_or(0, |a| a.body.total()),
            usage: Usage::ABSENT,
            cost_usd: None,
            attempts: state.attempts,
            warnings: {
                let hidden = self.head.discretion.warning().map(str::to_owned);
                state.warnings.iter().cloned().chain(hidden).collect()
            },
            pinned: false,
            note: None,
            live: state.progress.clone(),
        }
    }
}

/// Microseconds as JSON's milliseconds.
pub fn ms(us: u64) -> f64 {
    us as f64 / 1000.0
}

/// Ends its exchange exactly once: by [`Recording::finish`], or as "client closed" when
/// the connection task drops it.
pub struct Recording {
    live: Option<Arc<Live>>,
    recorder: Arc<Recorder>,
}

impl Recording {
    pub(crate) fn new(live: Arc<Live>, recorder: Arc<Recorder>) -> Self {
        Self { live: Some(live), recorder }
    }

    /// The exchange.
    pub fn live(&self) -> &Arc<Live> {
        self.live.as_ref().expect("only finish takes it, and finish takes self")
    }

    /// Hands the exchange to the journal. With `durability = "before_end"` the receiver
    /// resolves when it is committed (or lost, which is counted).
    pub fn finish(mut self, outcome: Outcome) -> Option<oneshot::Receiver<()>> {
        let live = self.live.take().expect("finish takes self");
        self.recorder.end(live, outcome)
    }

    /// Ends with this failure.
    pub fn fail(self, outcome: Outcome, failure: Failure) -> Option<oneshot::Receiver<()>> {
        self.live().state().error = Some(failure);
        self.finish(outcome)
    }

    /// The head of the answer is known and about to be sent. The link's ticker tells.
    pub fn answered(&self, answer: Answer) {
        self.live().state().answer = Some(answer);
    }

    /// The recorder.
    pub fn recorder(&self) -> &Arc<Recorder> {
        &self.recorder
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        if let Some(live) = self.live.take() {
            let _ = self.recorder.end(live, Outcome::ClientClosed);
        }
    }
}
