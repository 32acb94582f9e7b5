//! Client tokens: what apps identify themselves with instead of a vendor's key, each
//! with what it may use and spend. A token is shown once; only its hash is stored.

use std::sync::Arc;

use glassway_shared::store::{roster::TokenRecord, tokens};
use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
use poem::Result;
use poem_openapi::{
    Enum, Object, OpenApi,
    param::{Path, Query},
    payload::Json,
    types::MaybeUndefined,
};
use rusqlite::Connection;

use super::{
    Tag,
    answer::{Changed, Created, Deleted, page, twenty},
    fields::{label, model_names, nano, set, set_or_clear, usd},
    input::Body,
    keys::millis,
    seal,
    shape::Time,
};
use crate::{app::App, auth, error::Problem};

pub(super) struct Operations(pub(super) Arc<App>);

/// When a budget begins anew; days and months are UTC's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[oai(rename = "BudgetPeriod", rename_all = "snake_case")]
enum Period {
    Day,
    Month,
    /// Never.
    Total,
}

impl Period {
    fn as_str(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Month => "month",
            Self::Total => "total",
        }
    }

    fn of(text: &str) -> Self {
        match text {
            "day" => Self::Day,
            "month" => Self::Month,
            _ => Self::Total,
        }
    }

    /// When the one that runs began, in unix seconds.
    fn start(self, now: Timestamp) -> i64 {
        let date = now.to_zoned(TimeZone::UTC).date();
        let first = match self {
            Self::Day => date,
            Self::Month => date.first_of_month(),
            Self::Total => return 0,
        };
        let midnight: DateTime = first.into();
        midnight.to_zoned(TimeZone::UTC).map_or(0, |midnight| midnight.timestamp().as_second())
    }
}

/// How much is recorded of what is asked with a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[oai(rename = "TokenRecord", rename_all = "snake_case")]
enum Recorded {
    /// What is recorded of anybody.
    All,
    /// Figures: never a body, a header or a query, neither live nor kept.
    Metadata,
}

impl From<TokenRecord> for Recorded {
    fn from(record: TokenRecord) -> Self {
        match record {
            TokenRecord::All => Self::All,
            TokenRecord::Metadata => Self::Metadata,
        }
    }
}

impl From<Recorded> for TokenRecord {
    fn from(record: Recorded) -> Self {
        match record {
            Recorded::All => Self::All,
            Recorded::Metadata => Self::Metadata,
        }
    }
}

/// A client token; the token itself is not among this.
#[derive(Clone, Object)]
struct ClientToken {
    id: i64,
    /// Unique.
    name: String,
    /// Its first and last characters.
    masked: String,
    enabled: bool,
    /// `null` = none.
    budget_usd: Option<f64>,
    budget_period: Period,
    /// In the period that runs.
    spent_usd: f64,
    /// Requests per minute; `null` = no limit.
    rpm: Option<u32>,
    /// Tokens per minute; `null` = no limit.
    tpm: Option<u32>,
    /// Names and patterns with `*`; empty = all.
    allowed_models: Vec<String>,
    /// How much is recorded of its exchanges.
    record: Recorded,
    expires_at: Option<Time>,
    created_at: Time,
    last_used_at: Option<Time>,
}

/// A client token as it is shown once.
#[derive(Object)]
struct NewClientToken {
    #[oai(flatten)]
    shown: ClientToken,
    /// `gw-…`: for the app, now; it is not stored and never shown again.
    token: String,
}

/// One page of client tokens, newest first.
#[derive(Object)]
struct ClientTokenPage {
    items: Vec<ClientToken>,
    /// For `cursor`; `null` on the last page.
    next: Option<String>,
    total: u64,
}

/// What may be said of a client token; what is left out stays as it is. A new one
/// needs `name`.
#[derive(Object)]
#[oai(deny_unknown_fields)]
struct ClientTokenInput {
    #[oai(validator(max_length = 200))]
    name: MaybeUndefined<String>,
    enabled: MaybeUndefined<bool>,
    /// `null` = none.
    #[oai(validator(minimum(value = "0"), maximum(value = "1000000000")))]
    budget_usd: MaybeUndefined<f64>,
    budget_period: MaybeUndefined<Period>,
    /// Requests per minute; `null` = no limit.
    #[oai(validator(minimum(value = "1")))]
    rpm: MaybeUndefined<u32>,
    /// Tokens per minute; `null` = no limit.
    #[oai(validator(minimum(value = "1")))]
    tpm: MaybeUndefined<u32>,
    /// Names and patterns with `*`; empty = all.
    #[oai(validator(max_items = 5000))]
    allowed_models: MaybeUndefined<Vec<String>>,
    /// How much is recorded of its exchanges from now on.
    record: MaybeUndefined<Recorded>,
    /// `null` = never.
    expires_at: MaybeUndefined<Time>,
}

impl ClientTokenInput {
    fn apply(self, token: &mut tokens::Token) -> Result<(), Problem> {
        if let MaybeUndefined::Value(name) = &self.name {
            token.name = label("name", name)?;
        } else {
            set("name", self.name, &mut token.name)?;
        }
        if token.name.is_empty() {
            return Err(Problem::field("name", "is missing"));
        }
        set("enabled", self.enabled, &mut token.enabled)?;
        match self.budget_usd {
            MaybeUndefined::Undefined => {}
            MaybeUndefined::Null => token.budget_nano = None,
            MaybeUndefined::Value(usd) => token.budget_nano = Some(nano("budget_usd", usd)?),
        }
        let mut period = Period::of(&token.budget_period);
        set("budget_period", self.budget_period, &mut period)?;
        token.budget_period = period.as_str().to_owned();
        set_or_clear(self.rpm, &mut token.rpm);
        set_or_clear(self.tpm, &mut token.tpm);
        let mut record = Recorded::from(token.record);
        set("record", self.record, &mut record)?;
        token.record = record.into();
        set("allowed_models", self.allowed_models, &mut token.allowed_models)?;
        token.allowed_models =
            model_names("allowed_models", std::mem::take(&mut token.allowed_models))?;
        match self.expires_at {
            MaybeUndefined::Undefined => {}
            MaybeUndefined::Null => token.expires_at = None,
            MaybeUndefined::Value(Time(at))
                if at <= Timestamp::now() && token.expires_at != Some(at.as_second()) =>
            {
                return Err(Problem::field(
                    "expires_at",
                    "is past already; `enabled` switches off",
                ));
            }
            MaybeUndefined::Value(Time(at)) => token.expires_at = Some(at.as_second()),
        }
        Ok(())
    }
}

#[OpenApi(tag = "Tag::ClientTokens")]
impl Operations {
    /// List client tokens
    #[oai(path = "/api/client-tokens", method = "get", operation_id = "listClientTokens")]
    async fn list(
        &self,
        /// Items on the page.
        #[oai(default = "twenty", validator(minimum(value = "1"), maximum(value = "1000")))]
        limit: Query<u64>,
        /// `next` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<ClientTokenPage>> {
        let all = self.0.read(|reader| reader.with(tokens::all)).await?;
        let page = page(all, limit.0, cursor.0.as_deref(), |token| token.id.to_string())?;
        let now = Timestamp::now();
        let items = page.items.into_iter().map(|token| shown(token, now)).collect();
        Ok(Json(ClientTokenPage { items, next: page.next, total: page.total }))
    }

    /// Make a client token
    ///
    /// `token` is shown in this answer and never again.
    #[oai(path = "/api/client-tokens", method = "post", operation_id = "addClientToken")]
    async fn add(&self, body: Body<ClientTokenInput>) -> Result<Created<NewClientToken>> {
        let now = Timestamp::now();
        let token = format!("gw-{}", auth::key::random_text());
        let hash = *blake3::hash(token.as_bytes()).as_bytes();
        let mut row = tokens::Token {
            id: 0,
            name: String::new(),
            masked: seal::mask(&token),
            enabled: true,
            budget_nano: None,
            budget_period: "total".to_owned(),
            rpm: None,
            tpm: None,
            allowed_models: vec![],
            record: TokenRecord::All,
            expires_at: None,
            created_at: now.as_second(),
            spent_nano: 0,
            period_start: 0,
            last_used_at: None,
        };
        body.0.apply(&mut row)?;
        let add = move |connection: &Connection| {
            unused(connection, &row)?;
            let id = tokens::insert(connection, &row, &hash)?;
            Ok(tokens::Token { id, ..row })
        };
        let (row, warning) = self.0.change(add).await?;
        let made = NewClientToken { shown: shown(row, now), token };
        Ok(Created::Done(Json(made), warning))
    }

    /// Read a client token
    #[oai(path = "/api/client-tokens/:id", method = "get", operation_id = "readClientToken")]
    async fn read(&self, id: Path<i64>) -> Result<Json<ClientToken>> {
        let id = id.0;
        let found = self.0.read(move |reader| reader.with(|c| tokens::find(c, id))).await?;
        Ok(Json(shown(found.ok_or_else(|| missing(id))?, Timestamp::now())))
    }

    /// Change a client token
    ///
    /// What is left out stays as it is.
    #[oai(path = "/api/client-tokens/:id", method = "put", operation_id = "changeClientToken")]
    async fn change(
        &self,
        id: Path<i64>,
        body: Body<ClientTokenInput>,
    ) -> Result<Changed<ClientToken>> {
        let (id, input) = (id.0, body.0);
        let change = move |connection: &Connection| {
            let mut token = tokens::find(connection, id)?.ok_or_else(|| missing(id))?;
            input.apply(&mut token)?;
            unused(connection, &token)?;
            tokens::update(connection, &token)?;
            Ok(token)
        };
        let (token, warning) = self.0.change(change).await?;
        Ok(Changed::Done(Json(shown(token, Timestamp::now())), warning))
    }

    /// Delete a client token
    #[oai(path = "/api/client-tokens/:id", method = "delete", operation_id = "deleteClientToken")]
    async fn delete(&self, id: Path<i64>) -> Result<Deleted> {
        let id = id.0;
        let delete = move |connection: &Connection| match tokens::delete(connection, id)? {
            true => Ok(()),
            false => Err(missing(id)),
        };
        let ((), warning) = self.0.change(delete).await?;
        Ok(Deleted::Done(warning))
    }
}

fn missing(id: i64) -> Problem {
    Problem::not_found(format!("there is no client token {id}"))
}

fn unused(connection: &Connection, token: &tokens::Token) -> Result<(), Problem> {
    let same = |other: &tokens::Token| other.id != token.id && other.name == token.name;
    match tokens::all(connection)?.iter().find(|other| same(other)) {
        None => Ok(()),
        Some(other) => {
            Err(Problem::conflict("name", format!("is the name of client token {}", other.id)))
        }
    }
}

fn shown(token: tokens::Token, now: Timestamp) -> ClientToken {
    let period = Period::of(&token.budget_period);
    // What was spent before the period that runs no longer counts.
    let counts = token.period_start >= period.start(now);
    ClientToken {
        id: token.id,
        name: token.name,
        masked: token.masked,
        enabled: token.enabled,
        budget_usd: token.budget_nano.map(usd),
        budget_period: period,
        spent_usd: if counts { usd(token.spent_nano) } else { 0.0 },
        rpm: token.rpm,
        tpm: token.tpm,
        allowed_models: token.allowed_models,
        record: token.record.into(),
        expires_at: token.expires_at.and_then(|at| Timestamp::from_second(at).ok()).map(Time),
        created_at: Time(Timestamp::from_second(token.created_at).unwrap_or_default()),
        last_used_at: token.last_used_at.and_then(millis),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_begin_at_midnight_utc() {
        let now: Timestamp = "2026-11-20T05:38:00Z".parse().unwrap();
        let at = |text: &str| text.parse::<Timestamp>().unwrap().as_second();
        assert_eq!(Period::Day.start(now), at("2026-11-20T00:00:00Z"));
        assert_eq!(Period::Month.start(now), at("2026-11-01T00:00:00Z"));
        assert_eq!(Period::Total.start(now), 0);
    }
}
