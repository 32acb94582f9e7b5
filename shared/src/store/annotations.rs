//! What people said about exchanges: which to keep from retention (a pin), and a note.
//! Written by the monitor, read by both. A pin is kept by the exchange's id, so that one
//! that still runs can be pinned too.

use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

use super::{StoreError, read::Reader, settings::Settings};
use crate::id::ExchangeId;

/// What a person said about an exchange.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Annotation {
    /// Kept from retention.
    pub pinned: bool,
    /// A remark; never empty.
    pub note: Option<String>,
}

/// What is to change of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// Kept from retention, or no longer.
    pub pinned: Option<bool>,
    /// Another remark, or none.
    pub note: Option<Option<String>>,
}

/// After so long, what is said of an exchange that has no row is forgotten: it ran then, or
/// was expired since.
const FORGOTTEN_AFTER_MS: u64 = 7 * 24 * 3600 * 1000;

impl Settings {
    /// Changes what is said about an exchange; `None` where there is none of that id.
    /// `running`: it has no row yet. One transaction, so that retention either took it
    /// before and it is not pinned, or sees the pin.
    pub fn annotate(
        &mut self,
        id: ExchangeId,
        running: bool,
        change: Change,
    ) -> Result<Option<Annotation>, StoreError> {
        let transaction =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let recorded = transaction
            .prepare_cached("SELECT 1 FROM exchanges WHERE id = ?1")?
            .query_row([id.as_bytes()], |_| Ok(()))
            .optional()?
            .is_some();
        if !recorded && !running {
            return Ok(None);
        }
        let before = within(&transaction, id)?;
        let after = Annotation {
            pinned: change.pinned.unwrap_or(before.pinned),
            note: change.note.unwrap_or(before.note).filter(|note| !note.trim().is_empty()),
        };
        if after == Annotation::default() {
            transaction
                .prepare_cached("DELETE FROM annotations WHERE id = ?1")?
                .execute([id.as_bytes()])?;
        } else {
            transaction
                .prepare_cached(
                    "INSERT INTO annotations (id, pinned, note) VALUES (?1, ?2, ?3)
                     ON CONFLICT (id) DO UPDATE SET pinned = excluded.pinned, note = excluded.note",
                )?
                .execute(params![id.as_bytes(), after.pinned, after.note])?;
        }
        let now = jiff::Timestamp::now().as_millisecond().unsigned_abs();
        let long_ago = ExchangeId::lowest_at(now.saturating_sub(FORGOTTEN_AFTER_MS));
        transaction
            .prepare_cached(
                "DELETE FROM annotations WHERE id < ?1
                     AND NOT EXISTS (SELECT 1 FROM exchanges WHERE exchanges.id = annotations.id)",
            )?
            .execute([long_ago.to_vec()])?;
        transaction.commit()?;
        Ok(Some(after))
    }
}

fn within(connection: &Connection, id: ExchangeId) -> Result<Annotation, StoreError> {
    let mut find =
        connection.prepare_cached("SELECT pinned, note FROM annotations WHERE id = ?1")?;
    let found = find
        .query_row([id.as_bytes()], |row| Ok(Annotation { pinned: row.get(0)?, note: row.get(1)? }))
        .optional()?;
    Ok(found.unwrap_or_default())
}

/// What is said about exchanges that have no row: those that run.
pub fn of_running(reader: &Reader) -> Result<Vec<(ExchangeId, Annotation)>, StoreError> {
    reader.with(|connection| {
        let mut all = connection.prepare_cached(
            "SELECT id, pinned, note FROM annotations
             WHERE NOT EXISTS (SELECT 1 FROM exchanges WHERE exchanges.id = annotations.id)",
        )?;
        let rows = all.query_map([], |row| {
            let annotation = Annotation { pinned: row.get(1)?, note: row.get(2)? };
            Ok((ExchangeId::from_bytes(row.get(0)?), annotation))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    })
}
