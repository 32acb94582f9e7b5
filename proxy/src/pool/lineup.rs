//! The keys that may serve one model at one priority, and the pick among them: no lock,
//! no allocation, one walk.
//!
//! The walk ranks a key before it asks whether the key is in, since most keys are
//! neither the best so far nor out; with a thousand keys that is half of the time. An
//! index kept in order by every strategy was rejected: counters change with each
//! request, and the keys belong to many lineups.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use super::{
    Place, Seen,
    provision::Provision,
    strategy::{Strategy, affinity, identity, mix, smart, stride},
};

/// A key that a route may use.
#[derive(Clone, Debug)]
pub struct Slot {
    /// The key's id.
    pub key_id: i64,
    /// Its facts.
    pub place: Arc<Place>,
    /// Its provider's.
    pub provider: Arc<Provision>,
    /// The upstream's name of the model.
    pub model: Arc<str>,
    /// Nano-dollars a call costs here, roughly, for comparing.
    pub(super) cost: i64,
    /// Of key and model, for rendezvous hashing.
    pub(super) identity: u64,
    weight: u32,
    /// What a turn costs a key of this weight.
    stride: u64,
}

impl Slot {
    /// A key of weight 1 whose calls cost nothing.
    pub fn new(key_id: i64, place: Arc<Place>, provider: Arc<Provision>, model: Arc<str>) -> Self {
        let identity = identity(key_id, &model);
        Self { key_id, place, provider, model, cost: 0, identity, weight: 1, stride: stride(1) }
    }

    /// A call costs so many nano-dollars.
    #[must_use]
    pub fn with_cost(self, cost: i64) -> Self {
        Self { cost, ..self }
    }

    /// Picked so often as this; 0 counts as 1.
    #[must_use]
    pub fn with_weight(self, weight: u32) -> Self {
        Self { weight: weight.max(1), stride: stride(weight), ..self }
    }
}

/// What a pick needs besides the keys.
#[derive(Clone, Copy, Debug)]
pub struct Occasion {
    /// Unix ms.
    pub now_ms: i64,
    /// Uniform.
    pub random: u64,
    /// Of the conversation's beginning.
    pub conversation: u64,
}

/// Keys tried already in this request, and with which model; few, so a list.
pub type Tried = [(i64, Arc<str>)];

/// The tick that orders the turns of all keys.
#[derive(Debug, Default)]
pub struct Turns(AtomicU64);

/// See the module.
#[derive(Debug, Default)]
pub struct Lineup {
    slots: Vec<Slot>,
    /// What is remembered of each slot.
    marks: Vec<Mark>,
    /// Sums of the weights up to and with each slot.
    sums: Vec<u64>,
    /// How far the one picked last had come.
    pace: AtomicU64,
}

/// A slot's turns. They are this lineup's own, so that two models of one key, or two routes
/// over the same keys, each have theirs.
#[derive(Debug, Default)]
struct Mark {
    /// The tick of its last pick.
    turn: AtomicU64,
    /// How far it has come in turns by weight.
    pace: AtomicU64,
    seen: Seen,
}

/// Draws before a random pick walks: keys that are out are drawn in vain.
const DRAWS: u64 = 8;
/// Walks before a pick is kept although another thread took the same turn.
const WALKS: usize = 4;

impl Lineup {
    /// Goes on where the lineups before it were with these keys.
    pub fn new(slots: Vec<Slot>) -> Self {
        let sums = slots.iter().scan(0u64, |sum, slot| {
            *sum += u64::from(slot.weight);
            Some(*sum)
        });
        let begun = |slot: &Slot| slot.place.pace.load(Relaxed).saturating_sub(slot.stride);
        let pace = slots.iter().map(begun).max().unwrap_or(0);
        let marks = slots.iter().map(|slot| Mark {
            turn: slot.place.turn.load(Relaxed).into(),
            pace: slot.place.pace.load(Relaxed).clamp(pace, pace + slot.stride).into(),
            seen: Seen::default(),
        });
        Self { sums: sums.collect(), marks: marks.collect(), pace: pace.into(), slots }
    }

    /// All of them, in or out.
    pub fn slots(&self) -> &[Slot] {
        &self.slots
    }

    /// The index of the slot to use; `None` where none can serve.
    pub fn pick(
        &self,
        strategy: Strategy,
        occasion: Occasion,
        tried: &Tried,
        turns: &Turns,
    ) -> Option<usize> {
        let usable = |slot: &Slot, seen: &Seen| {
            slot.place.is_in(&slot.model, seen, occasion.now_ms)
                && slot.provider.is_in(occasion.now_ms)
                && !tried.iter().any(|(key, model)| *key == slot.key_id && *model == slot.model)
        };
        let used = |slot: &Slot| slot.place.used.load(Relaxed);
        let busy = |slot: &Slot| u64::from(slot.place.in_flight.load(Relaxed));
        for walk in 1.. {
            let lineup = self.pace.load(Relaxed);
            let (picked, value, turn) = match strategy {
                // One that was away does not make up for the turns it missed.
                Strategy::RoundRobin => {
                    self.least(usable, |_, mark| mark.pace.load(Relaxed).max(lineup))
                }
                Strategy::LeastUsed => self.least(usable, |slot, _| used(slot)),
                Strategy::LeastBusy => self.least(usable, |slot, _| busy(slot)),
                Strategy::Smart => self.least(usable, |slot, _| smart(slot)),
                Strategy::Affinity => {
                    self.least(usable, |slot, _| affinity(slot, occasion.conversation))
                }
                Strategy::Random => return self.draw(occasion.random, usable),
            }?;
            // Two threads that walk at the same time do not take the same turn.
            let (slot, mark, next) = (&self.slots[picked], &self.marks[picked], turns.next());
            let taken = mark.turn.compare_exchange(turn, next, Relaxed, Relaxed);
            if taken.is_err() && walk < WALKS && strategy != Strategy::Affinity {
                continue;
            }
            slot.place.turn.store(next, Relaxed);
            if strategy == Strategy::RoundRobin {
                let pace = value.saturating_add(slot.stride);
                mark.pace.store(pace, Relaxed);
                slot.place.pace.store(pace, Relaxed);
                self.pace.fetch_max(value, Relaxed);
            }
            return Some(picked);
        }
        None
    }

    /// The smallest value wins; among equals the one whose turn is longest ago. Gives
    /// index, value and turn.
    fn least(
        &self,
        usable: impl Fn(&Slot, &Seen) -> bool,
        value: impl Fn(&Slot, &Mark) -> u64,
    ) -> Option<(usize, u64, u64)> {
        let mut best = None;
        let (mut least, mut oldest) = (u64::MAX, u64::MAX);
        for (n, (slot, mark)) in self.slots.iter().zip(&self.marks).enumerate() {
            let value = value(slot, mark);
            if value > least {
                continue;
            }
            let turn = mark.turn.load(Relaxed);
            if (value < least || turn < oldest) && usable(slot, &mark.seen) {
                (best, least, oldest) = (Some(n), value, turn);
            }
        }
        best.map(|n| (n, least, oldest))
    }

    /// By weight among those that are in: drawn among all until one is in, which is the
    /// same and needs no walk; after some draws the walk is made.
    fn draw(&self, random: u64, usable: impl Fn(&Slot, &Seen) -> bool) -> Option<usize> {
        let total = *self.sums.last()?;
        for draw in 0..DRAWS {
            let at = mix(random, draw) % total;
            let n = self.sums.partition_point(|sum| *sum <= at);
            if usable(&self.slots[n], &self.marks[n].seen) {
                return Some(n);
            }
        }
        // Each that is in takes the place of the one before with its share of the weight so
        // far. <https://en.wikipedia.org/wiki/Reservoir_sampling>
        let mut total = 0;
        let mut chosen = None;
        for (n, (slot, mark)) in self.slots.iter().zip(&self.marks).enumerate() {
            if usable(slot, &mark.seen) {
                total += u64::from(slot.weight);
                if mix(random, DRAWS + n as u64) % total < u64::from(slot.weight) {
                    chosen = Some(n);
                }
            }
        }
        chosen
    }
}

impl Turns {
    fn next(&self) -> u64 {
        self.0.fetch_add(1, Relaxed) + 1
    }
}

#[cfg(test)]
mod tests;
