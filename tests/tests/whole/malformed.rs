//! What is not HTTP is refused with 400 and closed, and never reaches an
//! upstream. What is HTTP but asks for an open proxy is refused too.

use glassway_tests::{
    Client, Glassway, Upstream, client::get, eventually, upstream::json, wire::End,
};

/// Sends bytes and gives the status of the answer, 0 for none; the connection
/// must close behind it.
fn refused(glassway: &Glassway, bytes: &[u8]) -> u16 {
    let mut client = glassway.client();
    client.send(bytes);
    let (answer, _) = client.rest();
    let text = String::from_utf8_lossy(&answer);
    text.split(' ').nth(1).and_then(|s| s.parse().ok()).unwrap_or(0)
}

#[test]
fn malformed_requests_get_400_and_are_never_forwarded() {
    let cases: &[(&str, &str)] = &[
        ("no Host", "GET /x HTTP/1.1\r\n\r\n"),
        ("two Hosts", "GET /x HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
        ("the same Host twice", "GET /x HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"),
        ("a Host with a space", "GET /x HTTP/1.1\r\nHost: a b\r\n\r\n"),
        ("a Host with a path", "GET /x HTTP/1.1\r\nHost: a/b\r\n\r\n"),
        ("a Host with credentials", "GET /x HTTP/1.1\r\nHost: u:p@a\r\n\r\n"),
        ("an empty Host", "GET /x HTTP/1.1\r\nHost:\r\n\r\n"),
        ("GET *", "GET * HTTP/1.1\r\nHost: g\r\n\r\n"),
        ("a target without a slash", "GET foo HTTP/1.1\r\nHost: g\r\n\r\n"),
        ("absolute form", "GET http://example.com/x HTTP/1.1\r\nHost: example.com\r\n\r\n"),
        ("absolute form, own Host", "GET http://g/x HTTP/1.1\r\nHost: g\r\n\r\n"),
        (
            "differing lengths",
            "POST /x HTTP/1.1\r\nHost: g\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        ),
        ("a list of lengths", "POST /x HTTP/1.1\r\nHost: g\r\nContent-Length: 3, 4\r\n\r\nabcd"),
        ("a signed length", "POST /x HTTP/1.1\r\nHost: g\r\nContent-Length: +3\r\n\r\nabc"),
        ("a negative length", "POST /x HTTP/1.1\r\nHost: g\r\nContent-Length: -3\r\n\r\nabc"),
        ("a length in words", "POST /x HTTP/1.1\r\nHost: g\r\nContent-Length: three\r\n\r\nabc"),
        (
            "chunked is not last",
            "POST /x HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
        ),
        ("an unknown coding", "POST /x HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: gzip\r\n\r\n"),
        ("a folded header", "GET /x HTTP/1.1\r\nHost: g\r\nX-A: 1\r\n 2\r\n\r\n"),
        ("a space before the colon", "GET /x HTTP/1.1\r\nHost: g\r\nX-A : 1\r\n\r\n"),
        ("a header without a colon", "GET /x HTTP/1.1\r\nHost: g\r\nnonsense\r\n\r\n"),
        ("NUL in a value", "GET /x HTTP/1.1\r\nHost: g\r\nX-A: a\0b\r\n\r\n"),
        ("a bare CR in a value", "GET /x HTTP/1.1\r\nHost: g\r\nX-A: a\rb\r\n\r\n"),
        ("a bare LF line end", "GET /x HTTP/1.1\r\nHost: g\nX-A: a\r\n\r\n"),
        ("bare LF line ends only", "GET /x HTTP/1.1\nHost: g\n\n"),
        ("an unknown version", "GET /x HTTP/7.7\r\nHost: g\r\n\r\n"),
        ("no version", "GET /x\r\nHost: g\r\n\r\n"),
        ("two spaces", "GET  /x HTTP/1.1\r\nHost: g\r\n\r\n"),
        ("a method with a colon", "G:T /x HTTP/1.1\r\nHost: g\r\n\r\n"),
        ("a control in the target", "GET /\x01x HTTP/1.1\r\nHost: g\r\n\r\n"),
        ("a TLS hello", "\x16\x03\x01\x02\x00\x01\x00\x01\x7c\x03\x03\r\n\r\n"),
    ];
    let upstream = Upstream::answer(json("{}"));
    let glassway =
        Glassway::setup().upstream(&upstream.url()).set("proxy.header_timeout", "2s").start_proxy();
    let wrong: Vec<String> = cases
        .iter()
        .map(|(what, bytes)| (what, refused(&glassway, bytes.as_bytes())))
        .filter(|(_, status)| *status != 400)
        .map(|(what, status)| format!("{what}: {status}"))
        .collect();
    assert!(wrong.is_empty(), "expected 400: {wrong:#?}");
    assert_eq!(upstream.connections(), 0, "something was forwarded");
    assert_eq!(glassway.client().ask(get("/v1/x")).status(), 200);
}

#[test]
fn a_refused_request_is_told_why_in_the_callers_dialect() {
    let upstream = Upstream::answer(json("{}"));
    let glassway = Glassway::setup().upstream(&upstream.url()).start_proxy();
    let openai = glassway.client().ask("GET /v1/x HTTP/1.1\r\n\r\n");
    assert_eq!(openai.status(), 400);
    let error = &openai.json()["error"];
    assert!(error["message"].as_str().unwrap().contains("Host"), "{error}");
    assert_eq!(error["type"], "invalid_request_error");

    let anthropic =
        glassway.client().ask("GET /v1/x HTTP/1.1\r\nanthropic-version: 2023-06-01\r\n\r\n").json();
    assert_eq!(anthropic["type"], "error");
    assert_eq!(anthropic["error"]["type"], "invalid_request_error");
}

#[test]
fn connect_is_refused() {
    let upstream = Upstream::answer(json("{}"));
    let glassway = Glassway::setup().upstream(&upstream.url()).start_proxy();
    let bytes = format!("CONNECT {0} HTTP/1.1\r\nHost: {0}\r\n\r\n", upstream.addr());
    assert_eq!(refused(&glassway, bytes.as_bytes()), 405);
    assert_eq!(upstream.connections(), 0);
}

#[test]
fn a_head_past_the_limit_is_refused() {
    let upstream = Upstream::answer(json("{}"));
    let glassway = Glassway::setup()
        .upstream(&upstream.url())
        .set("proxy.max_header_bytes", 16_384)
        .start_proxy();
    let large =
        |n: usize| format!("GET /x HTTP/1.1\r\nHost: g\r\nX-Large: {}\r\n\r\n", "a".repeat(n));
    assert_eq!(glassway.client().ask(large(8_000)).status(), 200);
    let mut client = glassway.client();
    let _ = client.try_send(large(40_000));
    let (answer, _) = client.rest();
    let answer = String::from_utf8_lossy(&answer);
    assert!(
        answer.is_empty()
            || answer.starts_with("HTTP/1.1 431")
            || answer.starts_with("HTTP/1.1 400"),
        "{answer}"
    );
    assert_eq!(upstream.requests().len(), 1);
}

#[test]
fn broken_chunks_break_the_upstream_request_too() {
    let upstream = Upstream::script(|conn| {
        if let Some(head) = conn.try_head() {
            conn.rest_of(head);
        }
    });
    let glassway = Glassway::setup().upstream(&upstream.url()).start();
    for broken in [
        "zz\r\nabc\r\n0\r\n\r\n",
        "3\r\nabcdef\r\n0\r\n\r\n",
        "-1\r\n\r\n",
        "ffffffffffffffffff\r\n",
    ] {
        let mut client = glassway.client();
        client.send(format!(
            "POST /v1/x HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n{broken}"
        ));
        let (answer, _) = client.rest();
        let answer = String::from_utf8_lossy(&answer);
        assert!(!answer.starts_with("HTTP/1.1 2"), "{broken:?}: {answer}");
    }
    assert!(upstream.requests().is_empty(), "a broken body ended cleanly upstream");
    let outcomes: Vec<_> = glassway.finished(4).iter().map(|e| e["outcome"].clone()).collect();
    assert!(outcomes.iter().all(|o| o != "ok"), "{outcomes:?}");
}

#[test]
fn a_length_beside_chunks_does_not_smuggle_a_request() {
    let upstream = Upstream::answer(json("{}"));
    let glassway = Glassway::setup().upstream(&upstream.url()).start_proxy();
    let mut client = glassway.client();
    client.send(
        "POST /v1/x HTTP/1.1\r\nHost: g\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n\
         0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: g\r\n\r\n",
    );
    let (answers, _) = client.rest();
    let answers = String::from_utf8_lossy(&answers).into_owned();
    assert!(answers.matches("HTTP/1.1 ").count() <= 1, "{answers}");
    for request in upstream.requests() {
        assert!(!request.head.first_line.contains("smuggled"));
        assert!(
            request.head.header("content-length").is_none()
                || request.head.header("transfer-encoding").is_none(),
            "both framings travelled on: {:?}",
            request.head
        );
    }
}

#[test]
fn a_client_that_never_finishes_its_head_is_let_go() {
    let upstream = Upstream::answer(json("{}"));
    let glassway =
        Glassway::setup().upstream(&upstream.url()).set("proxy.header_timeout", "1s").start_proxy();
    let mut silent: Client = glassway.client();
    let mut half: Client = glassway.client();
    half.send("GET /v1/x HTTP/1.1\r\nHost: g\r\nX-Half");
    assert!(!half.rest().0.starts_with(b"HTTP/1.1 200"));
    assert_eq!(silent.rest().1, End::Clean);
    assert_eq!(glassway.client().ask(get("/v1/x")).status(), 200);
}

#[test]
fn malformed_traffic_leaves_nothing_in_flight() {
    let upstream = Upstream::answer(json("{}"));
    let glassway = Glassway::before(&upstream);
    for bytes in ["GET /x HTTP/1.1\r\n\r\n", "nonsense\r\n\r\n"] {
        refused(&glassway, bytes.as_bytes());
    }
    let mut leaving = glassway.client();
    leaving.send("POST /x HTTP/1.1\r\nHost: g\r\nContent-Length: 9\r\n\r\nabc");
    drop(leaving);
    eventually("nothing in flight", || {
        (glassway.api().json("/api/stats")["in_flight"] == 0).then_some(())
    });
}
