//! Moves the write-ahead log into the database beside the writer. Automatic
//! checkpoints stalled commits for up to 335 ms; a passive one every 300 ms on a
//! thread of its own, at most 17 ms. While little is written it waits longer, for the
//! same few pages are written again and again and need to be moved only once.
//!
//! The log starts over from its beginning only when a checkpoint has caught up with
//! the writer, which under steady load never happens by itself: past [`LOG_LIMIT`]
//! the writer waits for one pass: for a second at most, and on a disk that cannot keep
//! up, past [`LOG_TOO_LARGE`], for longer, so that the log cannot outgrow the disk. Whatever
//! is written first after it syncs the log's new head, under the write lock: nothing else does.

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

use super::write::Writer;

/// Bytes of log past which the writer waits. Small enough to stay in the page cache, and
/// less by some batches than `journal_size_limit`: cutting the file costs up to 100 ms.
pub const LOG_LIMIT: u64 = 48 << 20;
/// Bytes of log past which the writer waits for [`LONG_PATIENCE`].
const LOG_TOO_LARGE: u64 = 4 * LOG_LIMIT;
const EVERY: Duration = Duration::from_millis(300);
/// With less than this in the log …
const LITTLE: u64 = 8 << 20;
/// … a pass waits until so long after the last one.
const SELDOM: Duration = Duration::from_secs(2);
/// A reader may keep a pass from catching up; the writer does not ask again at once.
const PATIENCE: Duration = Duration::from_secs(1);
/// Less than half of the services' `WatchdogSec`: a journal that waits makes no progress.
const LONG_PATIENCE: Duration = Duration::from_secs(10);

/// The thread; stops and does a last checkpoint when dropped.
pub struct Checkpointer {
    requests: Option<SyncSender<Option<SyncSender<()>>>>,
    thread: Option<JoinHandle<()>>,
    /// Bytes of log at the last look.
    log: u64,
    /// When the writer last waited for this log, until it starts over.
    waited: Option<Instant>,
    /// Bytes written since the last pass.
    unmoved: Arc<AtomicU64>,
}

impl Checkpointer {
    /// Starts it for this database.
    pub fn start(database: &Path) -> std::io::Result<Self> {
        let (requests, asked) = sync_channel::<Option<SyncSender<()>>>(1);
        let path = database.to_owned();
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
                    Ok(()) => last_error.clear(),
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
        Ok(Self { requests: Some(requests), thread: Some(thread), log: 0, waited: None, unmoved })
    }

    /// To be called between transactions: waits for one pass where the writer's log has grown
    /// past its limit, and lets it start over.
    pub fn keep_up(&mut self, writer: &Writer) {
        let log = writer.log_bytes();
        let before = std::mem::replace(&mut self.log, log);
        if log == before {
            return;
        }
        if log < before {
            self.waited = None;
        }
        self.unmoved.fetch_add(log.checked_sub(before).unwrap_or(log), Relaxed);
        if log <= LOG_LIMIT || self.waited.is_some_and(|at| at.elapsed() < PATIENCE) {
            return;
        }
        let (done, wait) = sync_channel(1);
        let sent = self.requests.as_ref().is_some_and(|r| r.send(Some(done)).is_ok());
        if sent {
            let patience = if log > LOG_TOO_LARGE { LONG_PATIENCE } else { PATIENCE };
            if wait.recv_timeout(patience).is_ok() {
                // Where it cannot be written, the next batch says so.
                let _ = writer.write_a_page();
            }
        }
        self.waited = Some(Instant::now());
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

fn checkpoint(connection: &mut Option<Connection>, path: &Path) -> Result<(), rusqlite::Error> {
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
    connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_starts_over_under_steady_writes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("glassway.db");
        let writer = Writer::open(&path).unwrap();
        let mut checkpointer = Checkpointer::start(&path).unwrap();
        let noise: Vec<u8> = (0..1_000_000u32).map(|n| (n.wrapping_mul(7919) >> 3) as u8).collect();
        // How much is written until then is the disk's doing: as fast as this the writer may
        // be some seconds ahead of it.
        let mut largest = 0;
        let starts_over = (0..4000).any(|_| {
            let insert = "INSERT INTO chunk_data (data) VALUES (?1)";
            writer.connection.execute(insert, [&noise]).unwrap();
            largest = writer.log_bytes().max(largest);
            checkpointer.keep_up(&writer);
            writer.log_bytes() < largest
        });
        assert!(starts_over && largest > LOG_LIMIT, "{largest} bytes of log");
        assert_eq!(writer.log_bytes(), 16_384, "nothing but its head is in the new one");
        let log = std::fs::metadata(dir.path().join("glassway.db-wal")).unwrap().len();
        assert!(log < largest + (8 << 20), "the file has {log} bytes, its log had {largest}");
    }
}
