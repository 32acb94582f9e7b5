//! A provider's own health, apart from its keys': left alone when it says that it is
//! overloaded, and behind a breaker when it fails again and again.
//! <https://martinfowler.com/bliki/CircuitBreaker.html>

use std::{
    collections::VecDeque,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicI64, Ordering::Relaxed},
    },
    time::Duration,
};

use super::signal::Signal;

/// When a breaker opens and for how long.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Failures …
    pub failures: usize,
    /// … within so long open it …
    pub window: Duration,
    /// … for so long; then one request tries.
    pub open: Duration,
    /// After "overloaded", where the answer does not say.
    pub overloaded: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            failures: 5,
            window: Duration::from_secs(60),
            open: Duration::from_secs(30),
            overloaded: Duration::from_secs(10),
        }
    }
}

/// See the module. Outlives snapshots.
#[derive(Debug, Default)]
pub struct Provision {
    out_until: AtomicI64,
    facts: Mutex<Facts>,
}

#[derive(Debug, Default)]
struct Facts {
    failures: VecDeque<i64>,
    open: bool,
    reason: String,
}

/// How a provider stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// `ok`, `cooling` or `open`.
    pub status: &'static str,
    /// Why.
    pub reason: Option<String>,
    /// Unix ms.
    pub until: Option<i64>,
}

impl Provision {
    /// Whether it may be asked now.
    pub fn is_in(&self, now_ms: i64) -> bool {
        self.out_until.load(Relaxed) <= now_ms
    }

    /// Whether it failed too often of late.
    pub fn is_open(&self) -> bool {
        self.facts.lock().unwrap_or_else(PoisonError::into_inner).open
    }

    /// When it may be asked again; the past where it may be now.
    pub fn back_at(&self) -> i64 {
        self.out_until.load(Relaxed)
    }

    /// About to ask. With the breaker half open this one is the probe: the others go on
    /// waiting for its result.
    pub fn ask(&self, now_ms: i64, limits: Limits) {
        let facts = self.facts.lock().unwrap_or_else(PoisonError::into_inner);
        if facts.open {
            self.out_until.store(now_ms + ms(limits.open), Relaxed);
        }
    }

    /// Takes in what an answer said; true where the standing changed.
    pub fn hear(&self, signal: &Signal, now_ms: i64, limits: Limits) -> bool {
        let mut facts = self.facts.lock().unwrap_or_else(PoisonError::into_inner);
        match signal {
            Signal::Overloaded { reason, wait } => {
                let until = now_ms + ms(wait.unwrap_or(limits.overloaded));
                facts.reason = reason.clone();
                self.out_until.fetch_max(until, Relaxed);
                true
            }
            Signal::Failing(reason) => {
                let since = now_ms - ms(limits.window);
                facts.failures.retain(|at| *at > since);
                facts.failures.push_back(now_ms);
                let opens = facts.open || facts.failures.len() >= limits.failures.max(1);
                if opens {
                    facts.open = true;
                    facts.reason = reason.clone();
                    facts.failures.clear();
                    self.out_until.fetch_max(now_ms + ms(limits.open), Relaxed);
                }
                opens
            }
            // It answered: whatever it said, it lives.
            _ => {
                let was_out = facts.open;
                facts.failures.clear();
                if facts.open {
                    facts.open = false;
                    self.out_until.store(0, Relaxed);
                }
                was_out
            }
        }
    }

    /// How it stands now.
    pub fn state(&self, now_ms: i64) -> State {
        let facts = self.facts.lock().unwrap_or_else(PoisonError::into_inner);
        let until = self.out_until.load(Relaxed);
        let status = match (facts.open, until > now_ms) {
            (true, _) => "open",
            (false, true) => "cooling",
            (false, false) => return State { status: "ok", reason: None, until: None },
        };
        State { status, reason: Some(facts.reason.clone()), until: Some(until) }
    }
}

fn ms(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX / 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failing() -> Signal {
        Signal::Failing("status 502".into())
    }

    #[test]
    fn the_breaker_opens_lets_one_try_and_closes() {
        let provision = Provision::default();
        let limits = Limits::default();
        for n in 0..4 {
            assert!(!provision.hear(&failing(), n, limits));
        }
        assert!(provision.is_in(4));
        assert!(provision.hear(&failing(), 4, limits));
        assert!(!provision.is_in(5) && !provision.is_in(30_003));
        assert_eq!(provision.state(5).status, "open");
        assert!(provision.is_in(30_004), "half open");
        provision.ask(30_004, limits);
        assert!(!provision.is_in(30_005), "one probe, the others wait");
        provision.hear(&failing(), 30_010, limits);
        assert!(
            !provision.is_in(60_009) && provision.is_in(60_010),
            "one more failure opens it again"
        );
        provision.ask(60_010, limits);
        assert!(provision.hear(&Signal::Client, 60_011, limits));
        assert!(provision.is_in(60_011));
        assert_eq!(provision.state(60_011).status, "ok");
    }

    #[test]
    fn old_failures_do_not_count_and_overload_cools() {
        let provision = Provision::default();
        let limits = Limits::default();
        for n in 0..10 {
            assert!(!provision.hear(&failing(), n * 20_000, limits));
        }
        let wait = Some(Duration::from_secs(3));
        provision.hear(&Signal::Overloaded { reason: "o".into(), wait }, 500_000, limits);
        assert!(!provision.is_in(502_999) && provision.is_in(503_000));
        assert_eq!(provision.state(501_000).status, "cooling");
    }
}
