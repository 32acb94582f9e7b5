//! Gives what is free in the file back to the file system: whole where nobody uses the
//! database, else a few pages at a time beside those who do.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use rusqlite::Connection;

use super::{alone, open};
use crate::store::{StoreError, free, tend::HOLD};

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vacuumed {
    /// Bytes of pages before.
    pub before: u64,
    /// Bytes of pages after.
    pub after: u64,
    /// Rewritten from end to end, or only its free pages given back.
    pub whole: bool,
}

/// Pages given back in one go, and the pause after it: the writer of records comes first.
const PAGES: u32 = 32;
const PAUSE: Duration = Duration::from_millis(20);

/// Shrinks the file. A whole rewrite needs as much disk again as the database has.
pub fn vacuum(database: &Path) -> Result<Vacuumed, StoreError> {
    if let Some(connection) = alone(database)? {
        let before = bytes(&connection)?;
        connection.execute_batch("VACUUM; PRAGMA wal_checkpoint(TRUNCATE);")?;
        return Ok(Vacuumed { before, after: bytes(&connection)?, whole: true });
    }
    let connection = open(database)?;
    let before = bytes(&connection)?;
    // What is free now; what the writer frees meanwhile is for its own upkeep.
    let mut left: i64 = connection.query_row("PRAGMA freelist_count", [], |row| row.get(0))?;
    while left > 0 {
        let began = Instant::now();
        let given = free::give_back(&connection, PAGES, || began.elapsed() < HOLD)?;
        if given == 0 {
            break;
        }
        left -= i64::from(given);
        std::thread::sleep(PAUSE);
    }
    Ok(Vacuumed { before, after: bytes(&connection)?, whole: false })
}

fn bytes(connection: &Connection) -> Result<u64, StoreError> {
    let number = |pragma: &str| connection.query_row(pragma, [], |row| row.get::<_, i64>(0));
    let bytes = number("PRAGMA page_count")? * number("PRAGMA page_size")?;
    Ok(bytes.unsigned_abs())
}
