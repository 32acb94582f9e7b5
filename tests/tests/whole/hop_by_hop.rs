//! Headers that are about one connection end at it; all others pass.

use glassway_tests::{Glassway, Upstream, upstream::json};

#[test]
fn hop_by_hop_headers_of_a_request_end_at_the_proxy() {
    let upstream = Upstream::answer(json("{}"));
    let glassway = Glassway::setup().upstream(&upstream.url()).start_proxy();
    let answer = glassway.client().ask(
        "GET /v1/models HTTP/1.1\r\nHost: g\r\nConnection: X-Only-Here, keep-alive\r\nX-Only-Here: 1\r\n\
         Keep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\nTE: gzip\r\nUpgrade: something/1\r\n\
         Proxy-Authorization: Basic c2VjcmV0\r\nX-Stays: yes\r\n\r\n",
    );
    assert_eq!(answer.status(), 200);
    assert_eq!(upstream.only_request().head.names(), ["host", "x-stays"]);
}

#[test]
fn connection_cannot_take_the_credential_or_the_host_away() {
    let upstream = Upstream::answer(json("{}"));
    let glassway = Glassway::setup().upstream(&upstream.url()).start_proxy();
    let answer = glassway.client().ask(
        "GET /v1/models HTTP/1.1\r\nHost: g\r\nConnection: Host, Authorization, x-api-key\r\n\
         Authorization: Bearer sk-1\r\nContent-Type: text/plain\r\n\r\n",
    );
    assert_eq!(answer.status(), 200);
    let got = upstream.only_request().head;
    assert_eq!(got.header("authorization"), Some("Bearer sk-1"));
    assert_eq!(got.values("host"), [upstream.addr().to_string()]);
    assert_eq!(got.header("connection"), None);
}

#[test]
fn hop_by_hop_headers_of_an_answer_end_at_the_proxy() {
    let upstream = Upstream::answer(
        "HTTP/1.1 200 OK\r\nConnection: X-Only-There, keep-alive\r\nX-Only-There: 1\r\n\
         Keep-Alive: timeout=7\r\nProxy-Authenticate: Basic\r\nProxy-Connection: close\r\n\
         X-Stays: yes\r\nContent-Length: 0\r\n\r\n",
    );
    let glassway = Glassway::setup().upstream(&upstream.url()).start_proxy();
    let answer = glassway.client().ask("GET /v1/models HTTP/1.1\r\nHost: g\r\n\r\n");
    assert_eq!(answer.head.names(), ["content-length", "x-stays"]);
}

#[test]
fn nothing_names_the_proxy() {
    let upstream = Upstream::answer(json("{}"));
    let glassway = Glassway::setup().upstream(&upstream.url()).start_proxy();
    let answer = glassway.client().ask("GET /v1/models HTTP/1.1\r\nHost: g\r\n\r\n");
    let request = upstream.only_request().head;
    for name in [
        "via",
        "forwarded",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-proto",
        "x-real-ip",
        "user-agent",
        "accept",
    ] {
        assert_eq!(request.header(name), None, "{name} upstream");
        assert_eq!(answer.head.header(name), None, "{name} downstream");
    }
    assert_eq!(request.names(), ["host"]);
}

#[test]
fn what_other_proxies_wrote_passes() {
    let upstream = Upstream::answer(json("{}"));
    let glassway = Glassway::setup().upstream(&upstream.url()).start_proxy();
    let _ = glassway.client().ask(
        "GET /v1/models HTTP/1.1\r\nHost: g\r\nVia: 1.1 corp\r\nX-Forwarded-For: 10.0.0.1\r\n\r\n",
    );
    let request = upstream.only_request().head;
    assert_eq!(request.header("via"), Some("1.1 corp"));
    assert_eq!(request.header("x-forwarded-for"), Some("10.0.0.1"));
}

#[test]
fn a_client_that_asks_to_close_is_closed_and_the_upstream_is_not_told() {
    let upstream = Upstream::answer(json("{}"));
    let glassway = Glassway::setup().upstream(&upstream.url()).start_proxy();
    let mut client = glassway.client();
    let answer = client.ask("GET /v1/models HTTP/1.1\r\nHost: g\r\nConnection: close\r\n\r\n");
    assert_eq!(answer.status(), 200);
    assert!(client.closed());
    assert_eq!(upstream.only_request().head.header("connection"), None);
}
