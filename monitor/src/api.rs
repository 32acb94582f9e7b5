//! The table of contents: every operation, by the file that answers it.
//!
//! ```text
//! session   POST /token, GET and DELETE /api/session
//! requests  GET /api/requests, GET and PUT /api/request/{id}
//! bodies    GET /api/request/{id}/request-body, …/response-body
//! conversations GET /api/conversations
//! export    GET /api/export.har, .jsonl, .csv
//! replay    POST and DELETE /api/request/{id}/replay
//! stats     GET /api/stats, …/overview, …/usage, …/hourly, …/models, …/keys; over a
//!           chosen span …/now, …/series, …/top, …/latency, …/errors, …/losses, …/export.csv
//! settings  GET and PUT /api/settings
//! access    /api/admin-key, /api/sessions…
//! audit     GET /api/audit
//! about     GET /api/about, /api/storage
//! log       GET and PUT /api/log-levels
//! providers /api/providers, /api/proxies
//! presets   /api/presets, /api/providers/capabilities
//! keys      /api/keys…, /api/validate_keys
//! groups    /api/groups…, /api/proxies/{id}/groups
//! models    /api/models…
//! prices    /api/prices…
//! price_list GET, PUT and DELETE /api/price-list
//! routes    /api/routes…
//! tokens    /api/client-tokens…
//! chat      POST /api/chat, /api/chat/history…, /api/chat/conversations…
//! traces    /api/traces…
//! health    GET /api/health, /healthz
//! metrics   GET /metrics
//! feed      GET /api/feed (WebSocket)
//! ```
//!
//! `matching` reads the list's filters; `annotate` is what people say of an exchange.
//! `shape` and `detail` are what the answers look like; `input` judges bodies, `fields`
//! what is in them, `answer` is what writes say; `pool` and `seal` are what providers and keys share; `spec`
//! completes the specification.

mod about;
mod access;
mod annotate;
mod answer;
mod audit;
mod bodies;
mod chat;
mod conversations;
mod csv;
mod curl;
mod detail;
mod export;
mod feed;
mod fields;
mod groups;
mod har;
mod health;
mod input;
mod keys;
mod log;
mod matching;
mod metrics;
mod models;
mod pool;
mod presets;
pub(crate) mod price_list;
mod prices;
mod providers;
mod raw;
mod replay;
mod requests;
mod routes;
mod seal;
mod session;
mod settings;
pub mod shape;
pub mod spec;
mod stats;
mod tokens;
mod traces;

use std::sync::Arc;

use poem::{EndpointExt, IntoEndpoint, Response, endpoint::BoxEndpoint};
use poem_openapi::{OpenApiService, Tags};
use serde_json::Value;

use crate::app::App;
pub(crate) use keys::ask::refusal;

/// How the reference page groups operations.
#[derive(Tags)]
enum Tag {
    /// Signing in and out.
    Session,
    /// What went through the proxy.
    Requests,
    /// Sums over it.
    Statistics,
    /// Upstreams and relay stations.
    Providers,
    /// Upstream credentials, a relay's groups among them.
    Keys,
    /// What can be asked for.
    Models,
    /// What it costs.
    Prices,
    /// Model names → providers.
    Routes,
    /// What apps identify themselves with.
    ClientTokens,
    /// Conversations held here.
    Chat,
    /// Who handles requests behind a relay.
    Traces,
    /// What can be changed while it runs.
    Settings,
    /// Whether all is well.
    Health,
}

type Operations = (
    session::Operations,
    requests::Operations,
    (bodies::Operations, export::Operations, conversations::Operations, replay::Operations),
    (stats::Operations, stats::hour::Operations, stats::spans::Operations),
    (
        providers::Operations,
        presets::Operations,
        keys::Operations,
        groups::Operations,
        (models::Operations, models::test::Operations),
        (prices::Operations, price_list::Operations),
        routes::Operations,
        tokens::Operations,
        traces::Operations,
    ),
    (chat::Operations, chat::history::Operations),
    (
        settings::Operations,
        access::Operations,
        audit::Operations,
        about::Operations,
        log::Operations,
    ),
    (health::Operations, metrics::Operations),
    feed::Operations,
);

fn operations(app: &Arc<App>) -> Operations {
    (
        session::Operations(app.clone()),
        requests::Operations(app.clone()),
        (
            bodies::Operations(app.clone()),
            export::Operations(app.clone()),
            conversations::Operations(app.clone()),
            replay::Operations(app.clone()),
        ),
        (
            stats::Operations(app.clone()),
            stats::hour::Operations(app.clone()),
            stats::spans::Operations(app.clone()),
        ),
        (
            providers::Operations(app.clone()),
            presets::Operations(app.clone()),
            keys::Operations(app.clone()),
            groups::Operations(app.clone()),
            (models::Operations(app.clone()), models::test::Operations(app.clone())),
            (prices::Operations(app.clone()), price_list::Operations(app.clone())),
            routes::Operations(app.clone()),
            tokens::Operations(app.clone()),
            traces::Operations(app.clone()),
        ),
        (chat::Operations(app.clone()), chat::history::Operations(app.clone())),
        (
            settings::Operations(app.clone()),
            access::Operations(app.clone()),
            audit::Operations(app.clone()),
            about::Operations(app.clone()),
            log::Operations(app.clone()),
        ),
        (health::Operations(app.clone()), metrics::Operations(app.clone())),
        feed::Operations(app.clone()),
    )
}

/// What answers, what there is, and what is said about it.
pub struct Service {
    /// Answers every operation.
    pub endpoint: BoxEndpoint<'static, Response>,
    /// Their paths, methods and query parameters.
    pub table: spec::Table,
    /// The specification.
    pub specification: Value,
}

/// Puts the operations together.
pub fn service(app: &Arc<App>) -> Service {
    let service = OpenApiService::new(operations(app), "Glassway", glassway_shared::VERSION)
        .description(
            "Admin and monitoring API of Glassway. Times are RFC 3339 in UTC; lists are \
             newest first and go on with `cursor`; refusals are application/problem+json.",
        );
    let whole = spec::finish(&service.spec());
    Service {
        endpoint: service.into_endpoint().boxed(),
        table: spec::Table::of(&whole),
        specification: spec::publish(whole),
    }
}
