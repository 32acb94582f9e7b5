//! Chunks that nobody needs any more go: a walk over all of them, since there is no count
//! of who uses one. It reads every chunk's row, so it waits until a share of the record
//! has gone since the last one, or ten minutes have.

use rusqlite::TransactionBehavior;

use super::Turn;
use crate::store::{StoreError, keep, write::Writer};

/// Chunks looked at in one slice.
const WALKED: i64 = 512;
/// Pinned exchanges per slice whose bodies are written whole.
const MADE_WHOLE: usize = 4;
/// So many rows without bodies are worth a walk at once …
const MANY: i64 = 4_096;
/// … fewer after so long.
const EVERY_US: i64 = 600_000_000;

/// What is to be done, and was.
#[derive(Debug, Default)]
pub(super) struct Sweeper {
    walk: Option<Walk>,
    /// No row before this one needs a chunk, pinned ones aside.
    free_before: i64,
    /// What the last walk went by, and when it began.
    swept: (i64, Option<i64>),
    /// Pinned exchanges before this row need no chunks any more.
    whole_before: i64,
}

#[derive(Clone, Copy, Debug)]
struct Walk {
    /// The last chunk that was looked at.
    at: i64,
    /// Chunks last seen before this row go.
    oldest: i64,
}

impl Sweeper {
    /// Rows before this one have no bodies any more, pinned ones aside.
    pub(super) fn freed_before(&mut self, oldest: i64) {
        self.free_before = self.free_before.max(oldest);
    }

    /// The row before which none has bodies, pinned ones aside.
    pub(super) fn freed(&self) -> i64 {
        self.free_before
    }

    /// The row before which no chunk is kept for nothing; `None` in the middle of a walk.
    pub(super) fn swept(&self) -> Option<i64> {
        self.walk.is_none().then_some(self.swept.0)
    }

    /// Does a part of a walk, or begins one where that is due (`now` = whether or not);
    /// true where there is more.
    pub(super) fn slice(
        &mut self,
        writer: &mut Writer,
        now_us: i64,
        now: bool,
    ) -> Result<bool, StoreError> {
        if self.walk.is_none() && self.is_due(now_us, now) {
            self.walk = Some(Walk { at: 0, oldest: self.free_before });
            self.swept = (self.free_before, Some(now_us));
        }
        let Some(walk) = self.walk else { return Ok(false) };
        if self.whole_before < walk.oldest {
            self.keep(writer, walk.oldest)?;
            return Ok(true);
        }
        self.walk = step(writer, walk)?;
        Ok(true)
    }

    fn is_due(&self, now_us: i64, now: bool) -> bool {
        let (before, at_us) = self.swept;
        let freed = self.free_before - before;
        // A clock that was set back makes it due, too.
        let is_long_ago =
            at_us.is_none_or(|at| !(at..at.saturating_add(EVERY_US)).contains(&now_us));
        freed > 0 && (now || freed >= MANY || is_long_ago)
    }

    /// Has pinned exchanges let go of chunks before those are deleted.
    fn keep(&mut self, writer: &mut Writer, oldest: i64) -> Result<(), StoreError> {
        let transaction =
            writer.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let rows = keep::between(&transaction, self.whole_before, oldest, MADE_WHOLE)?;
        for seq in &rows {
            keep::make_whole(&transaction, *seq)?;
        }
        transaction.commit()?;
        self.whole_before = match rows.last() {
            Some(last) if rows.len() == MADE_WHOLE => last + 1,
            _ => oldest,
        };
        Ok(())
    }
}

fn step(writer: &mut Writer, walk: Walk) -> Result<Option<Walk>, StoreError> {
    let transaction = writer.connection.transaction_with_behavior(TransactionBehavior::Deferred)?;
    let next: Vec<(i64, i64)> = transaction
        .prepare_cached("SELECT id, last_seen FROM chunks WHERE id > ?1 ORDER BY id LIMIT ?2")?
        .query_map([walk.at, WALKED], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    let turn = Turn::begin();
    let mut at = next.last().map(|&(id, _)| id);
    for &(id, _) in next.iter().filter(|(_, last_seen)| *last_seen < walk.oldest) {
        transaction.prepare_cached("DELETE FROM chunk_data WHERE id = ?1")?.execute([id])?;
        transaction.prepare_cached("DELETE FROM chunks WHERE id = ?1")?.execute([id])?;
        if turn.is_over() {
            at = Some(id);
            break;
        }
    }
    transaction.commit()?;
    Ok(at.map(|at| Walk { at, ..walk }))
}
