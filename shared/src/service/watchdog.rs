//! Feeds a service manager's watchdog while what must go on goes on.
//!
//! Each part that must make progress has a [`Pulse`] and beats it. A thread of its own
//! looks at them and feeds the watchdog as long as none has been silent for longer than
//! it may be; a stuck part means no feed, and the service manager kills and starts anew.
//!
//! What waits for something outside is not stuck: a database that is locked, a disk that
//! is full or fails. It beats with every attempt, for a kill would help nothing and would
//! lose what is queued.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use sd_notify::NotifyState;

/// Silence that means a part of the process is stuck, however short the watchdog's own
/// interval is: a slow disk alone may cost a write several seconds.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Between beats of a part that has nothing to do.
const TICK: Duration = Duration::from_secs(1);

/// One part's sign of life.
#[derive(Clone, Debug)]
pub struct Pulse {
    began: Instant,
    /// Milliseconds after `began`.
    last: Arc<AtomicU64>,
}

impl Pulse {
    /// Of a part that made its last progress then.
    pub fn begun(at: Instant) -> Self {
        Self { began: at, last: Arc::default() }
    }

    /// It has just made progress.
    pub fn beat(&self) {
        self.last.store(millis(self.began.elapsed()), Relaxed);
    }

    /// Beats while `waiting` has to wait, for as long as its runtime turns.
    pub async fn beside<T>(&self, waiting: impl Future<Output = T>) -> T {
        tokio::pin!(waiting);
        loop {
            self.beat();
            tokio::select! {
                done = &mut waiting => return done,
                () = tokio::time::sleep(TICK) => {}
            }
        }
    }

    /// Since its last progress.
    pub fn silent_for(&self) -> Duration {
        self.began.elapsed().saturating_sub(Duration::from_millis(self.last.load(Relaxed)))
    }
}

impl Default for Pulse {
    fn default() -> Self {
        Self::begun(Instant::now())
    }
}

/// The parts that must go on.
#[derive(Clone, Debug, Default)]
pub struct Watchdog {
    parts: Vec<(String, Pulse)>,
}

impl Watchdog {
    /// One more part, which has just made progress.
    pub fn part(&mut self, name: impl Into<String>) -> Pulse {
        let pulse = Pulse::default();
        self.parts.push((name.into(), pulse.clone()));
        pulse
    }

    /// Feeds from now on, where the service manager wants to be fed.
    pub fn start(self) {
        let env = |name: &str| std::env::var(name).ok();
        let Some(interval) = interval(
            env("WATCHDOG_USEC").as_deref(),
            env("WATCHDOG_PID").as_deref(),
            std::process::id(),
        ) else {
            return;
        };
        let watch = move || self.feed(interval);
        if let Err(e) = thread::Builder::new().name("watchdog".into()).spawn(watch) {
            tracing::error!(error = %e, "cannot start the thread that feeds the watchdog");
        }
    }

    fn feed(&self, interval: Duration) {
        let mut complained = false;
        loop {
            let silences =
                self.parts.iter().map(|(name, pulse)| (name.as_str(), pulse.silent_for()));
            match stuck(silences, PATIENCE) {
                None => {
                    complained = false;
                    super::tell(&[NotifyState::Watchdog]);
                }
                Some(name) if !complained => {
                    complained = true;
                    tracing::error!(part = name, "stuck: the watchdog is fed no longer");
                }
                Some(_) => {}
            }
            thread::sleep(interval / 4);
        }
    }
}

/// The first part that has been silent for longer than it may be.
fn stuck<'a>(
    silences: impl IntoIterator<Item = (&'a str, Duration)>,
    patience: Duration,
) -> Option<&'a str> {
    silences.into_iter().find(|(_, silent)| *silent > patience).map(|(name, _)| name)
}

/// How often the service manager wants to hear from this process; none where it does not.
/// A process that takes over from another has no `WATCHDOG_PID`.
fn interval(usec: Option<&str>, pid: Option<&str>, own: u32) -> Option<Duration> {
    let usec: u64 = usec?.parse().ok().filter(|usec| *usec > 0)?;
    match pid {
        Some(pid) if pid.parse() != Ok(own) => None,
        _ => Some(Duration::from_micros(usec)),
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_silent_part_is_enough() {
        let seconds = |n| Duration::from_secs(n);
        let parts = |journal| [("accept 0", seconds(1)), ("journal", seconds(journal))];
        assert_eq!(stuck(parts(30), PATIENCE), None);
        assert_eq!(stuck(parts(31), PATIENCE), Some("journal"));
        assert_eq!(stuck([], PATIENCE), None);
    }

    #[test]
    fn a_beat_ends_the_silence() {
        let pulse = Pulse::begun(Instant::now().checked_sub(Duration::from_secs(40)).unwrap());
        assert!(pulse.silent_for() >= Duration::from_secs(40));
        pulse.beat();
        assert!(pulse.silent_for() < Duration::from_secs(1));
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_is_no_silence() {
        let mut watchdog = Watchdog::default();
        let pulse = watchdog.part("accept");
        let before = pulse.last.load(Relaxed);
        std::thread::sleep(Duration::from_millis(5));
        pulse.beside(tokio::time::sleep(Duration::from_secs(90))).await;
        assert!(pulse.last.load(Relaxed) > before);
    }

    #[test]
    fn only_whom_it_is_meant_for_feeds_it() {
        let of = |usec, pid| interval(usec, pid, 7);
        assert_eq!(of(Some("2000000"), Some("7")), Some(Duration::from_secs(2)));
        assert_eq!(of(Some("2000000"), None), Some(Duration::from_secs(2)));
        assert_eq!(of(Some("2000000"), Some("8")), None);
        assert_eq!(of(Some("0"), None), None);
        assert_eq!(of(Some("soon"), None), None);
        assert_eq!(of(None, None), None);
    }
}
