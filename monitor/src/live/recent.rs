//! The exchanges that ended last, so that what is said of them late is recognised as
//! late. Bounded; beyond it the oldest are forgotten, long after anything can be late.

use std::{
    collections::{HashMap, HashSet},
    mem::swap,
};

use glassway_shared::{id::ExchangeId, model::Exchange};

/// Remembered at least, and twice as many at most: what a table of 65,536 places holds before
/// it grows.
const REMEMBERED: usize = 57_344;

/// Two generations, of which the older is forgotten as a whole once the younger is full: a
/// single table that things leave one by one grows to four times what it holds.
#[derive(Default)]
pub(super) struct Recent {
    young: Generation,
    old: Generation,
}

#[derive(Default)]
struct Generation {
    ended: HashSet<ExchangeId>,
    /// Of those, the ones whose record was lost, with all that is known.
    lost: HashMap<ExchangeId, Exchange>,
}

impl Recent {
    /// False where it had been added before.
    pub(super) fn add(&mut self, id: ExchangeId, lost: Option<Exchange>) -> bool {
        if self.contains(id) {
            return false;
        }
        if self.young.ended.len() >= REMEMBERED {
            swap(&mut self.young, &mut self.old);
            self.young.ended.clear();
            self.young.lost = HashMap::new();
        }
        self.young.ended.insert(id);
        self.young.lost.extend(lost.map(|exchange| (id, exchange)));
        true
    }

    pub(super) fn contains(&self, id: ExchangeId) -> bool {
        self.young.ended.contains(&id) || self.old.ended.contains(&id)
    }

    /// How this one ended, if its record was lost.
    pub(super) fn lost(&self, id: ExchangeId) -> Option<&Exchange> {
        self.young.lost.get(&id).or_else(|| self.old.lost.get(&id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::shape::tests::full;

    #[test]
    fn the_oldest_are_forgotten_and_the_tables_never_grow() {
        let mut recent = Recent::default();
        let first = ExchangeId::new();
        assert!(recent.add(first, Some(full())));
        assert!(!recent.add(first, None));
        let mut places = [0; 2];
        for round in 0..6 {
            let ids: Vec<_> = (0..REMEMBERED).map(|_| ExchangeId::new()).collect();
            assert!(ids.iter().all(|id| recent.add(*id, None)));
            assert!(ids.iter().all(|id| recent.contains(*id)));
            assert_eq!(recent.lost(first).is_some(), round < 1, "{round}");
            let now = [&recent.young, &recent.old].map(|one| one.ended.capacity());
            if round > 1 {
                assert_eq!(now, places);
            }
            places = now;
        }
        assert!(recent.add(first, None), "forgotten");
    }
}
