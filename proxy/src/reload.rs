//! Notices that the configuration in the database changed and swaps the snapshot: at
//! once when the link asks, within half a second when nobody does. One thread with a
//! read-only connection; a look costs microseconds.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicI64, Ordering::Relaxed},
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    time::Duration,
};

use arc_swap::ArcSwapOption;
use glassway_shared::{
    config::Config,
    secret::PrivateKey,
    store::roster::{Command, Roster, RosterReader},
};
use tokio::sync::oneshot;

use crate::{
    app::Routing,
    feed::{Feed, Signal},
    keyfile::KeyFile,
    pool::health::Health,
    snapshot::Snapshot,
};

const EVERY: Duration = Duration::from_millis(500);

/// Asks for a reload; the answer is the revision that serves then.
#[derive(Clone)]
pub struct Reloader {
    sender: Sender<oneshot::Sender<i64>>,
    public: Arc<Mutex<String>>,
    private: Arc<ArcSwapOption<PrivateKey>>,
}

impl Reloader {
    /// Resolves once a snapshot at least as new as this moment's configuration serves.
    pub async fn reload(&self) -> Option<i64> {
        let (done, revision) = oneshot::channel();
        self.sender.send(done).ok()?;
        revision.await.ok()
    }
}

impl Reloader {
    /// The half that keys are sealed to, as 64 hexadecimal digits.
    pub fn public_key(&self) -> String {
        self.public.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The half that opens what is sealed to it.
    pub fn private_key(&self) -> Option<Arc<PrivateKey>> {
        self.private.load_full()
    }
}

/// What the thread works with.
pub struct Watch {
    /// Where to swap.
    pub routing: Arc<Routing>,
    /// Whom to tell of keys that changed.
    pub feed: Arc<Feed>,
    /// Base URLs of the built-in provider.
    pub config: Config,
    /// Where the key is that opens the others.
    pub key: Arc<KeyFile>,
    /// The newest command done; the journal writes it.
    pub done: Arc<AtomicI64>,
}

impl Watch {
    /// Loads once, then watches until every [`Reloader`] is gone.
    pub fn start(self) -> anyhow::Result<Reloader> {
        let mut reader = RosterReader::open(&self.config.database.path)?;
        reader.changed()?;
        let public = Arc::<Mutex<String>>::default();
        let private = Arc::<ArcSwapOption<PrivateKey>>::default();
        let mut watcher = Watcher { watch: self, private: private.clone(), public: public.clone() };
        watcher.load(&mut reader)?;
        let (sender, asked) = channel();
        std::thread::Builder::new()
            .name("reload".into())
            .spawn(move || watcher.run(reader, &asked))?;
        Ok(Reloader { sender, public, private })
    }
}

/// [`Watch`] at work.
struct Watcher {
    watch: Watch,
    /// What opened the keys last.
    private: Arc<ArcSwapOption<PrivateKey>>,
    public: Arc<Mutex<String>>,
}

impl Watcher {
    fn run(mut self, mut reader: RosterReader, asked: &Receiver<oneshot::Sender<i64>>) {
        let mut complained = false;
        loop {
            let request = match asked.recv_timeout(EVERY) {
                Ok(request) => Some(request),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return,
            };
            let result = reader
                .changed()
                .map_err(anyhow::Error::from)
                .and_then(|changed| if changed { self.load(&mut reader) } else { Ok(()) });
            match result {
                Ok(()) => complained = false,
                Err(e) if !complained => {
                    complained = true;
                    tracing::warn!(error = %e, "cannot read the configuration from the database; serving by the last one");
                }
                Err(_) => {}
            }
            if let Some(request) = request {
                let _ = request.send(self.watch.routing.snapshot.load().revision);
            }
        }
    }

    fn load(&mut self, reader: &mut RosterReader) -> anyhow::Result<()> {
        let watch = &self.watch;
        let roster = reader.load(watch.done.load(Relaxed))?;
        self.find_key(roster.public_key.as_deref());
        self.watch.swap(&roster, self.private.load().as_deref());
        for command in &roster.commands {
            self.watch.obey(command);
        }
        if let Some(last) = roster.commands.last() {
            self.watch.done.store(last.id, Relaxed);
        }
        Ok(())
    }

    /// Another process may have sealed the keys anew. The key that opened them before
    /// goes on opening them until the database says otherwise, whatever the file holds.
    fn find_key(&mut self, published: Option<&[u8]>) {
        let fits = |key: &PrivateKey| published == Some(&key.public().as_bytes()[..]);
        if self.private.load().as_deref().is_some_and(fits) {
            return;
        }
        match self.watch.key.current(published) {
            Ok(Some(key)) => {
                *self.public.lock().unwrap_or_else(PoisonError::into_inner) = key.public().to_hex();
                self.private.store(Some(Arc::new(key)));
            }
            Ok(None) => tracing::warn!("the private key's file is gone; serving by the last one"),
            Err(e) => {
                tracing::warn!(error = %format!("{e:#}"), "cannot read the private key; serving by the last one");
            }
        }
    }
}

impl Watch {
    fn swap(&self, roster: &Roster, private: Option<&PrivateKey>) {
        let standing = &self.routing.standing;
        let (snapshot, unusable) = Snapshot::make(roster, &self.config, private, standing);
        for (key, reason) in unusable {
            let Some(place) = standing.places.find(key) else { continue };
            if place.change(0, |health| *health = Health::invalid(reason)) {
                tracing::warn!(key.id = key, reason, "a key cannot be opened and is left out");
                self.changed(key);
            }
        }
        // Keys that could not be opened before, and can be now.
        for key in snapshot.providers.iter().flat_map(|provider| &provider.keys) {
            let opened = key.place.change(0, |health| {
                if health.is_invalid_for(&["origin_changed", "no_private_key"]) {
                    *health = Health::well();
                }
            });
            if opened {
                self.changed(key.id);
            }
        }
        tracing::info!(
            revision = snapshot.revision,
            providers = snapshot.providers.len(),
            keys = snapshot.providers.iter().map(|p| p.keys.len()).sum::<usize>(),
            "routing by a new configuration"
        );
        self.routing.snapshot.store(Arc::new(snapshot));
    }

    fn changed(&self, key: i64) {
        self.routing.mark(key);
        self.feed.send(|| Signal::Key(key));
    }

    fn obey(&self, command: &Command) {
        if command.kind == "reset_key"
            && let Some(place) = self.routing.standing.places.find(command.target)
            && place.forgive()
        {
            self.changed(command.target);
        }
    }
}
