//! Puts a copy in the database's place. Nobody may be using it; what was there is kept
//! beside it, since a restore is done in a hurry. Whoever was signed in then is not now: a
//! session that was ended since would be good again.

use std::{
    fs,
    path::{Path, PathBuf},
};

use rusqlite::{Connection, OpenFlags};

use super::{alone, folder, sync};
use crate::store::{
    StoreError,
    migrate::{self, beside, state_file},
};

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// Where the database that was there is now; `None` where there was none.
    pub kept: Option<PathBuf>,
    /// Exchanges in the restored one.
    pub exchanges: u64,
    /// Migrations that the next start does.
    pub due: i64,
}

/// Restores from a file that [`super::backup`] made, or any sound copy of a database.
/// `stamp` names what is kept. Nothing is touched unless the copy is sound.
pub fn restore(database: &Path, from: &Path, stamp: &str) -> Result<Restored, StoreError> {
    let io = |path: &Path| {
        let path = path.to_owned();
        move |source| StoreError::Io { path, source }
    };
    fs::metadata(from).map_err(io(from))?;
    let due = migrate::due(from)?;
    let exchanges = sound(from)?;
    migrate::create_private_dir(folder(database)).map_err(io(folder(database)))?;
    // Whoever starts meanwhile waits here, and then finds what was restored.
    let _starting = migrate::lock(database)?;
    let there = database.exists();
    if there {
        free(database)?;
    }
    let part = beside(database, ".restoring");
    let _ = fs::remove_file(&part);
    let done = (|| {
        let mut source = fs::File::open(from).map_err(io(from))?;
        let mut copy = state_file(&part).map_err(io(&part))?;
        std::io::copy(&mut source, &mut copy).map_err(io(&part))?;
        end_sessions(&part)?;
        copy.sync_all().map_err(io(&part))?;
        let kept = there.then(|| beside(database, &format!(".before-restore-{stamp}")));
        if let Some(kept) = &kept {
            fs::rename(database, kept).map_err(io(kept))?;
        }
        // Of a database that is gone from here; beside another they would be read into it.
        for suffix in ["-wal", "-shm"] {
            let _ = fs::remove_file(beside(database, suffix));
        }
        fs::rename(&part, database).map_err(io(database))?;
        sync(folder(database))?;
        Ok(Restored { kept, exchanges, due })
    })();
    if done.is_err() {
        let _ = fs::remove_file(&part);
    }
    done
}

/// Of the copy that is about to be the database. A very old one has no such table.
fn end_sessions(part: &Path) -> Result<(), StoreError> {
    let connection = Connection::open(part)?;
    if connection.table_exists(None, "sessions")? {
        connection.execute("DELETE FROM sessions", [])?;
    }
    // Nothing of it stays in a log beside it.
    connection.close().map_err(|(_, e)| e.into())
}

/// Says how many exchanges it holds, if every page of it can be read and is in order.
fn sound(copy: &Path) -> Result<u64, StoreError> {
    let corrupt = |reason: String| StoreError::Corrupt { path: copy.to_owned(), reason };
    // Immutable: a copy may lie on what cannot be written to, and nobody changes it.
    let address = url::Url::from_file_path(fs::canonicalize(copy).unwrap_or(copy.to_owned()))
        .map_err(|()| corrupt("not a path".to_owned()))?;
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
    let log = beside(copy, "-wal");
    let has_log = fs::metadata(log).is_ok_and(|log| log.len() > 0);
    let suffix = if has_log { "mode=ro" } else { "immutable=1" };
    let connection = Connection::open_with_flags(format!("{address}?{suffix}"), flags)?;
    if has_log {
        return Err(corrupt(
            "it has a write-ahead log beside it, so it is a database in use or was one: take a \
             copy with `glassway-monitor backup`"
                .to_owned(),
        ));
    }
    let said: String = connection
        .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
        .map_err(|e| corrupt(e.to_string()))?;
    if said != "ok" {
        return Err(corrupt(said));
    }
    let count = |row: &rusqlite::Row<'_>| row.get::<_, i64>(0);
    Ok(connection.query_row("SELECT count(*) FROM exchanges", [], count)?.unsigned_abs())
}

/// Moves the log into a database that nobody uses, and closes it. One that is damaged is
/// left as it is: its log goes with nobody.
fn free(database: &Path) -> Result<(), StoreError> {
    match alone(database) {
        Ok(Some(connection)) => {
            let _ = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
            Ok(())
        }
        Ok(None) => Err(StoreError::InUse { path: database.to_owned() }),
        Err(StoreError::Sql(e)) => {
            tracing::debug!(error = %e, "the database to be replaced cannot be opened");
            Ok(())
        }
        Err(e) => Err(e),
    }
}
