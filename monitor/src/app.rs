//! What every handler shares: configuration, the database, who may come in, what is
//! running. Blocking work goes through [`App::read`] and [`App::write`], so that no
//! handler ever waits on the disk in a runtime thread.

use std::sync::{Arc, Mutex};

use glassway_shared::{
    config::Config,
    store::{StoreError, read::Reader, settings::Settings},
};
use tokio::sync::watch;

use crate::{auth::Auth, error::Problem, link::Link, live::Live};

/// One per process.
pub struct App {
    /// As read at the start.
    pub config: Config,
    /// Sign-in.
    pub auth: Auth,
    /// What runs now, and who watches.
    pub live: Arc<Live>,
    /// The way to the proxy.
    pub link: Link,
    /// Becomes true when the process is to end.
    pub stop: watch::Receiver<bool>,
    reader: Reader,
    settings: Arc<Mutex<Settings>>,
}

impl App {
    /// Puts the parts together.
    pub fn new(
        config: Config,
        reader: Reader,
        settings: Arc<Mutex<Settings>>,
        auth: Auth,
        live: Arc<Live>,
        link: Link,
        stop: watch::Receiver<bool>,
    ) -> Self {
        Self { config, auth, live, link, stop, reader, settings }
    }

    /// Asks the database, off the runtime's threads.
    pub async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Reader) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Problem> {
        let reader = self.reader.clone();
        Ok(blocking(move || work(&reader)).await??)
    }

    /// Changes what the monitor keeps.
    pub async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Settings) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Problem> {
        let settings = self.settings.clone();
        let work = move || work(&mut settings.lock().unwrap_or_else(|e| e.into_inner()));
        Ok(blocking(work).await??)
    }
}

/// Runs blocking work; a panic in it is a 500.
pub async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Problem> {
    tokio::task::spawn_blocking(work).await.map_err(|e| {
        tracing::error!(error = %e, "work for a request broke");
        Problem::internal()
    })
}
