//! What is known of keys outlives the snapshots that name them.

#![allow(clippy::unwrap_used, reason = "what cannot be had fails the test")]

#[path = "pool/roster.rs"]
mod roster;

use std::{collections::BTreeSet, time::Duration};

use glassway_proxy::{
    pool::{
        health::Rests,
        lineup::{Occasion, Turns},
        signal::Signal,
    },
    route::Plan,
    snapshot::Standing,
};
use roster::{WANTED, configured};

const NOW: i64 = 1_000_000;

fn pick(plan: &Plan, turns: &Turns) -> Option<i64> {
    let occasion = Occasion { now_ms: NOW, random: 7, conversation: 7 };
    let tier = plan.tiers.first()?;
    let n = tier.lineup.pick(plan.strategy, occasion, &[], turns)?;
    Some(tier.targets[n].key.id)
}

fn hear(standing: &Standing, key: i64, signal: &Signal) {
    let place = standing.places.find(key).unwrap();
    place.change(NOW, |health| health.hear(signal, "m", NOW, Rests::default()));
}

#[test]
fn a_key_that_is_out_stays_out_and_the_turns_go_on() {
    let mut configured = configured(6);
    let (standing, turns) = (Standing::default(), Turns::default());
    let first = configured.snapshot(&standing);
    let plan = first.plan(WANTED);
    let mut picked: Vec<_> = (0..3).map(|_| pick(&plan, &turns).unwrap()).collect();
    let wait = Some(Duration::from_secs(60));
    hear(&standing, 5, &Signal::RateLimited { reason: "r".into(), wait });
    hear(&standing, 6, &Signal::Exhausted("q".into()));

    configured.roster.revision = 2;
    let second = configured.snapshot(&standing);
    let plan = second.plan(WANTED);
    picked.extend((0..5).map(|_| pick(&plan, &turns).unwrap()));
    assert_eq!(picked, [1, 2, 3, 4, 1, 2, 3, 4]);
    // A request that began with the old picture knows what is said meanwhile.
    hear(&standing, 1, &Signal::Exhausted("q".into()));
    let old: BTreeSet<_> = (0..9).map(|_| pick(&first.plan(WANTED), &turns).unwrap()).collect();
    assert_eq!(old, [2, 3, 4].into());
}

#[test]
fn a_key_switched_off_goes_at_once_and_comes_back_in_its_turn() {
    let mut configured = configured(3);
    let (standing, turns) = (Standing::default(), Turns::default());
    configured.roster.keys[1].active = false;
    let without = configured.snapshot(&standing);
    let row: Vec<_> = (0..4).map(|_| pick(&without.plan(WANTED), &turns).unwrap()).collect();
    assert_eq!(row, [1, 3, 1, 3]);
    configured.roster.keys[1].active = true;
    let again = configured.snapshot(&standing);
    let row: Vec<_> = (0..5).map(|_| pick(&again.plan(WANTED), &turns).unwrap()).collect();
    assert_eq!(row, [2, 1, 3, 2, 1], "it does not make up for what it missed");
}

#[test]
fn a_quota_and_a_strategy_that_change_count_from_the_next_snapshot_on() {
    let mut configured = configured(2);
    let (standing, turns) = (Standing::default(), Turns::default());
    configured.snapshot(&standing);
    standing.places.find(1).unwrap().spend(500);
    configured.roster.keys[0].quota_nano = Some(500);
    let spent = configured.snapshot(&standing);
    assert_eq!(pick(&spent.plan(WANTED), &turns), Some(2));
    assert_eq!(pick(&spent.plan(WANTED), &turns), Some(2));
    configured.roster.keys[0].quota_nano = Some(10_000);
    configured.roster.settings.insert("strategy".into(), "smart".into());
    let smart = configured.snapshot(&standing);
    standing.places.find(2).unwrap().answered_after(900_000);
    standing.places.find(1).unwrap().answered_after(1_000);
    let row: Vec<_> = (0..3).map(|_| pick(&smart.plan(WANTED), &turns).unwrap()).collect();
    assert_eq!(row, [1, 1, 1]);
}
