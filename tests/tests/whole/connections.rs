//! Upstream connections are kept and used again.

use glassway_tests::{
    Gate, Glassway, Upstream,
    client::{get, post},
    upstream::{json, sse},
};

/// Answers in every framing in turn.
fn mixed(n: usize) -> Vec<u8> {
    match n % 3 {
        0 => json(r#"{"framing":"length"}"#),
        1 => sse(&[r#"{"choices":[]}"#, "[DONE]"]),
        _ => "HTTP/1.1 204 No Content\r\n\r\n".into(),
    }
}

#[test]
fn a_hundred_exchanges_use_one_upstream_connection() {
    let count = std::sync::atomic::AtomicUsize::new(0);
    let upstream =
        Upstream::respond(move |_| mixed(count.fetch_add(1, std::sync::atomic::Ordering::Relaxed)));
    let glassway = Glassway::setup().upstream(&upstream.url()).set("proxy.threads", 1).start();
    let mut client = glassway.client();
    for _ in 0..50 {
        client.ask(post("/v1/chat/completions", r#"{"stream":true}"#));
    }
    for _ in 0..50 {
        glassway.client().ask(post("/v1/chat/completions", "{}"));
    }
    assert_eq!(upstream.requests().len(), 100);
    assert_eq!(upstream.connections(), 1, "a stream must not cost a connection");
    glassway.finished(100);
}

#[test]
fn a_connection_the_upstream_closed_while_idle_is_replaced() {
    let gone = Gate::new();
    let tell = gone.clone();
    let upstream = Upstream::script(move |conn| {
        conn.request();
        let answer = json(&format!(r#"{{"connection":{}}}"#, conn.number));
        conn.send(answer);
        conn.half_close();
        assert!(conn.closed());
        tell.open();
    });
    let glassway =
        Glassway::setup().upstream(&upstream.url()).set("proxy.threads", 1).start_proxy();
    let mut client = glassway.client();
    assert_eq!(client.ask(post("/v1/x", "{}")).json()["connection"], 0);
    gone.wait();
    assert_eq!(client.ask(post("/v1/x", "{}")).json()["connection"], 1);
}

#[test]
fn an_aborted_answer_does_not_poison_its_connection() {
    let upstream = Upstream::script(|conn| {
        while let Some(request) = conn.try_request() {
            if request.head.first_line.contains("stall") {
                conn.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
                conn.closed();
                return;
            }
            conn.send(json("{}"));
        }
    });
    let glassway = Glassway::before(&upstream);
    for _ in 0..5 {
        let mut leaving = glassway.client();
        leaving.send(get("/stall"));
        leaving.head();
        drop(leaving);
        assert_eq!(glassway.client().ask(get("/v1/x")).text(), "{}");
    }
    let outcomes = glassway.finished(10);
    let closed = outcomes.iter().filter(|e| e["outcome"] == "client_closed").count();
    assert_eq!(closed, 5, "{outcomes:#?}");
}

#[test]
fn more_clients_than_the_limit_wait_and_are_served() {
    let upstream = Upstream::answer(json("{}"));
    let glassway =
        Glassway::setup().upstream(&upstream.url()).set("proxy.max_connections", 4).start_proxy();
    let mut held: Vec<_> = (0..4).map(|_| glassway.client()).collect();
    for client in &mut held {
        assert_eq!(client.ask(get("/v1/x")).status(), 200);
    }
    let mut fifth = glassway.client();
    fifth.send(get("/v1/fifth"));
    held.clear();
    assert_eq!(fifth.answer().status(), 200);
}
