//! Opening: folder and file modes, creation and migration under a file lock (two
//! processes that start at once did race), and a clear refusal of databases that
//! are newer, damaged, or not databases.

use std::{
    borrow::Cow,
    fs::{self, DirBuilder, File, OpenOptions},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, fchown},
    path::{Path, PathBuf},
    sync::LazyLock,
    time::Duration,
};

use rusqlite::{Connection, ErrorCode, OpenFlags};
use rusqlite_migration::{M, Migrations};

use super::StoreError;

mod presence;

/// A step runs while processes of the version before may still use the database: a proxy
/// that ends its streams, a monitor that is upgraded later. So it only adds: tables,
/// indexes, columns that have a default. One that changes or takes away what is there has
/// a first line `-- alone`, and waits until they are gone.
const RELEASED: &[&str] = &[
    include_str!("../../migrations/001_exchanges.sql"),
    include_str!("../../migrations/002_managed.sql"),
    include_str!("../../migrations/003_attempts.sql"),
    include_str!("../../migrations/004_annotations.sql"),
    include_str!("../../migrations/005_chats.sql"),
    include_str!("../../migrations/006_traces.sql"),
    include_str!("../../migrations/007_spans.sql"),
    include_str!("../../migrations/008_turns.sql"),
    include_str!("../../migrations/009_token_record.sql"),
    include_str!("../../migrations/010_audit.sql"),
    include_str!("../../migrations/011_merges.sql"),
    include_str!("../../migrations/012_shards.sql"),
];

/// How a new file is laid out, said before anything is in it: large pages, for bodies, and
/// pages that can be given back.
pub(super) const LAYOUT: &str = "PRAGMA page_size = 16384; PRAGMA auto_vacuum = INCREMENTAL;";

/// All steps. A program built for tests also takes those in the folder `<program>.steps`, so
/// that an upgrade to a version that has more can be walked through.
static STEPS: LazyLock<Vec<Cow<'static, str>>> = LazyLock::new(|| {
    let released = RELEASED.iter().map(|sql| Cow::Borrowed(*sql));
    released.chain(to_come().into_iter().map(Cow::Owned)).collect()
});

fn to_come() -> Vec<String> {
    if !cfg!(debug_assertions) {
        return Vec::new();
    }
    let Ok(program) = std::env::current_exe() else { return Vec::new() };
    let Ok(files) = fs::read_dir(beside(&program, ".steps")) else { return Vec::new() };
    let mut files: Vec<_> = files.flatten().map(|file| file.path()).collect();
    files.sort();
    files.iter().filter_map(|file| fs::read_to_string(file).ok()).collect()
}

/// The schema version this program writes.
fn version() -> i64 {
    STEPS.len() as i64
}

/// Whether one of the last `due` steps does more than add.
fn wants_to_be_alone(steps: &[Cow<str>], due: i64) -> bool {
    let due = usize::try_from(due).unwrap_or_default().min(steps.len());
    steps[steps.len() - due..].iter().any(|sql| sql.starts_with("-- alone"))
}

/// Whether the database is to be changed in a way that processes of the version before could
/// not live with: they are to end first, so none of them can hand over.
pub fn is_due_alone(path: &Path) -> Result<bool, StoreError> {
    let there = fs::metadata(path).is_ok_and(|file| file.len() > 0);
    Ok(there && wants_to_be_alone(&STEPS, due(path)?))
}

fn migrations() -> Migrations<'static> {
    Migrations::new(STEPS.iter().map(|sql| M::up(sql)).collect())
}

/// Makes folder and file if they are missing, brings the schema up to date, and
/// returns the process's one writing connection.
pub fn open_writer(path: &Path) -> Result<Connection, StoreError> {
    open(path).map_err(|e| match e {
        StoreError::Sql(source) => StoreError::Unusable { path: path.to_owned(), source },
        named => named,
    })
}

fn open(path: &Path) -> Result<Connection, StoreError> {
    let io = |path: &Path| {
        let path = path.to_owned();
        move |source| StoreError::Io { path, source }
    };
    if let Some(dir) = path.parent().filter(|dir| !dir.as_os_str().is_empty()) {
        create_private_dir(dir).map_err(io(dir))?;
    }
    let lock = lock(path)?;

    let new = !path.exists() || fs::metadata(path).map_err(io(path))?.len() == 0;
    let mut alone = false;
    if new {
        state_file(path).map_err(io(path))?;
    } else {
        // Read first: a database that is not ours to change stays as it is.
        alone = wants_to_be_alone(&STEPS, due(path)?);
    }
    let users = beside(path, ".users");
    presence::enter(&users, alone).map_err(|e| match e.kind() {
        std::io::ErrorKind::WouldBlock => StoreError::OlderInUse { path: path.to_owned() },
        _ => StoreError::Io { path: users.clone(), source: e },
    })?;
    let mut connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    // The timeout comes first: switching to WAL takes a lock that the other
    // process may hold.
    connection.busy_timeout(Duration::from_secs(5))?;
    if new {
        connection.execute_batch(LAYOUT)?;
    }
    connection.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 0;
         PRAGMA journal_size_limit = 67108864; PRAGMA foreign_keys = ON; PRAGMA cache_size = -16384;
         PRAGMA temp_store = MEMORY;",
    )?;
    make_schema(&mut connection, path)?;
    presence::share(&users).map_err(io(&users))?;
    drop(lock);
    Ok(connection)
}

/// Brings the schema up to date.
pub(super) fn make_schema(connection: &mut Connection, path: &Path) -> Result<(), StoreError> {
    migrations().to_latest(connection).map_err(|e| match e {
        rusqlite_migration::Error::RusqliteError { err, .. } => StoreError::Sql(err),
        other => StoreError::Corrupt { path: path.to_owned(), reason: other.to_string() },
    })
}

/// Waits until nobody else is starting on this database; others wait while it is held.
pub(super) fn lock(path: &Path) -> Result<File, StoreError> {
    let lock_path = beside(path, ".lock");
    let io = |source| StoreError::Io { path: lock_path.clone(), source };
    let lock = state_file(&lock_path).map_err(io)?;
    lock.lock().map_err(io)?;
    Ok(lock)
}

/// Opens read-only and says how many migrations are due; changes nothing.
pub fn due(path: &Path) -> Result<i64, StoreError> {
    let corrupt =
        |e: &rusqlite::Error| StoreError::Corrupt { path: path.to_owned(), reason: e.to_string() };
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    connection.busy_timeout(Duration::from_secs(5))?;
    let classify = |e: rusqlite::Error| match &e {
        rusqlite::Error::SqliteFailure(failure, _)
            if matches!(failure.code, ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) =>
        {
            corrupt(&e)
        }
        _ => StoreError::Sql(e),
    };
    let found: i64 =
        connection.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(classify)?;
    let tables: i64 = connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .map_err(classify)?;
    let known = version();
    if found > known {
        return Err(StoreError::Newer { path: path.to_owned(), found, known });
    }
    if found == 0 && tables > 0 {
        return Err(StoreError::Corrupt {
            path: path.to_owned(),
            reason: "a database of some other program".to_owned(),
        });
    }
    if found > 0 {
        // Touches the head of every b-tree that serves a request; a whole integrity
        // check of a large file would take minutes.
        connection
            .query_row(
                "SELECT (SELECT max(seq) FROM exchanges), (SELECT max(seq) FROM contents),
                        (SELECT max(id) FROM chunks), (SELECT max(minute) FROM minute_totals)",
                [],
                |_| Ok(()),
            )
            .map_err(classify)?;
    }
    Ok(known - found)
}

/// Makes a folder and its parents, closed to others.
pub fn create_private_dir(dir: &Path) -> std::io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

/// Opens or makes a file that only its owner can read.
pub fn private_file(path: &Path) -> std::io::Result<File> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)?;
    let mode = file.metadata()?.permissions().mode();
    if mode & 0o077 != 0 {
        file.set_permissions(fs::Permissions::from_mode(mode & !0o077))?;
    }
    Ok(file)
}

/// A [`private_file`] of the folder's owner: what root makes by hand in a service's folder
/// that service can open.
pub fn state_file(path: &Path) -> std::io::Result<File> {
    let file = private_file(path)?;
    let folder = path.parent().filter(|dir| !dir.as_os_str().is_empty());
    let (ours, owner) = (file.metadata()?, fs::metadata(folder.unwrap_or(Path::new(".")))?);
    if ours.uid() == 0 && owner.uid() != 0 {
        fchown(&file, Some(owner.uid()), Some(owner.gid()))?;
    }
    Ok(file)
}

pub(super) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn creates_privately_with_large_pages() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("deep/er/glassway.db");
        let connection = open_writer(&path).unwrap();
        let pragma = |name: &str| -> i64 {
            connection.query_row(&format!("PRAGMA {name}"), [], |r| r.get(0)).unwrap()
        };
        assert_eq!(pragma("page_size"), 16384);
        assert_eq!(pragma("auto_vacuum"), 2);
        assert_eq!(pragma("user_version"), version());
        let mode = |p: &Path| fs::metadata(p).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o600);
        assert_eq!(mode(path.parent().unwrap()), 0o700);
        assert_eq!(due(&path).unwrap(), 0);
    }

    #[test]
    fn sums_of_before_are_there_by_quarter_and_failures_by_kind() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("glassway.db");
        let before = RELEASED.iter().take_while(|sql| !sql.contains("quarter_totals"));
        let mut old = Connection::open(&path).unwrap();
        Migrations::new(before.map(|sql| M::up(sql)).collect()).to_latest(&mut old).unwrap();
        old.execute_batch(
            "INSERT INTO minute_totals (minute, outcome, model, provider, key, client_token, calls,
                 duration_us, ttfb_us, ttfb_calls, prompt_tokens, completion_tokens, cached_tokens,
                 reasoning_tokens, cost_nano, request_bytes, response_bytes)
             SELECT column1, 'ok', 'm', 'p', '', '', 2, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0
             FROM (VALUES (29), (30), (44), (45));
             INSERT INTO minute_latency (minute, metric, model, bucket, calls)
             VALUES (30, 0, 'm', 7, 1), (44, 0, 'm', 7, 1), (44, 0, 'm', 8, 1);
             INSERT INTO exchanges (id, started_at, method, path, origin, mode, client_ip, status,
                 outcome, stream, duration_us, request_bytes, response_bytes, usage_source, attempts)
             VALUES (x'01', 59000000, 'POST', '/', 'client', 'managed', '', 429, 'client_error', 0,
                     2000000, 0, 0, 'absent', 1),
                 (x'02', 61000000, 'POST', '/', 'chat', 'managed', '', 429, 'client_error', 0,
                     NULL, 0, 0, 'absent', 1),
                 (x'03', 61000000, 'POST', '/', 'test', 'managed', '', 429, 'client_error', 0,
                     NULL, 0, 0, 'absent', 1);",
        )
        .unwrap();
        drop(old);
        let new = open_writer(&path).unwrap();
        let all = |sql: &str| -> Vec<(i64, i64)> {
            let mut query = new.prepare(sql).unwrap();
            let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
            rows.map(Result::unwrap).collect()
        };
        assert_eq!(
            all("SELECT minute, calls FROM quarter_totals ORDER BY minute"),
            [(15, 2), (30, 4), (45, 2)]
        );
        assert_eq!(
            all("SELECT bucket, calls FROM quarter_latency ORDER BY bucket"),
            [(7, 2), (8, 1)]
        );
        assert_eq!(
            all("SELECT minute, calls FROM minute_failures WHERE newest = x'02' AND status = 429"),
            [(1, 2)]
        );
    }

    #[test]
    fn only_steps_that_are_due_want_to_be_alone() {
        let steps = ["-- alone: renames\nALTER …", "CREATE TABLE a (b)", "-- adds\nCREATE …"]
            .map(Cow::Borrowed);
        assert!(!wants_to_be_alone(&steps, 0));
        assert!(!wants_to_be_alone(&steps, 2));
        assert!(wants_to_be_alone(&steps, 3));
    }

    #[test]
    fn two_at_once_both_open() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("glassway.db");
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| open_writer(&path).unwrap());
            }
        });
    }

    #[test]
    fn refuses_newer_corrupt_and_foreign_files_untouched() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("glassway.db");
        open_writer(&path).unwrap().execute_batch("PRAGMA user_version = 999").unwrap();
        assert!(matches!(open_writer(&path), Err(StoreError::Newer { found: 999, .. })));

        let garbage = dir.path().join("garbage.db");
        fs::write(&garbage, vec![7u8; 50_000]).unwrap();
        assert!(matches!(open_writer(&garbage), Err(StoreError::Corrupt { .. })));
        assert_eq!(fs::read(&garbage).unwrap(), vec![7u8; 50_000]);

        let foreign = dir.path().join("foreign.db");
        Connection::open(&foreign).unwrap().execute_batch("CREATE TABLE t (x)").unwrap();
        assert!(matches!(open_writer(&foreign), Err(StoreError::Corrupt { .. })));
    }
}
