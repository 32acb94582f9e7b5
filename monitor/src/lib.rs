//! The process browsers and scripts talk to: what went through the proxy, live and
//! from the record. It never talks to an upstream; what it needs from one it asks of
//! the proxy over the link.
//!
//! ```text
//! main      configuration, exit codes
//! arguments the command line
//! serve     connections: accept, limits, drain
//! gate      what each request passes first: Host, credential, Origin, size
//! audit     what is done through the API, written down
//! auth      the admin key, sessions, how often one may guess
//! api       the table of contents; one file per part of the API
//! compress  gzip where it is worth it
//! docs      the specification and its reference page
//! chat      a conversation's turn: stored, asked, passed on, kept
//! live      what runs now; one queue per feed client (live/viewer), the database
//!           followed (live/tail)
//! link      the unix socket to the proxy
//! replays   what is being sent again, and how it is stopped
//! otlp      finished exchanges as spans, to a collector; roots: TLS towards others
//! readable  recorded bodies, decoded
//! trace     who fetches an image that a request points at
//! ui        the embedded web UI
//! upkeep    backup, restore, vacuum, doctor from the command line
//! app       what handlers share
//! alive     the database answers, says the watchdog's pulse
//! error     every refusal, as problem+json
//! ```
//!
//! A request's way: `serve` → `gate` → `api/…` → `app.read` (the database, off the
//! runtime) or `link` (the proxy). An event's way: proxy → `link` → `live` → each
//! viewer's queue → `api/feed`.

mod alive;
pub mod api;
pub mod app;
pub mod arguments;
pub mod audit;
pub mod auth;
pub mod chat;
mod compress;
pub mod docs;
pub mod error;
pub mod gate;
pub mod link;
pub mod live;
pub mod otlp;
pub mod readable;
pub mod replays;
mod roots;
pub mod serve;
pub mod trace;
pub mod ui;
pub mod upkeep;

use std::{
    future::Future,
    sync::{Arc, Mutex},
    time::Duration,
};

use glassway_shared::{
    config::Config,
    service::{self, watchdog::Watchdog},
    store::{self, StoreError, annotations, chats, exchanges, read::Reader, settings::Settings},
    tls::Tls,
};
use tokio::{net::TcpListener, sync::watch};

use crate::{
    app::App,
    auth::Auth,
    gate::Gate,
    live::Live,
    serve::{Door, Front},
    trace::Traces,
};

/// The monitor, ready to serve.
pub struct Monitor {
    config: Config,
    reader: Reader,
    settings: Settings,
    /// Whether somebody configured the admin key.
    configured: bool,
    images: Option<TcpListener>,
    tls: Option<Arc<Tls>>,
    /// The admin key, where this start made one; shown once.
    pub new_key: Option<String>,
}

impl Monitor {
    /// Opens or makes the database; `admin_key` is the one somebody configured.
    pub fn open(config: Config, admin_key: Option<&str>) -> Result<Self, StoreError> {
        let mut settings = Settings::open(&config.database.path)?;
        settings.keep(chats::interrupt)?;
        let reader = Reader::open(&config.database.path)?;
        let new_key = auth::establish(&reader, &mut settings, admin_key)?;
        if admin_key.is_some() {
            // What is left there is of an earlier key.
            let path = auth::link::path(&config);
            auth::link::remove(&path).map_err(|source| StoreError::Io { path, source })?;
        }
        Ok(Self {
            config,
            reader,
            settings,
            configured: admin_key.is_some(),
            images: None,
            tls: None,
            new_key,
        })
    }

    /// Serves trace images, and nothing else, on this listener too.
    #[must_use]
    pub fn images_on(self, listener: TcpListener) -> Self {
        Self { images: Some(listener), ..self }
    }

    /// Speaks TLS with this certificate.
    #[must_use]
    pub fn speaking(self, tls: Option<Arc<Tls>>) -> Self {
        Self { tls, ..self }
    }

    /// Serves until `shutdown` resolves; then lets answers under way end.
    pub async fn run(
        self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()>,
    ) -> Result<(), StoreError> {
        let Self { config, reader, mut settings, configured, images, tls, .. } = self;
        // First whoever is served, then what serves them.
        let (stop, stopped) = watch::channel(false);
        let (end, ended) = watch::channel(false);
        let mut watchdog = Watchdog::default();
        let drain = config.proxy.drain_timeout.0;
        let (live, commands) = Live::new(exchanges::cursor(&reader)?);
        live.recall(annotations::of_running(&reader)?);
        let (traces, hits) = Traces::read(&config, &reader, &mut settings)?;
        let now = jiff::Timestamp::now().as_microsecond();
        settings.keep(|c| store::traces::give_up(c, "the monitor was stopped meanwhile", now))?;
        if let Ok(all) = listener.local_addr() {
            let images = images.as_ref().and_then(|images| images.local_addr().ok());
            let _ = traces.listening.set((all, images));
        }
        let tail = tokio::spawn(live::tail::follow(live.clone(), reader.clone(), until(&ended)));
        let auth = Auth::new(reader.clone(), configured, auth::link::path(&config));
        let app = Arc::new(App::new(
            config,
            reader,
            Arc::new(Mutex::new(settings)),
            auth,
            live.clone(),
            stopped.clone(),
            traces,
        ));
        let link = app.link.clone();
        let follow = tokio::spawn(link.follow(live.clone(), commands, until(&ended)));
        let write = tokio::spawn(trace::hits::write(app.clone(), hits, until(&ended)));
        let export = tokio::spawn(otlp::export(app.clone(), until(&ended)));
        let images = images.map(|listener| {
            let front = Front::Images(app.traces.images.clone());
            let pulse = watchdog.part("accept loop for images");
            let door = Door::default();
            tokio::spawn(serve::serve(front, listener, door, stopped.clone(), drain, pulse))
        });
        tokio::spawn(chat::settle_earlier(app.clone()));
        let front = Front::All(Arc::new(Gate::new(app.clone())));
        if let Some(tls) = &tls {
            tokio::spawn(tls.clone().follow());
        }
        let door = Door { tls, peers: app.admitted() };
        let pulse = watchdog.part("accept loop");
        let serve = tokio::spawn(serve::serve(front, listener, door, stopped, drain, pulse));
        let pulse = watchdog.part("reads of the database");
        let reads = tokio::spawn(alive::read(app.clone(), pulse, until(&ended)));
        service::ready();
        watchdog.start();
        shutdown.await;
        service::stopping(drain);
        let _ = stop.send(true);
        for task in std::iter::once(serve).chain(images) {
            if let Err(e) = task.await {
                tracing::error!(error = %e, "a task broke");
            }
        }
        let _ = end.send(true);
        for task in [follow, tail, write, reads, export] {
            if let Err(e) = task.await {
                tracing::error!(error = %e, "a task broke");
            }
        }
        app.keeping.ended().await;
        // Feed clients have left their connections' tasks behind; they are told to go.
        for _ in 0..50 {
            if live.status().clients == 0 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }
}

/// Resolves once the process is to end.
fn until(stopped: &watch::Receiver<bool>) -> impl Future<Output = ()> + Send + 'static {
    let mut stopped = stopped.clone();
    async move {
        let _ = stopped.wait_for(|stop| *stop).await;
    }
}
