//! Signs of life: when each data thread and the journal last came round, which is what
//! their watchdog looks at, too, and how much the journal still has to write. Written
//! without a lock, judged by `health`.

use std::{
    sync::{
        Mutex, OnceLock, PoisonError,
        atomic::{AtomicI64, AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use glassway_shared::service::watchdog::Pulse;

/// Of the whole process.
pub struct Vitals {
    began: Instant,
    threads: Mutex<Vec<Pulse>>,
    journal: OnceLock<Pulse>,
    /// Ended and not yet committed.
    unwritten: AtomicI64,
    /// Of the last commit, in milliseconds since the process began; 0 = none yet.
    committed: AtomicU64,
}

impl Default for Vitals {
    fn default() -> Self {
        Self {
            began: Instant::now(),
            threads: Mutex::default(),
            journal: OnceLock::default(),
            unwritten: AtomicI64::default(),
            committed: AtomicU64::default(),
        }
    }
}

impl Vitals {
    /// A data thread's, which begins.
    pub fn thread(&self, pulse: Pulse) {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner).push(pulse);
    }

    /// The journal's, which begins.
    pub fn journal(&self, pulse: Pulse) {
        let _ = self.journal.set(pulse);
    }

    /// One more exchange has ended.
    pub fn ended(&self) {
        self.unwritten.fetch_add(1, Relaxed);
    }

    /// So many of them are written, or given up.
    pub fn written(&self, rows: usize) {
        self.unwritten.fetch_sub(i64::try_from(rows).unwrap_or(i64::MAX), Relaxed);
        self.committed.store(millis(self.began).max(1), Relaxed);
    }

    /// Ended and not yet committed.
    pub fn unwritten(&self) -> u64 {
        u64::try_from(self.unwritten.load(Relaxed)).unwrap_or_default()
    }

    /// Since the last commit; `None` before the first.
    pub fn since_commit(&self) -> Option<Duration> {
        match self.committed.load(Relaxed) {
            0 => None,
            at => Some(self.since(at)),
        }
    }

    /// Since the journal last came round.
    pub fn journal_silent(&self) -> Duration {
        self.journal.get().map_or_else(|| self.began.elapsed(), Pulse::silent_for)
    }

    /// Since the data thread that is silent longest came round.
    pub fn threads_silent(&self) -> Duration {
        let threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        threads.iter().map(Pulse::silent_for).max().unwrap_or_default()
    }

    fn since(&self, at_ms: u64) -> Duration {
        Duration::from_millis(millis(self.began).saturating_sub(at_ms))
    }
}

fn millis(began: Instant) -> u64 {
    u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_silence_counts() {
        let vitals = Vitals::default();
        let long_ago = Instant::now() - Duration::from_secs(60);
        let (one, two) = (Pulse::begun(long_ago), Pulse::begun(long_ago));
        vitals.thread(Pulse::default());
        assert!(vitals.threads_silent() < Duration::from_secs(1));
        vitals.thread(one.clone());
        vitals.thread(two.clone());
        assert!(vitals.threads_silent() >= Duration::from_secs(59));
        one.beat();
        assert!(vitals.threads_silent() >= Duration::from_secs(59));
        two.beat();
        assert!(vitals.threads_silent() < Duration::from_secs(1));
        assert_eq!(vitals.since_commit(), None);
        vitals.ended();
        vitals.ended();
        vitals.written(1);
        assert_eq!(vitals.unwritten(), 1);
        assert!(vitals.since_commit().unwrap() < Duration::from_secs(1));
    }
}
