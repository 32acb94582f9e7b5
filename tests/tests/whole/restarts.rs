//! Either process may die and come back in any order: clients are answered,
//! every fact is kept, and what a kill took of the contents is counted.

use std::{collections::BTreeSet, time::Duration};

use glassway_tests::{
    Client, Gate, Glassway, Upstream,
    client::{get, post},
    eventually,
    glassway::Which,
    load::{Load, rows},
    process::Signal,
    upstream::{SSE_HEAD, json},
    wire::End,
};

#[test]
fn the_history_is_there_after_a_restart() {
    let upstream = Upstream::answer(json(r#"{"answer":"狐狸"}"#));
    let mut glassway = Glassway::before(&upstream);
    glassway.client().ask(post("/v1/chat/completions", r#"{"model":"gpt-4o"}"#));
    // The proxy is on another port afterwards, and the command to paste says so.
    let without_address = |mut exchange: serde_json::Value| {
        exchange["curl"].take();
        exchange
    };
    let before = without_address(glassway.only_exchange());
    for which in [Which::Proxy, Which::Monitor] {
        let (status, log) = glassway.term(which);
        assert_eq!(status.code(), Some(0), "{which:?}: {log}");
    }
    // The other way round than before.
    glassway.start(Which::Monitor);
    glassway.start(Which::Proxy);
    glassway.connected();
    assert_eq!(without_address(glassway.only_exchange()), before);
    glassway.client().ask(get("/v1/after"));
    assert_eq!(glassway.finished(2)[1]["path"], "/v1/after");
}

#[test]
fn the_proxy_needs_no_monitor() {
    let upstream = Upstream::answer(json("{}"));
    let mut glassway = Glassway::setup().upstream(&upstream.url()).start_proxy();
    for _ in 0..10 {
        assert_eq!(glassway.client().ask(get("/v1/x")).status(), 200);
    }
    glassway.start(Which::Monitor);
    glassway.connected();
    glassway.finished(10);
}

#[test]
fn the_monitor_needs_no_proxy() {
    let upstream = Upstream::answer(json("{}"));
    let mut glassway = Glassway::before(&upstream);
    glassway.client().ask(get("/v1/x"));
    glassway.finished(1);
    glassway.term(Which::Proxy);
    eventually("the monitor says the proxy is away", || {
        (glassway.api().json("/api/health")["proxy"]["connected"] == false).then_some(())
    });
    assert_eq!(glassway.api().json("/api/health")["status"], "degraded");
    glassway.finished(1);
    glassway.term(Which::Monitor);
    glassway.start(Which::Monitor);
    glassway.finished(1);
}

#[test]
fn stopping_lets_an_answer_end() {
    let open = Gate::new();
    let go_on = open.clone();
    let upstream = Upstream::script(move |conn| {
        conn.request();
        conn.send(SSE_HEAD);
        conn.send_chunk("data: 1\n\n");
        go_on.wait();
        conn.send_chunk("data: 2\n\n");
        conn.send("0\r\n\r\n");
    });
    let mut glassway = Glassway::before(&upstream);
    let mut idle = glassway.client();
    let addr = glassway.proxy_addr();
    let mut client = glassway.client();
    client.send(post("/v1/chat/completions", r#"{"stream":true}"#));
    let head = client.head();
    glassway.signal(Which::Proxy, Signal::SIGTERM);
    assert!(idle.closed(), "an idle connection is closed after a while");
    eventually("nobody else is accepted", || {
        std::net::TcpStream::connect_timeout(&addr, Duration::from_secs(1)).is_err().then_some(())
    });
    open.open();
    let body = client.body(&head, false, false);
    assert_eq!(body.end, End::Clean);
    assert_eq!(body.text(), "data: 1\n\ndata: 2\n\n");
    let status = glassway.wait(Which::Proxy, Duration::from_secs(60)).unwrap();
    assert_eq!(status.code(), Some(0));
    assert_eq!(glassway.only_exchange()["outcome"], "ok");
}

#[test]
fn stopping_does_not_wait_for_ever() {
    let upstream = Upstream::script(|conn| {
        conn.request();
        conn.send(SSE_HEAD);
        conn.send_chunk("data: 1\n\n");
        conn.closed();
    });
    let mut glassway =
        Glassway::setup().upstream(&upstream.url()).set("proxy.drain_timeout", "1s").start();
    let mut client = glassway.client();
    client.send(post("/v1/chat/completions", r#"{"stream":true}"#));
    client.head();
    let (status, log) = glassway.term(Which::Proxy);
    assert_eq!(status.code(), Some(0), "{log}");
    let exchange = glassway.only_exchange();
    assert_ne!(exchange["outcome"], "in_flight");
    assert_ne!(exchange["outcome"], "ok");
}

#[test]
fn a_killed_proxy_leaves_what_was_in_flight_as_interrupted() {
    let upstream = Upstream::script(|conn| {
        conn.request();
        conn.send(SSE_HEAD);
        conn.send_chunk("data: 1\n\n");
        conn.closed();
    });
    let mut glassway = Glassway::before(&upstream);
    let mut feed = glassway.feed();
    let mut client = glassway.client();
    client.send(post("/v1/chat/completions", r#"{"stream":true}"#));
    client.head();
    let id = feed.event("request.started")["request"]["id"].clone();
    glassway.kill9(Which::Proxy);
    glassway.start(Which::Proxy);
    let exchange = glassway.only_exchange();
    assert_eq!(exchange["outcome"], "interrupted");
    assert_eq!(exchange["id"], id);
    assert_eq!(exchange["path"], "/v1/chat/completions");
    let finished = feed.event("request.finished");
    assert_eq!(finished["request"]["id"], id);
}

#[test]
fn a_proxy_killed_under_load_forgets_no_request_it_answered() {
    let upstream = Upstream::answer(json("{}"));
    let mut glassway = Glassway::before(&upstream);
    let mut answered = BTreeSet::new();
    let mut sent = 0;
    for name in ["first", "second", "third"] {
        let load = Load::start(glassway.proxy_addr(), name);
        load.after(300);
        glassway.kill9(Which::Proxy);
        let (these, n) = load.end();
        answered.extend(these);
        sent += n;
        glassway.start(Which::Proxy);
        glassway.connected();
    }
    eventually("nothing is in flight", || {
        (glassway.api().json("/api/stats")["in_flight"] == 0).then_some(())
    });
    let rows = eventually("every answered request has a row", || {
        let rows = rows(&glassway);
        answered.iter().all(|path| rows.contains_key(path)).then_some(rows)
    });
    for (path, outcomes) in &rows {
        assert_eq!(outcomes.len(), 1, "{path} has more than one row: {outcomes:?}");
        assert!(
            ["ok", "interrupted", "client_closed"].contains(&outcomes[0].as_str()),
            "{path}: {outcomes:?}"
        );
    }
    assert!(rows.len() <= sent, "{} rows of {sent} requests", rows.len());
    let lost = glassway.api().json("/api/stats")["lost"]["records_lost"].clone();
    assert_eq!(lost, 0);
}

#[test]
fn a_monitor_killed_under_load_costs_no_client_anything() {
    let upstream = Upstream::answer(json("{}"));
    let mut glassway = Glassway::before(&upstream);
    let load = Load::start(glassway.proxy_addr(), "steady");
    for n in 1..=3 {
        load.after(n * 300);
        glassway.kill9(Which::Monitor);
        load.after(n * 300 + 100);
        glassway.start(Which::Monitor);
    }
    glassway.connected();
    let (answered, sent) = load.end();
    assert_eq!(answered.len(), sent, "every client was answered");
    let rows = eventually("every request has a row", || {
        let rows = rows(&glassway);
        (rows.len() == sent).then_some(rows)
    });
    assert!(rows.values().all(|outcomes| outcomes == &["ok"]));
}

#[test]
fn a_feed_that_reconnects_to_a_new_monitor_misses_nothing() {
    let upstream = Upstream::answer(json("{}"));
    let mut glassway = Glassway::before(&upstream);
    let mut client: Client = glassway.client();
    let mut feed = glassway.feed();
    client.ask(get("/v1/before"));
    let cursor = feed.event("request.finished")["cursor"].clone();
    glassway.kill9(Which::Monitor);
    for n in 0..50 {
        client.ask(get(&format!("/v1/meanwhile/{n}")));
    }
    glassway.start(Which::Monitor);
    let mut feed = glassway.feed();
    feed.send(&serde_json::json!({"resume_after": cursor}));
    let mut paths = Vec::new();
    feed.until("what finished meanwhile", |e| {
        if e["type"] == "request.finished" {
            paths.push(e["request"]["path"].as_str()?.to_owned());
        }
        (paths.len() == 50).then_some(())
    });
    let expected: Vec<String> = (0..50).map(|n| format!("/v1/meanwhile/{n}")).collect();
    assert_eq!(paths, expected);
}
