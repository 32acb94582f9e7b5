//! What every handler shares: configuration, the database, who may come in, what is
//! running. Blocking work goes through [`App::read`] and [`App::write`], so that no
//! handler ever waits on the disk in a runtime thread.

use std::{
    sync::{Arc, Mutex, atomic::AtomicU64},
    time::Duration,
};

use glassway_shared::{
    address::Allow,
    config::Config,
    networks::Networks,
    prices::Book,
    secret,
    store::{StoreError, models, providers::Provider, read::Reader, settings::Settings},
};
use rusqlite::Connection;
use tokio::sync::watch;

use crate::{
    auth::Auth,
    chat::Keeping,
    error::Problem,
    link::{Ask, Link},
    live::Live,
    otlp::Exported,
    replays::Replays,
    trace::Traces,
};

/// How long a write waits for the proxy to serve by it.
const RELOAD_TIMEOUT: Duration = Duration::from_secs(1);
/// Waits before a write that cannot be asked for again is tried once more.
const AGAIN: [u64; 4] = [100, 400, 1_600, 3_000];
/// What a write's answer says where the proxy did not take it in.
pub const PROXY_AWAY: &str = "proxy_away";

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
    /// Which addresses people may choose.
    pub allow: Allow,
    /// What is being sent again.
    pub replays: Arc<Replays>,
    /// Answers of chats that are being written.
    pub keeping: Keeping,
    /// How the export of spans goes.
    pub exported: Exported,
    /// When this process began.
    pub started: jiff::Timestamp,
    /// What was not written although it was tried again.
    pub unwritten: AtomicU64,
    reader: Reader,
    settings: Arc<Mutex<Settings>>,
    /// The imported price list, and when it was imported.
    book: Mutex<Option<(i64, Arc<Book>)>>,
    /// Traces and who fetches their images.
    pub traces: Traces,
}

/// The price list that counts.
#[derive(Clone)]
pub enum Prices {
    /// That of this program.
    BuiltIn(&'static Book),
    /// One that somebody imported.
    Imported(Arc<Book>),
}

impl std::ops::Deref for Prices {
    type Target = Book;

    fn deref(&self) -> &Book {
        match self {
            Self::BuiltIn(book) => book,
            Self::Imported(book) => book,
        }
    }
}

impl App {
    /// Puts the parts together.
    pub fn new(
        config: Config,
        reader: Reader,
        settings: Arc<Mutex<Settings>>,
        auth: Auth,
        live: Arc<Live>,
        stop: watch::Receiver<bool>,
        traces: Traces,
    ) -> Self {
        // Checked when the configuration was read.
        let allow = Allow::parse(&config.upstream.allow).unwrap_or_default();
        let allow = allow.and(&config.upstream.base_url).and(&config.upstream.anthropic_base_url);
        let book = Mutex::new(None);
        let link = Link::new(&config.proxy.link);
        let replays = Replays::new();
        Self {
            config,
            auth,
            live,
            link,
            stop,
            allow,
            replays,
            keeping: Keeping::default(),
            exported: Exported::default(),
            started: jiff::Timestamp::now(),
            unwritten: AtomicU64::new(0),
            reader,
            settings,
            book,
            traces,
        }
    }

    /// Who may connect at all: allowed clients, and proxies that speak for them.
    pub fn admitted(&self) -> Networks {
        let monitor = &self.config.monitor;
        match monitor.allowed_clients.is_empty() {
            true => Networks::default(),
            false => {
                Networks::of(&[&monitor.allowed_clients[..], &monitor.trusted_proxies].concat())
            }
        }
    }

    /// Whether browsers speak TLS with this process.
    pub fn is_tls(&self) -> bool {
        !self.config.monitor.tls_cert.as_os_str().is_empty()
    }

    /// Where clients reach the proxy: as it says, else as configured.
    pub fn proxy_listen(&self) -> std::net::SocketAddr {
        self.live.proxy_listen().unwrap_or(self.config.proxy.listen)
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

    /// The writing connection, for what must be written although nobody waits for it.
    pub fn settings_handle(&self) -> Arc<Mutex<Settings>> {
        self.settings.clone()
    }

    /// Changes what nobody could ask for again: where that fails, it is tried a few times.
    pub async fn write_surely<T: Send + 'static>(
        &self,
        work: impl Fn(&Connection) -> Result<T, StoreError> + Clone + Send + 'static,
    ) -> Result<T, Problem> {
        let mut waits = AGAIN.into_iter();
        loop {
            let work = work.clone();
            let failed = match self.write(move |settings| settings.keep(work)).await {
                Ok(value) => return Ok(value),
                Err(problem) => problem,
            };
            let Some(wait) = waits.next() else { return Err(failed) };
            tokio::time::sleep(Duration::from_millis(wait)).await;
        }
    }
}

impl App {
    /// Changes what the proxy serves by, and waits until it does. Also says what the
    /// answer's `x-glassway-warnings` has to say.
    pub async fn change<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, Problem> + Send + 'static,
    ) -> Result<(T, Option<String>), Problem> {
        let settings = self.settings.clone();
        let change = move || settings.lock().unwrap_or_else(|e| e.into_inner()).change(work);
        let (value, revision) = blocking(change).await??;
        Ok((value, self.reload(revision).await))
    }

    /// Changes something that is the monitor's alone, or refuses.
    pub async fn write_noted<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let settings = self.settings.clone();
        let note = move || settings.lock().unwrap_or_else(|e| e.into_inner()).keep(work);
        blocking(note).await?
    }

    /// Asks the proxy to serve by this revision.
    async fn reload(&self, revision: i64) -> Option<String> {
        let ask =
            Ask { method: "POST", path: "/reload", timeout: RELOAD_TIMEOUT, ..Ask::default() };
        let serves = match self.link.ask(ask).await {
            Ok(answer) if answer.status.is_success() => {
                let answer: serde_json::Value =
                    serde_json::from_slice(&answer.body).unwrap_or_default();
                answer["revision"].as_i64().is_some_and(|served| served >= revision)
            }
            Ok(_) | Err(_) => false,
        };
        (!serves).then(|| PROXY_AWAY.to_owned())
    }

    /// The price list that counts.
    pub async fn prices(&self) -> Result<Prices, Problem> {
        let newest = |reader: &Reader| reader.with(models::price_list_imported_at);
        let Some(at) = self.read(newest).await? else {
            return Ok(Prices::BuiltIn(Book::builtin()));
        };
        let kept = self.book.lock().unwrap_or_else(|e| e.into_inner()).clone();
        if let Some((kept_at, book)) = kept
            && kept_at == at
        {
            return Ok(Prices::Imported(book));
        }
        match self.read(|reader| reader.with(models::price_list)).await? {
            Some(book) => {
                let book = Arc::new(book);
                *self.book.lock().unwrap_or_else(|e| e.into_inner()) = Some((at, book.clone()));
                Ok(Prices::Imported(book))
            }
            None => Ok(Prices::BuiltIn(Book::builtin())),
        }
    }

    /// The base URL a provider is reached at: its own, else the configuration's.
    pub fn base_url(&self, provider: &Provider) -> String {
        match &provider.base_url {
            Some(url) => url.clone(),
            None => self.config.upstream.base_url.as_str().trim_end_matches('/').to_owned(),
        }
    }

    /// `scheme://host:port` of a provider: what its keys are sealed to.
    pub fn origin(&self, provider: &Provider) -> String {
        match self.base_url(provider).parse() {
            Ok(url) => secret::origin(&url),
            Err(_) => String::new(),
        }
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
