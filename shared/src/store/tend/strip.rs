//! Bodies may go before the rest of an exchange: its row, its headers and its figures
//! stay, and it is found by those alone. What is pinned keeps its bodies.
//!
//! A walk over the rows in the order of their ends, kept in the table `progress` as
//! `bodies`: the newest row whose bodies are gone. It begins anew where a pin was taken
//! back, since it had passed over that one.

use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

use super::{Gone, Limits, READ_TIME_US, Turn, before, index::DELETED};
use crate::{
    content::{self, Indexed},
    store::{StoreError, bodies::Form, shards::Shard, write::Writer},
};

/// Rows looked at in one slice.
const ROWS: i64 = 64;

/// How far it has come.
#[derive(Debug, Default)]
pub(super) struct Strip {
    /// The newest row whose bodies are gone; unknown until the first look.
    at: Option<i64>,
    /// How many were pinned at the last look.
    pinned: i64,
}

impl Strip {
    /// The newest row whose bodies are gone.
    pub(super) fn at(&mut self, writer: &Writer) -> Result<i64, StoreError> {
        if let Some(at) = self.at {
            return Ok(at);
        }
        let mut find =
            writer.connection.prepare_cached("SELECT at FROM progress WHERE name = 'bodies'")?;
        let at = find.query_row([], |row| row.get(0)).optional()?.unwrap_or(0);
        self.at = Some(at);
        Ok(at)
    }

    /// Takes bodies from what comes next; `to` is the newest row that the disk budget
    /// wants without, `indexed` the newest one that is indexed. Says what went, of one table of
    /// the search index.
    pub(super) fn slice(
        &mut self,
        writer: &mut Writer,
        limits: Limits,
        to: i64,
        indexed: Option<i64>,
        now_us: i64,
    ) -> Result<Option<Gone>, StoreError> {
        if limits.max_body_age.is_none() && to == 0 {
            return Ok(None);
        }
        self.begin_anew_where_unpinned(writer)?;
        let from = self.at(writer)?;
        let old = before(limits.max_body_age, now_us);
        let transaction =
            writer.connection.transaction_with_behavior(TransactionBehavior::Deferred)?;
        let rows = next(&transaction, from)?;
        let turn = Turn::begin();
        let Some(first) = rows.first() else { return Ok(None) };
        let mut gone = Gone { shard: Shard::of(first.seq), words: 0 };
        let mut at = from;
        for row in rows {
            let goes = row.ended_at_us < old || row.seq <= to;
            // An age waits for the index; the disk does not, since under load that lags behind.
            let is_read = row.ended_at_us < now_us - READ_TIME_US
                && (row.seq <= to || indexed.is_some_and(|indexed| row.seq <= indexed));
            let is_enough = turn.is_over() || gone.words >= DELETED;
            if !(goes && is_read) || is_enough || gone.shard != Shard::of(row.seq) {
                break;
            }
            if !row.pinned {
                gone.words += strip(&transaction, &row)?;
            }
            at = row.seq;
        }
        if at == from {
            return Ok(None);
        }
        transaction
            .prepare_cached("INSERT OR REPLACE INTO progress (name, at) VALUES ('bodies', ?1)")?
            .execute([at])?;
        transaction.commit()?;
        self.at = Some(at);
        Ok(Some(gone))
    }

    fn begin_anew_where_unpinned(&mut self, writer: &Writer) -> Result<(), StoreError> {
        let mut count =
            writer.connection.prepare_cached("SELECT count(*) FROM annotations WHERE pinned")?;
        let pinned: i64 = count.query_row([], |row| row.get(0))?;
        if pinned < std::mem::replace(&mut self.pinned, pinned) {
            self.at = Some(0);
        }
        Ok(())
    }
}

struct Row {
    seq: i64,
    ended_at_us: i64,
    pinned: bool,
    /// What it is still found by.
    client: String,
    path: String,
    model: Option<String>,
    error: Option<String>,
}

fn next(connection: &Connection, from: i64) -> Result<Vec<Row>, StoreError> {
    let mut next = connection.prepare_cached(
        "SELECT seq, started_at + coalesce(duration_us, 0) AS ended_at,
             id IN (SELECT id FROM annotations WHERE pinned) AS pinned,
             coalesce(client_token, client_ip) AS client, path, model, error_message
         FROM exchanges WHERE seq > ?1 ORDER BY seq LIMIT ?2",
    )?;
    let rows = next.query_map(params![from, ROWS], |row| {
        Ok(Row {
            seq: row.get("seq")?,
            ended_at_us: row.get("ended_at")?,
            pinned: row.get("pinned")?,
            client: row.get("client")?,
            path: row.get("path")?,
            model: row.get("model")?,
            error: row.get("error_message")?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Says how many words it was found by.
fn strip(connection: &Connection, row: &Row) -> Result<u64, StoreError> {
    let had = "request_body IS NOT NULL OR response_body IS NOT NULL OR messages IS NOT NULL
               OR attempts IS NOT NULL";
    let sql = format!(
        "UPDATE contents SET request_form = CASE WHEN request_body IS NULL THEN request_form ELSE ?2 END,
             response_form = CASE WHEN response_body IS NULL THEN response_form ELSE ?2 END,
             request_body = NULL, response_body = NULL, marks = NULL, messages = NULL, attempts = NULL
         WHERE seq = ?1 AND ({had})"
    );
    let stripped =
        connection.prepare_cached(&sql)?.execute(params![row.seq, Form::EXPIRED.column()])?;
    if stripped == 0 {
        return Ok(0);
    }
    let heads =
        [&row.path[..], row.model.as_deref().unwrap_or(""), row.error.as_deref().unwrap_or("")];
    let found_by = content::read(&row.client, &heads, b"", b"", &mut Indexed::default()).text;
    let shard = Shard::of(row.seq);
    let words = shard.words(connection, row.seq)?;
    shard.put(connection, row.seq, &found_by)?;
    Ok(words)
}
