//! Upstream keys. A relay station's groups (`groups`) are the same under another name.

pub(super) mod ask;
pub(super) mod shape;
mod test;
pub(super) mod write;

use std::sync::Arc;

use glassway_shared::store::{StoreError, keys, providers};
use poem::Result;
use poem_openapi::{
    Object, OpenApi,
    param::{Path, Query},
    payload::Json,
};
use rusqlite::Connection;

pub(super) use self::shape::millis;
use self::{
    shape::{Key, KeyDetail, KeyInput, KeyStatus, Switch},
    test::{Test, Validated},
    write::{Bulk, BulkInput, missing},
};
use super::{
    Tag,
    answer::{Changed, Created, Deleted, page, twenty},
    input::Body,
    pool::Pool,
};
use crate::{app::App, error::Problem};

pub(super) struct Operations(pub(super) Arc<App>);

/// One page of keys, newest first.
#[derive(Object)]
pub(super) struct KeyPage {
    items: Vec<Key>,
    /// For `cursor`; `null` on the last page.
    next: Option<String>,
    total: u64,
}

/// One numbered page of keys, newest first.
#[derive(Object)]
#[oai(rename = "KeyNumberedPage")]
struct NumberedPage {
    items: Vec<Key>,
    page: u64,
    page_size: u64,
    /// How many pages there are.
    pages: u64,
    /// The next page's number; `null` on the last.
    next: Option<u64>,
    total: u64,
}

/// A key switched on or off.
#[derive(Object)]
#[oai(rename = "KeySwitchInput", deny_unknown_fields)]
struct SwitchInput {
    status: Switch,
}

/// How many keys came back.
#[derive(Object)]
#[oai(rename = "KeyReset")]
struct Reset {
    reset: u64,
}

/// What a list of keys is narrowed to.
#[derive(Default)]
pub(super) struct Filter {
    provider_id: Option<i64>,
    status: Option<KeyStatus>,
    q: Option<String>,
}

impl Filter {
    /// To one provider's keys, or not at all.
    pub(super) fn provider(provider_id: Option<i64>) -> Self {
        Self { provider_id, ..Self::default() }
    }
}

#[OpenApi(tag = "Tag::Keys")]
impl Operations {
    /// List keys
    #[oai(path = "/api/keys", method = "get", operation_id = "listKeys")]
    async fn list(
        &self,
        /// Only this provider's.
        provider_id: Query<Option<i64>>,
        /// Only those that stand so.
        status: Query<Option<KeyStatus>>,
        /// Part of the name, the provider's name or the visible ends.
        q: Query<Option<String>>,
        /// Items on the page.
        #[oai(default = "twenty", validator(minimum(value = "1"), maximum(value = "1000")))]
        limit: Query<u64>,
        /// `next` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<KeyPage>> {
        let filter = Filter { provider_id: provider_id.0, status: status.0, q: q.0 };
        Ok(Json(self.page(filter, limit.0, cursor.0).await?))
    }

    /// List keys by numbered pages
    #[oai(path = "/api/keys/paginated", method = "get", operation_id = "listKeysPaginated")]
    async fn paginated(
        &self,
        /// From 1.
        #[oai(default = "one", validator(minimum(value = "1")))]
        page: Query<u64>,
        /// Items on a page.
        #[oai(default = "twenty", validator(minimum(value = "1"), maximum(value = "1000")))]
        page_size: Query<u64>,
        /// The same as `page_size`, which it goes before.
        #[oai(validator(minimum(value = "1"), maximum(value = "1000")))]
        limit: Query<Option<u64>>,
        /// Only this provider's.
        provider_id: Query<Option<i64>>,
        /// Only those that stand so.
        status: Query<Option<KeyStatus>>,
        /// Part of the name, the provider's name or the visible ends.
        q: Query<Option<String>>,
    ) -> Result<Json<NumberedPage>> {
        let filter = Filter { provider_id: provider_id.0, status: status.0, q: q.0 };
        let all = self.all(filter).await?;
        let (page, page_size) = (page.0, limit.0.unwrap_or(page_size.0));
        let total = all.len() as u64;
        let pages = total.div_ceil(page_size);
        let from = (page - 1).saturating_mul(page_size).min(total);
        let items = all.into_iter().skip(from as usize).take(page_size as usize).collect();
        let next = (page < pages).then_some(page + 1);
        Ok(Json(NumberedPage { items, page, page_size, pages, next, total }))
    }

    /// Add a key
    ///
    /// It is sealed before it is stored; only the proxy can open it. The same key twice
    /// for a provider is refused with 409, which names the one that is there.
    #[oai(path = "/api/keys", method = "post", operation_id = "addKey")]
    async fn add(&self, body: Body<KeyInput>) -> Result<Created<Key>> {
        let (key, warning) = write::add(&self.0, body.0).await?;
        Ok(Created::Done(Json(key), warning))
    }

    /// Add many keys
    ///
    /// Good lines are kept, bad ones explained, those that are there already counted.
    #[oai(path = "/api/keys/bulk", method = "post", operation_id = "addKeys")]
    async fn add_many(&self, body: Body<BulkInput>) -> Result<Changed<Bulk>> {
        let (bulk, warning) = write::bulk(&self.0, body.0).await?;
        Ok(Changed::Done(Json(bulk), warning))
    }

    /// Read a key
    #[oai(path = "/api/keys/:id", method = "get", operation_id = "readKey")]
    async fn read(&self, id: Path<i64>) -> Result<Json<KeyDetail>> {
        Ok(Json(self.detail(id.0).await?))
    }

    /// Change a key
    ///
    /// What is left out stays as it is. With `key_value` the credential is replaced and
    /// the key begins anew.
    #[oai(path = "/api/keys/:id", method = "put", operation_id = "changeKey")]
    async fn change(&self, id: Path<i64>, body: Body<KeyInput>) -> Result<Changed<Key>> {
        let (key, warning) = write::change(&self.0, id.0, body.0).await?;
        Ok(Changed::Done(Json(key), warning))
    }

    /// Delete a key
    #[oai(path = "/api/keys/:id", method = "delete", operation_id = "deleteKey")]
    async fn delete(&self, id: Path<i64>) -> Result<Deleted> {
        Ok(self.remove(id.0).await?)
    }

    /// Switch a key on or off
    #[oai(path = "/api/keys/:id/status", method = "put", operation_id = "switchKey")]
    async fn switch(&self, id: Path<i64>, body: Body<SwitchInput>) -> Result<Changed<Key>> {
        let app = self.0.clone();
        let (id, active) = (id.0, body.0.status == Switch::Active);
        let switch = move |connection: &Connection| {
            let key = keys::find(connection, id)?.ok_or_else(|| missing(id))?;
            keys::update(connection, &keys::Key { active, ..key })?;
            write::shown(&app, connection, id)
        };
        let (key, warning) = self.0.change(switch).await?;
        Ok(Changed::Done(Json(key), warning))
    }

    /// Test a key
    ///
    /// Asks its provider for its models, whatever state it is in. A key that was out and
    /// is taken serves again.
    #[oai(path = "/api/keys/:id/test", method = "post", operation_id = "testKey")]
    async fn test(&self, id: Path<i64>) -> Result<Json<Test>> {
        Ok(Json(test::test(&self.0, id.0).await?))
    }

    /// Bring all keys back
    ///
    /// All but those switched off by hand become active, and what they were refused for
    /// single models is forgotten. Those whose provider's address changed cannot: they
    /// must be pasted again.
    #[oai(path = "/api/keys/reset", method = "post", operation_id = "resetKeys")]
    async fn reset(&self) -> Result<Changed<Reset>> {
        let app = self.0.clone();
        let reset = move |connection: &Connection| {
            let pool = Pool::read(&app, connection)?;
            let mut reset = vec![];
            for key in keys::all(connection)? {
                let standing = pool.standing(&key);
                let moved = standing.reason.as_deref() == Some("origin_changed");
                if moved || standing.status == keys::Status::Inactive {
                    continue;
                }
                keys::reset(connection, key.id)?;
                if standing.status != keys::Status::Active {
                    reset.push(key.id);
                }
            }
            Ok(reset)
        };
        let (reset, warning) = self.0.change(reset).await?;
        if warning.is_none() {
            test::back(&self.0, &reset).await;
        }
        Ok(Changed::Done(Json(Reset { reset: reset.len() as u64 }), warning))
    }

    /// Test all keys that are out
    ///
    /// Those switched off by hand aside; eight at a time. The feed says how far it is
    /// (`validation.progress`).
    #[oai(path = "/api/validate_keys", method = "post", operation_id = "validateKeys")]
    async fn validate(&self) -> Result<Json<Vec<Validated>>> {
        Ok(Json(test::validate(&self.0).await?))
    }
}

impl Operations {
    async fn all(&self, filter: Filter) -> Result<Vec<Key>, Problem> {
        let app = self.0.clone();
        let read = move |connection: &Connection| -> Result<Vec<Key>, StoreError> {
            let pool = Pool::read(&app, connection)?;
            let fetched = keys::fetched_counts(connection)?;
            let all = keys::all(connection)?.into_iter();
            let all = all
                .filter(|key| filter.provider_id.is_none_or(|id| key.provider_id == id))
                .map(|key| {
                    let fetched = fetched.get(&key.id).copied().unwrap_or(0);
                    Key::of(key, &pool, fetched)
                });
            let kept = all
                .filter(|key| filter.status.is_none_or(|status| key.status == status))
                .filter(|key| filter.q.as_ref().is_none_or(|q| key.matches(q)));
            Ok(kept.collect())
        };
        self.0.read(move |reader| reader.with(read)).await
    }

    pub(super) async fn page(
        &self,
        filter: Filter,
        limit: u64,
        cursor: Option<String>,
    ) -> Result<KeyPage, Problem> {
        let all = self.all(filter).await?;
        let page = page(all, limit, cursor.as_deref(), |key| key.id.to_string())?;
        Ok(KeyPage { items: page.items, next: page.next, total: page.total })
    }

    pub(super) async fn detail(&self, id: i64) -> Result<KeyDetail, Problem> {
        let app = self.0.clone();
        let read = move |connection: &Connection| {
            let Some(key) = keys::find(connection, id)? else { return Ok(None) };
            let model_list = keys::fetched(connection, id)?;
            let key = Key::of(key, &Pool::read(&app, connection)?, model_list.len() as i64);
            Ok(Some(KeyDetail { key, model_list }))
        };
        let found = self.0.read(move |reader| reader.with(read)).await?;
        found.ok_or_else(|| missing(id))
    }

    /// The dialect of a key's provider.
    pub(super) async fn kind(&self, id: i64) -> Result<String, Problem> {
        let read = move |connection: &Connection| {
            let Some(key) = keys::find(connection, id)? else { return Ok(None) };
            providers::find(connection, key.provider_id)
        };
        let provider = self.0.read(move |reader| reader.with(read)).await?;
        Ok(provider.ok_or_else(|| missing(id))?.kind)
    }

    pub(super) async fn remove(&self, id: i64) -> Result<Deleted, Problem> {
        let delete = move |connection: &Connection| {
            keys::find(connection, id)?.ok_or_else(|| missing(id))?;
            Ok(keys::delete(connection, id)?)
        };
        let ((), warning) = self.0.change(delete).await?;
        Ok(Deleted::Done(warning))
    }
}

fn one() -> u64 {
    1
}
