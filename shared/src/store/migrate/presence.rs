//! Who uses a database: each process holds a shared lock on a file beside it until it
//! ends. A migration that processes of the version before could not live with takes the
//! lock alone, and so waits for them.

use std::{
    collections::HashMap,
    fs::{File, TryLockError},
    io,
    path::{Path, PathBuf},
    sync::{LazyLock, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use super::state_file;
use crate::service;

/// More than the streams of a process that stops have by default; one that takes longer is
/// no process that stops.
const PATIENCE: Duration = Duration::from_secs(120);
const LOOK: Duration = Duration::from_millis(100);

/// One lock for each database that this process uses, held until it ends.
static HELD: LazyLock<Mutex<HashMap<PathBuf, File>>> = LazyLock::new(Mutex::default);

fn held() -> MutexGuard<'static, HashMap<PathBuf, File>> {
    HELD.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Registers this process; with `alone`, waits until it is the only one, and fails with
/// `WouldBlock` where that does not come. To be followed by [`share`].
pub(super) fn enter(users: &Path, alone: bool) -> io::Result<()> {
    let mut held = held();
    if !held.contains_key(users) {
        held.insert(users.to_owned(), state_file(users)?);
    }
    let file = &held[users];
    match alone {
        true => wait_alone(file, PATIENCE),
        false => file.lock_shared(),
    }
}

/// Lets others in again.
pub(super) fn share(users: &Path) -> io::Result<()> {
    held().get(users).map_or(Ok(()), File::lock_shared)
}

fn wait_alone(file: &File, patience: Duration) -> io::Result<()> {
    let start = Instant::now();
    let mut told = false;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::Error(e)) => return Err(e),
            Err(TryLockError::WouldBlock) if start.elapsed() > patience => {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            Err(TryLockError::WouldBlock) if !told => {
                told = true;
                let why = "waiting for an older Glassway process that still uses the database";
                tracing::info!("{why}, before the database is brought up to date");
                service::starting_takes(patience, why);
            }
            Err(TryLockError::WouldBlock) => {}
        }
        thread::sleep(LOOK);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alone_waits_for_the_others_and_not_for_itself() {
        let dir = tempfile::tempdir().unwrap();
        let users = dir.path().join("users");
        // As this process would have it after its first opening.
        enter(&users, false).unwrap();
        enter(&users, true).unwrap();
        share(&users).unwrap();

        let other = state_file(&users).unwrap();
        other.lock_shared().unwrap();
        let file = state_file(&dir.path().join("users")).unwrap();
        let refused = wait_alone(&file, Duration::from_millis(200)).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::WouldBlock);

        // Ours is shared as well; both go, and the wait is over.
        held().remove(&users);
        let leaving = thread::spawn(move || {
            thread::sleep(Duration::from_millis(300));
            drop(other);
        });
        let start = Instant::now();
        wait_alone(&file, Duration::from_secs(30)).unwrap();
        assert!(start.elapsed() >= Duration::from_millis(200));
        leaving.join().unwrap();
    }
}
