//! Clients that stop reading are let go of, and the record says so; those that read
//! slowly are not.

use std::{
    thread,
    time::{Duration, Instant},
};

use bytes::Bytes;
use glassway_tests::{
    Glassway, Upstream,
    client::get,
    upstream::{SSE_HEAD, json},
};
use http::Request;
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};
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

/// To the connection it is as lively as any: it answers pings, and others use it.
#[tokio::test]
async fn a_stream_that_gets_no_window_ends_and_its_connection_goes_on() {
    let upstream = endless();
    let glassway =
        Glassway::setup().upstream(&upstream.url()).set("proxy.idle_timeout", "2s").start();
    let connection = tokio::net::TcpStream::connect(glassway.proxy_addr()).await.unwrap();
    let mut client = hyper::client::conn::http2::Builder::new(TokioExecutor::new());
    client.initial_stream_window_size(64 * 1024).initial_connection_window_size(1 << 20);
    let (mut send, connection) = client.handshake(TokioIo::new(connection)).await.unwrap();
    tokio::spawn(connection);
    let mut ask = async |path: &str| {
        let uri = format!("http://localhost{path}");
        let request = Request::get(uri).body(Empty::<Bytes>::new()).unwrap();
        send.send_request(request).await.unwrap()
    };
    let mut stuck = ask("/v1/endless").await.into_body();
    let since = Instant::now();
    let mut asked = 2;
    while since.elapsed() < Duration::from_secs(5) {
        asked += 1;
        assert_eq!(ask("/v1/after").await.status(), 200);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let after = ask("/v1/after").await.into_body().collect().await.unwrap();
    assert_eq!(after.to_bytes(), "{}");
    let cut = loop {
        match stuck.frame().await.expect("it has no clean end") {
            Ok(_) => {}
            Err(e) => break e,
        }
    };
    assert!(!cut.is_closed(), "{cut:?}: the connection is as it was");
    let recorded = tokio::task::spawn_blocking(move || glassway.finished(asked)).await.unwrap();
    let endless = recorded.iter().find(|one| one["path"] == "/v1/endless");
    said_so(endless.expect("it is over"));
}
