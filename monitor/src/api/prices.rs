//! What models cost: the price list, and prices that somebody set in its place.

use std::sync::Arc;

use glassway_shared::{
    prices::{Override, Price, Rates},
    store::models,
};
use poem::Result;
use poem_openapi::{
    Enum, Object, OpenApi,
    param::{Path, Query},
    payload::Json,
};
use rusqlite::Connection;

use super::{
    Tag,
    answer::{Changed, Deleted, page, twenty},
    fields::label,
    input::Body,
};
use crate::{
    app::{App, Prices},
    error::Problem,
};

pub(super) struct Operations(pub(super) Arc<App>);

/// Where a price comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
pub(super) enum PriceSource {
    /// The price list.
    List,
    /// Set here.
    Override,
}

/// Dollars per million tokens.
#[derive(Clone, Copy, Debug, PartialEq, Object)]
pub(super) struct TokenPrices {
    pub(super) input: f64,
    pub(super) output: f64,
    /// `null`: as any other input.
    pub(super) cache_read: Option<f64>,
    /// `null`: as any other input.
    pub(super) cache_write: Option<f64>,
    /// Written for an hour; `null`: as any other write.
    pub(super) cache_write_1h: Option<f64>,
    /// Sound in the prompt; `null`: not known.
    pub(super) audio_input: Option<f64>,
    /// Sound in the answer; `null`: not known.
    pub(super) audio_output: Option<f64>,
    /// Images in the prompt; `null`: as text.
    pub(super) image_input: Option<f64>,
    /// Images in the answer; `null`: as text.
    pub(super) image_output: Option<f64>,
}

impl From<Override> for TokenPrices {
    fn from(prices: Override) -> Self {
        Self {
            input: prices.input,
            output: prices.output,
            cache_read: prices.cache_read,
            cache_write: prices.cache_write,
            cache_write_1h: prices.cache_write_1h,
            audio_input: prices.audio_input,
            audio_output: prices.audio_output,
            image_input: prices.image_input,
            image_output: prices.image_output,
        }
    }
}

/// Dollars per million tokens, in place of the price list's.
#[derive(Clone, Copy, Debug, PartialEq, Object)]
#[oai(deny_unknown_fields)]
pub(super) struct PriceInput {
    #[oai(validator(minimum(value = "0"), maximum(value = "10000")))]
    input: f64,
    #[oai(validator(minimum(value = "0"), maximum(value = "10000")))]
    output: f64,
    /// Left out: as any other input.
    #[oai(validator(minimum(value = "0"), maximum(value = "10000")))]
    cache_read: Option<f64>,
    /// Left out: as any other input.
    #[oai(validator(minimum(value = "0"), maximum(value = "10000")))]
    cache_write: Option<f64>,
    /// Left out: as any other write.
    #[oai(validator(minimum(value = "0"), maximum(value = "10000")))]
    cache_write_1h: Option<f64>,
    /// Left out: not known.
    #[oai(validator(minimum(value = "0"), maximum(value = "10000")))]
    audio_input: Option<f64>,
    /// Left out: not known.
    #[oai(validator(minimum(value = "0"), maximum(value = "10000")))]
    audio_output: Option<f64>,
    /// Left out: as text.
    #[oai(validator(minimum(value = "0"), maximum(value = "10000")))]
    image_input: Option<f64>,
    /// Left out: as text.
    #[oai(validator(minimum(value = "0"), maximum(value = "10000")))]
    image_output: Option<f64>,
}

impl PriceInput {
    /// As it is stored.
    pub(super) fn read(self) -> Result<Override, Problem> {
        let prices = Override {
            input: self.input,
            output: self.output,
            cache_read: self.cache_read,
            cache_write: self.cache_write,
            cache_write_1h: self.cache_write_1h,
            audio_input: self.audio_input,
            audio_output: self.audio_output,
            image_input: self.image_input,
            image_output: self.image_output,
        };
        match prices.price() {
            Ok(_) => Ok(prices),
            Err(field) => {
                Err(Problem::field(field, "must be dollars per million tokens, from 0 to 10,000"))
            }
        }
    }
}

/// Prices of long prompts.
#[derive(Object)]
struct PriceTier {
    /// They count for the whole request where its prompt is longer than this.
    above_tokens: u64,
    input: f64,
    output: f64,
    cache_read: Option<f64>,
    cache_write: Option<f64>,
    cache_write_1h: Option<f64>,
    audio_input: Option<f64>,
    audio_output: Option<f64>,
    image_input: Option<f64>,
    image_output: Option<f64>,
}

/// What a model costs, in dollars per million tokens.
#[derive(Object)]
struct ModelPrice {
    model: String,
    input: f64,
    output: f64,
    /// `null`: as any other input.
    cache_read: Option<f64>,
    /// `null`: as any other input.
    cache_write: Option<f64>,
    /// Written for an hour; `null`: as any other write.
    cache_write_1h: Option<f64>,
    /// Sound in the prompt; `null`: not known.
    audio_input: Option<f64>,
    /// Sound in the answer; `null`: not known.
    audio_output: Option<f64>,
    /// Images in the prompt; `null`: as text.
    image_input: Option<f64>,
    /// Images in the answer; `null`: as text.
    image_output: Option<f64>,
    tiers: Vec<PriceTier>,
    source: PriceSource,
}

/// One page of prices, those set here first, then by name.
#[derive(Object)]
struct PricePage {
    items: Vec<ModelPrice>,
    /// For `cursor`; `null` on the last page.
    next: Option<String>,
    total: u64,
    /// When the price list was taken.
    list_date: String,
    /// Whether somebody imported it, rather than that it came with the program.
    imported: bool,
}

#[OpenApi(tag = "Tag::Prices")]
impl Operations {
    /// List prices
    #[oai(path = "/api/prices", method = "get", operation_id = "listPrices")]
    async fn list(
        &self,
        /// Part of the name.
        q: Query<Option<String>>,
        /// Items on the page.
        #[oai(default = "twenty", validator(minimum(value = "1"), maximum(value = "1000")))]
        limit: Query<u64>,
        /// `next` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<PricePage>> {
        let book = self.0.prices().await?;
        let set = self.0.read(|reader| reader.with(models::all)).await?;
        let q = q.0.unwrap_or_default().to_lowercase();
        let mut all: Vec<(String, Price, PriceSource)> = set
            .into_iter()
            .filter_map(|model| {
                let price = model.prices?.price().ok()?;
                Some((model.name, price, PriceSource::Override))
            })
            .collect();
        let named: std::collections::HashSet<String> =
            all.iter().map(|(name, ..)| name.to_lowercase()).collect();
        let listed = book.iter().filter(|(name, _)| !named.contains(*name));
        all.extend(listed.map(|(name, price)| (name.to_owned(), price.clone(), PriceSource::List)));
        all.retain(|(name, ..)| name.to_lowercase().contains(&q));
        let page = page(all, limit.0, cursor.0.as_deref(), |(name, ..)| name.clone())?;
        let items = page.items.into_iter().map(|(name, price, source)| shown(name, &price, source));
        Ok(Json(PricePage {
            items: items.collect(),
            next: page.next,
            total: page.total,
            list_date: book.date.clone(),
            imported: matches!(book, Prices::Imported(_)),
        }))
    }

    /// Set a model's price
    ///
    /// In place of the price list's. The name may contain slashes.
    #[oai(path = "/api/prices/:model", method = "put", operation_id = "setPrice")]
    async fn set(
        &self,
        model: Path<String>,
        body: Body<PriceInput>,
    ) -> Result<Changed<ModelPrice>> {
        let name = label("model", &model.0)?;
        let prices = body.0.read()?;
        let key = name.clone();
        let set = move |connection: &Connection| {
            let known = models::find(connection, &key)?.unwrap_or_default();
            models::put(connection, &models::Model { name: key, prices: Some(prices), ..known })?;
            Ok(())
        };
        let ((), warning) = self.0.change(set).await?;
        let price = prices.price().unwrap_or_default();
        Ok(Changed::Done(Json(shown(name, &price, PriceSource::Override)), warning))
    }

    /// Take a set price away
    ///
    /// The price list counts again.
    #[oai(path = "/api/prices/:model", method = "delete", operation_id = "unsetPrice")]
    async fn unset(&self, model: Path<String>) -> Result<Deleted> {
        let name = model.0;
        let unset = move |connection: &Connection| {
            let missing = || Problem::not_found("this model has no price of its own");
            let known = models::find(connection, &name)?.ok_or_else(missing)?;
            if known.prices.is_none() {
                return Err(missing());
            }
            Ok(models::put(connection, &models::Model { prices: None, ..known })?)
        };
        let ((), warning) = self.0.change(unset).await?;
        Ok(Deleted::Done(warning))
    }
}

fn shown(model: String, price: &Price, source: PriceSource) -> ModelPrice {
    let tier = |(above, rates): &(u64, Rates)| {
        let rates = Override::from(*rates);
        PriceTier {
            above_tokens: *above,
            input: rates.input,
            output: rates.output,
            cache_read: rates.cache_read,
            cache_write: rates.cache_write,
            cache_write_1h: rates.cache_write_1h,
            audio_input: rates.audio_input,
            audio_output: rates.audio_output,
            image_input: rates.image_input,
            image_output: rates.image_output,
        }
    };
    let base = Override::from(price);
    ModelPrice {
        model,
        input: base.input,
        output: base.output,
        cache_read: base.cache_read,
        cache_write: base.cache_write,
        cache_write_1h: base.cache_write_1h,
        audio_input: base.audio_input,
        audio_output: base.audio_output,
        image_input: base.image_input,
        image_output: base.image_output,
        tiers: price.tiers.iter().map(tier).collect(),
        source,
    }
}
