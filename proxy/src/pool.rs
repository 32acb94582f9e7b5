//! Which key serves: the hot facts of every key in one place that a pick walks through
//! without a lock, an allocation or a parse, and the slow facts (why, until when)
//! beside them.
//!
//! Places outlive snapshots: a reload changes which keys a route names, never what is
//! known of them.

pub mod health;
pub mod lineup;
pub mod provision;
pub mod signal;
pub mod strategy;

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError, RwLock,
    atomic::{
        AtomicI64, AtomicU32, AtomicU64,
        Ordering::{Acquire, Relaxed, Release},
    },
};

use health::{Health, Rests, Standing};

/// Milliseconds since the epoch at which something ends that ends by no clock.
pub const NEVER: i64 = i64::MAX;
/// Nothing is left of a quota: more than ten tenths.
const ALL_SPENT: u32 = 11;

/// What is known of one key while the process runs. What a pick reads comes first and
/// fills one cache line, since with a thousand keys that is what a pick costs.
#[derive(Debug, Default)]
#[repr(C, align(64))]
pub struct Place {
    /// The whole key is out until then (unix ms); 0 = in.
    out_until: AtomicI64,
    /// Requests ever.
    used: AtomicU64,
    /// Decaying average to the answer's head, in microseconds; 0 = unknown.
    latency_us: AtomicU64,
    /// Requests running.
    in_flight: AtomicU32,
    /// Even: no model of it is out. A number that never comes again, or not before two
    /// thousand million changes.
    models_edition: AtomicU32,
    /// Tenths of the quota that are spent; [`ALL_SPENT`] takes the key out.
    spent_tenths: AtomicU32,
    /// Nano-dollars.
    spent: AtomicI64,
    /// Nano-dollars; `None` = unlimited.
    quota: Mutex<Option<i64>>,
    /// Unix ms; 0 = never.
    last_used: AtomicI64,
    /// Where a new lineup goes on: the tick of its last pick …
    turn: AtomicU64,
    /// … and how far it had come in turns by weight.
    pace: AtomicU64,
    health: Mutex<Health>,
}

/// Until when one model of a key is out, as last asked of the slow facts: a pick asks
/// them again only when they have changed.
#[derive(Debug, Default)]
pub struct Seen {
    edition: AtomicU32,
    until: AtomicI64,
}

impl Place {
    /// Facts that were kept over a restart.
    pub fn restored(health: Health, used: u64, last_used_ms: i64, spent_nano: i64) -> Self {
        let place = Self {
            used: AtomicU64::new(used),
            last_used: AtomicI64::new(last_used_ms),
            spent: AtomicI64::new(spent_nano),
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
        let next = (self.models_edition.load(Relaxed) | 1).wrapping_add(1);
        self.models_edition.store(next | u32::from(health.has_models()), Release);
    }

    /// Whether it may serve this model now. `seen` is what this caller remembers of this
    /// model.
    #[inline]
    pub fn is_in(&self, model: &str, seen: &Seen, now_ms: i64) -> bool {
        self.out_until.load(Relaxed) <= now_ms
            && self.spent_tenths.load(Relaxed) < ALL_SPENT
            && self.model_out_until(model, seen) <= now_ms
    }

    fn model_out_until(&self, model: &str, seen: &Seen) -> i64 {
        match self.models_edition.load(Acquire) {
            edition if edition % 2 == 0 => 0,
            edition if seen.edition.load(Acquire) == edition => seen.until.load(Relaxed),
            _ => self.look_up(model, seen),
        }
    }

    #[cold]
    fn look_up(&self, model: &str, seen: &Seen) -> i64 {
        // Written under the lock, so that edition and time belong together.
        let health = self.health();
        let until = health.model_out_until(model);
        seen.until.store(until, Relaxed);
        seen.edition.store(self.models_edition.load(Relaxed), Release);
        until
    }

    /// About to be asked. A key without money whose hour has come is tried by this one
    /// request; the others wait for its result.
    pub fn ask(&self, now_ms: i64, rests: Rests) {
        if self.out_until.load(Relaxed) != 0 {
            self.change(now_ms, |health| health.trying(now_ms, rests));
        }
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
            Standing::Active if self.all_spent() => {
                Standing::Exhausted { reason: "quota_usd is spent".into(), until: NEVER }
            }
            standing => standing,
        }
    }

    /// Why the key may not use this model, and until when that is believed.
    pub fn excluded(&self, model: &str, now_ms: i64) -> Option<(String, i64)> {
        self.health().excluded(model, now_ms)
    }

    /// Forgets all that speaks against it. Says whether there was something.
    pub fn forgive(&self) -> bool {
        let mut health = self.health();
        let had = *health != Health::well();
        *health = Health::well();
        self.publish(&health);
        had
    }

    /// When this model can be served again, if the clock decides.
    pub fn back_at(&self, model: &str, now_ms: i64) -> Option<i64> {
        if self.all_spent() {
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
        let mut quota = self.quota.lock().unwrap_or_else(PoisonError::into_inner);
        *quota = nano;
        self.reckon(nano);
    }

    /// Adds to what it has spent.
    pub fn spend(&self, nano: i64) {
        let quota = self.quota.lock().unwrap_or_else(PoisonError::into_inner);
        self.spent.fetch_add(nano, Relaxed);
        self.reckon(*quota);
    }

    /// With the quota locked, so that the last to change anything has the last word.
    fn reckon(&self, quota: Option<i64>) {
        let spent = self.spent.load(Relaxed).max(0);
        let tenths = match quota {
            None => 0,
            Some(quota) if spent >= quota => ALL_SPENT,
            Some(quota) => (i128::from(spent) * 10 / i128::from(quota)) as u32,
        };
        self.spent_tenths.store(tenths, Relaxed);
    }

    fn all_spent(&self) -> bool {
        self.spent_tenths.load(Relaxed) == ALL_SPENT
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
