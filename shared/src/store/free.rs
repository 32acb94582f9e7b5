//! Giving pages that nothing is in back to the file system.

use rusqlite::Connection;

/// Gives back up to so many pages, at least one, and begins another only while `goes_on`; gives
/// how many it were. What was given back is committed at once.
///
/// SQLite gives back one page for each step of the statement, so that a call which steps it once
/// gives back one, whatever number it names (`OP_IncrVacuum`).
pub(super) fn give_back(
    connection: &Connection,
    pages: u32,
    mut goes_on: impl FnMut() -> bool,
) -> rusqlite::Result<u32> {
    let mut statement = connection.prepare(&format!("PRAGMA incremental_vacuum({pages})"))?;
    let mut rows = statement.query([])?;
    let mut given = 0;
    while rows.next()?.is_some() {
        given += 1;
        if !goes_on() {
            break;
        }
    }
    Ok(given)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn free(connection: &Connection) -> i64 {
        connection.query_row("PRAGMA freelist_count", [], |row| row.get(0)).unwrap()
    }

    #[test]
    fn as_many_pages_go_as_are_asked_for_or_there_is_time_for() {
        let dir = tempfile::tempdir().unwrap();
        let connection = Connection::open(dir.path().join("x.db")).unwrap();
        connection
            .execute_batch(
                "PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL;
                 CREATE TABLE t(x); INSERT INTO t VALUES (zeroblob(400000)); DELETE FROM t;",
            )
            .unwrap();
        let before = free(&connection);
        assert!(before > 60, "{before}");
        assert_eq!(give_back(&connection, 32, || true).unwrap(), 32);
        assert_eq!(free(&connection), before - 32);
        let mut left = 5;
        let more = || {
            left -= 1;
            left > 0
        };
        assert_eq!(give_back(&connection, 32, more).unwrap(), 5);
        // Another connection sees it: it is committed.
        let other = Connection::open(dir.path().join("x.db")).unwrap();
        assert_eq!(free(&other), before - 37);
        assert_eq!(
            give_back(&connection, 1_000, || true).unwrap(),
            u32::try_from(before - 37).unwrap()
        );
        assert_eq!((free(&other), give_back(&connection, 1, || true).unwrap()), (0, 0));
    }
}
