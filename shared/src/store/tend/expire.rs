//! Rows past their age or number go, the oldest first, with all that was said in them.
//! What is pinned stays.

use rusqlite::{TransactionBehavior, params};

use super::{Gone, Limits, READ_TIME_US, Turn, before, index::DELETED};
use crate::store::{StoreError, shards::Shard, turns, write::Writer};

/// Rows looked at in one slice.
const ROWS: i64 = 128;

/// Deletes what comes next; `to` is the newest row that the disk budget wants gone. Says
/// what went, of one table of the search index.
pub(super) fn slice(
    writer: &mut Writer,
    limits: Limits,
    to: i64,
    now_us: i64,
) -> Result<Option<Gone>, StoreError> {
    let transaction = writer.connection.transaction_with_behavior(TransactionBehavior::Deferred)?;
    let newest: Option<i64> = transaction
        .prepare_cached("SELECT max(seq) FROM exchanges")?
        .query_row([], |row| row.get(0))?;
    let Some(newest) = newest else { return Ok(None) };
    let by_count = match limits.max_exchanges {
        0 => 0,
        // Rows leave only from the old end, so that the distance is the count; what is
        // pinned stays beside it.
        cap => newest.saturating_sub(i64::try_from(cap).unwrap_or(i64::MAX)),
    };
    let expired: Vec<i64> = transaction
        .prepare_cached(
            "SELECT seq FROM (SELECT seq, started_at, started_at + coalesce(duration_us, 0) AS ended_at
                              FROM exchanges
                              WHERE id NOT IN (SELECT id FROM annotations WHERE pinned)
                              ORDER BY seq LIMIT ?1)
             WHERE (seq <= ?2 OR started_at < ?3) AND ended_at < ?4",
        )?
        .query_map(
            params![ROWS, by_count.max(to), before(limits.max_age, now_us), now_us - READ_TIME_US],
            |row| row.get(0),
        )?
        .collect::<Result<_, _>>()?;
    let Some(&first) = expired.first() else { return Ok(None) };
    let turn = Turn::begin();
    let mut gone = Gone { shard: Shard::of(first), words: 0 };
    for &seq in expired.iter().take_while(|seq| Shard::of(**seq) == gone.shard) {
        for sql in ["DELETE FROM exchanges WHERE seq = ?1", "DELETE FROM contents WHERE seq = ?1"] {
            transaction.prepare_cached(sql)?.execute([seq])?;
        }
        gone.words += gone.shard.words(&transaction, seq)?;
        gone.shard.remove(&transaction, seq)?;
        turns::forget(&transaction, seq)?;
        if turn.is_over() || gone.words >= DELETED {
            break;
        }
    }
    transaction.commit()?;
    Ok(Some(gone))
}
