//! The pool under random histories: keys answer in every way there is, time passes, keys
//! are reset, switched off and on, snapshots are swapped. What is out is told by an
//! account of bans kept here, apart from the pool's own.

#![allow(clippy::unwrap_used, reason = "what cannot be had fails the test")]

#[path = "pool/bans.rs"]
mod bans;
#[path = "pool/world.rs"]
mod world;

use glassway_proxy::pool::strategy::Strategy as Way;
use proptest::{collection::vec, option, prelude::*, sample::select};
use world::{Event, Said, World};

fn said() -> impl Strategy<Value = Said> {
    prop_oneof![
        6 => Just(Said::Fine),
        1 => Just(Said::Client),
        1 => Just(Said::Egress),
        2 => (1u64..120_000).prop_map(Said::Limited),
        1 => Just(Said::NoModel),
        1 => Just(Said::Exhausted),
        1 => Just(Said::Invalid),
        1 => (1u64..30_000).prop_map(Said::Overloaded),
        1 => Just(Said::Failing),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        12 => said().prop_map(Event::Ask),
        6 => Just(Event::Begin),
        4 => said().prop_map(Event::Answer),
        6 => (0i64..40_000).prop_map(Event::Pass),
        1 => (600_000i64..5_000_000).prop_map(Event::Pass),
        1 => (0usize..8).prop_map(Event::Reset),
        1 => (0usize..8, any::<bool>()).prop_map(|(key, fine)| Event::Probed(key, fine)),
        1 => (0usize..8).prop_map(Event::Switch),
        1 => (0usize..8, 1i64..60).prop_map(|(key, nano)| Event::Spend(key, nano)),
        2 => Just(Event::Reload),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn what_is_out_is_never_picked_and_what_is_in_never_starves(
        way in select(Way::ALL.to_vec()),
        keys in vec((1u32..5, option::of(50i64..200), 0usize..2), 1..8),
        events in vec(event(), 1..250),
    ) {
        let mut world = World::new(way, &keys);
        for event in events {
            world.happen(event);
        }
    }

    #[test]
    fn round_robin_follows_the_weights_over_every_window(
        weights in vec(1u32..12, 1..8),
        reloads in vec(1usize..400, 0..4),
    ) {
        let keys: Vec<_> = weights.iter().map(|weight| (*weight, None, 0)).collect();
        let mut world = World::new(Way::RoundRobin, &keys);
        let total: u32 = weights.iter().sum();
        let mut picks = Vec::new();
        for n in 0..400 {
            if reloads.contains(&n) {
                world.happen(Event::Reload);
            }
            picks.push(world.pick().unwrap());
        }
        for start in [0, 7, 63, 200] {
            let window = &picks[start..];
            for (key, weight) in weights.iter().enumerate() {
                let count = window.iter().filter(|picked| **picked == key).count() as f64;
                let share = window.len() as f64 * f64::from(*weight) / f64::from(total);
                // However long the window, since no key is ahead of another by over a turn.
                let off = (count - share).abs();
                prop_assert!(off <= keys.len() as f64, "{weights:?} {key}: {count} of {share}");
            }
        }
    }
}
