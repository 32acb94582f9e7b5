//! What the database costs in disk, and what of it is what. Sizes are asked of SQLite's
//! own page statistics, which reads every page: for a large file that takes too long, and
//! the parts are then not told.

use std::{fs, path::Path, time::Duration};

use rusqlite::Connection;

use super::{StoreError, read::Reader, read::gave_up};

/// How long the parts may be added up.
const PARTS_LIMIT: Duration = Duration::from_millis(1_500);

/// Bytes by what they hold, indexes included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Parts {
    /// What was said: bodies, headers, attempts.
    pub bodies: u64,
    /// Rows of lists.
    pub exchanges: u64,
    /// Full-text search.
    pub search: u64,
    /// Sums for statistics.
    pub totals: u64,
    /// Conversations held here.
    pub chats: u64,
    /// All else.
    pub other: u64,
}

/// What there is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Storage {
    /// The file.
    pub database: u64,
    /// What is yet to be moved into it.
    pub log: u64,
    /// Of the file: free again, for what comes next.
    pub free: u64,
    /// `None` where adding them up took too long.
    pub parts: Option<Parts>,
    /// Rows; `None` where counting took too long.
    pub exchanges: Option<u64>,
    /// Unix microseconds; of the oldest row.
    pub oldest: Option<i64>,
}

/// Looks at the file and into it.
pub fn storage(reader: &Reader, path: &Path) -> Result<Storage, StoreError> {
    let size = |path: &Path| fs::metadata(path).map(|file| file.len()).unwrap_or(0);
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    let (free, oldest) = reader.with(|connection| {
        let number = |sql| connection.query_row(sql, [], |row| row.get::<_, i64>(0));
        let free = number("PRAGMA freelist_count")? * number("PRAGMA page_size")?;
        let oldest = connection.query_row(
            "SELECT (SELECT started_at FROM exchanges ORDER BY seq LIMIT 1)",
            [],
            |row| row.get(0),
        )?;
        Ok((free.unsigned_abs(), oldest))
    })?;
    let counted = reader.within(PARTS_LIMIT, |connection| {
        let count = |row: &rusqlite::Row<'_>| row.get::<_, i64>(0);
        Ok(connection.query_row("SELECT count(*) FROM exchanges", [], count)?.unsigned_abs())
    });
    Ok(Storage {
        database: size(path),
        log: size(Path::new(&log)),
        free,
        parts: in_time(reader.within(PARTS_LIMIT, parts))?,
        exchanges: in_time(counted)?,
        oldest,
    })
}

fn in_time<T>(result: Result<T, StoreError>) -> Result<Option<T>, StoreError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(e) if gave_up(&e) => Ok(None),
        Err(e) => Err(e),
    }
}

fn parts(connection: &Connection) -> Result<Parts, StoreError> {
    let mut find = connection.prepare_cached(
        "SELECT coalesce(s.tbl_name, d.name), d.pgsize
         FROM dbstat d LEFT JOIN sqlite_schema s ON s.name = d.name
         WHERE d.aggregate = TRUE",
    )?;
    let mut rows = find.query([])?;
    let mut parts = Parts::default();
    while let Some(row) = rows.next()? {
        let table: String = row.get(0)?;
        let bytes = row.get::<_, i64>(1)?.unsigned_abs();
        *match &*table {
            "contents" | "chunks" | "chunk_data" => &mut parts.bodies,
            "exchanges" => &mut parts.exchanges,
            table if table.starts_with("search") => &mut parts.search,
            table if table.starts_with("minute_") || table.starts_with("quarter_") => {
                &mut parts.totals
            }
            table if table.starts_with("chat") => &mut parts.chats,
            _ => &mut parts.other,
        } += bytes;
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::migrate::open_writer;

    #[test]
    fn every_page_belongs_to_a_part() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("glassway.db");
        let writer = open_writer(&path).unwrap();
        let text = "x".repeat(500_000);
        writer
            .execute_batch(&format!(
                "INSERT INTO chats (id, title, created_at, updated_at) VALUES (1, 't', 1, 1);
                 INSERT INTO chat_messages (chat_id, hash, json) VALUES (1, x'01', '{text}');"
            ))
            .unwrap();
        drop(writer);
        let found = storage(&Reader::open(&path).unwrap(), &path).unwrap();
        let parts = found.parts.unwrap();
        assert!(parts.chats > 500_000, "{parts:?}");
        assert!(parts.bodies > 0 && parts.search > 0 && parts.totals > 0, "{parts:?}");
        let all = parts.bodies
            + parts.exchanges
            + parts.search
            + parts.totals
            + parts.chats
            + parts.other;
        // Of auto-vacuum's own pages nobody speaks.
        let pages = found.database + found.log - found.free;
        assert!(all <= pages && pages - all <= 65_536 + found.log, "{all} of {found:?}");
        assert_eq!((found.exchanges, found.oldest), (Some(0), None));
    }
}
