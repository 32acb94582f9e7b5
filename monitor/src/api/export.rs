//! Exchanges as an HTTP archive. Written entry by entry, so that a thousand large
//! exchanges never stand in memory at once.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream;
use glassway_shared::{
    id::ExchangeId,
    store::{exchanges, filter::Filter, read::Reader, stored},
};
use poem::{Body, Response, Result, http::header};
use poem_openapi::{OpenApi, param::Query, payload::Json, types::Any};
use serde_json::Value;

use super::{
    Tag, har,
    raw::Raw,
    requests::{proxy_address, statuses},
    shape::{Id, Mode, Origin, Outcomes, Time},
};
use crate::{app::App, error::Problem};

pub(super) struct Operations(pub(super) Arc<App>);

#[OpenApi(tag = "Tag::Requests")]
impl Operations {
    /// Export as HAR 1.2
    ///
    /// One exchange by its id, or the newest that match. Running ones are left out.
    #[expect(clippy::too_many_arguments, reason = "each is a query parameter of the contract")]
    #[oai(path = "/api/export.har", method = "get", operation_id = "exportHar")]
    async fn export(
        &self,
        /// Only this exchange.
        id: Query<Option<Id>>,
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
        /// Who caused it.
        origin: Query<Option<Origin>>,
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
        /// Took at least this long.
        #[oai(validator(minimum(value = "0")))]
        min_duration_ms: Query<Option<f64>>,
        /// Kept from retention.
        pinned: Query<Option<bool>>,
        /// Entries at most.
        #[oai(default = "hundred", validator(minimum(value = "1"), maximum(value = "1000")))]
        limit: Query<u64>,
    ) -> Result<Raw<Json<Any<Value>>>> {
        let filter = Filter {
            q: q.0,
            path: path.0,
            method: method.0,
            status: statuses(status.0.as_deref())?,
            outcome: outcome.0.0.into_iter().map(Into::into).collect(),
            origin: origin.0.map(Into::into),
            model: model.0,
            provider: provider.0,
            key: key.0,
            client_token: client_token.0,
            mode: mode.0.map(Into::into),
            stream: stream.0,
            since: since.0.map(|t| t.0),
            until: until.0.map(|t| t.0),
            min_duration_ms: min_duration_ms.0,
            pinned: pinned.0,
        };
        let limit = limit.0 as usize;
        let (name, ids) = match id.0 {
            Some(Id(id)) => {
                let found = self.0.read(move |reader| exchanges::find(reader, id)).await?;
                if found.is_none() {
                    return Err(Problem::not_found(format!("exchange {id} is not recorded")).into());
                }
                (format!("glassway-{id}.har"), vec![id])
            }
            None => {
                let page = move |reader: &Reader| exchanges::page(reader, &filter, None, limit);
                let found = self.0.read(page).await?;
                ("glassway.har".to_owned(), found.into_iter().map(|c| c.exchange.id).collect())
            }
        };
        Ok(Response::builder()
            .content_type("application/json; charset=utf-8")
            .header(header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\""))
            .body(archive(self.0.clone(), ids))
            .into())
    }
}

fn hundred() -> u64 {
    100
}

/// The parts of an archive, one after the other.
enum Part {
    Head,
    Entry(usize),
    Done,
}

fn archive(app: Arc<App>, ids: Vec<ExchangeId>) -> Body {
    let base = proxy_address(&app);
    let parts = stream::unfold((Part::Head, false), move |(part, any)| {
        let (app, base) = (app.clone(), base.clone());
        let id = match part {
            Part::Entry(n) => ids.get(n).copied(),
            _ => None,
        };
        async move {
            let next = match (part, id) {
                (Part::Head, _) => (Ok(Bytes::from(har::head())), (Part::Entry(0), false)),
                (Part::Entry(n), Some(id)) => match entry(&app, id, base).await {
                    Ok(Some(json)) => {
                        let comma = if any { "," } else { "" };
                        (Ok(format!("{comma}{json}").into()), (Part::Entry(n + 1), true))
                    }
                    // Retention took it since we looked.
                    Ok(None) => (Ok(Bytes::new()), (Part::Entry(n + 1), any)),
                    Err(_) => {
                        let broken = std::io::Error::other("the database did not answer");
                        (Err(broken), (Part::Done, any))
                    }
                },
                (Part::Entry(_), None) => {
                    (Ok(Bytes::from_static(har::TAIL.as_bytes())), (Part::Done, any))
                }
                (Part::Done, _) => return None,
            };
            Some(next)
        }
    });
    Body::from_bytes_stream(parts)
}

async fn entry(app: &App, id: ExchangeId, base: String) -> Result<Option<String>, Problem> {
    app.read(move |reader| {
        let stored = stored::stored(reader, id)?;
        Ok(stored.map(|stored| har::entry(&stored, &base).to_string()))
    })
    .await
}
