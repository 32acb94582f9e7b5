//! Exchanges as turns of conversations: noted with the search index, read for lists that
//! show a conversation as one row.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use super::{
    StoreError,
    exchanges::{self, Committed, micros},
    filter::Filter,
    read::Reader,
};
use crate::{content::Turn, id::ExchangeId};

/// A conversation, or an exchange that is none.
#[derive(Clone, Debug, PartialEq)]
pub struct Conversation {
    /// Its first turn that is still kept.
    pub first: ExchangeId,
    /// When that began.
    pub started_at: Timestamp,
    /// How many turns are kept.
    pub turns: u64,
    /// Sums over them; unknown counts are left out.
    pub prompt_tokens: u64,
    /// As `prompt_tokens`.
    pub completion_tokens: u64,
    /// Nano-dollars; `None` where no turn's cost is known.
    pub cost_nano: Option<i64>,
    /// Turns that did not end well.
    pub failed: u64,
    /// The newest turn that matches.
    pub newest: Committed,
}

/// Notes a turn. Of several that could come before it (the same question asked twice), it
/// is the one whose answer made the call that this one answers, then one that nobody has
/// continued, then the newest.
pub(super) fn note(
    connection: &Connection,
    seq: i64,
    turn: &Turn,
    call: Option<&str>,
) -> Result<(), StoreError> {
    let parent = match turn.before {
        None => None,
        Some(before) => connection
            .prepare_cached(
                "SELECT root FROM (SELECT seq, root, call FROM turns WHERE whole = ?1 AND seq < ?2
                     ORDER BY seq DESC LIMIT 50) AS t
                 ORDER BY call IS ?3 AND ?3 IS NOT NULL DESC,
                     EXISTS (SELECT 1 FROM turns c WHERE c.root = t.root AND c.seq > t.seq),
                     seq DESC LIMIT 1",
            )?
            .query_row(params![before, seq, turn.continues], |row| row.get(0))
            .optional()?,
    };
    let root: i64 = parent.unwrap_or(seq);
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO turns (seq, root, whole, call) VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute(params![seq, root, turn.whole, call])?;
    Ok(())
}

/// Forgets an exchange that is no longer kept.
pub(super) fn forget(connection: &Connection, seq: i64) -> Result<(), StoreError> {
    connection.prepare_cached("DELETE FROM turns WHERE seq = ?1")?.execute([seq])?;
    Ok(())
}

/// How many exchanges are looked at for one page of conversations.
const LOOKED_AT: usize = 2_000;

/// Conversations with a turn that matches, by the newest such turn, below `before`; and
/// where the next page begins. A conversation whose turns lie far apart may come on two
/// pages.
pub fn page(
    reader: &Reader,
    filter: &Filter,
    mut before: Option<ExchangeId>,
    limit: usize,
) -> Result<(Vec<Conversation>, Option<ExchangeId>), StoreError> {
    let (mut roots, mut found) = (Vec::new(), Vec::new());
    let mut looked_at = 0;
    loop {
        let size = (limit * 4).clamp(50, 500);
        let exchanges = exchanges::page(reader, filter, before, size)?;
        let more = exchanges.len() == size;
        looked_at += exchanges.len();
        for newest in exchanges {
            let root = reader.with(|connection| root(connection, newest.seq))?;
            if !roots.contains(&root) {
                if found.len() == limit {
                    return Ok((found, before));
                }
                roots.push(root);
                before = Some(newest.exchange.id);
                found.push(reader.with(|connection| conversation(connection, root, newest))?);
            } else {
                before = Some(newest.exchange.id);
            }
        }
        if !more {
            return Ok((found, None));
        }
        if looked_at >= LOOKED_AT {
            return Ok((found, before));
        }
    }
}

/// An exchange without a conversation is one of its own.
fn root(connection: &Connection, seq: i64) -> Result<i64, StoreError> {
    let mut statement = connection.prepare_cached("SELECT root FROM turns WHERE seq = ?1")?;
    Ok(statement.query_row([seq], |row| row.get(0)).optional()?.unwrap_or(seq))
}

fn conversation(
    connection: &Connection,
    root: i64,
    newest: Committed,
) -> Result<Conversation, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT count(*), min(e.started_at), total(e.prompt_tokens), total(e.completion_tokens),
                sum(e.cost_nano), count(*) FILTER (WHERE e.outcome <> 'ok'), min(e.id)
         FROM turns t JOIN exchanges e ON e.seq = t.seq WHERE t.root = ?1",
    )?;
    let sums = statement.query_row([root], |row| {
        let turns: i64 = row.get(0)?;
        if turns == 0 {
            return Ok(None);
        }
        let whole = |column: usize| Ok::<_, rusqlite::Error>(row.get::<_, f64>(column)? as u64);
        Ok(Some(Conversation {
            first: ExchangeId::from_bytes(row.get(6)?),
            started_at: Timestamp::from_microsecond(row.get(1)?).unwrap_or_default(),
            turns: turns.unsigned_abs(),
            prompt_tokens: whole(2)?,
            completion_tokens: whole(3)?,
            cost_nano: row.get(4)?,
            failed: micros(row.get(5)?).unwrap_or(0),
            newest: newest.clone(),
        }))
    })?;
    Ok(sums.unwrap_or_else(|| alone(newest)))
}

fn alone(newest: Committed) -> Conversation {
    let exchange = &newest.exchange;
    Conversation {
        first: exchange.id,
        started_at: exchange.started_at,
        turns: 1,
        prompt_tokens: exchange.usage.prompt_tokens.unwrap_or(0),
        completion_tokens: exchange.usage.completion_tokens.unwrap_or(0),
        cost_nano: exchange.cost_usd.map(|usd| (usd * 1e9).round() as i64),
        failed: u64::from(exchange.outcome != crate::model::Outcome::Ok),
        newest,
    }
}
