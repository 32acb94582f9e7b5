//! A feed client's handle on its [`Viewer`]: what its connection asks and takes. Also
//! what a client that comes back is to be told.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::Arc,
};

use glassway_shared::{
    feed::{LinkCommand, Standing},
    id::ExchangeId,
    model::Exchange,
    store::filter::Filter,
};
use jiff::Timestamp;
use serde_json::json;
use tokio::sync::Notify;

use super::{
    Live, Stage, State,
    event::{Event, Lazy},
    lasts,
    viewer::Viewer,
};

const MAX_WATCHED: usize = 16;
/// Keys told of in the beginning; more are read from the list.
const MAX_KEYS: usize = 1_000;

/// A client's seat; leaving is dropping it.
pub struct Seat {
    live: Arc<Live>,
    number: u64,
    /// Woken when there is something to take.
    pub wake: Arc<Notify>,
}

/// As many events as fit one message, and whether there are more.
pub struct Batch {
    /// Rendered.
    pub events: Vec<String>,
    /// Whether something is left in the queue.
    pub more: bool,
}

impl Seat {
    /// Takes a seat; the hello that goes with it.
    pub fn take(live: &Arc<Live>) -> (Self, String) {
        let mut state = live.state();
        let number = state.next_viewer;
        state.next_viewer += 1;
        let wake = Arc::new(Notify::new());
        let mut running: Vec<&Exchange> = state.running.values().collect();
        running.sort_by_key(|exchange| exchange.id);
        let hello = json!({
            "type": "hello",
            "cursor": state.cursor,
            "in_flight": running,
            "proxy": {"connected": state.connected},
        });
        let viewer = Viewer {
            filter: Filter::default(),
            known: state.running.keys().map(|id| (*id, true)).collect(),
            queue: VecDeque::new(),
            bytes: 0,
            paused: false,
            seq: 0,
            sent: state.cursor,
            base: state.cursor,
            watching: HashMap::new(),
            wake: wake.clone(),
        };
        state.viewers.insert(number, viewer);
        state.send_stats_to(number);
        state.send_standings_to(number);
        drop(state);
        (Self { live: live.clone(), number, wake }, hello.to_string())
    }

    fn with<T>(&self, work: impl FnOnce(&mut State, &mut Viewer) -> T) -> Option<T> {
        let mut state = self.live.state();
        // Out of the map while it works, so that it may look at the rest.
        let mut viewer = state.viewers.remove(&self.number)?;
        let result = work(&mut state, &mut viewer);
        state.viewers.insert(self.number, viewer);
        Some(result)
    }

    /// Whether there is something to take.
    pub fn has_events(&self) -> bool {
        self.with(|_, viewer| !viewer.queue.is_empty()).unwrap_or(false)
    }

    /// Takes what is next, at most this much.
    pub fn next(&self, max_events: usize, max_bytes: usize) -> Batch {
        let taken = self.with(|_, viewer| {
            let mut events = Vec::new();
            let mut bytes = 0;
            while events.len() < max_events && bytes < max_bytes {
                let Some(event) = viewer.queue.pop_front() else { break };
                viewer.bytes = viewer.bytes.saturating_sub(event.size());
                bytes += event.size();
                viewer.sent = viewer.sent.max(event.cursor.unwrap_or(0));
                viewer.seq += 1;
                events.push(event.render(viewer.seq));
            }
            Batch { events, more: !viewer.queue.is_empty() }
        });
        taken.unwrap_or(Batch { events: vec![], more: false })
    }

    /// Numbers an event that does not go through the queue.
    pub fn render(&self, event: &Event) -> String {
        let seq = self.with(|_, viewer| {
            viewer.seq += 1;
            viewer.sent = viewer.sent.max(event.cursor.unwrap_or(0));
            viewer.seq
        });
        event.render(seq.unwrap_or(0))
    }

    /// From now on only what fits.
    pub fn filter(&self, filter: Filter) {
        self.with(|state, viewer| viewer.filter_changed(filter, &state.running));
    }

    /// Sends this exchange's bodies as they come, from their beginning.
    pub fn watch(&self, id: ExchangeId) -> Result<(), String> {
        let added = self.with(|state, viewer| {
            if viewer.watching.len() >= MAX_WATCHED && !viewer.watching.contains_key(&id) {
                return Err(format!("at most {MAX_WATCHED} exchanges can be watched at once"));
            }
            if state.ended.contains(id) {
                return Err(format!("exchange {id} has ended; read it"));
            }
            if viewer.watching.insert(id, [0, 0]).is_none() {
                *state.watched.entry(id).or_default() += 1;
            }
            Ok(())
        });
        added.unwrap_or(Ok(()))?;
        // Even if somebody else watches it: the proxy then begins anew, and each
        // client leaves out what it has.
        self.live.command(LinkCommand::Watch(id));
        Ok(())
    }

    /// No longer.
    pub fn unwatch(&self, id: ExchangeId) {
        let last =
            self.with(|state, viewer| viewer.watching.remove(&id).is_some() && state.release(id));
        if last == Some(true) {
            self.live.command(LinkCommand::Unwatch(id));
        }
    }

    /// What must be replayed for a client that has everything up to `after`.
    pub fn resume(&self, after: i64) -> Option<Replay> {
        let mut again = Vec::new();
        let replay = self.with(|state, viewer| {
            if !viewer.paused {
                return Replay {
                    after,
                    upto: viewer.base,
                    filter: viewer.filter.clone(),
                    known: None,
                    told_until: None,
                };
            }
            viewer.paused = false;
            let upto = state.cursor;
            let known = std::mem::take(&mut viewer.known);
            let replay = Replay {
                after,
                upto,
                filter: viewer.filter.clone(),
                known: Some(known.clone()),
                told_until: None,
            };
            // The replay delivers all of it before anything queued from now on.
            viewer.sent = upto;
            state.catch_up(viewer, known);
            viewer.watching.retain(|id, _| state.running.contains_key(id));
            for (id, sent) in &mut viewer.watching {
                *sent = [0, 0];
                again.push(*id);
            }
            replay
        });
        for id in again {
            self.live.command(LinkCommand::Watch(id));
        }
        replay
    }
}

impl State {
    fn send_stats_to(&mut self, number: u64) {
        let event = Event::stats(&self.gauges, self.running.len());
        if let Some(viewer) = self.viewers.get_mut(&number) {
            viewer.push(event);
        }
    }

    /// Who is out: a client that has just come takes everyone else for well.
    fn send_standings_to(&mut self, number: u64) {
        let now = Timestamp::now();
        let out = |standing: &&Standing| standing.status != "ok" && lasts(standing, now);
        let providers = self.providers.values().filter(out).map(Event::provider);
        let keys = self.keys.values().filter(out).take(MAX_KEYS).map(Event::key);
        let events: Vec<Event> = providers.chain(keys).collect();
        if let Some(viewer) = self.viewers.get_mut(&number) {
            events.into_iter().for_each(|event| viewer.push(event));
        }
    }

    /// Tells a client that was paused how things stand now, beside what it replays.
    fn catch_up(&self, viewer: &mut Viewer, known: HashMap<ExchangeId, bool>) {
        viewer.push(Event::proxy(self.connected));
        viewer.push(Event::stats(&self.gauges, self.running.len()));
        let lost: HashSet<ExchangeId> =
            known.keys().copied().filter(|id| self.ended.lost(*id).is_some()).collect();
        for exchange in lost.iter().filter_map(|id| self.ended.lost(*id)) {
            viewer.push(Event::exchange(Stage::Finished(None), exchange));
        }
        let now = Timestamp::now();
        for (id, exchange) in &self.running {
            let fits = viewer.filter.matches(exchange, now);
            match known.get(id) {
                Some(shown) => {
                    viewer.known.insert(*id, *shown || fits);
                    if *shown || fits {
                        viewer.push(Event::exchange(Stage::Updated, exchange));
                    }
                }
                None if fits => {
                    viewer.known.insert(*id, true);
                    viewer.push(Event::exchange(Stage::Started, exchange));
                }
                None => {}
            }
        }
    }

    /// One watcher less; true where it was the last.
    fn release(&mut self, id: ExchangeId) -> bool {
        match self.watched.get_mut(&id) {
            Some(1) => {
                self.watched.remove(&id);
                true
            }
            Some(watchers) => {
                *watchers -= 1;
                false
            }
            None => false,
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut state = self.live.state();
        let Some(viewer) = state.viewers.remove(&self.number) else { return };
        let last: Vec<ExchangeId> =
            viewer.watching.into_keys().filter(|id| state.release(*id)).collect();
        drop(state);
        for id in last {
            self.live.command(LinkCommand::Unwatch(id));
        }
    }
}

/// What is to be read from the database for a client that comes back.
pub struct Replay {
    /// Not this one, but those after it…
    pub after: i64,
    /// … up to this one.
    pub upto: i64,
    filter: Filter,
    /// Whose start it was told on this connection, and whether they fit the filter;
    /// `None` on a new connection.
    known: Option<HashMap<ExchangeId, bool>>,
    /// On a new connection: what started before this was announced on the old one.
    told_until: Option<Timestamp>,
}

impl Replay {
    /// When the exchange that the client saw last had ended.
    pub fn told_until(&mut self, moment: Option<Timestamp>) {
        self.told_until = moment;
    }

    /// The events this exchange is worth to the client.
    pub fn events(&self, seq: i64, exchange: &Exchange) -> Vec<Event> {
        let mut lazy = Lazy::new(Stage::Finished(Some(seq)), exchange);
        let fits = self.filter.matches(exchange, lazy.now);
        let started = match &self.known {
            Some(known) => known.get(&exchange.id).copied(),
            None => {
                self.told_until.is_some_and(|until| exchange.started_at <= until).then_some(false)
            }
        };
        match started {
            Some(shown) if shown || fits => vec![lazy.event()],
            None if fits => vec![lazy.start(), lazy.event()],
            _ => vec![],
        }
    }
}
