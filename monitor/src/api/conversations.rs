//! The list with the turns of a conversation as one row.

use std::sync::Arc;

use glassway_shared::store::turns;
use poem::{Request, Result};
use poem_openapi::{Object, OpenApi, param::Query, payload::Json};

use super::{
    Tag,
    fields::usd,
    matching::matching,
    shape::{Exchange, Id, Time},
};
use crate::app::App;

pub(super) struct Operations(pub(super) Arc<App>);

/// A conversation, or an exchange that is none.
#[derive(Object)]
struct Talk {
    /// Its first turn that is still kept.
    first: Id,
    /// When that began.
    started_at: Time,
    /// How many turns are kept.
    turns: u64,
    /// Turns that did not end well.
    failed: u64,
    /// Of all turns; what is not known is left out.
    prompt_tokens: u64,
    /// As `prompt_tokens`.
    completion_tokens: u64,
    /// Of all turns; `null` where no turn's cost is known.
    cost_usd: Option<f64>,
    /// The newest turn that matches.
    newest: Exchange,
}

/// One page, by the newest turn.
#[derive(Object)]
struct TalkPage {
    items: Vec<Talk>,
    /// For `cursor`; `null` on the last page.
    next: Option<Id>,
}

#[OpenApi(tag = "Tag::Requests")]
impl Operations {
    /// List conversations
    ///
    /// Requests whose messages begin with those of an earlier one, of the same client, are
    /// turns of one conversation. Known within 2 s of a turn's end. `conversation` of the
    /// list of exchanges takes any turn's id.
    #[oai(path = "/api/conversations", method = "get", operation_id = "listTalks")]
    async fn list(
        &self,
        request: &Request,
        /// Items on the page.
        #[oai(default = "twenty", validator(minimum(value = "1"), maximum(value = "200")))]
        limit: Query<u64>,
        /// `next` of the page before.
        cursor: Query<Option<Id>>,
    ) -> Result<Json<TalkPage>> {
        let (filter, before) = (matching(request)?, cursor.0.map(|id| id.0));
        let limit = limit.0 as usize;
        let page = move |reader: &_| turns::page(reader, &filter, before, limit);
        let (found, next) = self.0.read(page).await?;
        let items = found.into_iter().map(|one| Talk {
            first: Id(one.first),
            started_at: Time(one.started_at),
            turns: one.turns,
            failed: one.failed,
            prompt_tokens: one.prompt_tokens,
            completion_tokens: one.completion_tokens,
            cost_usd: one.cost_nano.map(usd),
            newest: one.newest.exchange.into(),
        });
        Ok(Json(TalkPage { items: items.collect(), next: next.map(Id) }))
    }
}

fn twenty() -> u64 {
    20
}
