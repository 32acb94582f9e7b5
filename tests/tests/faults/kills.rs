//! kill -9 of either process at random points under load, again and again: no answered
//! request is forgotten, and what a kill takes of contents is counted.

use std::{collections::BTreeSet, time::Duration};

use glassway_tests::{
    Glassway, Upstream, eventually,
    glassway::Which,
    load::{Load, rows},
    upstream::json,
};

use super::long;

/// Rounds; a hundred in the long form.
fn rounds() -> usize {
    if long() { 100 } else { 6 }
}

/// Somewhere between a few and a few hundred milliseconds, another each round.
fn moment(round: usize) -> Duration {
    Duration::from_millis(5 + (round as u64 * 7_919) % 400)
}

/// Per round: rows that say `interrupted` although the client got its whole answer, and all
/// that were answered.
fn killed_at_random(durability: &str) -> Vec<(usize, usize)> {
    let upstream = Upstream::answer(json("{}"));
    let mut glassway =
        Glassway::setup().upstream(&upstream.url()).set("record.durability", durability).start();
    let mut answered = BTreeSet::new();
    let mut sent = 0;
    for round in 0..rounds() {
        let name: &'static str = Box::leak(format!("r{round}").into_boxed_str());
        let load = Load::start(glassway.proxy_addr(), name);
        load.after(20);
        std::thread::sleep(moment(round));
        if round % 4 == 3 {
            glassway.kill9(Which::Monitor);
            glassway.start(Which::Monitor);
        }
        glassway.kill9(Which::Proxy);
        let (these, n) = load.end();
        answered.extend(these);
        sent += n;
        glassway.start(Which::Proxy);
        glassway.connected();
    }
    let rows = eventually("every answered request has a row", || {
        let rows = rows(&glassway);
        answered.iter().all(|path| rows.contains_key(path)).then_some(rows)
    });
    assert!(rows.values().all(|outcomes| outcomes.len() == 1), "no request has two rows");
    assert!(rows.len() <= sent);
    assert_eq!(glassway.api().json("/api/stats")["lost"]["records_lost"], 0);
    let count = |round: usize| {
        let these: Vec<_> =
            answered.iter().filter(|path| path.starts_with(&format!("/v1/r{round}/"))).collect();
        let taken = these.iter().filter(|path| rows[**path][0] == "interrupted").count();
        (taken, these.len())
    };
    (0..rounds()).map(count).collect()
}

#[test]
fn killed_at_random_no_answered_request_is_forgotten() {
    // What is gathered for 50 ms goes in one batch; what is older is written.
    for (round, (taken, answered)) in killed_at_random("normal").into_iter().enumerate() {
        let old_enough = moment(round) > Duration::from_millis(300);
        assert!(!old_enough || taken < answered, "round {round}: {taken} of {answered}");
    }
}

#[test]
fn killed_at_random_before_the_end_means_not_one_is_missing() {
    for (taken, answered) in killed_at_random("before_end") {
        assert_eq!(taken, 0, "of {answered} answered");
    }
}
