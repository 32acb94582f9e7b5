//! What has been announced: which exchanges run, which have ended, who was told. What
//! contradicts it is corrected or dropped here.

use std::{
    collections::{HashMap, HashSet},
    net::SocketAddr,
    time::{Duration, Instant},
};

use glassway_shared::{
    feed::{BodyDelta, Gauges, Standing},
    id::ExchangeId,
    model::{Exchange, Failure, Outcome},
    store::annotations::Annotation,
};

use super::{
    Stage,
    event::{Event, Lazy},
    recent::Recent,
    viewer::Viewer,
};

/// How long an exchange that the proxy no longer knows may take to show up in the
/// database before it is given up.
const GRACE: Duration = Duration::from_secs(5);

/// Behind the one lock of [`super::Live`].
pub(super) struct State {
    pub(super) connected: bool,
    /// Where clients reach the proxy, once it has said so.
    pub(super) listen: Option<SocketAddr>,
    pub(super) gauges: Gauges,
    pub(super) running: HashMap<ExchangeId, Exchange>,
    /// Running as far as we were told, but unknown to the proxy when it last said hello.
    pub(super) doubtful: HashMap<ExchangeId, Instant>,
    pub(super) ended: Recent,
    /// What people said about exchanges that run: the proxy does not know it.
    pub(super) annotations: HashMap<ExchangeId, Annotation>,
    /// The newest exchange announced as finished.
    pub(super) cursor: i64,
    pub(super) viewers: HashMap<u64, Viewer>,
    pub(super) next_viewer: u64,
    pub(super) watched: HashMap<ExchangeId, usize>,
    /// Providers that the proxy said something of, by id.
    pub(super) providers: HashMap<i64, Standing>,
    /// Keys that the proxy said are out, by id.
    pub(super) keys: HashMap<i64, Standing>,
    /// Watched to their end: the proxy is to be told.
    pub(super) released: Vec<ExchangeId>,
    pub(super) resyncs: u64,
}

impl State {
    /// Of what was announced up to `cursor`, which is history.
    pub(super) fn after(cursor: i64) -> Self {
        Self {
            connected: false,
            listen: None,
            gauges: Gauges::default(),
            running: HashMap::new(),
            doubtful: HashMap::new(),
            ended: Recent::default(),
            annotations: HashMap::new(),
            cursor,
            viewers: HashMap::new(),
            next_viewer: 0,
            watched: HashMap::new(),
            providers: HashMap::new(),
            keys: HashMap::new(),
            released: Vec::new(),
            resyncs: 0,
        }
    }

    pub(super) fn set_connected(&mut self, connected: bool) {
        if std::mem::replace(&mut self.connected, connected) != connected {
            let event = Event::proxy(connected);
            self.everyone(|viewer| viewer.push(event.clone()));
        }
    }

    /// Returns the ids whose bodies are watched, for the new connection to know.
    pub(super) fn hello(&mut self, cursor: i64, in_flight: Vec<Exchange>) -> Vec<ExchangeId> {
        if cursor < self.cursor {
            tracing::warn!(cursor, "the proxy writes another database than before");
            self.cursor = cursor;
        }
        let known: HashSet<ExchangeId> = in_flight.iter().map(|exchange| exchange.id).collect();
        let until = Instant::now() + GRACE;
        for id in self.running.keys().filter(|id| !known.contains(id)) {
            self.doubtful.entry(*id).or_insert(until);
        }
        self.set_connected(true);
        // What stands otherwise is said again after a hello.
        self.providers.clear();
        self.keys.clear();
        for exchange in in_flight {
            self.progressed(exchange);
        }
        self.watched.keys().copied().collect()
    }

    /// A running exchange, new or further on.
    pub(super) fn progressed(&mut self, mut exchange: Exchange) {
        if self.ended.contains(exchange.id) {
            return;
        }
        if let Some(annotation) = self.annotations.get(&exchange.id) {
            annotate(&mut exchange, annotation.clone());
        }
        self.doubtful.remove(&exchange.id);
        let before = self.running.insert(exchange.id, exchange.clone());
        let stage = match before {
            None => Stage::Started,
            Some(before) if before == exchange => return,
            Some(_) => Stage::Updated,
        };
        self.show(stage, &exchange);
    }

    /// An exchange has ended, and is in the database unless its record was lost.
    pub(super) fn finished(&mut self, cursor: Option<i64>, mut exchange: Exchange) {
        let said = self.annotations.remove(&exchange.id);
        if let Some(annotation) = said.filter(|_| cursor.is_none()) {
            annotate(&mut exchange, annotation);
        }
        if let Some(cursor) = cursor {
            self.cursor = self.cursor.max(cursor);
        }
        self.running.remove(&exchange.id);
        self.doubtful.remove(&exchange.id);
        if self.ended.add(exchange.id, cursor.is_none().then(|| exchange.clone())) {
            self.show(Stage::Finished(cursor), &exchange);
        }
        if self.watched.remove(&exchange.id).is_some() {
            self.released.push(exchange.id);
        }
    }

    pub(super) fn show(&mut self, stage: Stage, exchange: &Exchange) {
        let mut event = Lazy::new(stage, exchange);
        self.everyone(|viewer| viewer.show(&mut event));
    }

    pub(super) fn delta(&mut self, delta: &BodyDelta) {
        self.everyone(|viewer| viewer.delta(delta));
    }

    pub(super) fn send_stats(&mut self) {
        let event = Event::stats(&self.gauges, self.running.len());
        self.everyone(|viewer| viewer.push(event.clone()));
    }

    pub(super) fn everyone(&mut self, mut each: impl FnMut(&mut Viewer)) {
        for viewer in self.viewers.values_mut() {
            let paused = viewer.is_paused();
            each(viewer);
            if viewer.is_paused() && !paused {
                self.resyncs += 1;
            }
        }
    }

    /// Exchanges whose grace is over: neither the proxy nor the database knows how
    /// they ended.
    pub(super) fn given_up(&mut self, now: Instant) -> Vec<ExchangeId> {
        let over = self.doubtful.iter().filter(|(_, until)| **until <= now);
        over.map(|(id, _)| *id).collect()
    }

    /// Ends an exchange that left no record.
    pub(super) fn give_up(&mut self, id: ExchangeId) {
        self.doubtful.remove(&id);
        let Some(mut exchange) = self.running.get(&id).cloned() else { return };
        exchange.outcome = Outcome::Interrupted;
        exchange.live = None;
        exchange.error = Some(Failure {
            code: "record_lost".to_owned(),
            message: "the proxy went away and left no record of how this ended".to_owned(),
        });
        self.finished(None, exchange);
    }
}

fn annotate(exchange: &mut Exchange, annotation: Annotation) {
    (exchange.pinned, exchange.note) = (annotation.pinned, annotation.note);
}
