//! Whether all is well: for people and for supervisors. A stranger is told words, and
//! nothing that is counted.

use std::sync::Arc;

use poem::Request;
use poem_openapi::{ApiResponse, Enum, Object, OpenApi, payload::Json};

use super::Tag;
use crate::{app::App, auth::Who};

pub(super) struct Operations(pub(super) Arc<App>);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
enum State {
    /// Everything answers.
    Ok,
    /// What is recorded can be read, but the proxy is away.
    Degraded,
    /// The database does not answer.
    Failing,
}

/// Why it is not `ok`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
enum HealthReason {
    /// The link to the proxy does not stand.
    ProxyAway,
    /// The log says why.
    DatabaseUnreadable,
}

/// The proxy, as the monitor sees it. Counters are the last known, and `null` for
/// whoever shows no credential.
#[derive(Object)]
struct Proxy {
    /// Whether the link stands.
    connected: bool,
    /// Exchanges running.
    in_flight: Option<u64>,
    /// Bytes captured and not yet committed.
    queue_bytes: Option<u64>,
    /// Bodies whose contents were dropped since it started.
    bodies_shed: Option<u64>,
    /// Exchanges without a record since it started.
    records_lost: Option<u64>,
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
    /// Empty where all is well.
    reasons: Vec<HealthReason>,
    version: String,
    proxy: Proxy,
    database: Database,
}

#[derive(ApiResponse)]
enum HealthAnswer {
    /// The monitor serves.
    #[oai(status = 200)]
    Serving(Json<Health>),
    /// It cannot, for the database does not answer.
    #[oai(status = 503)]
    Failing(Json<Health>),
}

#[OpenApi(tag = "Tag::Health")]
impl Operations {
    /// How things are
    ///
    /// Needs no credential; with one, counters are told too. 503 only where nothing can be
    /// served: `degraded` is for people to look at.
    #[oai(path = "/api/health", method = "get", operation_id = "readHealth")]
    async fn health(&self, request: &Request) -> HealthAnswer {
        self.state(request.extensions().get::<Who>().is_some()).await
    }

    /// The same for supervisors, without counters
    #[oai(path = "/healthz", method = "get", operation_id = "readHealthz")]
    async fn healthz(&self) -> HealthAnswer {
        self.state(false).await
    }
}

impl Operations {
    async fn state(&self, known: bool) -> HealthAnswer {
        let link = self.0.live.status();
        let ok = self.0.read(glassway_shared::store::exchanges::cursor).await.is_ok();
        let (status, reasons) = judge(ok, link.connected);
        let counted = |n: u64| known.then_some(n);
        let health = Health {
            status,
            reasons,
            version: glassway_shared::VERSION.to_owned(),
            proxy: Proxy {
                connected: link.connected,
                in_flight: counted(link.in_flight),
                queue_bytes: counted(link.gauges.queue_bytes),
                bodies_shed: counted(link.gauges.lost.bodies_shed),
                records_lost: counted(link.gauges.lost.records_lost),
            },
            database: Database {
                ok,
                error: (!ok).then(|| "does not answer; the log says why".to_owned()),
            },
        };
        match status {
            State::Ok | State::Degraded => HealthAnswer::Serving(Json(health)),
            State::Failing => HealthAnswer::Failing(Json(health)),
        }
    }
}

fn judge(database: bool, proxy: bool) -> (State, Vec<HealthReason>) {
    let reasons = [
        (!database).then_some(HealthReason::DatabaseUnreadable),
        (!proxy).then_some(HealthReason::ProxyAway),
    ];
    let status = match (database, proxy) {
        (true, true) => State::Ok,
        (true, false) => State::Degraded,
        (false, _) => State::Failing,
    };
    (status, reasons.into_iter().flatten().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_absent_proxy_is_no_reason_to_go_elsewhere() {
        assert_eq!(judge(true, true), (State::Ok, vec![]));
        assert_eq!(judge(true, false), (State::Degraded, vec![HealthReason::ProxyAway]));
        let (status, reasons) = judge(false, false);
        assert_eq!((status, reasons.len()), (State::Failing, 2));
    }
}
