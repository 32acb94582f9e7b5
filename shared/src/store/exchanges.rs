//! Reading what happened, as lists and the feed show it: pages, and what was committed
//! after a cursor.

use std::{borrow::Cow, str::FromStr, time::Duration};

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params_from_iter, types::Value};

use super::{
    StoreError,
    filter::{FOUND_AT_MOST, Filter},
    read::{Reader, gave_up},
};
use crate::{
    id::ExchangeId,
    model::{Exchange, Failure, Usage},
};

/// What a list row is made of, in the order [`exchange`] reads it.
const COLUMNS: &str =
    "id, started_at, method, path, origin, mode, client_ip, client_token, provider,
    key, model, upstream_model, status, outcome, error_code, error_message, stream, duration_us,
    ttfb_us, first_token_us, request_bytes, response_bytes, prompt_tokens, completion_tokens,
    cached_tokens, reasoning_tokens, usage_source, cost_nano, attempts, warnings, seq,
    (SELECT pinned FROM annotations WHERE annotations.id = exchanges.id) AS pinned,
    (SELECT note FROM annotations WHERE annotations.id = exchanges.id) AS note";

/// How long counting may take before a list goes without its total.
const COUNT_LIMIT: Duration = Duration::from_millis(300);

/// One committed exchange and its place in the order of commits.
#[derive(Clone, Debug, PartialEq)]
pub struct Committed {
    /// The feed's cursor.
    pub seq: i64,
    /// As lists show it.
    pub exchange: Exchange,
}

/// Newest first, by start: what matches, below `before` where that is given.
pub fn page(
    reader: &Reader,
    filter: &Filter,
    before: Option<ExchangeId>,
    limit: usize,
) -> Result<Vec<Committed>, StoreError> {
    reader.with(|connection| {
        let (sql, values) = page_query(filter, newest(connection)?, before, limit);
        rows(connection, &sql, values)
    })
}

fn page_query(
    filter: &Filter,
    newest: i64,
    before: Option<ExchangeId>,
    limit: usize,
) -> (String, Vec<Value>) {
    let (mut conditions, mut values) = filter.sql(newest);
    if let Some(before) = before {
        conditions.push("id < ?".into());
        values.push(Value::Blob(before.as_bytes().to_vec()));
    }
    values.push(Value::Integer(i64::try_from(limit).unwrap_or(i64::MAX)));
    let sql =
        format!("SELECT {COLUMNS} FROM exchanges{} ORDER BY id DESC LIMIT ?", clause(&conditions));
    (sql, values)
}

/// How many match in all; `None` where counting would take too long.
pub fn count(reader: &Reader, filter: &Filter) -> Result<Option<u64>, StoreError> {
    let counted = reader.within(COUNT_LIMIT, |connection| {
        let (conditions, values) = filter.sql(newest(connection)?);
        let sql = format!("SELECT count(*) FROM exchanges{}", clause(&conditions));
        let mut statement = connection.prepare_cached(&sql)?;
        Ok(statement.query_row(params_from_iter(values), |row| row.get::<_, i64>(0))?)
    });
    match counted {
        // A search looks at the newest hits only: that many are not all.
        Ok(FOUND_AT_MOST..) if filter.q.is_some() => Ok(None),
        Ok(n) => Ok(Some(n.unsigned_abs())),
        Err(e) if gave_up(&e) => Ok(None),
        Err(e) => Err(e),
    }
}

/// What was committed after this cursor and up to `last`, in that order.
pub fn after(
    reader: &Reader,
    cursor: i64,
    last: i64,
    limit: usize,
) -> Result<Vec<Committed>, StoreError> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let values = vec![Value::Integer(cursor), Value::Integer(last), Value::Integer(limit)];
    reader.with(|connection| rows(connection, &after_query(), values))
}

fn after_query() -> String {
    format!("SELECT {COLUMNS} FROM exchanges WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?")
}

/// The newest cursor there ever was.
pub fn cursor(reader: &Reader) -> Result<i64, StoreError> {
    reader.with(newest)
}

fn newest(connection: &Connection) -> Result<i64, StoreError> {
    let mut newest = connection.prepare_cached(
        "SELECT coalesce((SELECT max(seq) FROM exchanges),
             (SELECT seq FROM sqlite_sequence WHERE name = 'exchanges'), 0)",
    )?;
    Ok(newest.query_row([], |row| row.get(0))?)
}

/// One exchange as lists show it.
pub fn find(reader: &Reader, id: ExchangeId) -> Result<Option<Committed>, StoreError> {
    reader.with(|connection| {
        let mut statement = connection.prepare_cached(&find_query())?;
        Ok(statement.query_row([id.as_bytes()], committed).optional()?)
    })
}

pub(super) fn find_query() -> String {
    format!("SELECT {COLUMNS} FROM exchanges WHERE id = ?")
}

fn clause(conditions: &[Cow<'static, str>]) -> String {
    match conditions.is_empty() {
        true => String::new(),
        false => format!(" WHERE {}", conditions.join(" AND ")),
    }
}

fn rows(
    connection: &Connection,
    sql: &str,
    values: Vec<Value>,
) -> Result<Vec<Committed>, StoreError> {
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map(params_from_iter(values), committed)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(super) fn committed(row: &Row<'_>) -> rusqlite::Result<Committed> {
    Ok(Committed { seq: row.get("seq")?, exchange: exchange(row)? })
}

fn exchange(row: &Row<'_>) -> rusqlite::Result<Exchange> {
    let count = |name: &str| row.get::<_, Option<i64>>(name).map(micros);
    let ms = |name: &str| row.get::<_, Option<i64>>(name).map(|us| us.map(|us| us as f64 / 1000.0));
    let warnings: Option<String> = row.get("warnings")?;
    let error_code: Option<String> = row.get("error_code")?;
    Ok(Exchange {
        id: ExchangeId::from_bytes(row.get("id")?),
        started_at: Timestamp::from_microsecond(row.get("started_at")?).unwrap_or_default(),
        method: row.get("method")?,
        path: row.get("path")?,
        origin: named(row, "origin")?,
        mode: named(row, "mode")?,
        client_ip: row.get("client_ip")?,
        client_token: row.get("client_token")?,
        provider: row.get("provider")?,
        key: row.get("key")?,
        model: row.get("model")?,
        upstream_model: row.get("upstream_model")?,
        status: row.get("status")?,
        outcome: named(row, "outcome")?,
        error: match error_code {
            Some(code) => Some(Failure {
                code,
                message: row.get::<_, Option<String>>("error_message")?.unwrap_or_default(),
            }),
            None => None,
        },
        stream: row.get("stream")?,
        duration_ms: ms("duration_us")?,
        ttfb_ms: ms("ttfb_us")?,
        first_token_ms: ms("first_token_us")?,
        request_bytes: count("request_bytes")?.unwrap_or(0),
        response_bytes: count("response_bytes")?.unwrap_or(0),
        usage: Usage {
            prompt_tokens: count("prompt_tokens")?,
            completion_tokens: count("completion_tokens")?,
            cached_tokens: count("cached_tokens")?,
            reasoning_tokens: count("reasoning_tokens")?,
            source: named(row, "usage_source")?,
        },
        cost_usd: row.get::<_, Option<i64>>("cost_nano")?.map(|nano| nano as f64 / 1e9),
        attempts: row.get("attempts")?,
        warnings: warnings.and_then(|json| serde_json::from_str(&json).ok()).unwrap_or_default(),
        pinned: row.get::<_, Option<bool>>("pinned")?.unwrap_or(false),
        note: row.get("note")?,
        live: None,
    })
}

pub(super) fn micros(value: Option<i64>) -> Option<u64> {
    value.map(|n| u64::try_from(n).unwrap_or(0))
}

/// A contract name as its enum; one we do not know was written by a newer program.
fn named<T: FromStr<Err = String>>(row: &Row<'_>, column: &str) -> rusqlite::Result<T> {
    let text: String = row.get(column)?;
    text.parse().map_err(|e: String| {
        rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, e.into())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{model::Outcome, store::migrate::open_writer};

    fn plan(sql: &str, values: Vec<Value>) -> String {
        let dir = tempfile::tempdir().unwrap();
        let connection = open_writer(&dir.path().join("glassway.db")).unwrap();
        let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let rows = statement
            .query_map(params_from_iter(values), |row| row.get::<_, String>("detail"))
            .unwrap();
        rows.map(Result::unwrap).collect::<Vec<_>>().join("; ")
    }

    fn plan_of_page(filter: &Filter, before: Option<ExchangeId>) -> String {
        let (sql, values) = page_query(filter, 0, before, 20);
        plan(&sql, values)
    }

    #[test]
    fn the_newest_are_read_off_the_id_index() {
        let plan = plan_of_page(&Filter::default(), None);
        assert!(plan.contains("USING INDEX sqlite_autoindex_exchanges_1"), "{plan}");
        assert!(!plan.contains("TEMP B-TREE"), "{plan}");
    }

    #[test]
    fn the_next_page_is_found_by_id_without_sorting() {
        let plan = plan_of_page(&Filter::default(), Some(ExchangeId::new()));
        assert!(
            plan.contains("SEARCH exchanges USING INDEX sqlite_autoindex_exchanges_1"),
            "{plan}"
        );
        assert!(!plan.contains("TEMP B-TREE"), "{plan}");
    }

    #[test]
    fn rare_outcomes_have_an_index_of_their_own() {
        let filter = Filter { outcome: vec![Outcome::Timeout], ..Filter::default() };
        for before in [None, Some(ExchangeId::new())] {
            let plan = plan_of_page(&filter, before);
            assert!(plan.contains("USING INDEX exchanges_not_ok (outcome=?"), "{plan}");
            assert!(!plan.contains("TEMP B-TREE"), "{plan}");
        }
    }

    #[test]
    fn a_time_range_is_walked_by_id() {
        let filter = Filter {
            since: Some("2026-01-01T00:00:00Z".parse().unwrap()),
            until: Some("2026-01-02T00:00:00Z".parse().unwrap()),
            ..Filter::default()
        };
        let plan = plan_of_page(&filter, None);
        assert!(
            plan.contains(
                "SEARCH exchanges USING INDEX sqlite_autoindex_exchanges_1 (id>? AND id<?)"
            ),
            "{plan}"
        );
        assert!(!plan.contains("TEMP B-TREE"), "{plan}");
    }

    #[test]
    fn the_feed_and_the_detail_go_straight_to_their_rows() {
        let integers = |n| vec![Value::Integer(1); n];
        let feed = plan(&after_query(), integers(3));
        assert!(
            feed.contains("SEARCH exchanges USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)"),
            "{feed}"
        );
        assert!(!feed.contains("TEMP B-TREE"), "{feed}");
        let id = plan(&find_query(), vec![Value::Blob(vec![0; 16])]);
        assert!(
            id.contains("SEARCH exchanges USING INDEX sqlite_autoindex_exchanges_1 (id=?)"),
            "{id}"
        );
    }

    #[test]
    fn a_conversation_is_read_by_its_turns() {
        let filter = Filter { conversation: Some(ExchangeId::new()), ..Filter::default() };
        let plan = plan_of_page(&filter, None);
        assert!(plan.contains("SEARCH exchanges USING INTEGER PRIMARY KEY (rowid=?)"), "{plan}");
    }

    #[test]
    fn a_search_asks_the_full_text_index() {
        let filter = Filter { q: Some("狐狸".into()), ..Filter::default() };
        let plan = plan_of_page(&filter, None);
        assert!(plan.contains("VIRTUAL TABLE INDEX"), "{plan}");
    }
}
