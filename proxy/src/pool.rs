//! Which key serves: the hot facts of every key in one place that a pick walks through
//! without a lock, an allocation or a parse, and the slow facts (why, until when)
//! beside them.
//!
//! Places outlive snapshots: a reload changes which keys a route names, never what is
//! known of them.

pub mod health;
pub mod provision;
pub mod signal;
pub mod strategy;

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError, RwLock,
    atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, Ordering::Relaxed},
};

use health::{Health, Standing};

/// Milliseconds since the epoch at which something ends that ends by no clock.
pub const NEVER: i64 = i64::MAX;

/// What is known of one key while the process runs.
#[derive(Debug, Default)]
pub struct Place {
    /// The whole key is out until then (unix ms); 0 = in.
    out_until: AtomicI64,
    /// Some models of it are out: the slow facts must be asked.
    some_models: AtomicBool,
    /// Requests running.
    in_flight: AtomicU32,
    /// Requests ever.
    used: AtomicU64,
    /// The tick of its last pick, for round robin.
    turn: AtomicU64,
    /// Unix ms; 0 = never.
    last_used: AtomicI64,
    /// Decaying average to the answer's head, in microseconds; 0 = unknown.
    latency_us: AtomicU64,
    /// Nano-dollars.
    spent: AtomicI64,
    /// Nano-dollars; `i64::MAX` = unlimited.
    quota: AtomicI64,
    health: Mutex<Health>,
}

impl Place {
    /// Facts that were kept over a restart.
    pub fn restored(health: Health, used: u64, last_used_ms: i64, spent_nano: i64) -> Self {
        let place = Self {
            used: AtomicU64::new(used),
            last_used: AtomicI64::new(last_used_ms),
            spent: AtomicI64::new(spent_nano),
            quota: AtomicI64::new(i64::MAX),
            health: Mutex::new(health),
            ..Self::default()
        };
        place.publish(&place.health());
        place
    }

    fn health(&self) -> MutexGuard<'_, Health> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn publish(&self, health: &Health) {
        self.out_until.store(health.out_until(), Relaxed);
        self.some_models.store(health.has_models(), Relaxed);
    }

    /// Whether it may serve this model now.
    pub fn is_in(&self, model: &str, now_ms: i64) -> bool {
        self.out_until.load(Relaxed) <= now_ms
            && self.spent.load(Relaxed) < self.quota.load(Relaxed)
            && (!self.some_models.load(Relaxed) || self.health().model_in(model, now_ms))
    }

    /// Changes the slow facts; the hot ones follow. Says whether the standing changed.
    pub fn change(&self, now_ms: i64, change: impl FnOnce(&mut Health)) -> bool {
        let mut health = self.health();
        let before = health.standing(now_ms);
        change(&mut health);
        self.publish(&health);
        health.standing(now_ms) != before
    }

    /// Why it is out and until when, at this moment.
    pub fn standing(&self, now_ms: i64) -> Standing {
        let standing = self.health().standing(now_ms);
        match standing {
            Standing::Active if self.spent.load(Relaxed) >= self.quota.load(Relaxed) => {
                Standing::Exhausted { reason: "quota_usd is spent".into(), until: NEVER }
            }
            standing => standing,
        }
    }

    /// When this model can be served again, if the clock decides.
    pub fn back_at(&self, model: &str, now_ms: i64) -> Option<i64> {
        if self.spent.load(Relaxed) >= self.quota.load(Relaxed) {
            return None;
        }
        self.health().back_at(model, now_ms)
    }

    /// The slow facts, to be kept.
    pub fn kept(&self) -> Health {
        self.health().clone()
    }

    /// Nano-dollars that it may spend; `None` = unlimited.
    pub fn set_quota(&self, nano: Option<i64>) {
        self.quota.store(nano.unwrap_or(i64::MAX), Relaxed);
    }

    /// Adds to what it has spent.
    pub fn spend(&self, nano: i64) {
        self.spent.fetch_add(nano, Relaxed);
    }

    /// Nano-dollars spent.
    pub fn spent(&self) -> i64 {
        self.spent.load(Relaxed)
    }

    /// Requests running.
    pub fn in_flight(&self) -> u32 {
        self.in_flight.load(Relaxed)
    }

    /// Requests ever.
    pub fn used(&self) -> u64 {
        self.used.load(Relaxed)
    }

    /// Unix ms of the last use; 0 = never.
    pub fn last_used(&self) -> i64 {
        self.last_used.load(Relaxed)
    }

    /// Decaying average to the answer's head in microseconds; 0 = unknown.
    pub fn latency_us(&self) -> u64 {
        self.latency_us.load(Relaxed)
    }

    /// Share of the quota that is left, in thousandths; unlimited is all of it.
    fn left_permille(&self) -> i64 {
        let quota = self.quota.load(Relaxed);
        match quota {
            i64::MAX => 1000,
            ..=0 => 0,
            _ => {
                let left = quota.saturating_sub(self.spent.load(Relaxed)).max(0);
                (i128::from(left) * 1000 / i128::from(quota)) as i64
            }
        }
    }

    /// An answer's head came after so long: a fifth of the new, the rest of the old.
    pub fn answered_after(&self, us: u64) {
        let old = self.latency_us.load(Relaxed);
        let new = if old == 0 { us } else { (old * 4 + us) / 5 };
        self.latency_us.store(new.max(1), Relaxed);
    }
}

/// Held while a key serves a request.
#[derive(Debug)]
pub struct Lease(Arc<Place>);

impl Lease {
    /// One more runs on it.
    pub fn take(place: &Arc<Place>, now_ms: i64, counts: bool) -> Self {
        place.in_flight.fetch_add(1, Relaxed);
        if counts {
            place.used.fetch_add(1, Relaxed);
        }
        place.last_used.store(now_ms, Relaxed);
        Self(place.clone())
    }

    /// The key it is for.
    pub fn place(&self) -> &Arc<Place> {
        &self.0
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Relaxed);
    }
}

/// Every key's place, by the key's id.
#[derive(Default)]
pub struct Places {
    by_id: RwLock<std::collections::HashMap<i64, Arc<Place>>>,
}

impl Places {
    /// The place of this key; made by `make` where it is new.
    pub fn of(&self, key_id: i64, make: impl FnOnce() -> Place) -> Arc<Place> {
        if let Some(place) = self.find(key_id) {
            return place;
        }
        let mut by_id = self.by_id.write().unwrap_or_else(PoisonError::into_inner);
        by_id.entry(key_id).or_insert_with(|| Arc::new(make())).clone()
    }

    /// The place of this key, if it is known.
    pub fn find(&self, key_id: i64) -> Option<Arc<Place>> {
        self.by_id.read().unwrap_or_else(PoisonError::into_inner).get(&key_id).cloned()
    }
}
