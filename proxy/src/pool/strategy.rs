//! Which of the keys that can serve does. Pure: the keys' hot facts, a strategy, a
//! random number and the time; no allocation, one walk.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use serde::{Deserialize, Serialize};

use super::{Place, provision::Provision};

/// How a key is picked among those that can serve.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// The one whose last turn is longest ago.
    #[default]
    RoundRobin,
    /// By weight.
    Random,
    /// The one with the fewest requests ever.
    LeastUsed,
    /// The one with the fewest running.
    LeastBusy,
    /// Quota left, then cost, then time to answer.
    Smart,
    /// The one that a conversation's beginning hashes to.
    Affinity,
}

impl Strategy {
    /// From the contract's word.
    pub fn named(name: &str) -> Option<Self> {
        serde_json::from_value(serde_json::Value::from(name)).ok()
    }
}

/// A key that a route may use.
#[derive(Clone, Debug)]
pub struct Slot {
    /// The key's id, which rendezvous hashing mixes.
    pub key_id: i64,
    /// Its facts.
    pub place: Arc<Place>,
    /// Its provider's.
    pub provider: Arc<Provision>,
    /// The upstream's name of the model.
    pub model: Arc<str>,
    /// For random picks.
    pub weight: u32,
    /// Nano-dollars a call costs here, roughly, for comparing.
    pub cost: i64,
}

/// What a pick needs besides the slots.
#[derive(Clone, Copy, Debug)]
pub struct Occasion {
    /// Unix ms.
    pub now_ms: i64,
    /// Uniform.
    pub random: u64,
    /// Of the conversation's beginning.
    pub conversation: u64,
}

/// Keys tried already in this request; few, so a list.
pub type Tried = [i64];

/// The tick that orders turns.
#[derive(Debug, Default)]
pub struct Turns(AtomicU64);

/// The index of the slot to use; `None` where none can serve.
pub fn pick(
    slots: &[Slot],
    strategy: Strategy,
    occasion: Occasion,
    tried: &Tried,
    turns: &Turns,
) -> Option<usize> {
    let Occasion { now_ms, random, conversation } = occasion;
    let usable = |slot: &Slot| {
        slot.provider.is_in(now_ms)
            && !tried.contains(&slot.key_id)
            && slot.place.is_in(&slot.model, now_ms)
    };
    // The smallest value wins; among equals the one whose turn is longest ago.
    let least = |value: &dyn Fn(&Slot) -> u64| {
        let candidates = slots.iter().enumerate().filter(|(_, slot)| usable(slot));
        candidates
            .min_by_key(|(_, slot)| (value(slot), slot.place.turn.load(Relaxed)))
            .map(|(n, _)| n)
    };
    let picked = match strategy {
        Strategy::RoundRobin => least(&|_| 0),
        Strategy::LeastUsed => least(&|slot| slot.place.used.load(Relaxed)),
        Strategy::LeastBusy => least(&|slot| slot.place.in_flight.load(Relaxed).into()),
        Strategy::Smart => least(&|slot| smart(slot)),
        Strategy::Affinity => least(&|slot| u64::MAX - mix(conversation, slot.key_id as u64)),
        Strategy::Random => {
            let total: u64 =
                slots.iter().filter(|slot| usable(slot)).map(|s| u64::from(s.weight.max(1))).sum();
            // A key may go out between the two walks: the last usable one then serves.
            let mut left = if total == 0 { return None } else { random % total };
            let mut last = None;
            for (n, slot) in slots.iter().enumerate().filter(|(_, slot)| usable(slot)) {
                last = Some(n);
                match left.checked_sub(slot.weight.max(1).into()) {
                    Some(rest) => left = rest,
                    None => break,
                }
            }
            last
        }
    }?;
    let turn = turns.0.fetch_add(1, Relaxed) + 1;
    slots[picked].place.turn.store(turn, Relaxed);
    Some(picked)
}

/// Quota left in tenths, then cost, then latency, packed so that the smallest is best.
fn smart(slot: &Slot) -> u64 {
    let spent_tenths = 10 - (slot.place.left_permille() / 100).clamp(0, 10) as u64;
    let cost = (slot.cost.max(0) as u64 / 1000).min((1 << 28) - 1);
    let latency = (slot.place.latency_us.load(Relaxed) / 1000).min((1 << 28) - 1);
    spent_tenths << 56 | cost << 28 | latency
}

/// Mixes two numbers well enough for rendezvous hashing (splitmix64's finisher).
fn mix(a: u64, b: u64) -> u64 {
    let mut x = a ^ b.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pool::{Lease, health::Rests, signal::Signal};
    use std::time::Duration;

    fn slots(n: usize) -> Vec<Slot> {
        (0..n)
            .map(|n| {
                let place = Place::default();
                place.set_quota(None);
                Slot {
                    key_id: n as i64 + 1,
                    place: Arc::new(place),
                    provider: Arc::default(),
                    model: "m".into(),
                    weight: 1,
                    cost: 0,
                }
            })
            .collect()
    }

    fn occasion(random: u64, conversation: u64) -> Occasion {
        Occasion { now_ms: 1000, random, conversation }
    }

    fn out(slot: &Slot, ms: u64) {
        let signal =
            Signal::RateLimited { reason: "r".into(), wait: Some(Duration::from_millis(ms)) };
        slot.place.change(1000, |health| health.hear(&signal, "m", 1000, Rests::default()));
    }

    #[test]
    fn round_robin_is_even_to_within_one_over_any_window() {
        let slots = slots(7);
        out(&slots[3], 1);
        let turns = Turns::default();
        let picks: Vec<_> = (0..600)
            .map(|n| {
                let now_ms = if n < 300 { 1000 } else { 2000 };
                let occasion = Occasion { now_ms, ..occasion(0, 0) };
                pick(&slots, Strategy::RoundRobin, occasion, &[], &turns).unwrap()
            })
            .collect();
        assert!(!picks[..300].contains(&3), "what is out is never picked");
        for (half, keys) in [(&picks[..300], 6), (&picks[300..], 7)] {
            for window in half.windows(keys * 5 + 2) {
                let count = |key: usize| window.iter().filter(|p| **p == key).count();
                let counts: Vec<_> = (0..7).map(count).filter(|n| *n > 0).collect();
                let spread = counts.iter().max().unwrap() - counts.iter().min().unwrap();
                assert!(spread <= 1 && counts.len() == keys, "{counts:?}");
            }
        }
    }

    #[test]
    fn random_follows_the_weights() {
        let mut slots = slots(3);
        slots[1].weight = 3;
        out(&slots[2], 1000);
        let turns = Turns::default();
        let mut counts = [0; 3];
        for random in 0..4000 {
            counts[pick(&slots, Strategy::Random, occasion(random, 0), &[], &turns).unwrap()] += 1;
        }
        assert_eq!(counts, [1000, 3000, 0]);
    }

    #[test]
    fn least_busy_and_least_used_see_what_runs_and_what_ran() {
        let slots = slots(3);
        let turns = Turns::default();
        let _busy = (Lease::take(&slots[0].place, 0, true), Lease::take(&slots[1].place, 0, false));
        let chosen = |strategy| pick(&slots, strategy, occasion(0, 0), &[], &turns);
        assert_eq!(chosen(Strategy::LeastBusy), Some(2));
        assert!(matches!(chosen(Strategy::LeastUsed), Some(1 | 2)));
        drop(_busy);
        assert_eq!(slots[0].place.in_flight(), 0);
    }

    #[test]
    fn smart_prefers_quota_then_cost_then_speed() {
        let mut slots = slots(3);
        let turns = Turns::default();
        slots[0].place.set_quota(Some(100));
        slots[0].place.spend(90);
        slots[1].cost = 5_000_000;
        let chosen = |slots: &[Slot]| pick(slots, Strategy::Smart, occasion(0, 0), &[], &turns);
        assert_eq!(chosen(&slots), Some(2));
        slots[1].cost = 0;
        slots[1].place.answered_after(10_000);
        slots[2].place.answered_after(900_000);
        assert_eq!(chosen(&slots), Some(1));
        slots[0].place.spend(10);
        let left = [slots[0].clone()];
        assert_eq!(chosen(&left), None, "a spent quota takes a key out");
    }

    #[test]
    fn a_conversation_stays_with_its_key_and_spills_when_that_is_out() {
        let slots = slots(20);
        let turns = Turns::default();
        let chosen = |c| pick(&slots, Strategy::Affinity, occasion(0, c), &[], &turns).unwrap();
        let homes: Vec<_> = (0..1000).map(chosen).collect();
        assert_eq!(homes, (0..1000).map(chosen).collect::<Vec<_>>());
        let distinct: std::collections::HashSet<_> = homes.iter().collect();
        assert_eq!(distinct.len(), 20);
        out(&slots[homes[0]], 60_000);
        let now: Vec<_> = (0..1000).map(chosen).collect();
        assert_ne!(now[0], homes[0]);
        let moved = now.iter().zip(&homes).filter(|(a, b)| a != b).count();
        assert_eq!(moved, homes.iter().filter(|h| **h == homes[0]).count(), "only its own move");
    }

    #[test]
    fn what_was_tried_is_not_tried_again() {
        let slots = slots(2);
        let turns = Turns::default();
        for strategy in [
            Strategy::RoundRobin,
            Strategy::Random,
            Strategy::LeastUsed,
            Strategy::LeastBusy,
            Strategy::Smart,
            Strategy::Affinity,
        ] {
            assert_eq!(pick(&slots, strategy, occasion(9, 9), &[1], &turns), Some(1));
            assert_eq!(pick(&slots, strategy, occasion(9, 9), &[1, 2], &turns), None);
        }
    }
}
