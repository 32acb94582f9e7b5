//! What every data thread shares: settings read once, and where recording begins.

use std::{
    collections::BTreeSet,
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use arc_swap::ArcSwap;
use glassway_shared::config::Config;
use tokio::sync::{Notify, futures::Notified};

use crate::{
    feed::{Feed, Signal},
    items::Items,
    metrics::Metrics,
    pool::{lineup::Turns, strategy::mix},
    recorder::Recorder,
    room::Room,
    snapshot::{Snapshot, Standing},
    target::Bases,
};

/// See the module.
pub struct App {
    /// As read at the start.
    pub config: Config,
    /// Where clients reach us, as the system gave it.
    pub listen: SocketAddr,
    /// Where transparent traffic goes.
    pub bases: Bases,
    /// `None` with recording off.
    pub recorder: Option<Arc<Recorder>>,
    /// Counters.
    pub metrics: Arc<Metrics>,
    /// Tunnels that run beside their connection's task.
    pub tunnels: Tasks,
    /// Who listens.
    pub feed: Arc<Feed>,
    /// What managed requests are routed by.
    pub routing: Arc<Routing>,
    /// What clients of the responses API may name again.
    pub items: Arc<Items>,
    /// Memory for bodies that are held whole while they are on their way.
    pub room: Arc<Room>,
    /// Orders the turns of keys.
    pub turns: Turns,
    /// Where the next random number comes from.
    pub seed: AtomicU64,
}

impl App {
    /// The picture that new requests are routed by.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.routing.snapshot.load_full()
    }

    /// A key's standing changed: to be kept and told.
    pub fn key_changed(&self, key_id: i64) {
        self.routing.mark(key_id);
        self.feed.send(|| Signal::Key(key_id));
    }

    /// A provider's standing changed: to be told.
    pub fn provider_changed(&self, provider_id: i64) {
        self.feed.send(|| Signal::Provider(provider_id));
    }

    /// Uniform; not for secrets (splitmix64).
    pub fn random(&self) -> u64 {
        mix(self.seed.fetch_add(0x9e37_79b9_7f4a_7c15, Relaxed), 0)
    }
}

/// The snapshot, what outlives it, and what of that must be written.
pub struct Routing {
    /// Swapped on reload.
    pub snapshot: ArcSwap<Snapshot>,
    /// Outlives it.
    pub standing: Standing,
    changed: Mutex<BTreeSet<i64>>,
    news: Notify,
}

impl Routing {
    /// Nothing managed yet.
    pub fn empty() -> Arc<Self> {
        Arc::new(Self {
            snapshot: ArcSwap::from_pointee(Snapshot::empty()),
            standing: Standing::default(),
            changed: Mutex::default(),
            news: Notify::new(),
        })
    }

    /// This key's state must be written; requests that wait for a key look again.
    pub fn mark(&self, key_id: i64) {
        self.changed.lock().unwrap_or_else(PoisonError::into_inner).insert(key_id);
        self.news.notify_waiters();
    }

    /// Resolves when some key's standing changes.
    pub fn news(&self) -> Notified<'_> {
        self.news.notified()
    }

    /// Keys whose state must be written since the last call.
    pub fn take_changed(&self) -> BTreeSet<i64> {
        std::mem::take(&mut *self.changed.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Counts tasks so that a drain can wait for them.
#[derive(Clone, Default)]
pub struct Tasks(Arc<tokio::sync::Notify>, Arc<std::sync::atomic::AtomicUsize>);

/// Held by one task while it runs.
pub struct Running(Tasks);

impl Tasks {
    /// One more.
    pub fn begin(&self) -> Running {
        self.1.fetch_add(1, std::sync::atomic::Ordering::AcqRel);
        Running(self.clone())
    }

    /// Waits until none runs.
    pub async fn all_done(&self) {
        loop {
            let notified = self.0.notified();
            if self.count() == 0 {
                return;
            }
            notified.await;
        }
    }

    /// How many run.
    pub fn count(&self) -> usize {
        self.1.load(std::sync::atomic::Ordering::Acquire)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.0.1.fetch_sub(1, std::sync::atomic::Ordering::AcqRel) == 1 {
            self.0.0.notify_waiters();
        }
    }
}
