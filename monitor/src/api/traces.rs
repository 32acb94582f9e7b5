//! Traces: begun, listed, read, compared, exported, deleted; and whether image addresses
//! work. The image itself is `trace::images`'s, before any sign-in.

mod compare;
mod find;
mod reach;
mod shape;
mod start;

use std::{collections::BTreeMap, sync::Arc};

use futures_util::{StreamExt, stream};
use glassway_shared::store::traces;
use poem::{Response, Result, http::StatusCode, http::header};
use poem_openapi::{
    Object, OpenApi,
    param::{Path, Query},
    payload::Json,
};
use rusqlite::Connection;

use self::{
    compare::Comparison,
    reach::Reach,
    shape::{Trace, TraceStatus},
    start::TraceInput,
};
use super::{
    Tag,
    answer::{Created, Deleted, twenty},
    input::Body,
    raw::Raw,
};
use crate::{
    app::App,
    error::Problem,
    trace::{known::MOST_TRACES, names, reach as check},
};

/// Traces exported, compared or deleted at once.
const MOST_AT_ONCE: usize = MOST_TRACES;
/// Names asked for at once, and addresses of one trace.
const NAMES_AT_ONCE: usize = 8;
const MOST_NAMES: usize = 64;

pub(super) struct Operations(pub(super) Arc<App>);

/// One page of traces, newest first.
#[derive(Object)]
struct TracePage {
    items: Vec<Trace>,
    /// For `cursor`; `null` on the last page.
    next: Option<String>,
    total: u64,
}

/// Traces as a file.
#[derive(Object)]
struct TraceExport {
    traces: Vec<Trace>,
}

/// What owners of addresses call them.
#[derive(Object)]
struct TraceNames {
    /// Address → name; `null` where it has none.
    names: BTreeMap<String, Option<String>>,
}

#[OpenApi(tag = "Tag::Traces")]
impl Operations {
    /// List traces
    #[expect(clippy::too_many_arguments, reason = "each is a query parameter")]
    #[oai(path = "/api/traces", method = "get", operation_id = "listTraces")]
    async fn list(
        &self,
        /// Text in model, names, answer, and the addresses and user agents of fetches.
        q: Query<Option<String>>,
        /// Exactly this model.
        model: Query<Option<String>>,
        /// Begun together with this one.
        series: Query<Option<i64>>,
        /// This relay station's.
        provider_id: Query<Option<i64>>,
        /// This group's.
        group_id: Query<Option<i64>>,
        /// That stand so.
        status: Query<Option<TraceStatus>>,
        /// Items on the page.
        #[oai(default = "twenty", validator(minimum(value = "1"), maximum(value = "1000")))]
        limit: Query<u64>,
        /// `next` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<TracePage>> {
        let filter = traces::Filter {
            q: q.0,
            model: model.0,
            series: series.0,
            provider_id: provider_id.0,
            key_id: group_id.0,
            status: status.0.map(Into::into),
        };
        Ok(Json(self.page(filter, limit.0, cursor.0).await?))
    }

    /// List a model's traces
    #[oai(path = "/api/traces/model/:model", method = "get", operation_id = "listModelTraces")]
    async fn of_model(
        &self,
        model: Path<String>,
        /// Items on the page.
        #[oai(default = "twenty", validator(minimum(value = "1"), maximum(value = "1000")))]
        limit: Query<u64>,
        /// `next` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<TracePage>> {
        let filter = traces::Filter { model: Some(model.0), ..traces::Filter::default() };
        Ok(Json(self.page(filter, limit.0, cursor.0).await?))
    }

    /// Begin a trace
    ///
    /// By a group, several groups, a relay station (its best key is used), or an address
    /// and key typed in, which is sealed at once and gone with the trace. With `repeat` or
    /// several groups it begins a series; the answer is the first of it.
    #[oai(path = "/api/traces", method = "post", operation_id = "beginTrace")]
    async fn begin(&self, body: Body<TraceInput>) -> Result<Created<Trace>> {
        let (id, warning) = start::start(&self.0, body.0).await?;
        Ok(Created::Done(Json(self.one(id).await?), warning))
    }

    /// Delete several traces
    #[oai(path = "/api/traces", method = "delete", operation_id = "deleteTraces")]
    async fn delete_many(
        &self,
        /// Their ids, with commas.
        ids: Query<String>,
    ) -> Result<Deleted> {
        self.remove(&numbers("ids", &ids.0)?).await?;
        Ok(Deleted::Done(None))
    }

    /// Export traces as JSON
    ///
    /// These, else the newest that match, whole.
    #[oai(path = "/api/traces/export", method = "get", operation_id = "exportTraces")]
    async fn export(
        &self,
        /// Their ids, with commas.
        ids: Query<Option<String>>,
        /// As in the list.
        q: Query<Option<String>>,
        /// Exactly this model.
        model: Query<Option<String>>,
        /// Begun together with this one.
        series: Query<Option<i64>>,
    ) -> Result<Raw<Json<TraceExport>>> {
        let filter = traces::Filter {
            q: q.0,
            model: model.0,
            series: series.0,
            ..traces::Filter::default()
        };
        let ids = ids.0.map(|ids| numbers("ids", &ids)).transpose()?;
        let traces = self.several(ids, filter, 1000).await?;
        let file = Json(TraceExport { traces });
        let body = poem_openapi::types::ToJSON::to_json_string(&file.0);
        let answer = Response::builder()
            .content_type("application/json")
            .header(header::CONTENT_DISPOSITION, "attachment; filename=\"traces.json\"")
            .body(body);
        Ok(answer.into())
    }

    /// Compare traces
    ///
    /// By whom they went to: who fetched, as a set, and what all of them share.
    #[oai(path = "/api/traces/compare", method = "get", operation_id = "compareTraces")]
    async fn compare(
        &self,
        /// Their ids, with commas.
        ids: Query<Option<String>>,
        /// Begun together with this one.
        series: Query<Option<i64>>,
    ) -> Result<Json<Comparison>> {
        if ids.0.is_none() && series.0.is_none() {
            return Err(Problem::field("ids", "is missing; send ids or series").into());
        }
        let ids = ids.0.map(|ids| numbers("ids", &ids)).transpose()?;
        let filter = traces::Filter { series: series.0, ..traces::Filter::default() };
        Ok(Json(Comparison::of(self.several(ids, filter, MOST_AT_ONCE).await?)))
    }

    /// Check whether image addresses work
    ///
    /// Asked from here: whether the outside gets through shows only to the outside.
    #[oai(path = "/api/traces/reach", method = "get", operation_id = "checkTraceReach")]
    async fn reach(&self) -> Result<Json<Reach>> {
        let images = self.0.traces.listening.get().and_then(|(_, images)| *images);
        let found = check::check(&self.0).await;
        Ok(Json(Reach::of(found, images.map(|at| at.to_string()))))
    }

    /// Read a trace
    #[oai(path = "/api/traces/:id", method = "get", operation_id = "readTrace")]
    async fn read(&self, id: Path<i64>) -> Result<Json<Trace>> {
        Ok(Json(self.one(id.0).await?))
    }

    /// Delete a trace
    ///
    /// With all its hits, and its key where one was typed in. Fetches that come later are
    /// nobody's.
    #[oai(path = "/api/traces/:id", method = "delete", operation_id = "deleteTrace")]
    async fn delete(&self, id: Path<i64>) -> Result<Deleted> {
        match self.remove(&[id.0]).await? {
            0 => Err(missing(id.0).into()),
            _ => Ok(Deleted::Done(None)),
        }
    }

    /// Ask for the names of a trace's fetchers
    ///
    /// Reverse DNS: the addresses leave the machine, to the system's resolver.
    #[oai(path = "/api/traces/:id/names", method = "post", operation_id = "nameTraceFetchers")]
    async fn names(&self, id: Path<i64>) -> Result<Json<TraceNames>> {
        let id = id.0;
        let read = move |connection: &Connection| {
            traces::hits(connection, id, crate::trace::known::MOST_HITS as usize)
        };
        self.one(id).await?;
        let hits = self.0.read(move |reader| reader.with(read)).await?;
        let mut addresses: Vec<String> = hits.into_iter().map(|hit| hit.ip).collect();
        addresses.sort();
        addresses.dedup();
        let resolver = names::resolver();
        let ask = |address: String| async move {
            let name = match address.parse() {
                Ok(ip) => names::find(ip, resolver).await,
                Err(_) => None,
            };
            (address, name)
        };
        let addresses = addresses.into_iter().take(MOST_NAMES);
        let names = stream::iter(addresses).map(ask).buffer_unordered(NAMES_AT_ONCE);
        Ok(Json(TraceNames { names: names.collect().await }))
    }
}

fn missing(id: i64) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, format!("there is no trace {id}"))
}

fn numbers(field: &str, text: &str) -> Result<Vec<i64>, Problem> {
    let all: Result<Vec<i64>, _> = text.split(',').map(|id| id.trim().parse()).collect();
    let all = all.map_err(|_| Problem::field(field, "must be ids with commas, such as 3,4"))?;
    match all.len() > MOST_AT_ONCE {
        true => Err(Problem::field(field, format!("at most {MOST_AT_ONCE} at once"))),
        false => Ok(all),
    }
}
