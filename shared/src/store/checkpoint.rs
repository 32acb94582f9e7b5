//! Moves the write-ahead log into the database beside the writer. Automatic
//! checkpoints stalled commits for up to 335 ms; a passive one every 300 ms on a
//! thread of its own, at most 17 ms. While little is written it waits longer, for the
//! same few pages are written again and again and need to be moved only once.
//!
//! The log starts over from its beginning only when a checkpoint has caught up with
//! the writer, which under steady load never happens by itself: past [`LOG_LIMIT`]
//! the writer waits for one pass.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
        mpsc::{RecvTimeoutError, SyncSender, sync_channel},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use rusqlite::{Connection, OpenFlags};

/// Bytes of log past which the writer waits. Small enough to stay in the page cache.
pub const LOG_LIMIT: u64 = 64 << 20;
const EVERY: Duration = Duration::from_millis(300);
/// With less than this in the log …
const LITTLE: u64 = 8 << 20;
/// … a pass waits until so long after the last one.
const SELDOM: Duration = Duration::from_secs(2);
const PAGE: u64 = 16384;
/// A reader may keep a pass from catching up; the writer does not ask again at once.
const PATIENCE: Duration = Duration::from_secs(1);

/// The thread; stops and does a last checkpoint when dropped.
pub struct Checkpointer {
    requests: Option<SyncSender<Option<SyncSender<()>>>>,
    thread: Option<JoinHandle<()>>,
    log_bytes: Arc<AtomicU64>,
    waited: Option<Instant>,
    /// Bytes written since the log's size was last asked for.
    since: u64,
    /// Bytes written since the last pass.
    unmoved: Arc<AtomicU64>,
}

impl Checkpointer {
    /// Starts it for this database.
    pub fn start(database: &Path) -> std::io::Result<Self> {
        let (requests, asked) = sync_channel::<Option<SyncSender<()>>>(1);
        let path = database.to_owned();
        let log_bytes = Arc::new(AtomicU64::new(0));
        let told = log_bytes.clone();
        let unmoved = Arc::new(AtomicU64::new(0));
        let to_move = unmoved.clone();
        let thread = std::thread::Builder::new().name("checkpoint".into()).spawn(move || {
            let mut connection = None;
            let mut last_error = String::new();
            let mut last_pass = Instant::now();
            loop {
                let request = asked.recv_timeout(EVERY);
                let little = to_move.load(Relaxed) < LITTLE && last_pass.elapsed() < SELDOM;
                if little && matches!(request, Err(RecvTimeoutError::Timeout)) {
                    continue;
                }
                to_move.store(0, Relaxed);
                last_pass = Instant::now();
                match checkpoint(&mut connection, &path) {
                    Ok(frames) => {
                        told.store(frames * PAGE, Relaxed);
                        last_error.clear();
                    }
                    Err(e) => {
                        connection = None;
                        let text = e.to_string();
                        if text != last_error {
                            tracing::warn!(
                                error = %text,
                                "cannot move the write-ahead log into the database; trying on"
                            );
                            last_error = text;
                        }
                    }
                }
                match request {
                    Ok(Some(done)) => drop(done.send(())),
                    Ok(None) | Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => return,
                }
            }
        })?;
        Ok(Self {
            requests: Some(requests),
            thread: Some(thread),
            log_bytes,
            waited: None,
            since: 0,
            unmoved,
        })
    }

    /// To be called by the writer between transactions, with about how many bytes the
    /// last one wrote: waits for one pass where the log has grown past its limit.
    pub fn keep_up(&mut self, wrote: u64) {
        self.since += wrote;
        self.unmoved.fetch_add(wrote, Relaxed);
        let over = self.log_bytes.load(Relaxed).max(self.since) > LOG_LIMIT;
        if !over || self.waited.is_some_and(|at| at.elapsed() < PATIENCE) {
            return;
        }
        let (done, wait) = sync_channel(1);
        let sent = self.requests.as_ref().is_some_and(|r| r.send(Some(done)).is_ok());
        if sent {
            let _ = wait.recv_timeout(PATIENCE);
        }
        self.since = 0;
        // Caught up: the next write starts the log over, and the count with it.
        let still_over = self.log_bytes.load(Relaxed) > LOG_LIMIT;
        self.waited = still_over.then(Instant::now);
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        drop(self.requests.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Frames in the log that a writer must append after; 0 once it may start over.
fn checkpoint(connection: &mut Option<Connection>, path: &Path) -> Result<u64, rusqlite::Error> {
    let connection = match connection {
        Some(open) => open,
        None => {
            let opened = Connection::open_with_flags(
                path,
                OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
            )?;
            opened.busy_timeout(Duration::from_millis(0))?;
            opened.execute_batch("PRAGMA wal_autocheckpoint = 0; PRAGMA synchronous = NORMAL;")?;
            connection.insert(opened)
        }
    };
    let (frames, moved): (i64, i64) =
        connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| {
            Ok((row.get(1)?, row.get(2)?))
        })?;
    Ok(if frames == moved { 0 } else { u64::try_from(frames).unwrap_or(0) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_starts_over_under_steady_writes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("glassway.db");
        let connection = crate::store::migrate::open_writer(&path).unwrap();
        let mut checkpointer = Checkpointer::start(&path).unwrap();
        let noise: Vec<u8> = (0..1_000_000u32).map(|n| (n.wrapping_mul(7919) >> 3) as u8).collect();
        for _ in 0..300 {
            connection.execute("INSERT INTO chunk_data (data) VALUES (?1)", [&noise]).unwrap();
            checkpointer.keep_up(noise.len() as u64);
        }
        let log = std::fs::metadata(dir.path().join("glassway.db-wal")).unwrap().len();
        assert!(log < 2 * LOG_LIMIT, "{log}");
    }
}
