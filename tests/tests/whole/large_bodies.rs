//! Bodies of any size pass without being held: memory stays bounded, and who
//! reads slowly slows the other side down.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use glassway_tests::{Gate, Glassway, Upstream, eventually, glassway::Which, upstream::json};

const SIZE: usize = 300 * 1024 * 1024;
const PIECE: usize = 1024 * 1024;
/// What sockets may hold between two loopback processes, twice, and a margin.
const IN_SOCKETS: usize = 64 * 1024 * 1024;
/// What the proxy may need beyond its start: two recorded bodies of 8 MB with
/// their packed forms, and connection buffers.
const GROWTH: u64 = 96 * 1024 * 1024;

/// Waits until a counter has stopped rising and gives it.
fn settled(what: &str, counter: &AtomicUsize) -> usize {
    let mut last = (0, 0);
    eventually(format_args!("{what} comes to rest"), || {
        thread::sleep(Duration::from_millis(100));
        let now = counter.load(Ordering::Relaxed);
        last = if now == last.0 && now > 0 { (now, last.1 + 1) } else { (now, 0) };
        (last.1 >= 5).then_some(now)
    })
}

#[test]
fn a_slow_reader_slows_the_upstream_and_not_the_memory() {
    let sent = Arc::new(AtomicUsize::new(0));
    let counting = Arc::clone(&sent);
    let upstream = Upstream::script(move |conn| {
        conn.request();
        conn.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {SIZE}\r\n\r\n"));
        let piece = vec![b'x'; PIECE];
        for _ in 0..SIZE / PIECE {
            conn.send(&piece);
            counting.fetch_add(PIECE, Ordering::Relaxed);
        }
    });
    let mut glassway = Glassway::before(&upstream);
    let before = glassway.resident(Which::Proxy);
    let mut client = glassway.client();
    client.forget_received();
    client.send("GET /large HTTP/1.1\r\nHost: g\r\n\r\n");
    let head = client.head();
    assert_eq!(head.header("content-length"), Some(SIZE.to_string().as_str()));

    let held = settled("what the upstream could send", &sent);
    assert!(held < IN_SOCKETS, "{held} bytes went to a client that reads nothing");
    let peak = watch_memory(&mut glassway, || {
        assert_eq!(client.drain(SIZE, || {}), SIZE);
    });
    assert!(peak < before + GROWTH, "{before} bytes grew to {peak}");

    let exchange = glassway.only_exchange();
    assert_eq!(exchange["outcome"], "ok");
    assert_eq!(exchange["response_bytes"], SIZE);
    assert_eq!(exchange["response"]["body_bytes"], SIZE);
    assert_eq!(exchange["response"]["truncated"], true);
}

#[test]
fn a_slow_upstream_slows_the_upload_and_not_the_memory() {
    let sent = Arc::new(AtomicUsize::new(0));
    let read_on = Gate::new();
    let go = read_on.clone();
    let upstream = Upstream::script(move |conn| {
        conn.forget_received();
        conn.head();
        go.wait();
        assert_eq!(conn.drain(SIZE, || {}), SIZE);
        conn.send(json("{}"));
    });
    let mut glassway = Glassway::before(&upstream);
    let before = glassway.resident(Which::Proxy);
    let mut client = glassway.client();
    let counting = Arc::clone(&sent);
    let uploading = thread::spawn(move || {
        client.send(format!("POST /large HTTP/1.1\r\nHost: g\r\nContent-Length: {SIZE}\r\n\r\n"));
        let piece = vec![b'x'; PIECE];
        for _ in 0..SIZE / PIECE {
            client.send(&piece);
            counting.fetch_add(PIECE, Ordering::Relaxed);
        }
        client.answer().status()
    });
    let held = settled("what the client could send", &sent);
    assert!(held < IN_SOCKETS, "{held} bytes went to an upstream that reads nothing");
    let peak = watch_memory(&mut glassway, || {
        read_on.open();
        assert_eq!(uploading.join().unwrap(), 200);
    });
    assert!(peak < before + GROWTH, "{before} bytes grew to {peak}");

    let exchange = glassway.only_exchange();
    assert_eq!(exchange["request_bytes"], SIZE);
    assert_eq!(exchange["request"]["truncated"], true);
    assert_eq!(exchange["outcome"], "ok");
}

/// The most memory the proxy had while `work` ran.
fn watch_memory(glassway: &mut Glassway, work: impl FnOnce()) -> u64 {
    let pid = glassway.pid(Which::Proxy);
    let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    let watching = thread::spawn(move || {
        let mut peak = 0;
        while !stopped.load(Ordering::Relaxed) {
            peak = peak.max(glassway_tests::glassway::resident(pid));
            thread::sleep(Duration::from_millis(20));
        }
        peak
    });
    work();
    stop.store(true, Ordering::Relaxed);
    watching.join().unwrap()
}

#[test]
fn what_is_past_the_recorded_size_still_reaches_the_client() {
    let body = "0123456789".repeat(500);
    let upstream = Upstream::answer(json(&body));
    let glassway =
        Glassway::setup().upstream(&upstream.url()).set("record.max_body_bytes", 1000).start();
    let sent = "abcdefghij".repeat(300);
    let answer = glassway.client().ask(glassway_tests::client::post("/v1/x", &sent));
    assert_eq!(answer.text(), body);
    assert_eq!(upstream.only_request().body.text(), sent);
    let exchange = glassway.only_exchange();
    assert_eq!(exchange["response"]["body"], body[..1000]);
    assert_eq!(exchange["response"]["truncated"], true);
    assert_eq!(exchange["response"]["body_bytes"], 5000);
    assert_eq!(exchange["request"]["body"], sent[..1000]);
    assert_eq!(exchange["request"]["body_bytes"], 3000);
}
