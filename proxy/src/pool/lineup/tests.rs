//! What each strategy promises, by example. Random histories are in `proxy/tests/pool.rs`.

use std::time::Duration;

use super::*;
use crate::pool::{Lease, health::Rests, signal::Signal};

fn slots(n: i64) -> Vec<Slot> {
    let slot = |n| Slot::new(n, Arc::default(), Arc::default(), "m".into());
    (1..=n).map(slot).collect()
}

fn occasion(random: u64, conversation: u64) -> Occasion {
    Occasion { now_ms: 1000, random, conversation }
}

fn out(slot: &Slot, ms: u64) {
    let signal = Signal::RateLimited { reason: "r".into(), wait: Some(Duration::from_millis(ms)) };
    slot.place.change(1000, |health| health.hear(&signal, "m", 1000, Rests::default()));
}

#[test]
fn round_robin_is_even_to_within_one_over_any_window() {
    let lineup = Lineup::new(slots(7));
    out(&lineup.slots[3], 1);
    let turns = Turns::default();
    let picks: Vec<_> = (0..600)
        .map(|n| {
            let now_ms = if n < 300 { 1000 } else { 2000 };
            let occasion = Occasion { now_ms, ..occasion(0, 0) };
            lineup.pick(Strategy::RoundRobin, occasion, &[], &turns).unwrap()
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
    let mut slots = slots(4);
    slots[1] = slots[1].clone().with_weight(3);
    out(&slots[2], 1000);
    slots[3] = slots[3].clone().with_weight(1000);
    let lineup = Lineup::new(slots);
    let turns = Turns::default();
    let count = |lineup: &Lineup| {
        let mut counts = [0; 4];
        for random in 0..4000 {
            let picked = lineup.pick(Strategy::Random, occasion(random, 0), &[], &turns);
            counts[picked.unwrap()] += 1;
        }
        counts
    };
    let drawn = count(&lineup);
    assert!(drawn[3] > 3900 && drawn[2] == 0, "{drawn:?}");
    // Nearly every draw is in vain now: the walk has the same weights.
    out(&lineup.slots[3], 1000);
    let walked = count(&lineup);
    assert!((900..1100).contains(&walked[0]) && (2900..3100).contains(&walked[1]), "{walked:?}");
    assert_eq!(walked[0] + walked[1], 4000);
}

#[test]
fn least_busy_and_least_used_see_what_runs_and_what_ran() {
    let lineup = Lineup::new(slots(3));
    let slots = &lineup.slots;
    let turns = Turns::default();
    let busy = (Lease::take(&slots[0].place, 0, true), Lease::take(&slots[1].place, 0, false));
    let chosen = |strategy| lineup.pick(strategy, occasion(0, 0), &[], &turns);
    assert_eq!(chosen(Strategy::LeastBusy), Some(2));
    assert!(matches!(chosen(Strategy::LeastUsed), Some(1 | 2)));
    drop(busy);
    assert_eq!(slots[0].place.in_flight(), 0);
}

#[test]
fn smart_prefers_quota_then_cost_then_speed() {
    let mut slots = slots(3);
    let turns = Turns::default();
    slots[0].place.set_quota(Some(100));
    slots[0].place.spend(90);
    slots[1].cost = 5_000_000;
    let chosen = |slots: &[Slot]| {
        let lineup = Lineup::new(slots.to_vec());
        lineup.pick(Strategy::Smart, occasion(0, 0), &[], &turns)
    };
    assert_eq!(chosen(&slots), Some(2));
    slots[1].cost = 0;
    slots[1].place.answered_after(10_000);
    slots[2].place.answered_after(900_000);
    assert_eq!(chosen(&slots), Some(1));
    slots[0].place.spend(10);
    assert_eq!(chosen(&slots[..1]), None, "a spent quota takes a key out");
    slots[0].place.set_quota(Some(200));
    assert_eq!(chosen(&slots[..1]), Some(0), "a raised one brings it back");
}

#[test]
fn a_conversation_stays_with_its_key_and_spills_when_that_is_out() {
    let lineup = Lineup::new(slots(20));
    let turns = Turns::default();
    let chosen = |c| lineup.pick(Strategy::Affinity, occasion(0, c), &[], &turns).unwrap();
    let homes: Vec<_> = (0..1000).map(chosen).collect();
    assert_eq!(homes, (0..1000).map(chosen).collect::<Vec<_>>());
    let distinct: std::collections::HashSet<_> = homes.iter().collect();
    assert_eq!(distinct.len(), 20);
    out(&lineup.slots[homes[0]], 60_000);
    let now: Vec<_> = (0..1000).map(chosen).collect();
    assert_ne!(now[0], homes[0]);
    let moved = now.iter().zip(&homes).filter(|(a, b)| a != b).count();
    assert_eq!(moved, homes.iter().filter(|h| **h == homes[0]).count(), "only its own move");
}

#[test]
fn what_was_tried_is_not_tried_again() {
    let lineup = Lineup::new(slots(2));
    let turns = Turns::default();
    let tried = |key| (key, Arc::from("m"));
    for strategy in Strategy::ALL {
        let chosen = |tried: &Tried| lineup.pick(strategy, occasion(9, 9), tried, &turns);
        assert_eq!(chosen(&[tried(1)]), Some(1));
        assert_eq!(chosen(&[tried(1), tried(2)]), None);
        assert!(chosen(&[(1, "other".into()), (2, "other".into())]).is_some());
    }
}

#[test]
fn two_models_of_one_key_share_its_turns() {
    let one = slots(1).remove(0);
    let other = Slot::new(1, one.place.clone(), one.provider.clone(), "n".into()).with_weight(3);
    let lineup = Lineup::new(vec![one, other]);
    let turns = Turns::default();
    let picks = (0..400).map(|n| lineup.pick(Strategy::RoundRobin, occasion(n, n), &[], &turns));
    assert_eq!(picks.filter(|picked| *picked == Some(1)).count(), 300);
    for strategy in [Strategy::LeastUsed, Strategy::LeastBusy, Strategy::Smart] {
        let chosen = || lineup.pick(strategy, occasion(0, 0), &[], &turns);
        assert_ne!(chosen(), chosen(), "{strategy:?}");
    }
}

#[test]
fn threads_do_not_take_the_same_turn() {
    let lineup = Lineup::new(slots(8));
    let turns = Turns::default();
    let counts: [AtomicU64; 8] = Default::default();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..2000 {
                    let picked = lineup.pick(Strategy::RoundRobin, occasion(0, 0), &[], &turns);
                    counts[picked.unwrap()].fetch_add(1, Relaxed);
                }
            });
        }
    });
    for count in &counts {
        // 1000 each; a walk that lost its turn four times over takes another's.
        assert!((990..=1010).contains(&count.load(Relaxed)), "{counts:?}");
    }
}
