//! The exchanges that ended last, so that what is said of them late is recognised as
//! late. Bounded; beyond it the oldest are forgotten, long after anything can be late.

use std::collections::{HashMap, VecDeque};

use glassway_shared::{id::ExchangeId, model::Exchange};

const REMEMBERED: usize = 65_536;

/// Ids in the order they ended; those whose record was lost with all that is known.
#[derive(Default)]
pub(super) struct Recent {
    order: VecDeque<ExchangeId>,
    ended: HashMap<ExchangeId, Option<Box<Exchange>>>,
}

impl Recent {
    /// False where it had been added before.
    pub(super) fn add(&mut self, id: ExchangeId, lost: Option<Exchange>) -> bool {
        if self.ended.contains_key(&id) {
            return false;
        }
        if self.order.len() >= REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.ended.remove(&oldest);
        }
        self.order.push_back(id);
        self.ended.insert(id, lost.map(Box::new));
        true
    }

    pub(super) fn contains(&self, id: ExchangeId) -> bool {
        self.ended.contains_key(&id)
    }

    /// How this one ended, if its record was lost.
    pub(super) fn lost(&self, id: ExchangeId) -> Option<&Exchange> {
        self.ended.get(&id)?.as_deref()
    }
}
