//! Models: those that keys were found to serve, those that somebody added, and what is
//! known of either.

mod known;
pub(super) mod test;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use glassway_shared::{
    prices::Override,
    store::{StoreError, keys, models},
};
use poem::Result;
use poem_openapi::{
    Enum, Object, OpenApi,
    param::{Path, Query},
    payload::Json,
    types::MaybeUndefined,
};
use rusqlite::Connection;
use serde_json::{Map, Value};

use self::known::known;
use super::{
    Tag,
    answer::{Changed, Created, Deleted, page, twenty},
    fields::{label, set},
    input::Body,
    keys::ask::{self, Refreshed},
    pool::Pool,
    prices::{PriceInput, PriceSource, TokenPrices},
};
use crate::{app::App, error::Problem};

pub(super) struct Operations(pub(super) Arc<App>);

/// How a model came to be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[oai(rename = "ModelSource", rename_all = "snake_case")]
enum Source {
    /// A provider said so.
    Fetched,
    /// Somebody added it.
    Added,
    /// Either.
    Both,
}

/// A model.
#[derive(Object)]
struct Model {
    /// As clients call it; may contain slashes.
    model_name: String,
    description: String,
    /// What it can do, in whatever words.
    #[oai(validator(max_properties = 1000))]
    capabilities: BTreeMap<String, Value>,
    /// Dollars per million tokens; `null`: not known.
    prices: Option<TokenPrices>,
    price_source: Option<PriceSource>,
    /// Those with a key in use that serves it.
    providers: Vec<String>,
    source: Source,
    /// How many keys in use serve it.
    keys: u64,
}

/// One page of models, by name.
#[derive(Object)]
struct ModelPage {
    items: Vec<Model>,
    /// For `cursor`; `null` on the last page.
    next: Option<String>,
    total: u64,
    /// What became of asking the keys; `null` where they were not asked.
    refreshed: Option<Refreshed>,
}

/// What may be said of a model; what is left out stays as it is.
#[derive(Object)]
#[oai(deny_unknown_fields)]
struct ModelInput {
    /// A new one needs it; another name renames one that was added by hand.
    #[oai(validator(max_length = 300))]
    model_name: MaybeUndefined<String>,
    #[oai(validator(max_length = 10000))]
    description: MaybeUndefined<String>,
    /// An object, or a string that holds one.
    capabilities: Option<Value>,
    /// Dollars per million tokens; `null`: the price list's.
    prices: MaybeUndefined<PriceInput>,
}

impl ModelInput {
    fn apply(self, model: &mut models::Model) -> Result<(), Problem> {
        if let MaybeUndefined::Value(name) = self.model_name {
            model.name = label("model_name", &name)?;
        } else {
            set("model_name", self.model_name, &mut model.name)?;
        }
        set("description", self.description, &mut model.description)?;
        if let Some(sent) = self.capabilities {
            model.capabilities = capabilities(sent)?;
        }
        match self.prices {
            MaybeUndefined::Undefined => {}
            MaybeUndefined::Null => model.prices = None,
            MaybeUndefined::Value(prices) => model.prices = Some(prices.read()?),
        }
        Ok(())
    }
}

fn capabilities(sent: Value) -> Result<Map<String, Value>, Problem> {
    let refuse =
        || Problem::field("capabilities", "must be an object, or a string that holds one in JSON");
    match sent {
        Value::Object(map) => Ok(map),
        Value::Null => Ok(Map::new()),
        Value::String(text) if text.trim().is_empty() => Ok(Map::new()),
        Value::String(text) => serde_json::from_str(&text).map_err(|_| refuse()),
        _ => Err(refuse()),
    }
}

#[OpenApi(tag = "Tag::Models")]
impl Operations {
    /// List models
    ///
    /// With `refresh=true` every key in use is asked first, eight at a time.
    #[oai(path = "/api/models", method = "get", operation_id = "listModels")]
    async fn list(
        &self,
        /// Ask the providers first.
        #[oai(default)]
        refresh: Query<bool>,
        /// Part of the name or the description.
        q: Query<Option<String>>,
        /// Items on the page.
        #[oai(default = "twenty", validator(minimum(value = "1"), maximum(value = "1000")))]
        limit: Query<u64>,
        /// `next` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<ModelPage>> {
        let refreshed = match refresh.0 {
            true => Some(ask::refresh_all(&self.0).await?),
            false => None,
        };
        let mut all = self.all().await?;
        if let Some(q) = q.0 {
            let q = q.to_lowercase();
            let finds = |text: &str| text.to_lowercase().contains(&q);
            all.retain(|model| finds(&model.model_name) || finds(&model.description));
        }
        let page = page(all, limit.0, cursor.0.as_deref(), |model| model.model_name.clone())?;
        Ok(Json(ModelPage { items: page.items, next: page.next, total: page.total, refreshed }))
    }

    /// Add a model
    #[oai(path = "/api/models", method = "post", operation_id = "addModel")]
    async fn add(&self, body: Body<ModelInput>) -> Result<Created<Model>> {
        let mut model = models::Model { added: true, ..models::Model::default() };
        body.0.apply(&mut model)?;
        if model.name.is_empty() {
            return Err(Problem::field("model_name", "is missing").into());
        }
        let name = model.name.clone();
        let add = move |connection: &Connection| {
            match models::find(connection, &model.name)? {
                Some(known) if known.added => {
                    Err(Problem::conflict("model_name", "this model is already there"))
                }
                Some(known) => {
                    // Described before it was added: what is said now goes first.
                    let prices = model.prices.or(known.prices);
                    Ok(models::put(connection, &models::Model { prices, ..model })?)
                }
                None => Ok(models::put(connection, &model)?),
            }
        };
        let ((), warning) = self.0.change(add).await?;
        Ok(Created::Done(Json(self.one(&name).await?), warning))
    }

    /// Read a model
    ///
    /// The name may contain slashes.
    #[oai(path = "/api/models/:name", method = "get", operation_id = "readModel")]
    async fn read(&self, name: Path<String>) -> Result<Json<Model>> {
        Ok(Json(self.one(&name.0).await?))
    }

    /// Change a model
    ///
    /// What is left out stays as it is. The name may contain slashes.
    #[oai(path = "/api/models/:name", method = "put", operation_id = "changeModel")]
    async fn change(&self, name: Path<String>, body: Body<ModelInput>) -> Result<Changed<Model>> {
        let name = name.0;
        let input = body.0;
        let change = move |connection: &Connection| {
            let fetched = keys::fetched_by_model(connection)?;
            let known = models::find(connection, &name)?;
            let mut model = match known {
                Some(known) => known,
                None if fetched.contains_key(&name) || listed(connection, &name)? => {
                    models::Model { name: name.clone(), ..models::Model::default() }
                }
                None => return Err(missing(&name)),
            };
            input.apply(&mut model)?;
            if model.name != name {
                if !model.added {
                    let message =
                        "only a model that was added by hand can be renamed; add a route instead";
                    return Err(Problem::field("model_name", message));
                }
                if models::find(connection, &model.name)?.is_some_and(|other| other.added) {
                    return Err(Problem::conflict("model_name", "this model is already there"));
                }
                let old = models::Model { name, ..models::Model::default() };
                models::put(connection, &old)?;
            }
            models::put(connection, &model)?;
            Ok(model.name)
        };
        let (name, warning) = self.0.change(change).await?;
        Ok(Changed::Done(Json(self.one(&name).await?), warning))
    }

    /// Delete a model
    ///
    /// One that a provider offers comes back when its keys are asked again.
    #[oai(path = "/api/models/:name", method = "delete", operation_id = "deleteModel")]
    async fn delete(&self, name: Path<String>) -> Result<Deleted> {
        let name = name.0;
        let delete = move |connection: &Connection| match models::delete(connection, &name)? {
            true => Ok(()),
            false => Err(missing(&name)),
        };
        let ((), warning) = self.0.change(delete).await?;
        Ok(Deleted::Done(warning))
    }
}

fn missing(name: &str) -> Problem {
    let name: String = name.chars().take(300).collect();
    Problem::not_found(format!("there is no model `{name}`"))
}

/// Whether a key or a deployment names it.
fn listed(connection: &Connection, name: &str) -> Result<bool, StoreError> {
    let by_key = keys::all(connection)?.iter().any(|key| key.models.iter().any(|m| m == name));
    let providers = glassway_shared::store::providers::all(connection)?;
    Ok(by_key || providers.iter().any(|provider| provider.deployments.contains_key(name)))
}

impl Operations {
    async fn all(&self) -> Result<Vec<Model>, Problem> {
        let book = self.0.prices().await?;
        let app = self.0.clone();
        let read = move |connection: &Connection| {
            let owners: BTreeMap<i64, i64> =
                keys::all(connection)?.iter().map(|key| (key.id, key.provider_id)).collect();
            let pool = Pool::read(&app, connection)?;
            let all = known(&app, connection)?.into_iter().map(|(name, known)| {
                let described = known.described;
                let listed = || book.price(&name).map(Override::from);
                let (prices, price_source) = match described.prices {
                    Some(set) => (Some(set), Some(PriceSource::Override)),
                    None => match listed() {
                        Some(prices) => (Some(prices), Some(PriceSource::List)),
                        None => (None, None),
                    },
                };
                let providers: BTreeSet<String> = known
                    .keys
                    .iter()
                    .filter_map(|id| Some(pool.provider(*owners.get(id)?)?.name.clone()))
                    .collect();
                Model {
                    model_name: name,
                    description: described.description,
                    capabilities: described.capabilities.into_iter().collect(),
                    prices: prices.map(TokenPrices::from),
                    price_source,
                    providers: providers.into_iter().collect(),
                    source: match (known.fetched, known.added) {
                        (true, true) => Source::Both,
                        (true, false) => Source::Fetched,
                        (false, _) => Source::Added,
                    },
                    keys: known.keys.len() as u64,
                }
            });
            Ok(all.collect())
        };
        self.0.read(move |reader| reader.with(read)).await
    }

    async fn one(&self, name: &str) -> Result<Model, Problem> {
        let all = self.all().await?;
        all.into_iter().find(|model| model.model_name == name).ok_or_else(|| missing(name))
    }
}
