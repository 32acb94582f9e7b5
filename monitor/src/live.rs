//! What runs now, and who watches. One state behind one lock: events of the link and
//! rows of the database come in, each browser's queue goes out.
//!
//! ```text
//! tail    follows the database, so that live and resume are one path
//! event   what clients are sent
//! viewer  one client: filter, what it was told, bounded queue
//! seat    its connection's handle on it; what to replay when it comes back
//! recent  what ended last, to recognise what comes late
//! state   what has been announced, behind the lock
//! word    what clients say
//! ```
//!
//! Every exchange gets exactly one started and one finished event, whatever order
//! the world delivers things in: the link may skip, repeat, break off; the monitor or
//! the proxy may die. The rules for that are in `state`: what has been announced is
//! in `running`, what has been announced as finished is in `ended`, and an event that
//! contradicts them is corrected or dropped.

pub mod event;
mod recent;
pub mod seat;
mod state;
pub mod tail;
mod viewer;
pub mod word;

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard},
};

use glassway_shared::{
    feed::{Gauges, LinkCommand, LinkEvent, Standing},
    id::ExchangeId,
    model::Exchange,
    store::{
        annotations::Annotation,
        exchanges::Committed,
        traces::{Hit, Status as TraceStatus},
    },
};
use tokio::sync::{mpsc, watch};

use event::{Event, Lazy};
use state::State;

/// What runs now, and who watches.
pub struct Live {
    state: Mutex<State>,
    /// The newest cursor the proxy has announced.
    committed: watch::Sender<i64>,
    commands: mpsc::Sender<LinkCommand>,
}

/// For health and metrics.
#[derive(Clone, Copy, Debug)]
pub struct Status {
    /// Whether the link stands.
    pub connected: bool,
    /// The proxy's last word.
    pub gauges: Gauges,
    /// Exchanges running.
    pub in_flight: u64,
    /// The newest exchange announced as finished.
    pub cursor: i64,
    /// Feed clients.
    pub clients: u64,
    /// How often one was too slow.
    pub resyncs: u64,
}

/// How an exchange stands when it is announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Started,
    Updated,
    /// With its cursor, where its record was not lost.
    Finished(Option<i64>),
}

impl Live {
    /// Starting after `cursor`, which is history. The other end of the channel is for
    /// the link.
    pub fn new(cursor: i64) -> (Arc<Self>, mpsc::Receiver<LinkCommand>) {
        let (commands, receiver) = mpsc::channel(1024);
        let committed = watch::Sender::new(cursor);
        (Arc::new(Self { state: Mutex::new(State::after(cursor)), committed, commands }), receiver)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic while it was held is a bug; what it left is still the best there is.
        self.state.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// Everything that runs, in no order.
    pub fn running(&self) -> Vec<Exchange> {
        self.state().running.values().cloned().collect()
    }

    /// Where clients reach the proxy, once it has said so.
    pub fn proxy_listen(&self) -> Option<SocketAddr> {
        self.state().listen
    }

    /// One running exchange.
    pub fn find(&self, id: ExchangeId) -> Option<Exchange> {
        self.state().running.get(&id).cloned()
    }

    /// For health and metrics.
    pub fn status(&self) -> Status {
        let state = self.state();
        Status {
            connected: state.connected,
            gauges: state.gauges,
            in_flight: state.running.len() as u64,
            cursor: state.cursor,
            clients: state.viewers.len() as u64,
            resyncs: state.resyncs,
        }
    }

    /// Whether the proxy is there. While it is not, what ran is kept until the next
    /// hello decides.
    pub fn connected(&self, connected: bool) {
        self.state().set_connected(connected);
    }

    /// Takes in what the proxy says.
    pub fn take_in(&self, event: LinkEvent) {
        match event {
            LinkEvent::Hello { cursor, listen, in_flight, .. } => {
                let watched = {
                    let mut state = self.state();
                    state.listen = listen.or(state.listen);
                    state.hello(cursor, in_flight)
                };
                for id in watched {
                    self.command(LinkCommand::Watch(id));
                }
                self.announce(cursor);
            }
            LinkEvent::Started { request } | LinkEvent::Updated { request } => {
                self.state().progressed(request);
            }
            LinkEvent::Delta(delta) => self.state().delta(&delta),
            LinkEvent::Committed { cursor } => self.announce(cursor),
            LinkEvent::Lost { request } => self.state().finished(None, request),
            LinkEvent::Stats(gauges) => {
                let mut state = self.state();
                state.gauges = gauges;
                state.send_stats();
            }
            LinkEvent::KeyChanged { key } => {
                let event = Event::key(&key);
                let mut state = self.state();
                match &key.status[..] {
                    "active" => state.keys.remove(&key.id),
                    _ => state.keys.insert(key.id, key),
                };
                state.everyone(|viewer| viewer.push(event.clone()));
            }
            LinkEvent::ProviderChanged { provider } => {
                let event = Event::provider(&provider);
                self.state().providers.insert(provider.id, provider);
                self.tell(event);
            }
        }
    }

    /// How the proxy says a provider stands; `None`: it said nothing, all is well.
    pub fn provider(&self, id: i64) -> Option<Standing> {
        let standing = self.state().providers.get(&id).cloned()?;
        lasts(&standing, jiff::Timestamp::now()).then_some(standing)
    }

    /// What was said about exchanges that had not ended when the monitor started.
    pub fn recall(&self, annotations: Vec<(ExchangeId, Annotation)>) {
        self.state().annotations.extend(annotations);
    }

    /// Somebody pinned an exchange or wrote a note; `stored` where it has ended. Returns
    /// how it stands.
    pub fn annotated(
        &self,
        id: ExchangeId,
        annotation: Annotation,
        stored: Option<Exchange>,
    ) -> Option<Exchange> {
        let mut state = self.state();
        if let Some(exchange) = stored {
            let mut event = Lazy::new(Stage::Updated, &exchange);
            state.everyone(|viewer| viewer.annotated(&mut event));
            return Some(exchange);
        }
        if state.ended.contains(id) {
            return None;
        }
        state.annotations.insert(id, annotation);
        let exchange = state.running.get(&id).cloned()?;
        state.progressed(exchange);
        state.running.get(&id).cloned()
    }

    /// Whether an exchange was announced, be it over by now.
    pub fn knows(&self, id: ExchangeId) -> bool {
        let state = self.state();
        state.running.contains_key(&id) || state.ended.contains(id)
    }

    /// What was said about a running exchange.
    pub fn annotation(&self, id: ExchangeId) -> Option<Annotation> {
        self.state().annotations.get(&id).cloned()
    }

    /// Tells everyone how far a validation of keys has come.
    pub fn progress(&self, done: usize, total: usize) {
        self.tell(Event::progress(done, total));
    }

    /// Tells everyone of a fetch of a trace's image.
    pub fn trace_hit(&self, hit: &Hit) {
        self.tell(Event::trace_hit(hit));
    }

    /// Tells everyone how a trace stands.
    pub fn trace_changed(&self, id: i64, series: i64, status: TraceStatus) {
        self.tell(Event::trace(id, series, status.as_str()));
    }

    fn tell(&self, event: Event) {
        self.state().everyone(|viewer| viewer.push(event.clone()));
    }

    fn announce(&self, cursor: i64) {
        self.committed.send_if_modified(|newest| {
            let newer = cursor > *newest;
            *newest = cursor.max(*newest);
            newer
        });
    }

    fn command(&self, command: LinkCommand) {
        if self.commands.try_send(command).is_err() {
            tracing::warn!("the proxy does not take commands; a live text may be missing");
        }
    }
}

/// Whether it still is so by the clock.
fn lasts(standing: &Standing, now: jiff::Timestamp) -> bool {
    standing.status_until.is_none_or(|until| until > now)
}

impl Live {
    /// Announces what was committed, in that order.
    fn committed(&self, rows: Vec<Committed>) {
        let mut state = self.state();
        for row in rows {
            state.finished(Some(row.seq), row.exchange);
        }
        let released = std::mem::take(&mut state.released);
        drop(state);
        for id in released {
            self.command(LinkCommand::Unwatch(id));
        }
    }

    /// Of these, those whose bodies somebody reads along.
    fn watched(&self, rows: &[Committed]) -> Vec<ExchangeId> {
        let state = self.state();
        let ids = rows.iter().map(|row| row.exchange.id);
        ids.filter(|id| state.watched.contains_key(id)).collect()
    }

    fn cursor(&self) -> i64 {
        self.state().cursor
    }

    /// Nothing is left in the database up to here.
    fn skip_to(&self, cursor: i64) {
        let mut state = self.state();
        state.cursor = state.cursor.max(cursor);
    }
}
