//! One client of the feed: its filter, what it has been told, and a bounded queue of
//! what it will be told next. A client that does not keep up loses its queue, not its
//! place: it is told to resync and catches up from the database.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::Arc,
};

use glassway_shared::{
    feed::BodyDelta,
    id::ExchangeId,
    model::{Exchange, Side},
    store::filter::Filter,
};
use jiff::Timestamp;
use tokio::sync::Notify;

use super::{
    Stage,
    event::{Event, Lazy, Turn},
};

const MAX_EVENTS: usize = 4_096;
const MAX_BYTES: usize = 8 << 20;

/// One client of the feed.
pub(super) struct Viewer {
    pub(super) filter: Filter,
    /// What runs and has been announced, and whether it fits the filter.
    pub(super) known: HashMap<ExchangeId, bool>,
    pub(super) queue: VecDeque<Event>,
    pub(super) bytes: usize,
    /// Told to resync, and waiting for it to say from where.
    pub(super) paused: bool,
    pub(super) seq: u64,
    /// The newest cursor it was handed; all before it, it has or was not meant to have.
    pub(super) sent: i64,
    /// What had finished before it came.
    pub(super) base: i64,
    /// Watched bodies, and how far each side has been sent.
    pub(super) watching: HashMap<ExchangeId, [u64; 2]>,
    pub(super) wake: Arc<Notify>,
}

impl Viewer {
    pub(super) fn is_paused(&self) -> bool {
        self.paused
    }

    /// Announces an exchange, if it fits the filter or its start was announced.
    pub(super) fn show(&mut self, event: &mut Lazy<'_>) {
        if self.paused {
            return;
        }
        let id = event.exchange.id;
        let fits = self.filter.matches(event.exchange, event.now);
        let finished = matches!(event.stage, Stage::Finished(_));
        match self.known.get_mut(&id) {
            Some(shown) => {
                *shown |= fits;
                if *shown {
                    self.push(event.event());
                }
            }
            None if fits => {
                self.known.insert(id, true);
                self.push(event.start());
                if finished {
                    self.push(event.event());
                }
            }
            None => {}
        }
        if finished && !self.paused {
            self.known.remove(&id);
            self.watching.remove(&id);
        }
    }

    /// Tells what somebody said about an exchange that has ended: also where the list shows
    /// only pinned ones, so that one leaves it that is not pinned any more.
    pub(super) fn annotated(&mut self, event: &mut Lazy<'_>) {
        let filter = Filter { pinned: None, ..self.filter.clone() };
        if filter.matches(event.exchange, event.now) {
            self.push(event.event());
        }
    }

    /// Sends what this client does not have yet of a watched body.
    pub(super) fn delta(&mut self, delta: &BodyDelta) {
        if self.paused {
            return;
        }
        let Some(next) = self.watching.get_mut(&delta.id) else { return };
        let next = &mut next[usize::from(delta.side == Side::Response)];
        let end = delta.from + delta.data.len() as u64;
        if delta.from > *next || end <= *next {
            // Not yet from the beginning, or all of it known.
            return;
        }
        let Some(event) = Event::delta(delta, (*next - delta.from) as usize) else { return };
        *next = end;
        self.push(event);
    }

    /// Queues an event, or gives the queue up where it is full.
    pub(super) fn push(&mut self, event: Event) {
        if self.paused {
            return;
        }
        self.bytes += event.size();
        self.queue.push_back(event);
        if self.queue.len() > MAX_EVENTS || self.bytes > MAX_BYTES {
            // What it was not told after all, it must be told when it catches up.
            let mut untold = HashSet::new();
            for dropped in self.queue.drain(..) {
                match dropped.about {
                    Some(Turn::Start(id)) => {
                        self.known.remove(&id);
                        untold.insert(id);
                    }
                    Some(Turn::End(id)) if !untold.contains(&id) => {
                        self.known.insert(id, true);
                    }
                    Some(Turn::End(_)) | None => {}
                }
            }
            self.bytes = 0;
            self.queue.push_back(Event::resync(self.sent));
            self.paused = true;
        }
        self.wake.notify_one();
    }

    /// From now on only what fits.
    pub(super) fn filter_changed(
        &mut self,
        filter: Filter,
        running: &HashMap<ExchangeId, Exchange>,
    ) {
        self.filter = filter;
        if self.paused {
            return;
        }
        let now = Timestamp::now();
        for (id, exchange) in running {
            let fits = self.filter.matches(exchange, now);
            match self.known.get_mut(id) {
                Some(shown) => *shown = fits,
                None if fits => {
                    self.known.insert(*id, true);
                    self.push(Event::exchange(Stage::Started, exchange));
                }
                None => {}
            }
        }
    }
}
