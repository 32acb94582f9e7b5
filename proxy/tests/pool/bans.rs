//! Which keys must be left alone and until when, after what they said: protocol.md's
//! table once more, as plain as it can be written, to hold the pool against.

use std::collections::BTreeMap;

/// For ever, as far as the clock goes.
pub const FOR_EVER: i64 = i64::MAX;

/// Why a key is out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// Too many requests.
    Limited,
    /// It may not use the model.
    NoModel,
    /// No money.
    Exhausted,
    /// Perhaps no key.
    Suspect,
    /// No key.
    Invalid,
}

/// One key's.
#[derive(Debug, Default)]
pub struct Bans {
    until: BTreeMap<Why, i64>,
    /// The hour of a key without money came and a request tries it.
    pub trying: bool,
}

impl Bans {
    /// Whether it must not be picked.
    pub fn any(&self, now: i64) -> bool {
        self.until.values().any(|until| *until > now)
    }

    /// Whether this is why it must not be picked.
    pub fn has(&self, why: Why, now: i64) -> bool {
        self.until.get(&why).is_some_and(|until| *until > now)
    }

    /// Out until then; never for less than before.
    pub fn ban(&mut self, why: Why, until: i64) {
        let known = self.until.entry(why).or_default();
        *known = (*known).max(until);
    }

    /// Not for this reason any more.
    pub fn lift(&mut self, whys: &[Why]) {
        self.until.retain(|why, _| !whys.contains(why));
    }

    /// Picked: a key without money is tried by one.
    pub fn picked(&mut self, now: i64) {
        if let Some(until) = self.until.get_mut(&Why::Exhausted) {
            *until = now + 3_600_000;
            self.trying = true;
        }
    }

    /// As new.
    pub fn reset(&mut self) {
        *self = Self::default();
    }
}
