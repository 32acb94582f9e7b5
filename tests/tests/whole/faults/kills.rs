//! kill -9 of either process at random points under load, again and again: no answered
//! request is forgotten, and what a kill takes of contents is counted.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::{Duration, SystemTime},
};

use glassway_tests::{
    Glassway, Upstream, eventually,
    glassway::Which,
    load::{Load, rows},
    upstream::{json, sse},
};

use super::long;

/// Rounds; a hundred in the long form.
fn rounds() -> usize {
    if long() { 100 } else { 6 }
}

/// Somewhere between a few and a few hundred milliseconds, others each round and each run.
fn moment(seed: u64) -> Duration {
    let mut random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    random ^= random >> 31;
    Duration::from_millis(5 + random.wrapping_mul(0xbf58_476d_1ce4_e5b9) % 400)
}

/// JSON to one half of the requests, a stream to the other.
fn upstream() -> Upstream {
    let count = AtomicU64::new(0);
    Upstream::respond(move |_| match count.fetch_add(1, Relaxed) % 2 {
        0 => json("{}"),
        _ => sse(&[r#"{"choices":[]}"#, r#"{"choices":[]}"#, "[DONE]"]),
    })
}

/// What a kill took of a round.
struct Round {
    /// How long the load ran before the kill.
    after: Duration,
    /// Answered requests whose row says `interrupted`.
    taken: usize,
    /// Requests that were answered.
    answered: usize,
}

/// Kills, and looks what is left.
fn killed_at_random(durability: &str) -> Vec<Round> {
    let upstream = upstream();
    let begun = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let seed = u64::try_from(begun.as_millis()).unwrap();
    eprintln!("moments by seed {seed}");
    let moment = |round: usize| moment(seed + round as u64);
    let mut glassway =
        Glassway::setup().upstream(&upstream.url()).set("record.durability", durability).start();
    let mut answered = BTreeSet::new();
    let mut sent = 0;
    let mut told = Vec::new();
    for round in 0..rounds() {
        let name: &'static str = Box::leak(format!("r{round}").into_boxed_str());
        let load = Load::start(glassway.proxy_addr(), name);
        load.after(20);
        // Each other round the monitor dies as well, at a moment of its own.
        let all = moment(round);
        let first = moment(round + 1_000_000).min(all);
        std::thread::sleep(first);
        if round % 2 == 1 {
            glassway.kill9(Which::Monitor);
            glassway.start(Which::Monitor);
        }
        std::thread::sleep(all - first);
        glassway.kill9(Which::Proxy);
        let (these, n) = load.end();
        answered.extend(these);
        sent += n;
        glassway.start(Which::Proxy);
        glassway.connected();
        told.push(interrupted(&glassway.log(Which::Proxy)));
    }
    let rows = eventually("every answered request has a row", || {
        let rows = rows(&glassway);
        answered.iter().all(|path| rows.contains_key(path)).then_some(rows)
    });
    assert!(rows.values().all(|outcomes| outcomes.len() == 1), "no request has two rows");
    assert!(rows.len() <= sent);
    assert_eq!(glassway.api().json("/api/stats")["lost"]["records_lost"], 0);
    let is_interrupted = |path: &str| rows[path][0] == "interrupted";
    let count = |round: usize| {
        let prefix = format!("/v1/r{round}/");
        let all = rows.keys().filter(|path| path.starts_with(&prefix));
        let all = all.filter(|path| is_interrupted(path)).count();
        assert_eq!(told[round], all, "round {round}: what was taken is told");
        let these: Vec<_> = answered.iter().filter(|path| path.starts_with(&prefix)).collect();
        for worker in 0..4 {
            only_the_last(&format!("{prefix}{worker}/"), &these, is_interrupted);
        }
        let taken = these.iter().filter(|path| is_interrupted(path)).count();
        Round { after: moment(round), taken, answered: these.len() }
    };
    (0..rounds()).map(count).collect()
}

/// Of what one client was answered, the end may be missing and nothing before it.
fn only_the_last(prefix: &str, answered: &[&String], is_interrupted: impl Fn(&str) -> bool) {
    let number = |path: &str| path.strip_prefix(prefix)?.parse::<usize>().ok();
    let mut numbers: Vec<_> = answered.iter().filter_map(|path| number(path)).collect();
    numbers.sort_unstable();
    let missing = |n: &usize| is_interrupted(&format!("{prefix}{n}"));
    let first = numbers.iter().position(missing).unwrap_or(numbers.len());
    assert!(
        numbers[first..].iter().all(missing),
        "{prefix}: {first} is missing, later ones are not"
    );
}

/// How many the log of a process says another one left.
fn interrupted(log: &str) -> usize {
    let lines = log.lines().filter(|line| line.contains("is recorded as interrupted"));
    let counts = lines.filter_map(|line| {
        let (_, count) = line.split_once("exchanges=")?;
        count.split(|c: char| !c.is_ascii_digit()).next()?.parse::<usize>().ok()
    });
    counts.sum()
}

#[test]
fn killed_at_random_no_answered_request_is_forgotten() {
    // What is gathered for 50 ms goes in one batch; what is older is written.
    for Round { after, taken, answered } in killed_at_random("normal") {
        let old_enough = after > Duration::from_millis(300);
        assert!(!old_enough || taken < answered, "after {after:?}: {taken} of {answered}");
    }
}

#[test]
fn killed_at_random_before_the_end_means_not_one_is_missing() {
    for Round { taken, answered, .. } in killed_at_random("before_end") {
        assert_eq!(taken, 0, "of {answered} answered");
    }
}
