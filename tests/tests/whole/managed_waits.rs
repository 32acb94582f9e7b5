//! Requests that wait for a key hear at once what becomes of it.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use glassway_tests::{
    Glassway, Upstream,
    team::{ANSWER, ASK, asked, by_key, error, error_with, paste, post, stands},
    upstream::json,
};
use serde_json::json as value;

#[test]
fn a_refused_key_is_probed_once_and_nobody_waits_for_it_longer_than_that() {
    let probes = Arc::new(AtomicUsize::new(0));
    let seen = probes.clone();
    let upstream = Upstream::respond(move |request| {
        if request.head.first_line.starts_with("GET") {
            seen.fetch_add(1, Relaxed);
        }
        error("401 Unauthorized", "invalid_api_key")
    });
    let glassway = Glassway::before(&upstream);
    paste(&glassway, 1);
    let start = std::time::Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let answer = glassway.client().ask(post("/v1/chat/completions", ASK));
                assert_eq!(answer.json()["error"]["code"], "no_usable_key");
                assert!(answer.text().contains("key0"), "{}", answer.text());
            });
        }
    });
    // A refused key rests for a minute unless the probe knows better, which is at once.
    assert!(start.elapsed().as_secs() < 30, "{:?}", start.elapsed());
    stands(&glassway, "key0", "invalid");
    assert_eq!(probes.load(Relaxed), 1);
}

#[test]
fn a_key_brought_back_by_hand_serves_those_who_wait_for_it() {
    let limited = Arc::new(AtomicUsize::new(1));
    let now = limited.clone();
    let upstream = by_key(move |_| match now.load(Relaxed) {
        0 => json(ANSWER),
        _ => error_with("429 Too Many Requests", "rate_limit_exceeded", "retry-after: 50\r\n"),
    });
    let glassway = Glassway::before(&upstream);
    paste(&glassway, 1);
    let start = std::time::Instant::now();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| asked(&glassway));
        stands(&glassway, "key0", "cooling");
        limited.store(0, Relaxed);
        assert_eq!(glassway.api().post("/api/keys/reset", &value!({})).json()["reset"], 1);
        assert_eq!(waiting.join().unwrap(), 200);
    });
    assert!(start.elapsed().as_secs() < 40, "{:?}", start.elapsed());
}
