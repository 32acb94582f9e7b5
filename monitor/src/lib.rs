//! The process browsers and scripts talk to: what went through the proxy, live and
//! from the record. It never talks to an upstream; what it needs from one it asks of
//! the proxy over the link.
//!
//! ```text
//! main      arguments, configuration, exit codes
//! serve     connections: accept, limits, drain
//! gate      what each request passes first: Host, credential, Origin, size
//! auth      the admin key, sessions, how often one may guess
//! api       the table of contents; one file per part of the API
//! compress  gzip where it is worth it
//! docs      the specification and its reference page
//! live      what runs now; one queue per feed client (live/viewer), the database
//!           followed (live/tail)
//! link      the unix socket to the proxy
//! replays   what is being sent again, and how it is stopped
//! readable  recorded bodies, decoded
//! ui        the embedded web UI
//! app       what handlers share
//! error     every refusal, as problem+json
//! ```
//!
//! A request's way: `serve` → `gate` → `api/…` → `app.read` (the database, off the
//! runtime) or `link` (the proxy). An event's way: proxy → `link` → `live` → each
//! viewer's queue → `api/feed`.

pub mod api;
pub mod app;
pub mod auth;
mod compress;
pub mod docs;
pub mod error;
pub mod gate;
pub mod link;
pub mod live;
pub mod readable;
pub mod replays;
pub mod serve;
pub mod ui;

use std::{
    future::Future,
    sync::{Arc, Mutex},
    time::Duration,
};

use glassway_shared::{
    config::Config,
    store::{StoreError, annotations, exchanges, read::Reader, settings::Settings},
};
use tokio::{net::TcpListener, sync::watch};

use crate::{app::App, auth::Auth, gate::Gate, link::Link, live::Live};

/// The monitor, ready to serve.
pub struct Monitor {
    config: Config,
    reader: Reader,
    settings: Settings,
    /// The admin key, where this start made one; shown once.
    pub new_key: Option<String>,
}

impl Monitor {
    /// Opens or makes the database; `admin_key` is the one somebody configured.
    pub fn open(config: Config, admin_key: Option<&str>) -> Result<Self, StoreError> {
        let mut settings = Settings::open(&config.database.path)?;
        let reader = Reader::open(&config.database.path)?;
        let new_key = auth::establish(&reader, &mut settings, admin_key)?;
        Ok(Self { config, reader, settings, new_key })
    }

    /// Serves until `shutdown` resolves; then lets answers under way end.
    pub async fn run(
        self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()>,
    ) -> Result<(), StoreError> {
        let Self { config, reader, settings, .. } = self;
        let (stop, stopped) = watch::channel(false);
        let (live, commands) = Live::new(exchanges::cursor(&reader)?);
        live.recall(annotations::of_running(&reader)?);
        let link = Link::new(&config.proxy.link);
        let follow = tokio::spawn(link.clone().follow(live.clone(), commands, until(&stopped)));
        let tail = tokio::spawn(live::tail::follow(live.clone(), reader.clone(), until(&stopped)));
        let app = Arc::new(App::new(
            config,
            reader.clone(),
            Arc::new(Mutex::new(settings)),
            Auth::new(reader),
            live.clone(),
            link,
            stopped.clone(),
        ));
        let serve = tokio::spawn(serve::serve(Arc::new(Gate::new(app)), listener, stopped));
        shutdown.await;
        let _ = stop.send(true);
        for task in [serve, follow, tail] {
            if let Err(e) = task.await {
                tracing::error!(error = %e, "a task broke");
            }
        }
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
