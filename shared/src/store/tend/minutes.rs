//! Statistics by the minute go after two weeks: older spans are told by the quarter of
//! an hour, which stays (`quarter_totals`, `quarter_latency`). Failures by kind and losses
//! are rare and stay for as long as a span may reach back.

use rusqlite::params;

use crate::store::{StoreError, write::Writer};

/// For how many minutes sums by the minute are kept.
pub const FINE_MINUTES: i64 = 14 * 1440;
/// For how many failures by kind are.
const FAILURES_MINUTES: i64 = 400 * 1440;
/// Minutes deleted in one slice.
const SLICE: i64 = 5;

/// Deletes what comes next; true where something went.
pub(super) fn prune(writer: &mut Writer, now_us: i64) -> Result<bool, StoreError> {
    let now = now_us.div_euclid(60_000_000);
    for (table, kept) in [
        ("minute_totals", FINE_MINUTES),
        ("minute_latency", FINE_MINUTES),
        ("minute_failures", FAILURES_MINUTES),
    ] {
        let first: Option<i64> = writer
            .connection
            .prepare_cached(&format!("SELECT min(minute) FROM {table}"))?
            .query_row([], |row| row.get(0))?;
        let Some(first) = first.filter(|first| *first < now - kept) else { continue };
        writer
            .connection
            .prepare_cached(&format!("DELETE FROM {table} WHERE minute < ?1"))?
            .execute(params![(first + SLICE).min(now - kept)])?;
        return Ok(true);
    }
    Ok(false)
}
