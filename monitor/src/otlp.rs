//! Finished exchanges as spans, to a collector of the user's own (`[otlp]`). The record is
//! the queue: what was sent last is a cursor in the database, so that nothing is held in
//! memory, a collector that is away costs nothing, and a restart sends nothing twice that
//! was taken before. Lost is only what retention removes meanwhile.
//!
//! The proxy has no part in it. A collector is no upstream: no request of a client goes
//! there, and nothing that was said.

pub mod finish;
pub mod send;
pub mod span;
pub mod wire;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use glassway_shared::{
    exposition::{Kind, Page},
    store::{
        exchanges,
        read::Reader,
        settings::{put_setting, setting},
        stored,
    },
};

use crate::{app::App, error::Problem, readable::Readable};
use send::{Collector, Sent};

const CURSOR: &str = "otlp_cursor";
/// Between looks at what has ended.
const EVERY: Duration = Duration::from_secs(2);
/// Exchanges of one request.
const MOST: usize = 200;
/// Answers longer than this are not searched for why they ended.
const MOST_SEARCHED: u64 = 4 << 20;
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LAST_WAIT: Duration = Duration::from_secs(60);

/// How the export goes.
#[derive(Default)]
pub struct Exported {
    taken: AtomicU64,
    failures: AtomicU64,
    refused: AtomicU64,
    behind: AtomicU64,
}

impl Exported {
    /// Its numbers.
    pub fn write(&self, page: &mut Page) {
        for (name, help, value) in [
            ("glassway_monitor_otlp_exported_total", "Exchanges exported.", &self.taken),
            (
                "glassway_monitor_otlp_failures_total",
                "Attempts to export that failed and are made again.",
                &self.failures,
            ),
            (
                "glassway_monitor_otlp_refused_total",
                "Exchanges that the collector refused for good.",
                &self.refused,
            ),
        ] {
            page.single(name, Kind::Counter, help, value.load(Relaxed));
        }
        page.single(
            "glassway_monitor_otlp_behind",
            Kind::Gauge,
            "Exchanges recorded and not yet exported.",
            self.behind.load(Relaxed),
        );
    }
}

/// Exports until `stop` resolves; returns at once where nothing is configured.
pub async fn export(app: Arc<App>, stop: impl Future<Output = ()>) {
    let config = &app.config.otlp;
    let Some(collector) = Collector::new(&config.endpoint, &config.headers) else { return };
    let mut export = Export { app: app.clone(), collector, most: MOST, wait: None };
    tokio::pin!(stop);
    loop {
        let pause = tokio::select! {
            () = &mut stop => return,
            pause = export.some() => pause,
        };
        tokio::select! {
            () = &mut stop => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

struct Export {
    app: Arc<App>,
    collector: Collector,
    /// Exchanges of the next request.
    most: usize,
    /// How long it waited last, while the collector takes nothing.
    wait: Option<Duration>,
}

/// What the next request holds.
struct Batch {
    /// Everything up to here is in it.
    upto: i64,
    exchanges: usize,
    spans: Vec<wire::Span>,
    newest: i64,
}

impl Export {
    /// Sends what one request holds; says how long to rest.
    async fn some(&mut self) -> Duration {
        let batch = match self.batch().await {
            Ok(Some(batch)) => batch,
            Ok(None) => return EVERY,
            Err(problem) => {
                tracing::warn!(error = problem.detail(), "cannot read what is to be exported");
                return LAST_WAIT;
            }
        };
        let service = &self.app.config.otlp.service_name;
        let body = wire::request(service, glassway_shared::VERSION, &batch.spans);
        let sent = match batch.spans.is_empty() {
            // Retention was faster than we.
            true => Sent::Taken(bytes::Bytes::new()),
            false => self.collector.send(body).await,
        };
        let counts = &self.app.exported;
        let exchanges = batch.exchanges as u64;
        match sent {
            Sent::Taken(answer) => {
                if let Some((spans, why)) = wire::rejected(&answer) {
                    tracing::warn!(spans, why, "the collector refused some spans");
                }
                counts.taken.fetch_add(exchanges, Relaxed);
                if self.wait.take().is_some() {
                    tracing::info!("the collector takes spans again");
                }
                self.most = (self.most * 2).min(MOST);
            }
            Sent::TooLarge(_) if self.most > 1 => {
                self.most = (self.most / 2).max(1);
                return Duration::ZERO;
            }
            Sent::Refused(_) if self.most > 1 && batch.exchanges > 1 => {
                // One of them is at fault: find it, rather than lose all.
                self.most = (batch.exchanges / 2).max(1);
                return Duration::ZERO;
            }
            Sent::Refused(why) | Sent::TooLarge(why) => {
                tracing::warn!(why, "the collector refused an exchange's spans; passing over it");
                counts.refused.fetch_add(exchanges, Relaxed);
            }
            Sent::Later(why, asked) => return self.later(&why, asked),
        }
        match self.done(&batch).await {
            Ok(()) if batch.upto < batch.newest => Duration::ZERO,
            Ok(()) => EVERY,
            Err(problem) => {
                tracing::warn!(
                    error = problem.detail(),
                    "cannot note what was exported; some may be sent twice"
                );
                LAST_WAIT
            }
        }
    }

    /// Says so once, and waits longer each time.
    fn later(&mut self, why: &str, asked: Option<Duration>) -> Duration {
        self.app.exported.failures.fetch_add(1, Relaxed);
        if self.wait.is_none() {
            let mut at = self.collector.url().clone();
            at.set_query(None);
            tracing::warn!(
                otlp.endpoint = %at,
                why,
                "the collector takes no spans; trying on, and nothing is lost as long as it is \
                 recorded (otlp.endpoint and otlp.headers say where they go)"
            );
        }
        let wait = self.wait.map_or(FIRST_WAIT, |wait| (wait * 2).min(LAST_WAIT));
        self.wait = Some(wait);
        wait.max(asked.unwrap_or_default())
    }

    async fn batch(&self) -> Result<Option<Batch>, Problem> {
        let most = self.most;
        let read = move |reader: &Reader| {
            let newest = exchanges::cursor(reader)?;
            let cursor = setting(reader, CURSOR)?.and_then(|json| json.parse::<i64>().ok());
            let Some(cursor) = cursor else { return Ok((newest, None)) };
            let rows = exchanges::after(reader, cursor, newest, most)?;
            let upto = match rows.len() < most {
                true => newest,
                false => rows.last().map_or(newest, |row| row.seq),
            };
            let mut spans = Vec::new();
            let exchanges = rows.len();
            for row in rows {
                if let Some(found) = stored::stored(reader, row.exchange.id)? {
                    spans.extend(span::spans(&found, finished(&found)));
                }
            }
            let behind = u64::try_from(newest - cursor).unwrap_or_default();
            Ok((newest, Some((Batch { upto, exchanges, spans, newest }, behind, cursor))))
        };
        match self.app.read(read).await? {
            // The first start with a collector: what was before is history.
            (newest, None) => {
                self.note(newest).await?;
                Ok(None)
            }
            (_, Some((batch, behind, cursor))) => {
                self.app.exported.behind.store(behind, Relaxed);
                Ok((batch.upto > cursor).then_some(batch))
            }
        }
    }

    async fn done(&self, batch: &Batch) -> Result<(), Problem> {
        self.note(batch.upto).await?;
        let behind = u64::try_from(batch.newest - batch.upto).unwrap_or_default();
        self.app.exported.behind.store(behind, Relaxed);
        Ok(())
    }

    async fn note(&self, cursor: i64) -> Result<(), Problem> {
        let put = move |connection: &rusqlite::Connection| {
            put_setting(connection, CURSOR, &cursor.to_string())
        };
        self.app.write_surely(put).await
    }
}

fn finished(stored: &stored::Stored) -> Vec<String> {
    let Some(response) = &stored.response else { return Vec::new() };
    if response.body_bytes > MOST_SEARCHED {
        return Vec::new();
    }
    finish::reasons(&String::from_utf8_lossy(&Readable::of(response).bytes))
}
