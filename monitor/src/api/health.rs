//! Whether all is well: for people, for supervisors, and for Prometheus.

use std::{fmt::Write, sync::Arc};

use poem::Result;
use poem_openapi::{
    Enum, Object, OpenApi,
    payload::{Json, PlainText, Response},
};

use super::Tag;
use crate::app::App;

pub(super) struct Operations(pub(super) Arc<App>);

#[derive(Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
enum State {
    /// Everything answers.
    Ok,
    /// The proxy or the database does not.
    Degraded,
}

/// The proxy, as the monitor sees it. Counters are the last known.
#[derive(Object)]
struct Proxy {
    /// Whether the link stands.
    connected: bool,
    /// Exchanges running.
    in_flight: u64,
    /// Bytes captured and not yet committed.
    queue_bytes: u64,
    /// Bodies whose contents were dropped since it started.
    bodies_shed: u64,
    /// Exchanges without a record since it started.
    records_lost: u64,
}

/// The database, as the monitor sees it.
#[derive(Object)]
struct Database {
    ok: bool,
    error: Option<String>,
}

/// How things are.
#[derive(Object)]
struct Health {
    status: State,
    version: String,
    proxy: Proxy,
    database: Database,
}

#[OpenApi(tag = "Tag::Health")]
impl Operations {
    /// How things are
    ///
    /// Needs no credential. Always 200: `degraded` is for people to look at.
    #[oai(path = "/api/health", method = "get", operation_id = "readHealth")]
    async fn health(&self) -> Json<Health> {
        Json(self.state().await)
    }

    /// The same, under the name supervisors ask for
    #[oai(path = "/healthz", method = "get", operation_id = "readHealthz")]
    async fn healthz(&self) -> Json<Health> {
        Json(self.state().await)
    }

    /// Metrics for Prometheus
    ///
    /// The monitor's own, and the proxy's while it is there.
    #[oai(path = "/metrics", method = "get", operation_id = "readMetrics")]
    async fn metrics(&self) -> Result<Response<PlainText<String>>> {
        let mut text = self.own_metrics();
        if let Ok((poem::http::StatusCode::OK, body)) = self.0.link.get("/metrics").await {
            text.push_str(&String::from_utf8_lossy(&body).replace("# EOF\n", ""));
        }
        Ok(Response::new(PlainText(text))
            .header("content-type", "text/plain; version=0.0.4; charset=utf-8"))
    }
}

impl Operations {
    async fn state(&self) -> Health {
        let status = self.0.live.status();
        let database = self.0.read(glassway_shared::store::exchanges::cursor).await;
        let ok = database.is_ok();
        Health {
            status: if ok && status.connected { State::Ok } else { State::Degraded },
            version: glassway_shared::VERSION.to_owned(),
            proxy: Proxy {
                connected: status.connected,
                in_flight: status.in_flight,
                queue_bytes: status.gauges.queue_bytes,
                bodies_shed: status.gauges.lost.bodies_shed,
                records_lost: status.gauges.lost.records_lost,
            },
            database: Database {
                ok,
                error: (!ok).then(|| "does not answer; the log says why".to_owned()),
            },
        }
    }

    fn own_metrics(&self) -> String {
        let status = self.0.live.status();
        let mut text = String::new();
        for (name, kind, help, value) in [
            (
                "glassway_proxy_up",
                "gauge",
                "Whether the link to the proxy stands.",
                u64::from(status.connected),
            ),
            (
                "glassway_monitor_feed_clients",
                "gauge",
                "Browsers and scripts on the feed.",
                status.clients,
            ),
            (
                "glassway_monitor_feed_resyncs_total",
                "counter",
                "Feed clients that were too slow and had to catch up.",
                status.resyncs,
            ),
            (
                "glassway_monitor_cursor",
                "gauge",
                "The newest exchange the feed has announced as finished.",
                status.cursor.unsigned_abs(),
            ),
            (
                "glassway_monitor_unwritten_total",
                "counter",
                "Answers of chats and batches of trace fetches that could not be written.",
                self.0.unwritten.load(std::sync::atomic::Ordering::Relaxed),
            ),
        ] {
            let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}");
        }
        text
    }
}
