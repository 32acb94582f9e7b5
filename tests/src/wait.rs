//! Waiting for conditions. Every wait has one generous limit, which only a
//! broken program reaches; no test depends on how long something takes.

use std::{
    fmt::Display,
    sync::{Arc, Condvar, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

/// How long anything may take before a test gives up on it.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Asks `condition` until it answers, and panics after [`PATIENCE`] with `what`.
pub fn eventually<T>(what: impl Display, condition: impl FnMut() -> Option<T>) -> T {
    within(PATIENCE, what, condition)
}

/// [`eventually`] with a limit of its own.
pub fn within<T>(
    patience: Duration,
    what: impl Display,
    mut condition: impl FnMut() -> Option<T>,
) -> T {
    let start = Instant::now();
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(start.elapsed() < patience, "waited {patience:?} in vain for: {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// A door that is shut until somebody opens it; then it stays open. It lets a
/// test say in which order the two ends of a connection act.
#[derive(Clone, Default)]
pub struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    /// A shut gate.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Opens it for everybody who waits now or later.
    pub fn open(&self) {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.0.1.notify_all();
    }

    /// Waits until it is open; panics after [`PATIENCE`].
    pub fn wait(&self) {
        let guard = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (guard, _) = self
            .0
            .1
            .wait_timeout_while(guard, PATIENCE, |open| !*open)
            .unwrap_or_else(PoisonError::into_inner);
        assert!(*guard, "nobody opened the gate within {PATIENCE:?}");
    }
}
