//! The list and the detail. Both know what runs as well as what has ended: running
//! exchanges stand in the list where their ids put them.

use std::{collections::HashSet, sync::Arc, time::Duration};

use glassway_shared::{
    id::ExchangeId,
    model,
    store::{
        exchanges,
        filter::{Filter, StatusRange},
        stored::{self, Stored},
    },
};
use jiff::Timestamp;
use poem::{Result, http::StatusCode};
use poem_openapi::{
    Enum, Object, OpenApi,
    param::{Path, Query},
    payload::Json,
};
use serde_json::Value;

use super::{
    Tag,
    annotate::{AnnotationInput, annotate},
    curl,
    detail::{Detail, SHOWN},
    input::Body,
    raw::Raw,
    shape::{Exchange, Id, Mode, Origins, Outcomes, Time},
};
use crate::{app::App, error::Problem};

pub(super) struct Operations(pub(super) Arc<App>);

/// An exchange is committed within moments of its end.
pub(super) const COMMIT_WAIT: Duration = Duration::from_millis(50);
pub(super) const COMMIT_TRIES: u32 = 20;
/// More than these are never committed in the moments before they are announced.
const UNANNOUNCED: usize = 1_000;

/// One page, newest first.
#[derive(Object)]
struct ExchangePage {
    items: Vec<Exchange>,
    /// For `cursor`; `null` on the last page.
    next: Option<Id>,
    /// All that match; `null` where counting would take too long.
    total: Option<u64>,
}

/// How many events and messages a detail shows.
#[derive(Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
pub(super) enum Shown {
    /// All there are.
    All,
}

#[OpenApi(tag = "Tag::Requests")]
impl Operations {
    /// List exchanges
    ///
    /// Newest first, running ones among them. Conditions are joined by "and". Names
    /// match exactly; `*` stands for anything.
    #[expect(clippy::too_many_arguments, reason = "each is a query parameter of the contract")]
    #[oai(path = "/api/requests", method = "get", operation_id = "listRequests")]
    async fn list(
        &self,
        /// Words anywhere in what was said, the path or the model.
        q: Query<Option<String>>,
        /// Without the query.
        path: Query<Option<String>>,
        /// In any case.
        method: Query<Option<String>>,
        /// `200`, `4xx` for all of them, or a list with commas.
        #[oai(validator(pattern = "^[1-5]([0-9][0-9]|xx|XX)(,[1-5]([0-9][0-9]|xx|XX))*$"))]
        status: Query<Option<String>>,
        /// How it ended: any of these, repeated or with commas.
        outcome: Query<Outcomes>,
        /// Who caused it: any of these, repeated or with commas.
        origin: Query<Origins>,
        /// The error's code; `none` where it has none.
        error: Query<Option<String>>,
        /// As the client named it, or as the upstream knows it.
        model: Query<Option<String>>,
        /// The provider's name.
        provider: Query<Option<String>>,
        /// The key's name.
        key: Query<Option<String>>,
        /// The client token's name.
        client_token: Query<Option<String>>,
        /// Whose credential travelled.
        mode: Query<Option<Mode>>,
        /// Whether the answer is a stream.
        stream: Query<Option<bool>>,
        /// Started then or later.
        since: Query<Option<Time>>,
        /// Started before.
        until: Query<Option<Time>>,
        /// Turns of the conversation that this exchange belongs to.
        conversation: Query<Option<Id>>,
        /// Took at least this long.
        #[oai(validator(minimum(value = "0")))]
        min_duration_ms: Query<Option<f64>>,
        /// Kept from retention.
        pinned: Query<Option<bool>>,
        /// Items on the page.
        #[oai(default = "twenty", validator(minimum(value = "1"), maximum(value = "1000")))]
        limit: Query<u64>,
        /// `next` of the page before.
        cursor: Query<Option<Id>>,
    ) -> Result<Json<ExchangePage>> {
        let filter = Filter {
            q: q.0,
            path: path.0,
            method: method.0,
            status: statuses(status.0.as_deref())?,
            outcome: outcome.0.0.into_iter().map(Into::into).collect(),
            origin: origin.0.0.into_iter().map(Into::into).collect(),
            error: error.0,
            model: model.0,
            provider: provider.0,
            key: key.0,
            client_token: client_token.0,
            mode: mode.0.map(Into::into),
            stream: stream.0,
            since: since.0.map(|t| t.0),
            until: until.0.map(|t| t.0),
            min_duration_ms: min_duration_ms.0,
            conversation: conversation.0.map(|id| id.0),
            pinned: pinned.0,
        };
        let before = cursor.0.map(|id| id.0);
        Ok(Json(self.page(filter, before, limit.0 as usize).await?))
    }

    /// Read one exchange
    ///
    /// With everything that was said. Answers for running ones too. Events and
    /// messages are cut at 2,000 each unless all are asked for.
    #[oai(path = "/api/request/:id", method = "get", operation_id = "readRequest")]
    async fn read(
        &self,
        /// The exchange.
        id: Path<Id>,
        /// `all`: not only the first 2,000.
        events: Query<Option<Shown>>,
    ) -> Result<Raw<Json<Detail>>> {
        let id = id.0.0;
        let shown = if events.0.is_some() { usize::MAX } else { SHOWN };
        let base = proxy_address(&self.0);
        let stored = match find(&self.0, id).await? {
            Found::Stored(stored) => *stored,
            Found::Running(detail) => {
                return Ok(json(serde_json::to_vec(&detail).unwrap_or_default()).into());
            }
        };
        let render = move || {
            let detail = Detail::of(stored, &base, shown);
            poem_openapi::types::ToJSON::to_json_string(&detail).into_bytes()
        };
        Ok(json(crate::app::blocking(render).await?).into())
    }

    /// Pin an exchange, or note something about it
    ///
    /// A pinned one is kept whole, however old it gets. Running ones can be pinned too.
    #[oai(path = "/api/request/:id", method = "put", operation_id = "annotateRequest")]
    async fn annotate(
        &self,
        /// The exchange.
        id: Path<Id>,
        said: Body<AnnotationInput>,
    ) -> Result<Json<Exchange>> {
        Ok(Json(annotate(&self.0, id.0.0, said.0).await?))
    }
}

impl Operations {
    async fn page(
        &self,
        filter: Filter,
        before: Option<ExchangeId>,
        limit: usize,
    ) -> Result<ExchangePage, Problem> {
        // What runs is looked at first: what ends meanwhile is then in the database.
        let now = Timestamp::now();
        let announced = self.0.live.status().cursor;
        let mut running = self.0.live.running();
        running.retain(|exchange| filter.matches(exchange, now));
        let (mut found, total, ended) = self
            .0
            .read(move |reader| {
                // Recorded and not yet announced: no longer running, whatever we were told.
                let ended = exchanges::after(reader, announced, i64::MAX, UNANNOUNCED)?;
                let found = exchanges::page(reader, &filter, before, limit + 1)?;
                Ok((found, exchanges::count(reader, &filter)?, ended))
            })
            .await?;
        let stored: HashSet<ExchangeId> =
            found.iter().chain(&ended).map(|c| c.exchange.id).collect();
        running.retain(|exchange| !stored.contains(&exchange.id));
        let total = total.map(|n| n + running.len() as u64);
        let mut items: Vec<model::Exchange> = found.drain(..).map(|c| c.exchange).collect();
        items.extend(running.into_iter().filter(|e| before.is_none_or(|before| e.id < before)));
        items.sort_by_key(|exchange| std::cmp::Reverse(exchange.id));
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(|exchange| Id(exchange.id));
        Ok(ExchangePage { items: items.into_iter().map(Into::into).collect(), next, total })
    }
}

fn twenty() -> u64 {
    20
}

/// Reads the `status` parameter.
pub(super) fn statuses(text: Option<&str>) -> Result<Vec<StatusRange>, Problem> {
    let ranges = text.into_iter().flat_map(|list| list.split(',')).map(str::parse);
    ranges.collect::<Result<_, _>>().map_err(|e| Problem::field("status", e))
}

/// Where an exchange was found.
pub(super) enum Found {
    Stored(Box<Stored>),
    /// The detail so far, from the proxy.
    Running(Value),
}

/// Looks in the database, then asks the proxy; one that has ended but is not yet
/// committed is waited for.
pub(super) async fn find(app: &App, id: ExchangeId) -> Result<Found, Problem> {
    for _ in 0..COMMIT_TRIES {
        if let Some(stored) = app.read(move |reader| stored::stored(reader, id)).await? {
            return Ok(Found::Stored(Box::new(stored)));
        }
        let known = app.live.find(id).is_some();
        if let Some(detail) = running(app, id).await? {
            return Ok(Found::Running(detail));
        }
        if !known {
            break;
        }
        tokio::time::sleep(COMMIT_WAIT).await;
    }
    // It may have been committed while we asked.
    match app.read(move |reader| stored::stored(reader, id)).await? {
        Some(stored) => Ok(Found::Stored(Box::new(stored))),
        None => Err(Problem::not_found(format!(
            "there is no exchange {id}; it may have been too old to keep"
        ))),
    }
}

async fn running(app: &App, id: ExchangeId) -> Result<Option<Value>, Problem> {
    let (status, body) = match app.link.get(&format!("/in-flight/{id}")).await {
        Ok(answer) => answer,
        Err(_) if app.live.find(id).is_none() => return Ok(None),
        Err(e) => {
            return Err(Problem::unavailable(format!(
                "this exchange still runs and the proxy does not answer: {e}"
            )));
        }
    };
    match serde_json::from_slice::<Value>(&body) {
        Ok(mut detail) if status == StatusCode::OK && detail.is_object() => {
            if let Some(said) = app.live.annotation(id) {
                (detail["pinned"], detail["note"]) = (said.pinned.into(), said.note.into());
            }
            complete(&mut detail, &proxy_address(app));
            Ok(Some(detail))
        }
        _ => Ok(None),
    }
}

/// Adds what the proxy leaves to us, so that a running exchange has every field of an
/// ended one.
fn complete(detail: &mut Value, base: &str) {
    for (list, total) in [("events", "events_total"), ("messages", "messages_total")] {
        if !detail[list].is_array() {
            detail[list] = Value::Array(vec![]);
        }
        if !detail[total].is_number() {
            detail[total] = detail[list].as_array().map_or(0, Vec::len).into();
        }
    }
    if !detail["tries"].is_array() {
        detail["tries"] = Value::Array(vec![]);
    }
    if detail["curl"].as_str().is_none_or(str::is_empty) {
        let request = &detail["request"];
        let whole = request["truncated"] != true && request["shed"] != true;
        let command = curl::command(
            &curl::Request {
                method: detail["method"].as_str().unwrap_or("GET"),
                target: detail["target"].as_str().unwrap_or("/"),
                stream: detail["stream"] == true,
                headers: serde_json::from_value(request["headers"].clone()).unwrap_or_default(),
                body: match request["body"].as_str() {
                    Some("") | None => curl::Body::Empty,
                    Some(text) if whole && request["body_encoding"] == "utf8" => {
                        curl::Body::Text(text)
                    }
                    Some(_) => curl::Body::Other,
                },
            },
            base,
        );
        detail["curl"] = command.into();
    }
}

fn json(body: Vec<u8>) -> poem::Response {
    poem::Response::builder().content_type("application/json; charset=utf-8").body(body)
}

/// Where clients on this machine find the proxy.
pub(super) fn proxy_address(app: &App) -> String {
    let listen = app.proxy_listen();
    let tls = !app.config.proxy.tls_cert.as_os_str().is_empty();
    let scheme = if tls { "https" } else { "http" };
    match listen.ip().is_unspecified() {
        true => format!("{scheme}://127.0.0.1:{}", listen.port()),
        false => format!("{scheme}://{listen}"),
    }
}
