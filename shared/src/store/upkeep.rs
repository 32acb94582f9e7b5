//! What an operator does to the database as a whole: copy it while it is used, put a copy
//! in its place, shrink it, look whether it is sound.

mod backup;
mod examine;
mod restore;
mod vacuum;

use std::{path::Path, time::Duration};

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::StoreError;

pub use backup::{Bodies, backup};
pub use examine::{Examined, Fate, Thorough, examine};
pub use restore::{Restored, restore};
pub use vacuum::{Vacuumed, vacuum};

/// Opens the file as it is, without waiting long for anybody.
fn open(path: &Path) -> Result<Connection, StoreError> {
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    connection.busy_timeout(Duration::from_secs(5))?;
    Ok(connection)
}

/// A connection that has the database to itself: `None` while any other process has it
/// open. In WAL mode every user holds a lock for as long as it is connected, which this
/// mode of locking cannot be had beside.
fn alone(path: &Path) -> Result<Option<Connection>, StoreError> {
    let connection = open(path)?;
    connection.busy_timeout(Duration::from_millis(500))?;
    let locked = connection
        .execute_batch("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; COMMIT;")
        .and_then(|()| connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(())));
    match locked {
        Ok(()) => Ok(Some(connection)),
        Err(rusqlite::Error::SqliteFailure(e, _))
            if matches!(e.code, ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) =>
        {
            Ok(None)
        }
        Err(e) => Err(e.into()),
    }
}

/// Makes what was written to a file or renamed in a folder last through a loss of power.
fn sync(path: &Path) -> Result<(), StoreError> {
    let io = |source| StoreError::Io { path: path.to_owned(), source };
    std::fs::File::open(path).and_then(|file| file.sync_all()).map_err(io)
}

/// The folder a file is in.
fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir,
        _ => Path::new("."),
    }
}
