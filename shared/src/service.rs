//! What both processes tell the service manager that started them (systemd or whoever
//! else sets `NOTIFY_SOCKET`). Without one, nothing happens.

pub mod watchdog;

use std::{
    io::{self, Read},
    os::{fd::AsFd, unix::net::UnixStream},
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    time::Duration,
};

use sd_notify::NotifyState;

/// What a stop may take beside the drain: writing records, ending threads.
const BESIDE: Duration = Duration::from_secs(20);
/// So long the manager may take until it has heard what it was told; systemd's own tools wait
/// as long.
const HEARING: Duration = Duration::from_secs(5);

/// Another process is the main one: the manager listens to that one alone.
static SUCCEEDED: AtomicBool = AtomicBool::new(false);

/// It serves.
pub fn ready() {
    tell(&[NotifyState::Ready]);
}

/// It was asked to stop, and may take as long as exchanges in flight may take to end,
/// whatever the unit's `TimeoutStopSec=` says.
pub fn stopping(drain: Duration) {
    let extend = format!("EXTEND_TIMEOUT_USEC={}", (drain + BESIDE).as_micros());
    tell(&[NotifyState::Stopping, NotifyState::Custom(&extend)]);
}

/// Beginning takes longer than usual, for a reason that `systemctl status` shows.
pub fn starting_takes(longer: Duration, why: &str) {
    let extend = format!("EXTEND_TIMEOUT_USEC={}", (longer + BESIDE).as_micros());
    tell(&[NotifyState::Status(why), NotifyState::Custom(&extend)]);
}

/// Another process of this service is the main one from now on; nothing is said of this one
/// any more. Blocks until the manager has taken note, [`HEARING`] at most: it believes neither
/// a process that has ended meanwhile, nor of one that has, and nobody but the one that is the
/// main process to its knowledge.
pub fn succeeded_by(pid: u32) {
    tell(&[NotifyState::MainPid(pid)]);
    SUCCEEDED.store(true, Relaxed);
    if let Err(e) = heard() {
        tracing::warn!(error = %e, "the service manager does not say that it knows of the new process");
    }
}

/// Returns once the manager has dealt with all that it was told so far: it then closes what
/// came with `BARRIER=1` (`sd_notify_barrier(3)`). One that knows no barriers closes it too.
fn heard() -> io::Result<()> {
    let (mut ours, theirs) = UnixStream::pair()?;
    ours.set_read_timeout(Some(HEARING))?;
    sd_notify::notify_with_fds(false, &[NotifyState::Custom("BARRIER=1")], &[theirs.as_fd()])?;
    drop(theirs);
    ours.read(&mut [0]).map(drop)
}

fn tell(state: &[NotifyState<'_>]) {
    if SUCCEEDED.load(Relaxed) {
        return;
    }
    if let Err(e) = sd_notify::notify(false, state) {
        tracing::debug!(error = %e, "cannot tell the service manager");
    }
}
