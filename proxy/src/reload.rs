//! Notices that the configuration in the database changed and swaps the snapshot: at
//! once when the link asks, within half a second when nobody does. One thread with a
//! read-only connection; a look costs microseconds.

use std::{
    fs,
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering::Relaxed},
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    time::Duration,
};

use glassway_shared::{
    config::Config,
    secret::PrivateKey,
    store::roster::{Command, Roster, RosterReader},
};
use tokio::sync::oneshot;

use crate::{
    app::Routing,
    feed::{Feed, Signal},
    pool::health::Health,
    snapshot::Snapshot,
};

const EVERY: Duration = Duration::from_millis(500);

/// Asks for a reload; the answer is the revision that serves then.
#[derive(Clone)]
pub struct Reloader {
    sender: Sender<oneshot::Sender<i64>>,
    public: Arc<str>,
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
    pub fn public_key(&self) -> &str {
        &self.public
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
    /// Opens keys.
    pub private: PrivateKey,
    /// The newest command done; the journal writes it.
    pub done: Arc<AtomicI64>,
}

impl Watch {
    /// Loads once, then watches until every [`Reloader`] is gone.
    pub fn start(self) -> anyhow::Result<Reloader> {
        let mut reader = RosterReader::open(&self.config.database.path)?;
        reader.changed()?;
        self.load(&mut reader)?;
        let public = self.private.public().to_hex().into();
        let (sender, asked) = channel();
        std::thread::Builder::new()
            .name("reload".into())
            .spawn(move || self.run(reader, &asked))?;
        Ok(Reloader { sender, public })
    }

    fn run(self, mut reader: RosterReader, asked: &Receiver<oneshot::Sender<i64>>) {
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
                let _ = request.send(self.routing.snapshot.load().revision);
            }
        }
    }

    fn load(&self, reader: &mut RosterReader) -> anyhow::Result<()> {
        let roster = reader.load(self.done.load(Relaxed))?;
        self.swap(&roster);
        for command in &roster.commands {
            self.obey(command);
        }
        if let Some(last) = roster.commands.last() {
            self.done.store(last.id, Relaxed);
        }
        Ok(())
    }

    fn swap(&self, roster: &Roster) {
        let standing = &self.routing.standing;
        let (snapshot, unusable) =
            Snapshot::make(roster, &self.config, Some(&self.private), standing);
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
        {
            place.change(0, |health| *health = Health::well());
            self.changed(command.target);
        }
    }
}

/// The private key: from `GLASSWAY_PRIVATE_KEY`, a systemd credential, or the file, which
/// is made where it is missing.
pub fn private_key(path: &Path) -> anyhow::Result<PrivateKey> {
    use anyhow::Context;
    if let Ok(text) = std::env::var("GLASSWAY_PRIVATE_KEY") {
        return PrivateKey::from_hex(&text).context("GLASSWAY_PRIVATE_KEY");
    }
    if let Some(dir) = std::env::var_os("CREDENTIALS_DIRECTORY") {
        let file = Path::new(&dir).join("private_key");
        if file.exists() {
            let text = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
            return PrivateKey::from_hex(&text).with_context(|| file.display().to_string());
        }
    }
    match fs::read_to_string(path) {
        Ok(text) => PrivateKey::from_hex(&text).with_context(|| path.display().to_string()),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            if let Some(dir) = path.parent().filter(|dir| !dir.as_os_str().is_empty()) {
                glassway_shared::store::migrate::create_private_dir(dir)?;
            }
            let key = PrivateKey::generate();
            let made = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
            made.and_then(|mut file| {
                file.write_all(key.to_hex().as_bytes())?;
                file.sync_all()
            })
            .with_context(|| path.display().to_string())?;
            tracing::info!(path = %path.display(), "made a new private key; without it stored keys cannot be opened");
            Ok(key)
        }
        Err(e) => Err(e).with_context(|| path.display().to_string()),
    }
}
