//! Exchanges as files: an HTTP archive, JSON lines with everything that was said, a table
//! without it. Written piece by piece, so that a thousand large exchanges never stand in
//! memory at once.

mod table;
mod walk;

use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream;
use glassway_shared::{id::ExchangeId, model, store::stored};
use poem::{Body, Request, Response, Result, http::header};
use poem_openapi::{
    OpenApi,
    param::Query,
    payload::{Json, PlainText},
    types::{Any, ToJSON},
};
use serde_json::Value;

use super::{
    Tag,
    detail::{Detail, SHOWN},
    har,
    matching::matching,
    raw::Raw,
    requests::proxy_address,
    shape::Id,
};
use crate::{app::App, error::Problem};
use walk::Walk;

pub(super) struct Operations(pub(super) Arc<App>);

#[OpenApi(tag = "Tag::Requests")]
impl Operations {
    /// Export as HAR 1.2
    ///
    /// One exchange by its id, or the newest that match. Running ones are left out.
    #[oai(path = "/api/export.har", method = "get", operation_id = "exportHar")]
    async fn har(
        &self,
        request: &Request,
        /// Only this exchange.
        id: Query<Option<Id>>,
        /// Entries at most.
        #[oai(default = "hundred", validator(minimum(value = "1"), maximum(value = "1000")))]
        limit: Query<u64>,
    ) -> Result<Raw<Json<Any<Value>>>> {
        let (name, walk) = match id.0 {
            Some(Id(id)) => (format!("glassway-{id}.har"), Walk::one(&self.0, id).await?),
            None => ("glassway.har".to_owned(), self.walk(request, limit.0)?),
        };
        let base = proxy_address(&self.0);
        let file = File {
            head: har::head(),
            between: ",",
            tail: har::TAIL,
            entry: move |app: Arc<App>, exchange: model::Exchange| {
                let base = base.clone();
                async move { whole(&app, exchange.id, move |s| har::entry(&s, &base).to_string()).await }
            },
        };
        Ok(attached("application/json; charset=utf-8", &name, file.body(self.0.clone(), walk))
            .into())
    }

    /// Export as JSON lines
    ///
    /// The newest that match, each as `GET /api/request/{id}` gives it, one per line.
    /// Running ones are left out.
    #[oai(path = "/api/export.jsonl", method = "get", operation_id = "exportJsonl")]
    async fn jsonl(
        &self,
        request: &Request,
        /// Lines at most.
        #[oai(default = "hundred", validator(minimum(value = "1"), maximum(value = "10000")))]
        limit: Query<u64>,
    ) -> Result<Raw<PlainText<String>>> {
        let walk = self.walk(request, limit.0)?;
        let base = proxy_address(&self.0);
        let file = File {
            head: String::new(),
            between: "",
            tail: "",
            entry: move |app: Arc<App>, exchange: model::Exchange| {
                let base = base.clone();
                let line = move |s| Detail::of(s, &base, SHOWN).to_json_string() + "\n";
                async move { whole(&app, exchange.id, line).await }
            },
        };
        let body = file.body(self.0.clone(), walk);
        Ok(attached("application/jsonl; charset=utf-8", "glassway.jsonl", body).into())
    }

    /// Export as a table (CSV)
    ///
    /// The newest that match, a row each, without what was said. Running ones are left
    /// out.
    #[oai(path = "/api/export.csv", method = "get", operation_id = "exportCsv")]
    async fn csv(
        &self,
        request: &Request,
        /// Rows at most.
        #[oai(default = "hundred", validator(minimum(value = "1"), maximum(value = "100000")))]
        limit: Query<u64>,
    ) -> Result<Raw<PlainText<String>>> {
        let walk = self.walk(request, limit.0)?;
        let file = File {
            head: table::head(),
            between: "",
            tail: "",
            entry: |_, exchange: model::Exchange| async move { Ok(Some(table::row(&exchange))) },
        };
        let body = file.body(self.0.clone(), walk);
        Ok(attached("text/csv; charset=utf-8", "glassway.csv", body).into())
    }
}

impl Operations {
    fn walk(&self, request: &Request, limit: u64) -> Result<Walk, Problem> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        Ok(Walk::newest(&self.0, matching(request)?, limit))
    }
}

fn hundred() -> u64 {
    100
}

fn attached(kind: &str, name: &str, body: Body) -> Response {
    Response::builder()
        .content_type(kind)
        .header(header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\""))
        .body(body)
}

/// Everything known of an exchange, rendered; `None` where retention took it since.
async fn whole(
    app: &App,
    id: ExchangeId,
    render: impl FnOnce(stored::Stored) -> String + Send + 'static,
) -> Result<Option<String>, Problem> {
    app.read(move |reader| Ok(stored::stored(reader, id)?.map(render))).await
}

/// A file of entries.
struct File<E> {
    head: String,
    between: &'static str,
    tail: &'static str,
    entry: E,
}

/// How far it is written.
enum At {
    Head,
    /// Whether an entry stands before.
    Entries(bool),
    Done,
}

impl<E, F> File<E>
where
    E: Fn(Arc<App>, model::Exchange) -> F + Send + Sync + 'static,
    F: Future<Output = Result<Option<String>, Problem>> + Send,
{
    fn body(self, app: Arc<App>, walk: Walk) -> Body {
        let pieces = stream::unfold((self, walk, At::Head), move |(file, mut walk, at)| {
            let app = app.clone();
            async move {
                let (piece, at) = match at {
                    At::Head => (Ok(file.head.clone()), At::Entries(false)),
                    At::Entries(any) => match file.next(&app, &mut walk, any).await {
                        Ok(Some(piece)) => (Ok(piece), At::Entries(true)),
                        Ok(None) => (Ok(file.tail.to_owned()), At::Done),
                        // A file that ends early must not look whole.
                        Err(problem) => {
                            (Err(std::io::Error::other(problem.detail().to_owned())), At::Done)
                        }
                    },
                    At::Done => return None,
                };
                Some((piece.map(Bytes::from), (file, walk, at)))
            }
        });
        Body::from_bytes_stream(pieces)
    }

    async fn next(
        &self,
        app: &Arc<App>,
        walk: &mut Walk,
        any: bool,
    ) -> Result<Option<String>, Problem> {
        while let Some(exchange) = walk.next().await? {
            if let Some(entry) = (self.entry)(app.clone(), exchange).await? {
                let comma = if any { self.between } else { "" };
                return Ok(Some(format!("{comma}{entry}")));
            }
        }
        Ok(None)
    }
}
