//! The price list as a whole: one that somebody imports takes the built-in one's place,
//! as `glassway-monitor import-prices` has it, and gives it back.

use std::sync::Arc;

use glassway_shared::{prices::Book, store::models};
use jiff::{Timestamp, civil::Date, tz::TimeZone};
use poem::{Result, http::StatusCode};
use poem_openapi::{Object, OpenApi, param::Query, payload::Json};
use rusqlite::Connection;
use serde_json::Value;

use super::{Tag, answer::Changed, input::Body};
use crate::{
    app::{App, Prices, blocking},
    error::Problem,
};

/// No list is larger; litellm's has between one and two million bytes.
pub(crate) const MAX_LIST: usize = 16 << 20;
/// Where one is imported.
pub(crate) const PATH: &str = "/api/price-list";

pub(super) struct Operations(pub(super) Arc<App>);

/// The price list that counts.
#[derive(Object)]
struct PriceList {
    /// When it was taken.
    date: String,
    /// Whether somebody imported it, rather than that it came with the program.
    imported: bool,
    /// How many models it prices.
    models: u64,
    /// When it was imported; `null`: it came with the program.
    imported_at: Option<String>,
}

#[OpenApi(tag = "Tag::Prices")]
impl Operations {
    /// Read which price list counts
    #[oai(path = "/api/price-list", method = "get", operation_id = "readPriceList")]
    async fn read(&self) -> Result<Json<PriceList>> {
        Ok(Json(self.counting().await?))
    }

    /// Import a price list
    ///
    /// The body is litellm's `model_prices_and_context_window.json`, of at most 16 MiB. It
    /// counts in place of the list before it, for requests from then on; prices that
    /// somebody set go on counting before it.
    #[oai(path = "/api/price-list", method = "put", operation_id = "importPriceList")]
    async fn import(
        &self,
        /// When the list was taken, such as 2026-01-31; left out: today.
        date: Query<Option<String>>,
        body: Body<Value>,
    ) -> Result<Changed<PriceList>> {
        let date = read_date(date.0.as_deref())?;
        let list = body.0;
        let import = move || -> Result<Vec<u8>, Problem> {
            let json = serde_json::to_vec(&list).unwrap_or_default();
            let book = Book::import(&json, &date.to_string())
                .map_err(|e| Problem::new(StatusCode::BAD_REQUEST, e.to_string()))?;
            Ok(book.pack())
        };
        let packed = blocking(import).await??;
        let put = move |connection: &Connection| {
            // Whoever keeps the list by when it was imported must see that this is another.
            let before = models::price_list_imported_at(connection)?.unwrap_or(0);
            let now = Timestamp::now().as_second().max(before + 1);
            Ok(models::put_price_list(connection, &packed, now)?)
        };
        let ((), warning) = self.0.change(put).await?;
        Ok(Changed::Done(Json(self.counting().await?), warning))
    }

    /// Go back to the built-in price list
    #[oai(path = "/api/price-list", method = "delete", operation_id = "dropPriceList")]
    async fn forget(&self) -> Result<Changed<PriceList>> {
        let drop = |connection: &Connection| match models::drop_price_list(connection)? {
            true => Ok(()),
            false => Err(Problem::not_found("no price list was imported; the built-in one counts")),
        };
        let ((), warning) = self.0.change(drop).await?;
        Ok(Changed::Done(Json(self.counting().await?), warning))
    }
}

impl Operations {
    async fn counting(&self) -> Result<PriceList, Problem> {
        let at = self.0.read(|reader| reader.with(models::price_list_imported_at)).await?;
        let book = self.0.prices().await?;
        let imported = matches!(book, Prices::Imported(_));
        let at = at.filter(|_| imported).and_then(|at| Timestamp::from_second(at).ok());
        Ok(PriceList {
            date: book.date.clone(),
            imported,
            models: book.len() as u64,
            imported_at: at.map(|at| at.to_string()),
        })
    }
}

fn read_date(given: Option<&str>) -> Result<Date, Problem> {
    match given {
        None => Ok(Timestamp::now().to_zoned(TimeZone::UTC).date()),
        Some(text) => {
            text.parse().map_err(|_| Problem::field("date", "must be a date such as 2026-01-31"))
        }
    }
}
