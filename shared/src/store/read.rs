//! Query-only connections for everyone who looks: several at once, never behind
//! the writer, each query given up after two seconds so that no snapshot holds the
//! WAL back. A read transaction ends with the closure it was opened for.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use r2d2_sqlite::SqliteConnectionManager;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::StoreError;

/// Readers at once; more wait up to [`LIMIT`] for one to come free.
const CONNECTIONS: u32 = 6;
/// How long one visit to the database may take.
pub const LIMIT: Duration = Duration::from_secs(2);
/// Virtual-machine steps between two looks at the clock: about 50 µs.
const STEPS: i32 = 4_000;

/// A pool of reading connections.
#[derive(Clone)]
pub struct Reader {
    pool: r2d2::Pool<SqliteConnectionManager>,
    path: PathBuf,
}

impl Reader {
    /// For a database that [`super::migrate::open_writer`] has made or migrated.
    /// Connections are opened when first needed.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let manager = SqliteConnectionManager::file(path)
            // Not READ_ONLY: a reader of a WAL database must be able to make its
            // shared-memory file when it is the first to come.
            .with_flags(OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)
            .with_init(|connection| {
                connection.busy_timeout(LIMIT)?;
                connection.set_prepared_statement_cache_capacity(64);
                connection.execute_batch(
                    "PRAGMA query_only = ON; PRAGMA cache_size = -8192; PRAGMA temp_store = MEMORY;",
                )
            });
        let pool = r2d2::Pool::builder()
            .max_size(CONNECTIONS)
            .min_idle(Some(0))
            .test_on_check_out(false)
            .connection_timeout(LIMIT)
            .build_unchecked(manager);
        Ok(Self { pool, path: path.to_owned() })
    }

    /// Runs `work` on one snapshot, for at most [`LIMIT`].
    pub fn with<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.within(LIMIT, work)
    }

    /// [`Self::with`] with a limit of its own.
    pub fn within<T>(
        &self,
        limit: Duration,
        work: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let connection = self.pool.get().map_err(|e| StoreError::Io {
            path: self.path.clone(),
            source: std::io::Error::other(format!("no reader is free: {e}")),
        })?;
        let deadline = Instant::now() + limit;
        connection.progress_handler(STEPS, Some(move || Instant::now() >= deadline))?;
        let result = (|| {
            let snapshot = connection.unchecked_transaction()?;
            work(&snapshot)
            // Dropped here: rolled back, which for a reader means "done".
        })();
        connection.progress_handler(0, None::<fn() -> bool>)?;
        result
    }
}

/// Whether a query was given up because it took too long.
pub fn gave_up(error: &StoreError) -> bool {
    matches!(
        error,
        StoreError::Sql(rusqlite::Error::SqliteFailure(e, _))
            if e.code == ErrorCode::OperationInterrupted
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::migrate::open_writer;

    fn reader() -> (tempfile::TempDir, Reader) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("glassway.db");
        drop(open_writer(&path).unwrap());
        let reader = Reader::open(&path).unwrap();
        (dir, reader)
    }

    #[test]
    fn cannot_write() {
        let (_dir, reader) = reader();
        let result = reader.with(|c| Ok(c.execute("DELETE FROM settings", [])?));
        assert!(result.unwrap_err().to_string().contains("readonly"));
    }

    #[test]
    fn a_query_that_takes_too_long_is_given_up_and_the_next_one_served() {
        let (_dir, reader) = reader();
        let endless = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)
                       SELECT count(*) FROM n";
        let started = Instant::now();
        let error = reader
            .within(Duration::from_millis(50), |c| {
                Ok(c.query_row(endless, [], |row| row.get::<_, i64>(0))?)
            })
            .unwrap_err();
        assert!(gave_up(&error), "{error}");
        assert!(started.elapsed() < Duration::from_secs(2));
        assert_eq!(
            reader.with(|c| Ok(c.query_row("SELECT 7", [], |r| r.get::<_, i64>(0))?)).unwrap(),
            7
        );
    }

    #[test]
    fn no_read_transaction_stays_open() {
        let (dir, reader) = reader();
        reader
            .with(|c| Ok(c.query_row("SELECT count(*) FROM exchanges", [], |_| Ok(()))?))
            .unwrap();
        let writer = open_writer(&dir.path().join("glassway.db")).unwrap();
        writer.execute("INSERT INTO settings VALUES ('a', '1')", []).unwrap();
        let (busy, log, moved): (i64, i64, i64) = writer
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |r| {
                Ok((r.get(0)?, r.get(1)?, r.get(2)?))
            })
            .unwrap();
        assert_eq!((busy, log, moved), (0, 0, 0), "a reader held the WAL back");
    }
}
