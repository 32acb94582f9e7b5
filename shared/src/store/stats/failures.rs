//! What went wrong in a span, by kind, and what could not be kept.

use rusqlite::params;

use super::{Lost, span::Span};
use crate::{
    id::ExchangeId,
    store::{StoreError, read::Reader},
};

/// Exchanges that ended badly in the same way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kind {
    /// Never `ok`.
    pub outcome: String,
    /// What the client got; `None` where nothing came.
    pub status: Option<u16>,
    /// The error's code; `None` where it has none.
    pub code: Option<String>,
    /// How many.
    pub calls: i64,
    /// The newest of them; its record may have expired since.
    pub newest: ExchangeId,
}

/// Failures by kind, most frequent first.
pub fn kinds(reader: &Reader, span: Span) -> Result<Vec<Kind>, StoreError> {
    reader.with(|connection| {
        let mut query = connection.prepare_cached(
            "SELECT outcome, status, code, sum(calls) AS calls, max(newest) AS newest
             FROM minute_failures WHERE minute >= ?1 AND minute < ?2
             GROUP BY outcome, status, code ORDER BY calls DESC, newest DESC",
        )?;
        let rows = query.query_map(params![span.first, span.end()], |row| {
            let code: String = row.get("code")?;
            let status: u16 = row.get("status")?;
            Ok(Kind {
                outcome: row.get("outcome")?,
                status: Some(status).filter(|status| *status > 0),
                code: Some(code).filter(|code| !code.is_empty()),
                calls: row.get("calls")?,
                newest: ExchangeId::from_bytes(row.get("newest")?),
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    })
}

/// Losses of a span, one entry per slot.
pub fn losses(reader: &Reader, span: Span) -> Result<Vec<Lost>, StoreError> {
    reader.with(|connection| {
        let mut query = connection.prepare_cached(
            "SELECT (minute - ?1) / ?3 AS slot, sum(bodies_shed), sum(records_lost)
             FROM minute_losses WHERE minute >= ?1 AND minute < ?2 GROUP BY slot",
        )?;
        let mut slots = vec![Lost::default(); span.slots as usize];
        let mut rows = query.query(params![span.first, span.end(), span.width])?;
        while let Some(row) = rows.next()? {
            let slot: i64 = row.get(0)?;
            slots[slot as usize] = Lost { bodies_shed: row.get(1)?, records_lost: row.get(2)? };
        }
        Ok(slots)
    })
}
