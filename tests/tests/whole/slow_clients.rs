//! Clients that stop reading are let go of, and the record says so; those that read
//! slowly are not.

use std::{
    thread,
    time::{Duration, Instant},
};

use glassway_tests::{
    Glassway, Upstream,
    client::get,
    upstream::{SSE_HEAD, json},
};
use serde_json::Value;

/// A megabyte at a time, until nobody takes it any more.
fn endless() -> Upstream {
    let piece = "x".repeat(1 << 20);
    Upstream::script(move |conn| {
        while let Some(request) = conn.try_request() {
            if !request.head.first_line.contains("/endless") {
                conn.send(json("{}"));
                continue;
            }
            conn.send(SSE_HEAD);
            let chunk = format!("{:x}\r\n{piece}\r\n", piece.len());
            while conn.try_send(&chunk).is_ok() {}
            return;
        }
    })
}

/// What is recorded of a client that stopped reading.
fn said_so(exchange: &Value) {
    assert_eq!(exchange["outcome"], "client_closed", "{exchange:#}");
    assert_eq!(exchange["error"]["code"], "client_stalled", "{exchange:#}");
    let message = exchange["error"]["message"].as_str().unwrap();
    assert!(message.contains("2 s (proxy.idle_timeout)"), "{message}");
}

#[test]
fn a_client_that_stops_reading_holds_its_place_for_no_longer_than_the_idle_timeout() {
    let upstream = endless();
    let glassway = Glassway::setup()
        .upstream(&upstream.url())
        .set("proxy.idle_timeout", "2s")
        .set("proxy.max_connections", 1)
        .start();
    let mut stuck = glassway.client();
    stuck.send(get("/v1/endless"));
    // There is one place: whoever is served after it has it.
    assert_eq!(glassway.client().ask(get("/v1/after")).status(), 200);
    let recorded = glassway.finished(2);
    assert_eq!(recorded[0]["path"], "/v1/endless");
    said_so(&recorded[0]);
    drop(stuck);
}

#[test]
fn a_client_that_reads_slowly_is_not_cut() {
    let upstream = endless();
    let glassway =
        Glassway::setup().upstream(&upstream.url()).set("proxy.idle_timeout", "2s").start();
    let mut slow = glassway.client();
    slow.send(get("/v1/endless"));
    let since = Instant::now();
    while since.elapsed() < Duration::from_secs(6) {
        assert_eq!(slow.drain(20_000, || {}), 20_000, "cut after {:?}", since.elapsed());
        thread::sleep(Duration::from_millis(100));
    }
    drop(slow);
    let recorded = glassway.finished(1);
    assert_eq!(recorded[0]["outcome"], "client_closed");
    assert_eq!(recorded[0]["error"], Value::Null, "it left by itself");
}
