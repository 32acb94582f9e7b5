//! Providers, which relay stations are too: one table under two names.

pub(super) mod input;
pub(super) mod shape;

use std::{collections::BTreeMap, sync::Arc};

use glassway_shared::store::{
    StoreError, keys,
    providers::{self, BUILT_IN},
    routes,
};
use jiff::Timestamp;
use poem::{Result, http::StatusCode};
use poem_openapi::{
    Object, OpenApi,
    param::{Path, Query},
    payload::Json,
};
use rusqlite::Connection;

use self::{input::ProviderInput, shape::Provider};
use super::{
    Tag,
    answer::{Changed, Created, Deleted, page, twenty},
    input::Body,
    pool::Pool,
};
use crate::{app::App, error::Problem};

pub(super) struct Operations(pub(super) Arc<App>);

/// One page of providers, by id.
#[derive(Object)]
struct ProviderPage {
    items: Vec<Provider>,
    /// For `cursor`; `null` on the last page.
    next: Option<String>,
    total: u64,
}

#[OpenApi(tag = "Tag::Providers")]
impl Operations {
    /// List providers
    #[oai(path = "/api/providers", method = "get", operation_id = "listProviders")]
    async fn list(
        &self,
        /// Items on the page.
        #[oai(default = "twenty", validator(minimum(value = "1"), maximum(value = "1000")))]
        limit: Query<u64>,
        /// `next` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<ProviderPage>> {
        Ok(Json(self.page(limit.0, cursor.0).await?))
    }

    /// List relay stations
    ///
    /// The same as providers.
    #[oai(path = "/api/proxies", method = "get", operation_id = "listRelays")]
    async fn list_relays(
        &self,
        /// Items on the page.
        #[oai(default = "twenty", validator(minimum(value = "1"), maximum(value = "1000")))]
        limit: Query<u64>,
        /// `next` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<ProviderPage>> {
        Ok(Json(self.page(limit.0, cursor.0).await?))
    }

    /// Add a provider
    #[oai(path = "/api/providers", method = "post", operation_id = "addProvider")]
    async fn add(&self, body: Body<ProviderInput>) -> Result<Created<Provider>> {
        Ok(self.create(body.0).await?)
    }

    /// Add a relay station
    #[oai(path = "/api/proxies", method = "post", operation_id = "addRelay")]
    async fn add_relay(&self, body: Body<ProviderInput>) -> Result<Created<Provider>> {
        Ok(self.create(body.0).await?)
    }

    /// Read a provider
    #[oai(path = "/api/providers/:id", method = "get", operation_id = "readProvider")]
    async fn read(&self, id: Path<i64>) -> Result<Json<Provider>> {
        Ok(Json(self.one(id.0).await?))
    }

    /// Read a relay station
    #[oai(path = "/api/proxies/:id", method = "get", operation_id = "readRelay")]
    async fn read_relay(&self, id: Path<i64>) -> Result<Json<Provider>> {
        Ok(Json(self.one(id.0).await?))
    }

    /// Change a provider
    ///
    /// What is left out stays as it is. Another origin or kind makes its keys invalid,
    /// since they are sealed to it: `warnings` says how many are to be pasted again.
    #[oai(path = "/api/providers/:id", method = "put", operation_id = "changeProvider")]
    async fn change(&self, id: Path<i64>, body: Body<ProviderInput>) -> Result<Changed<Provider>> {
        Ok(self.update(id.0, body.0).await?)
    }

    /// Change a relay station
    #[oai(path = "/api/proxies/:id", method = "put", operation_id = "changeRelay")]
    async fn change_relay(
        &self,
        id: Path<i64>,
        body: Body<ProviderInput>,
    ) -> Result<Changed<Provider>> {
        Ok(self.update(id.0, body.0).await?)
    }

    /// Delete a provider
    ///
    /// One that keys or routes refer to is refused with 409, which names them.
    #[oai(path = "/api/providers/:id", method = "delete", operation_id = "deleteProvider")]
    async fn delete(&self, id: Path<i64>) -> Result<Deleted> {
        Ok(self.remove(id.0).await?)
    }

    /// Delete a relay station
    #[oai(path = "/api/proxies/:id", method = "delete", operation_id = "deleteRelay")]
    async fn delete_relay(&self, id: Path<i64>) -> Result<Deleted> {
        Ok(self.remove(id.0).await?)
    }
}

impl Operations {
    async fn page(&self, limit: u64, cursor: Option<String>) -> Result<ProviderPage, Problem> {
        let read = |connection: &Connection, app: &App| {
            let pool = Pool::read(app, connection)?;
            let mut counts = pool.counts(connection)?;
            let all = pool.providers().cloned();
            let all = all.map(|provider| {
                let keys = counts.remove(&provider.id).unwrap_or_default();
                (provider, keys)
            });
            Ok(all.collect::<Vec<_>>())
        };
        let app = self.0.clone();
        let all = self.0.read(move |reader| reader.with(|c| read(c, &app))).await?;
        let page = page(all, limit, cursor.as_deref(), |(provider, _)| provider.id.to_string())?;
        let shown =
            page.items.into_iter().map(|(provider, keys)| Provider::of(provider, &self.0, keys));
        Ok(ProviderPage { items: shown.collect(), next: page.next, total: page.total })
    }

    async fn one(&self, id: i64) -> Result<Provider, Problem> {
        let app = self.0.clone();
        let read = move |connection: &Connection| {
            let Some(provider) = providers::find(connection, id)? else { return Ok(None) };
            Ok(Some((provider, counts(&app, connection, id)?)))
        };
        let (provider, keys) =
            self.0.read(move |reader| reader.with(read)).await?.ok_or_else(|| missing(id))?;
        Ok(Provider::of(provider, &self.0, keys))
    }

    async fn create(&self, input: ProviderInput) -> Result<Created<Provider>, Problem> {
        let now = Timestamp::now().as_second();
        let app = self.0.clone();
        let new = crate::app::blocking(move || input.create(&app, now)).await??;
        let add = move |connection: &Connection| {
            unused_name(connection, &new)?;
            let id = providers::insert(connection, &new)?;
            Ok(providers::Provider { id, ..new })
        };
        let (provider, warning) = self.0.change(add).await?;
        let shown = Provider::of(provider, &self.0, BTreeMap::new());
        Ok(Created::Done(Json(shown), warning))
    }

    async fn update(&self, id: i64, input: ProviderInput) -> Result<Changed<Provider>, Problem> {
        let app = self.0.clone();
        let change = move |connection: &Connection| {
            let mut provider = providers::find(connection, id)?.ok_or_else(|| missing(id))?;
            let sealed_to = |p: &providers::Provider| (p.kind.clone(), app.origin(p));
            let before = sealed_to(&provider);
            input.apply(&mut provider, &app)?;
            unused_name(connection, &provider)?;
            providers::update(connection, &provider)?;
            let moved = before != sealed_to(&provider);
            let counts = counts(&app, connection, id)?;
            Ok((provider, counts, moved))
        };
        let ((provider, keys, moved), warning) = self.0.change(change).await?;
        let lost: u64 = if moved { keys.get("invalid").copied().unwrap_or(0) } else { 0 };
        let told = (lost > 0).then(|| {
            format!("origin_changed: {lost} key(s) were sealed to another address and must be pasted again")
        });
        let shown = Provider::of(provider, &self.0, keys).warn(told);
        Ok(Changed::Done(Json(shown), warning))
    }

    async fn remove(&self, id: i64) -> Result<Deleted, Problem> {
        let delete = move |connection: &Connection| {
            providers::find(connection, id)?.ok_or_else(|| missing(id))?;
            if id == BUILT_IN {
                return Err(Problem::new(
                    StatusCode::CONFLICT,
                    "the built-in provider cannot be deleted; disable it instead",
                ));
            }
            let uses = uses(connection, id)?;
            if !uses.is_empty() {
                let detail = format!(
                    "the provider is in use by {}; delete or move them first",
                    uses.join(" and ")
                );
                return Err(Problem::new(StatusCode::CONFLICT, detail));
            }
            Ok(providers::delete(connection, id)?)
        };
        let ((), warning) = self.0.change(delete).await?;
        Ok(Deleted::Done(warning))
    }
}

/// The refusal where there is no such provider.
pub(super) fn missing(id: i64) -> Problem {
    Problem::not_found(format!("there is no provider {id}"))
}

fn counts(
    app: &App,
    connection: &Connection,
    id: i64,
) -> Result<BTreeMap<String, u64>, StoreError> {
    let mut counts = Pool::read(app, connection)?.counts(connection)?;
    Ok(counts.remove(&id).unwrap_or_default())
}

fn unused_name(connection: &Connection, provider: &providers::Provider) -> Result<(), Problem> {
    let same = |other: &providers::Provider| {
        other.id != provider.id && other.name.eq_ignore_ascii_case(&provider.name)
    };
    match providers::all(connection)?.iter().find(|other| same(other)) {
        None => Ok(()),
        Some(other) => Err(Problem::conflict(
            "name",
            format!("`{}` is the name of provider {}", other.name, other.id),
        )),
    }
}

/// What refers to a provider, in words.
fn uses(connection: &Connection, id: i64) -> Result<Vec<String>, StoreError> {
    let some = |what: &str, names: Vec<String>| {
        let more = names.len().saturating_sub(5);
        let shown = names.iter().take(5).cloned().collect::<Vec<_>>().join(", ");
        let more = if more > 0 { format!(", and {more} more") } else { String::new() };
        (!names.is_empty()).then(|| format!("{} {what}(s) ({shown}{more})", names.len()))
    };
    let keys = keys::all(connection)?.into_iter().filter(|key| key.provider_id == id);
    let routes = routes::all(connection)?
        .into_iter()
        .filter(|route| route.candidates.iter().any(|to| to.provider_id == id));
    let uses = [
        some("key", keys.map(|key| key.name).collect()),
        some("route", routes.map(|route| route.model).collect()),
    ];
    Ok(uses.into_iter().flatten().collect())
}
