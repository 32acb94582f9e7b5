//! How long SQLite's write lock is held, seen from beside the writer: the lock is a byte of the
//! database's shared memory file, which anyone may ask about.

use std::{
    fs::{File, OpenOptions},
    mem::{ManuallyDrop, take},
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use nix::{
    fcntl::{FcntlArg, fcntl},
    libc::{F_RDLCK, F_UNLCK, SEEK_SET, flock},
};

/// The byte that a writer locks (SQLite's "WAL-mode File Format", "WAL Locks").
const WRITE_LOCK: i64 = 120;
/// Between two questions: holds are known to this, and a shorter gap may be missed.
const EVERY: Duration = Duration::from_micros(50);

/// Asks again and again, on a thread of its own.
pub struct Watch {
    held: Arc<Mutex<Vec<Duration>>>,
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    /// Of the database at `path`, which somebody has open.
    pub fn start(path: &Path) -> Result<Self> {
        let mut shared = path.as_os_str().to_owned();
        shared.push("-shm");
        let file = OpenOptions::new().read(true).open(&shared);
        // Never closed: that would release this process's own locks on the file.
        let file = ManuallyDrop::new(file.with_context(|| format!("no {}", shared.display()))?);
        let (held, ends) = (Arc::<Mutex<Vec<_>>>::default(), Arc::<AtomicBool>::default());
        let thread = {
            let (held, ends) = (held.clone(), ends.clone());
            thread::spawn(move || {
                let mut since = None;
                while !ends.load(Relaxed) {
                    match (is_held(&file), since) {
                        (true, None) => since = Some(Instant::now()),
                        (false, Some(began)) => {
                            let hold = Instant::now() - began;
                            held.lock().unwrap_or_else(PoisonError::into_inner).push(hold);
                            since = None;
                        }
                        _ => {}
                    }
                    thread::sleep(EVERY);
                }
            })
        };
        Ok(Self { held, ends, thread: Some(thread) })
    }

    /// What was held since the last time this was asked.
    pub fn taken(&self) -> Vec<Duration> {
        take(&mut self.held.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.ends.store(true, Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A lock of an open file description meets the locks of processes, one's own among them.
fn is_held(file: &File) -> bool {
    let mut asked = flock {
        l_type: F_RDLCK as i16,
        l_whence: SEEK_SET as i16,
        l_start: WRITE_LOCK,
        l_len: 1,
        l_pid: 0,
    };
    fcntl(file, FcntlArg::F_OFD_GETLK(&mut asked)).is_ok() && asked.l_type != F_UNLCK as i16
}
