//! Signs of life: when each data thread and the journal last came round, and how much
//! the journal still has to write. Written without a lock, judged by `health`.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicI64, AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

/// How often a data thread says that it comes round.
pub const BEAT: Duration = Duration::from_secs(1);

/// Of the whole process.
pub struct Vitals {
    began: Instant,
    threads: Mutex<Vec<Arc<AtomicU64>>>,
    journal: AtomicU64,
    /// Ended and not yet committed.
    unwritten: AtomicI64,
    /// Of the last commit, in milliseconds since the process began; 0 = none yet.
    committed: AtomicU64,
}

/// One data thread's.
pub struct Pulse {
    began: Instant,
    beat: Arc<AtomicU64>,
}

impl Default for Vitals {
    fn default() -> Self {
        Self {
            began: Instant::now(),
            threads: Mutex::default(),
            journal: AtomicU64::default(),
            unwritten: AtomicI64::default(),
            committed: AtomicU64::default(),
        }
    }
}

impl Vitals {
    /// For a data thread that begins.
    pub fn thread(&self) -> Pulse {
        let beat = Arc::new(AtomicU64::new(millis(self.began)));
        self.threads.lock().unwrap_or_else(PoisonError::into_inner).push(beat.clone());
        Pulse { began: self.began, beat }
    }

    /// The journal came round.
    pub fn journal_beat(&self) {
        self.journal.store(millis(self.began), Relaxed);
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
        self.since(self.journal.load(Relaxed))
    }

    /// Since the data thread that is silent longest came round.
    pub fn threads_silent(&self) -> Duration {
        let threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        let last = threads.iter().map(|beat| beat.load(Relaxed)).min();
        last.map(|at| self.since(at)).unwrap_or_default()
    }

    fn since(&self, at_ms: u64) -> Duration {
        Duration::from_millis(millis(self.began).saturating_sub(at_ms))
    }
}

impl Pulse {
    /// Goes on until its runtime does not.
    pub async fn beat(self) {
        loop {
            self.beat.store(millis(self.began), Relaxed);
            tokio::time::sleep(BEAT).await;
        }
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
        let vitals =
            Vitals { began: Instant::now() - Duration::from_secs(60), ..Vitals::default() };
        let (one, two) = (vitals.thread(), vitals.thread());
        assert!(vitals.threads_silent() < Duration::from_secs(1));
        one.beat.store(1_000, Relaxed);
        assert!(vitals.threads_silent() >= Duration::from_secs(59));
        two.beat.store(500, Relaxed);
        one.beat.store(60_000, Relaxed);
        assert!(vitals.threads_silent() >= Duration::from_millis(59_500));
        assert_eq!(vitals.since_commit(), None);
        vitals.ended();
        vitals.ended();
        vitals.written(1);
        assert_eq!(vitals.unwritten(), 1);
        assert!(vitals.since_commit().unwrap() < Duration::from_secs(1));
    }
}
