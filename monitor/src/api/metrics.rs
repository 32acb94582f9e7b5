//! The page for Prometheus: what the monitor counts, and what the proxy does, asked over
//! the link. docs/metrics.md says what each number means; a test holds the two together.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, atomic::Ordering::Relaxed},
};

use glassway_shared::{
    exposition::{Kind, Page},
    store::keys::Status,
};
use poem::Result;
use poem_openapi::{
    OpenApi,
    payload::{PlainText, Response},
};

use super::{Tag, pool::Pool};
use crate::app::App;

pub(super) struct Operations(pub(super) Arc<App>);

/// Keys of a provider by status; `None` where the database does not answer.
type Keys = Option<Vec<(String, BTreeMap<String, u64>)>>;

#[OpenApi(tag = "Tag::Health")]
impl Operations {
    /// Metrics for Prometheus
    ///
    /// The monitor's own, and the proxy's while it is there. Also opens for
    /// `monitor.metrics_token`.
    #[oai(path = "/metrics", method = "get", operation_id = "readMetrics")]
    async fn metrics(&self) -> Result<Response<PlainText<String>>> {
        let mut text = self.own().await;
        if let Ok((poem::http::StatusCode::OK, body)) = self.0.link.get("/metrics").await {
            text.push_str(&String::from_utf8_lossy(&body));
        }
        Ok(Response::new(PlainText(text))
            .header("content-type", "text/plain; version=0.0.4; charset=utf-8"))
    }
}

impl Operations {
    async fn own(&self) -> String {
        let app = self.0.clone();
        let keys: Keys = self
            .0
            .read(move |reader| {
                reader.with(|c| {
                    let pool = Pool::read(&app, c)?;
                    let mut counts = pool.counts(c)?;
                    let named = pool.providers().map(|provider| {
                        (provider.name.clone(), counts.remove(&provider.id).unwrap_or_default())
                    });
                    Ok(named.collect())
                })
            })
            .await
            .ok();
        let mut page = Page::default();
        self.link_and_feed(&mut page);
        keys_and_database(&mut page, keys, &self.0.config.database.path);
        if !self.0.config.otlp.endpoint.is_empty() {
            self.0.exported.write(&mut page);
        }
        page.process("glassway_monitor", self.0.started);
        page.text()
    }

    fn link_and_feed(&self, page: &mut Page) {
        let status = self.0.live.status();
        page.single(
            "glassway_proxy_up",
            Kind::Gauge,
            "Whether the link to the proxy stands.",
            u64::from(status.connected),
        );
        page.single(
            "glassway_monitor_feed_clients",
            Kind::Gauge,
            "Browsers and scripts on the feed.",
            status.clients,
        );
        page.single(
            "glassway_monitor_feed_resyncs_total",
            Kind::Counter,
            "Feed clients that were too slow and had to catch up.",
            status.resyncs,
        );
        page.single(
            "glassway_monitor_cursor",
            Kind::Gauge,
            "Number of the newest exchange that the feed announced as finished.",
            status.cursor,
        );
        page.single(
            "glassway_monitor_unwritten_total",
            Kind::Counter,
            "Answers of chats and batches of trace fetches that could not be written.",
            self.0.unwritten.load(Relaxed),
        );
        page.single(
            "glassway_monitor_sign_in_failures_total",
            Kind::Counter,
            "Wrong admin keys, at the sign-in and as bearers, and those not looked at since there \
             were too many.",
            self.0.auth.failures(),
        );
    }
}

fn keys_and_database(page: &mut Page, keys: Keys, path: &Path) {
    page.single(
        "glassway_database_readable",
        Kind::Gauge,
        "Whether the database answered when this page was made.",
        u8::from(keys.is_some()),
    );
    if let Some(keys) = keys {
        let name = "glassway_keys";
        page.family(name, Kind::Gauge, "Upstream keys, by provider and status.");
        for (provider, counts) in keys.iter().filter(|(_, counts)| !counts.is_empty()) {
            for status in Status::ALL.iter().map(|status| status.as_str()) {
                let n = counts.get(status).copied().unwrap_or_default();
                page.sample(name, &[("provider", provider), ("status", status)], n);
            }
        }
    }
    let size = |path: &Path| std::fs::metadata(path).map_or(0, |file| file.len());
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    let (database, log) = (size(path), size(Path::new(&log)));
    page.single("glassway_database_bytes", Kind::Gauge, "The database file.", database);
    page.single(
        "glassway_database_log_bytes",
        Kind::Gauge,
        "The write-ahead log beside it, yet to be moved into it.",
        log,
    );
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    if let Ok(disk) = rustix::fs::statvfs(folder.unwrap_or(Path::new("."))) {
        page.single(
            "glassway_disk_free_bytes",
            Kind::Gauge,
            "What is free on the database's file system.",
            disk.f_bavail.saturating_mul(disk.f_frsize),
        );
        page.single(
            "glassway_disk_size_bytes",
            Kind::Gauge,
            "The size of the database's file system.",
            disk.f_blocks.saturating_mul(disk.f_frsize),
        );
    }
}
