//! Trace: a request goes upstream with an image whose address points back here; who
//! fetches it, in which order and with what software, says who sits between.
//!
//! ```text
//! code       what is drawn: random, another for each fetch        (pure)
//! draw, png  how: strokes, a picture                              (pure)
//! known      which image addresses are a trace's, in memory
//! images     answers a fetch: an image for everybody, a record for a trace's
//! limit      how many images may be fetched                       (pure)
//! forwarded  whom a connection speaks for                         (pure)
//! hits       one task writes what was fetched, and tells the feed
//! run        the request through the proxy, and its end
//! ask, said  what is asked; what an answer says                   (pure)
//! verdict    observations, each with what it can prove            (pure)
//! fetchers   who a user agent or network belongs to, from files   (pure)
//! asn        whose network an address is in, from the user's file
//! names      reverse DNS, when somebody asks for it
//! reach      whether the image address works from here, and what that means
//! ```
//!
//! A code only ever travels inside a picture: who can repeat it has seen the picture, and
//! whose copy of it.

pub mod ask;
pub mod asn;
pub mod code;
pub mod draw;
pub mod fetchers;
pub mod forwarded;
pub mod hits;
pub mod images;
pub mod known;
pub mod limit;
pub mod names;
pub mod png;
pub mod reach;
pub mod run;
pub mod said;
pub mod verdict;

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};

use futures_util::future::AbortHandle;

use glassway_shared::{
    config::Config,
    store::{StoreError, read::Reader, settings::Settings, traces::Hit},
};
use tokio::sync::{Semaphore, mpsc};

use self::{fetchers::Fetchers, images::Images, known::Known};

/// Targets traced at once.
const AT_ONCE: usize = 4;

/// What handlers share of it.
pub struct Traces {
    /// Which image addresses are a trace's.
    pub known: Arc<Known>,
    /// Answers fetches.
    pub images: Arc<Images>,
    /// Who fetchers are.
    pub fetchers: Fetchers,
    /// Waits before requests.
    pub turns: Semaphore,
    running: Mutex<HashMap<i64, AbortHandle>>,
    /// Where this process listens: all of it, and images alone.
    pub listening: OnceLock<(SocketAddr, Option<SocketAddr>)>,
}

impl Traces {
    /// With those in the database; fetches come out of the other end.
    pub fn read(
        config: &Config,
        reader: &Reader,
        settings: &mut Settings,
    ) -> Result<(Self, mpsc::Receiver<Hit>), StoreError> {
        let known = Arc::new(Known::read(reader)?);
        let beyond = code::Beyond::kept(reader, settings)?;
        let (sender, receiver) = mpsc::channel(hits::QUEUE);
        let traces = Self {
            images: Arc::new(Images::new(config, known.clone(), sender, beyond)),
            known,
            fetchers: Fetchers::read(&config.monitor.trace_data),
            turns: Semaphore::new(AT_ONCE),
            running: Mutex::default(),
            listening: OnceLock::new(),
        };
        Ok((traces, receiver))
    }

    /// The requests of these end, where they are under way.
    pub fn stop(&self, ids: &[i64]) {
        let mut running = self.running();
        for request in ids.iter().filter_map(|id| running.remove(id)) {
            request.abort();
        }
    }

    fn running(&self) -> MutexGuard<'_, HashMap<i64, AbortHandle>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where images are, up to `/api/img`: as configured, else where this process listens.
    pub fn image_base(&self, config: &Config) -> String {
        let public = config.monitor.public_url.trim_end_matches('/');
        if !public.is_empty() {
            return public.to_owned();
        }
        let tls = !config.monitor.tls_cert.as_os_str().is_empty();
        let (all, images) = self.listening.get().copied().unwrap_or((config.monitor.listen, None));
        let mut address = images.unwrap_or(all);
        if address.ip().is_unspecified() {
            address.set_ip(match address {
                SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
                SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
            });
        }
        // The listener for images alone speaks no TLS of its own.
        let scheme = if tls && images.is_none() { "https" } else { "http" };
        format!("{scheme}://{address}")
    }
}
