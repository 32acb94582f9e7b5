//! What both processes tell the service manager that started them (systemd or whoever
//! else sets `NOTIFY_SOCKET`). Without one, nothing happens.

pub mod watchdog;

use std::time::Duration;

use sd_notify::NotifyState;

/// What a stop may take beside the drain: writing records, ending threads.
const BESIDE: Duration = Duration::from_secs(20);

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

/// Another process of this service is the main one from now on.
pub fn succeeded_by(pid: u32) {
    tell(&[NotifyState::MainPid(pid)]);
}

fn tell(state: &[NotifyState<'_>]) {
    if let Err(e) = sd_notify::notify(false, state) {
        tracing::debug!(error = %e, "cannot tell the service manager");
    }
}
