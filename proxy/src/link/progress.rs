//! Follows running exchanges beside the data path: a ticker has what is new of each capture
//! read ([`reader`]) and tells it: progress to the lists, body deltas to whoever watches. The
//! tee knows nothing of it.

mod reader;

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use glassway_shared::{feed::BodyDelta, id::ExchangeId};
use tokio::sync::broadcast;

use crate::{app::App, feed::Signal, recorder::Recorder};
use reader::Reader;

const TICK: Duration = Duration::from_millis(40);
/// Streams whose text is read per tick; the others wait for their turn.
const READ_PER_TICK: usize = 64;

/// Who watches what, and the deltas for them.
pub(super) struct Watching {
    ids: Mutex<HashMap<ExchangeId, u32>>,
    deltas: broadcast::Sender<Arc<BodyDelta>>,
    fresh: Mutex<Vec<ExchangeId>>,
}

impl Watching {
    /// Starts the ticker.
    pub(super) fn start(app: &Arc<App>) -> Arc<Self> {
        let watching = Arc::new(Self {
            ids: Mutex::default(),
            deltas: broadcast::Sender::new(4096),
            fresh: Mutex::default(),
        });
        if let Some(recorder) = app.recorder.clone() {
            let watching = watching.clone();
            tokio::spawn(async move {
                let mut ticker = Ticker { watching, readers: HashMap::new(), turn: 0 };
                let mut interval = tokio::time::interval(TICK);
                interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
                loop {
                    interval.tick().await;
                    if recorder.feed.listeners() > 0 {
                        ticker.tick(&recorder);
                    } else if !ticker.readers.is_empty() {
                        ticker.readers.clear();
                    }
                }
            });
        }
        watching
    }

    /// Deltas from now on, whoever asked for them.
    pub(super) fn deltas(&self) -> broadcast::Receiver<Arc<BodyDelta>> {
        self.deltas.subscribe()
    }

    /// This exchange's deltas start over from its first byte; `more` counts one more
    /// who watches it.
    pub(super) fn watch(&self, id: ExchangeId, more: bool) {
        if more {
            *self.ids.lock().unwrap_or_else(PoisonError::into_inner).entry(id).or_default() += 1;
        }
        self.fresh.lock().unwrap_or_else(PoisonError::into_inner).push(id);
    }

    /// One fewer.
    pub(super) fn unwatch(&self, id: ExchangeId) {
        let mut ids = self.ids.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = ids.get_mut(&id) {
            *count -= 1;
            if *count == 0 {
                ids.remove(&id);
            }
        }
    }

    fn is_watched(&self, id: ExchangeId) -> bool {
        self.ids.lock().unwrap_or_else(PoisonError::into_inner).contains_key(&id)
    }
}

struct Ticker {
    watching: Arc<Watching>,
    readers: HashMap<ExchangeId, Box<Reader>>,
    turn: usize,
}

impl Ticker {
    fn tick(&mut self, recorder: &Recorder) {
        for id in
            std::mem::take(&mut *self.watching.fresh.lock().unwrap_or_else(PoisonError::into_inner))
        {
            // A new watcher starts from the first byte; others drop what they have.
            if let Some(reader) = self.readers.get_mut(&id) {
                reader.forget_passages();
            }
        }
        let running = recorder.flight.all();
        self.turn = self.turn.wrapping_add(READ_PER_TICK);
        let offset = if running.len() > READ_PER_TICK { self.turn % running.len() } else { 0 };
        for (n, live) in running.iter().enumerate() {
            let watched = self.watching.is_watched(live.id);
            let in_turn = (n + running.len() - offset) % running.len() < READ_PER_TICK;
            if !watched && !in_turn {
                continue;
            }
            let reader = self.readers.entry(live.id).or_default();
            if watched {
                for delta in reader.deltas(live) {
                    let _ = self.watching.deltas.send(Arc::new(delta));
                }
            } else {
                reader.forget_passages();
            }
            if reader.read(live) {
                recorder.feed.send(|| Signal::Changed(live.clone()));
            }
        }
        if self.readers.len() > running.len() {
            let ids: HashSet<_> = running.iter().map(|live| live.id).collect();
            self.readers.retain(|id, _| ids.contains(id));
        }
    }
}
