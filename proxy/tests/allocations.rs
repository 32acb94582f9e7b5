//! Finding the plan and picking a key allocates nothing, whatever the strategy and
//! however many keys there are. The allocator of this program counts.

#![allow(clippy::unwrap_used, reason = "what cannot be had fails the test")]

#[path = "pool/roster.rs"]
mod roster;

use std::{hint::black_box, time::Duration};

use allocation_counter::measure;
use glassway_proxy::{
    pool::{
        health::Rests,
        lineup::{Occasion, Turns},
        signal::Signal,
        strategy::Strategy,
    },
    snapshot::Standing,
};
use roster::{WANTED, configured};

#[test]
fn a_pick_among_a_thousand_keys_allocates_nothing() {
    let counted = measure(|| drop(black_box(vec![1u8])));
    assert_eq!(counted.count_total, 1, "the counter counts");

    let configured = configured(1000);
    let (standing, turns) = (Standing::default(), Turns::default());
    let snapshot = configured.snapshot(&standing);
    let plan = snapshot.plan(WANTED);
    let out = [
        Signal::Exhausted("q".into()),
        Signal::InvalidKey("k".into()),
        Signal::NoModel("m".into()),
        Signal::RateLimited { reason: "r".into(), wait: Some(Duration::from_secs(60)) },
    ];
    for strategy in Strategy::ALL {
        for every in [1000, 3] {
            // Every so manieth key goes out between picks, each in another way.
            for (n, signal) in (1..=1000).step_by(every).zip(out.iter().cycle()) {
                let place = standing.places.find(n).unwrap();
                place.change(0, |health| health.hear(signal, "m", 0, Rests::default()));
            }
            let mut picked = 0;
            let counted = measure(|| {
                for n in 0..100 {
                    let occasion = Occasion { now_ms: 1000, random: n, conversation: n };
                    let plan = snapshot.plan(WANTED);
                    let tried = [];
                    let tier = &plan.tiers[0];
                    let found = tier.lineup.pick(strategy, occasion, &tried, &turns);
                    picked += u32::from(black_box(found).is_some());
                }
            });
            assert_eq!(picked, 100);
            assert_eq!(counted.count_total, 0, "{strategy:?}: {counted:?}");
        }
    }
    drop(plan);
}
