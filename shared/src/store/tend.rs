//! The writer's idle work, in slices short enough that a batch never waits long:
//! full-text indexing first, then retention, then merging and vacuum. As second
//! writers these stalled the journal for up to 900 ms, so they run on its thread.

use std::time::Duration;

use rusqlite::{OptionalExtension, TransactionBehavior, params};

use super::{StoreError, bodies, bodies::Form, keep, turns, write::Writer};
use crate::{
    content::{self, Indexed},
    decode::{Encoding, decode},
};

/// How much is kept.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Exchanges; 0 = no cap.
    pub max_exchanges: u64,
    /// Age; `None` = no cap.
    pub max_age: Option<Duration>,
}

/// What remains of the idle work from one slice to the next.
#[derive(Debug, Default)]
pub struct Tender {
    indexed: Indexed,
    index_at: Option<i64>,
    /// Since when rows wait for the index, in unix microseconds.
    waiting_since_us: Option<i64>,
    /// When retention and upkeep are looked at next.
    upkeep_at_us: i64,
    unmerged: u32,
    sweep: Option<Sweep>,
    /// Pinned exchanges before this row need no chunks any more.
    whole_before: i64,
}

/// A walk over the chunks that retention may have orphaned.
#[derive(Clone, Copy, Debug)]
struct Sweep {
    at: i64,
    oldest: i64,
}

/// Rows per slice of indexing: one transaction of 64 small documents costs half as much
/// CPU per document as one of four, and a fifth of the writes.
const DOCUMENTS: i64 = 64;
/// A slice ends early once it has indexed so much text, about 5 ms of work.
const TEXT: usize = 96 * 1024;
/// Fewer rows than a slice holds wait so long for more; they must be found within 2 s.
const LINGER_US: i64 = 700_000;
/// Between looks at what retention, merging and vacuum have to do.
const UPKEEP_US: i64 = 1_000_000;
const EXPIRED: i64 = 32;
/// Pinned exchanges per slice whose bodies are written whole.
const MADE_WHOLE: usize = 4;
const SWEPT: i64 = 512;
/// A row stays at least so long, for the feed to read how its exchange ended.
const READ_TIME_US: i64 = 5_000_000;
/// Bytes of a decoded body that indexing looks at.
const DECODE_LIMIT: usize = 4 << 20;

impl Tender {
    /// Whether a slice now would find work; `newest` is the newest row's number.
    pub fn is_due(&mut self, newest: i64, now_us: i64) -> bool {
        self.index_is_due(newest, now_us) || self.upkeep_is_due(now_us)
    }

    /// Does one slice; true where there is more to do.
    pub fn slice(
        &mut self,
        writer: &mut Writer,
        limits: Limits,
        now_us: i64,
    ) -> Result<bool, StoreError> {
        let newest = writer.cursor()?;
        if self.index_is_due(newest, now_us) && self.index(writer, newest)? {
            return Ok(true);
        }
        if !self.upkeep_is_due(now_us) {
            return Ok(false);
        }
        let more = self.expire(writer, limits, now_us)?
            || self.keep(writer)?
            || self.sweep(writer)?
            || self.merge(writer)?
            || vacuum(writer)?;
        if !more {
            self.upkeep_at_us = now_us + UPKEEP_US;
        }
        Ok(more)
    }

    fn index_is_due(&mut self, newest: i64, now_us: i64) -> bool {
        // Unknown until the first look.
        let Some(at) = self.index_at else { return true };
        match newest - at {
            ..=0 => {
                self.waiting_since_us = None;
                false
            }
            DOCUMENTS.. => true,
            _ => {
                // A clock that was set back must not stop the index.
                let since = self.waiting_since_us.unwrap_or(now_us).min(now_us);
                self.waiting_since_us = Some(since);
                now_us - since >= LINGER_US
            }
        }
    }

    fn upkeep_is_due(&self, now_us: i64) -> bool {
        now_us >= self.upkeep_at_us || now_us < self.upkeep_at_us - 2 * UPKEEP_US
    }

    fn index(&mut self, writer: &mut Writer, newest: i64) -> Result<bool, StoreError> {
        let transaction =
            writer.connection.transaction_with_behavior(TransactionBehavior::Deferred)?;
        let from = match self.index_at {
            Some(at) => at,
            None => transaction
                .query_row("SELECT at FROM progress WHERE name = 'search'", [], |row| row.get(0))
                .optional()?
                .unwrap_or(0),
        };
        let mut size = 0;
        let mut documents = Vec::new();
        {
            let mut newer = transaction.prepare_cached(
                "SELECT e.seq, e.path, e.model, c.request_headers, c.request_body, c.request_form,
                        c.response_headers, c.response_body, c.response_form, e.error_message,
                        coalesce(e.client_token, e.client_ip)
                 FROM exchanges e JOIN contents c ON c.seq = e.seq
                 WHERE e.seq > ?1 ORDER BY e.seq LIMIT ?2",
            )?;
            let mut rows = newer.query(params![from, DOCUMENTS])?;
            while let Some(row) = rows.next()? {
                let blob = |column| row.get_ref(column).map(|v| v.as_blob_or_null().ok().flatten());
                let body =
                    |headers: usize, body: usize, form: usize| -> Result<Vec<u8>, StoreError> {
                        let form = Form::from_column(row.get(form)?);
                        let raw = bodies::unpack(&transaction, blob(body)?, form)?;
                        Ok(match blob(headers)?.and_then(Encoding::of) {
                            Some(encoding) => decode(&raw, encoding, DECODE_LIMIT).bytes,
                            None => raw,
                        })
                    };
                let (path, model): (String, Option<String>) = (row.get(1)?, row.get(2)?);
                let error: Option<String> = row.get(9)?;
                let heads =
                    [&path[..], model.as_deref().unwrap_or(""), error.as_deref().unwrap_or("")];
                let client: String = row.get(10)?;
                let read = content::read(
                    &client,
                    &heads,
                    &body(3, 4, 5)?,
                    &body(6, 7, 8)?,
                    &mut self.indexed,
                );
                size += read.text.len();
                documents.push((row.get::<_, i64>(0)?, read));
                if size >= TEXT {
                    break;
                }
            }
        }
        let Some(&(last, _)) = documents.last() else {
            // Retention was faster, or those numbers were never used.
            self.index_at = Some(from.max(newest));
            return Ok(false);
        };
        {
            let mut insert = transaction
                .prepare_cached("INSERT OR REPLACE INTO search (rowid, text) VALUES (?1, ?2)")?;
            for (seq, read) in &documents {
                insert.execute(params![seq, read.text])?;
                if let Some(turn) = &read.turn {
                    turns::note(&transaction, *seq, turn, read.call.as_deref())?;
                }
            }
        }
        transaction
            .prepare_cached("INSERT OR REPLACE INTO progress (name, at) VALUES ('search', ?1)")?
            .execute([last])?;
        transaction.commit()?;
        self.index_at = Some(last);
        if last >= newest {
            self.waiting_since_us = None;
        }
        self.unmerged += documents.len() as u32;
        Ok(true)
    }

    fn expire(
        &mut self,
        writer: &mut Writer,
        limits: Limits,
        now_us: i64,
    ) -> Result<bool, StoreError> {
        let transaction =
            writer.connection.transaction_with_behavior(TransactionBehavior::Deferred)?;
        let newest: Option<i64> = transaction
            .prepare_cached("SELECT max(seq) FROM exchanges")?
            .query_row([], |row| row.get(0))?;
        let Some(newest) = newest else { return Ok(false) };
        let by_count = match limits.max_exchanges {
            0 => 0,
            // Rows leave only from the old end, so that the distance is the count; what is
            // pinned stays beside it.
            cap => newest.saturating_sub(i64::try_from(cap).unwrap_or(i64::MAX)),
        };
        let before = limits.max_age.map_or(i64::MIN, |age| {
            now_us.saturating_sub(i64::try_from(age.as_micros()).unwrap_or(i64::MAX))
        });
        let expired: Vec<i64> = transaction
            .prepare_cached(
                "SELECT seq FROM (SELECT seq, started_at, started_at + coalesce(duration_us, 0) AS ended_at
                                  FROM exchanges
                                  WHERE id NOT IN (SELECT id FROM annotations WHERE pinned)
                                  ORDER BY seq LIMIT ?1)
                 WHERE (seq <= ?2 OR started_at < ?3) AND ended_at < ?4",
            )?
            .query_map(params![EXPIRED, by_count, before, now_us - READ_TIME_US], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        if expired.is_empty() {
            return Ok(false);
        }
        for seq in &expired {
            for sql in [
                "DELETE FROM exchanges WHERE seq = ?1",
                "DELETE FROM contents WHERE seq = ?1",
                "DELETE FROM search WHERE rowid = ?1",
            ] {
                transaction.prepare_cached(sql)?.execute([seq])?;
            }
            turns::forget(&transaction, *seq)?;
        }
        let oldest: i64 = transaction
            .prepare_cached(
                "SELECT coalesce((SELECT seq FROM exchanges
                     WHERE id NOT IN (SELECT id FROM annotations WHERE pinned)
                     ORDER BY seq LIMIT 1), ?1)",
            )?
            .query_row([newest + 1], |row| row.get(0))?;
        transaction.commit()?;
        let at = self.sweep.map_or(0, |sweep| sweep.at);
        self.sweep = Some(Sweep { at, oldest });
        Ok(true)
    }

    /// Has pinned exchanges among the expired let go of chunks, before those are deleted.
    fn keep(&mut self, writer: &mut Writer) -> Result<bool, StoreError> {
        let Some(sweep) = self.sweep.filter(|sweep| self.whole_before < sweep.oldest) else {
            return Ok(false);
        };
        let transaction =
            writer.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let rows = keep::between(&transaction, self.whole_before, sweep.oldest, MADE_WHOLE)?;
        for seq in &rows {
            keep::make_whole(&transaction, *seq)?;
        }
        transaction.commit()?;
        self.whole_before = match rows.last() {
            Some(last) if rows.len() == MADE_WHOLE => last + 1,
            _ => sweep.oldest,
        };
        Ok(true)
    }

    /// Deletes chunks that only expired exchanges used.
    fn sweep(&mut self, writer: &mut Writer) -> Result<bool, StoreError> {
        let Some(sweep) = self.sweep else { return Ok(false) };
        let transaction =
            writer.connection.transaction_with_behavior(TransactionBehavior::Deferred)?;
        let walked: Vec<(i64, i64)> = transaction
            .prepare_cached("SELECT id, last_seen FROM chunks WHERE id > ?1 ORDER BY id LIMIT ?2")?
            .query_map([sweep.at, SWEPT], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<Result<_, _>>()?;
        for (id, _) in walked.iter().filter(|(_, last_seen)| *last_seen < sweep.oldest) {
            transaction.prepare_cached("DELETE FROM chunk_data WHERE id = ?1")?.execute([id])?;
            transaction.prepare_cached("DELETE FROM chunks WHERE id = ?1")?.execute([id])?;
        }
        transaction.commit()?;
        self.sweep = walked.last().map(|&(at, _)| Sweep { at, ..sweep });
        Ok(self.sweep.is_some())
    }

    fn merge(&mut self, writer: &mut Writer) -> Result<bool, StoreError> {
        if self.unmerged < 64 {
            return Ok(false);
        }
        let changes = |writer: &Writer| writer.connection.total_changes();
        let before = changes(writer);
        writer
            .connection
            .prepare_cached("INSERT INTO search (search, rank) VALUES ('merge', 64)")?
            .execute([])?;
        // SQLite's documented sign that nothing was left to merge: fewer than two changes.
        if changes(writer) - before < 2 {
            self.unmerged = 0;
        }
        Ok(true)
    }
}

/// Gives freed pages back, a few at a time, once there are enough to matter.
fn vacuum(writer: &mut Writer) -> Result<bool, StoreError> {
    let free: i64 = writer
        .connection
        .prepare_cached("PRAGMA freelist_count")?
        .query_row([], |row| row.get(0))?;
    if free < 4096 {
        return Ok(false);
    }
    writer.connection.execute_batch("PRAGMA incremental_vacuum(32)")?;
    Ok(true)
}
