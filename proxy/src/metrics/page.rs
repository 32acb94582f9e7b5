//! Everything the proxy counts, as the page that Prometheus reads. docs/metrics.md says
//! what each number means; a test holds the two together.

use std::sync::atomic::Ordering::Relaxed;

use glassway_shared::{
    exposition::{Kind, Page},
    feed::Gauges,
    model::Outcome,
};
use jiff::Timestamp;

use super::Metrics;
use crate::{health::Status, snapshot::Snapshot};

/// A breaker's and a rest's words.
const PROVIDER_STATES: [&str; 3] = ["ok", "cooling", "open"];

impl Metrics {
    /// Prometheus' text exposition format, version 0.0.4.
    pub fn page(&self, gauges: &Gauges, snapshot: &Snapshot) -> String {
        let mut page = Page::default();
        self.exchanges(&mut page, gauges);
        self.journal(&mut page, gauges);
        self.life(&mut page);
        providers(&mut page, snapshot);
        page.process("glassway_proxy", self.started);
        page.text()
    }

    fn exchanges(&self, page: &mut Page, gauges: &Gauges) {
        let name = "glassway_requests_total";
        page.family(name, Kind::Counter, "Exchanges ended, by outcome.");
        for outcome in Outcome::ALL.iter().filter(|o| **o != Outcome::InFlight) {
            let n = self.requests[*outcome as usize].load(Relaxed);
            page.sample(name, &[("outcome", outcome.as_str())], n);
        }
        page.single(
            "glassway_upstream_attempts_total",
            Kind::Counter,
            "Requests sent upstream; beyond the exchanges' number they are retries.",
            self.attempts.load(Relaxed),
        );
        self.duration.write(
            page,
            "glassway_request_duration_seconds",
            "From a request's head to its answer's last byte.",
        );
        self.first_token.write(
            page,
            "glassway_time_to_first_token_seconds",
            "From a request's head to the first content of its stream.",
        );
        self.models.write(page);
        let in_flight = gauges.in_flight;
        page.single("glassway_in_flight", Kind::Gauge, "Exchanges running.", in_flight);
        if let Some((free, all)) = self.connections.get() {
            page.single(
                "glassway_proxy_connections",
                Kind::Gauge,
                "Clients connected.",
                all.saturating_sub(free.available_permits()),
            );
            page.single(
                "glassway_proxy_max_connections",
                Kind::Gauge,
                "Clients that may be connected; further ones wait.",
                all,
            );
        }
    }

    fn journal(&self, page: &mut Page, gauges: &Gauges) {
        let lost = gauges.lost;
        let mut counter = |name, help, value: u64| page.single(name, Kind::Counter, help, value);
        counter(
            "glassway_bodies_shed_total",
            "Bodies not kept for want of memory.",
            lost.bodies_shed,
        );
        counter("glassway_records_lost_total", "Exchanges without a record.", lost.records_lost);
        counter(
            "glassway_journal_failures_total",
            "Attempts to write records that failed; each is tried again.",
            self.commit_failures.load(Relaxed),
        );
        let mut gauge = |name, help, value: f64| page.single(name, Kind::Gauge, help, value);
        gauge("glassway_queue_bytes", "Memory held for recording.", gauges.queue_bytes as f64);
        gauge(
            "glassway_journal_unwritten_records",
            "Exchanges that have ended and wait to be written.",
            self.vitals.unwritten() as f64,
        );
        gauge(
            "glassway_journal_writable",
            "Whether the last write of records worked.",
            f64::from(u8::from(self.is_writable())),
        );
        if let Some(age) = self.vitals.since_commit() {
            gauge(
                "glassway_journal_commit_age_seconds",
                "Since records were last written; rises while there is nothing to write.",
                age.as_secs_f64(),
            );
        }
        gauge(
            "glassway_proxy_cursor",
            "Number of the newest exchange written.",
            self.newest() as f64,
        );
        self.commit.write(
            page,
            "glassway_journal_commit_seconds",
            "How long a batch of records took to commit.",
        );
    }

    fn life(&self, page: &mut Page) {
        let status = self.health().status;
        let name = "glassway_proxy_health";
        page.family(name, Kind::Gauge, "1 for the status that /healthz gives, else 0.");
        for known in Status::ALL {
            let is = u8::from(known == status);
            page.sample(name, &[("status", known.as_str())], is);
        }
        page.single(
            "glassway_proxy_data_threads_silent_seconds",
            Kind::Gauge,
            "Since the data thread that is silent longest came round; they do so each second.",
            self.vitals.threads_silent().as_secs_f64(),
        );
        page.single(
            "glassway_proxy_journal_silent_seconds",
            Kind::Gauge,
            "Since the journal came round; it does so four times a second.",
            self.vitals.journal_silent().as_secs_f64(),
        );
    }
}

fn providers(page: &mut Page, snapshot: &Snapshot) {
    page.single(
        "glassway_proxy_config_revision",
        Kind::Gauge,
        "Revision of providers, keys, routes and tokens that requests are routed by.",
        snapshot.revision,
    );
    let now_ms = Timestamp::now().as_millisecond();
    let name = "glassway_provider_state";
    let help = "1 for how a provider stands: ok, cooling, or open (its breaker); else 0.";
    page.family(name, Kind::Gauge, help);
    for provider in snapshot.providers.iter().filter(|provider| provider.enabled) {
        let state = provider.health.state(now_ms).status;
        for known in PROVIDER_STATES {
            let is = u8::from(known == state);
            page.sample(name, &[("provider", &provider.name), ("state", known)], is);
        }
    }
}
