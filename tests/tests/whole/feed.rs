//! The live feed: each exchange starts once and finishes once, text arrives
//! while it is written, and nothing is missed across a reconnect.

use std::{collections::BTreeMap, time::Duration};

use glassway_tests::{
    Gate, Glassway, Upstream,
    client::{get, post},
    feed::Feed,
    glassway::{ADMIN_KEY, Which},
    upstream::{SSE_HEAD, json},
};
use serde_json::{Value, json as value};

/// Answers a stream in two halves, the second once the gate is open.
fn halves(open: &Gate) -> Upstream {
    let open = open.clone();
    Upstream::script(move |conn| {
        while conn.try_request().is_some() {
            conn.send(SSE_HEAD);
            conn.send_chunk("data: {\"choices\":[{\"delta\":{\"content\":\"first 狐\"}}]}\n\n");
            open.wait();
            conn.send_chunk("data: {\"choices\":[{\"delta\":{\"content\":\"second 狸\"}}]}\n\n");
            conn.send("0\r\n\r\n");
        }
    })
}

#[test]
fn an_exchange_starts_once_and_finishes_once() {
    let upstream = Upstream::answer(json("{}"));
    let glassway = Glassway::before(&upstream);
    let mut feed = glassway.feed();
    assert_eq!(feed.hello["in_flight"], value!([]));
    assert_eq!(feed.hello["proxy"]["connected"], true);
    let mut client = glassway.client();
    for n in 0..20 {
        client.ask(get(&format!("/v1/x/{n}")));
    }
    let mut started: BTreeMap<String, usize> = BTreeMap::new();
    let mut finished: Vec<(String, i64)> = Vec::new();
    let mut last_seq = 0;
    while finished.len() < 20 {
        let event = feed.receive();
        let seq = event["seq"].as_i64().unwrap();
        assert!(seq > last_seq, "seq rises: {event}");
        last_seq = seq;
        let id = event["request"]["id"].as_str().unwrap_or_default().to_owned();
        match event["type"].as_str().unwrap() {
            "request.started" => {
                *started.entry(id).or_default() += 1;
                assert_eq!(event["request"]["outcome"], "in_flight");
            }
            "request.finished" => {
                assert_eq!(started.get(&id), Some(&1), "finished before it started");
                // Announced after its commit: the list has it already.
                let shown = glassway.api().request(&id);
                assert_eq!(shown["outcome"], "ok");
                finished.push((id, event["cursor"].as_i64().unwrap()));
            }
            _ => {}
        }
    }
    assert!(finished.is_sorted_by_key(|(_, cursor)| *cursor));
    assert!(started.values().all(|&n| n == 1) && started.len() == 20);
    let quiet = feed.try_next(Duration::from_millis(500));
    assert!(quiet.is_none_or(|e| e["type"] == "stats"), "a second end");
}

#[test]
fn a_running_exchange_is_in_hello_in_the_list_and_in_its_detail() {
    let open = Gate::new();
    let upstream = halves(&open);
    let glassway = Glassway::before(&upstream);
    let mut client = glassway.client();
    client.send(post("/v1/chat/completions", r#"{"model":"gpt-4o","stream":true}"#));
    client.head();
    let id = glassway_tests::eventually("the running one in the list", || {
        let list = glassway.api().requests("");
        let running = list.iter().find(|e| e["outcome"] == "in_flight")?;
        Some(running["id"].as_str()?.to_owned())
    });
    let feed = glassway.feed();
    assert_eq!(feed.hello["in_flight"][0]["id"], id.as_str());
    let shown = glassway_tests::eventually("its model is known", || {
        let shown = glassway.api().request(&id);
        assert_eq!(shown["outcome"], "in_flight");
        (!shown["model"].is_null()).then_some(shown)
    });
    assert_eq!(shown["model"], "gpt-4o");
    assert_eq!(shown["path"], "/v1/chat/completions");
    open.open();
    assert!(client.rest_of_chunks().contains("second 狸"));
    assert_eq!(glassway.only_exchange()["id"], id.as_str());
}

trait RestOfChunks {
    fn rest_of_chunks(&mut self) -> String;
}

impl RestOfChunks for glassway_tests::Client {
    fn rest_of_chunks(&mut self) -> String {
        let mut text = Vec::new();
        while let Some(chunk) = self.chunk().filter(|c| !c.is_empty()) {
            text.extend(chunk);
        }
        String::from_utf8(text).unwrap()
    }
}

#[test]
fn whoever_watches_reads_along() {
    let open = Gate::new();
    let upstream = halves(&open);
    let glassway = Glassway::before(&upstream);
    let mut feed = glassway.feed();
    let mut client = glassway.client();
    client.send(post("/v1/chat/completions", r#"{"model":"gpt-4o","stream":true}"#));
    let id = feed.event("request.started")["request"]["id"].as_str().unwrap().to_owned();
    client.head();
    client.chunk();
    feed.send(&value!({"watch": id}));
    let mut text = String::new();
    read_along(&mut feed, &id, &mut text, "first 狐");
    open.open();
    read_along(&mut feed, &id, &mut text, "second 狸");
    client.rest_of_chunks();
    let finished = feed.event("request.finished");
    assert_eq!(finished["request"]["id"], id.as_str());
    assert_eq!(text, glassway.only_exchange()["response"]["body"].as_str().unwrap());
}

/// Appends the answer's deltas until they contain `until`.
fn read_along(feed: &mut Feed, id: &str, text: &mut String, until: &str) {
    feed.until(until, |event| {
        if event["type"] == "body.delta" && event["side"] == "response" {
            assert_eq!(event["id"], id);
            assert_eq!(event["from"], text.len(), "a gap or a repeat");
            text.push_str(event["data"].as_str().unwrap());
        }
        text.contains(until).then_some(())
    });
}

#[test]
fn nobody_gets_bodies_unasked() {
    let open = Gate::new();
    open.open();
    let upstream = halves(&open);
    let glassway = Glassway::before(&upstream);
    let mut feed = glassway.feed();
    glassway.client().ask(post("/v1/chat/completions", r#"{"stream":true}"#));
    loop {
        let event = feed.receive();
        assert_ne!(event["type"], "body.delta");
        if event["type"] == "request.finished" {
            break;
        }
    }
}

#[test]
fn a_running_answer_shows_its_last_words() {
    let open = Gate::new();
    let upstream = halves(&open);
    let glassway = Glassway::before(&upstream);
    let mut feed = glassway.feed();
    let mut client = glassway.client();
    client.send(post("/v1/chat/completions", r#"{"model":"gpt-4o","stream":true}"#));
    // In an update, or with its start where both fall into one moment.
    let live = feed.until("an event with text", |e| {
        let live = &e["request"]["live"];
        (live["text_tail"] != "" && live["text_tail"].is_string()).then(|| live.clone())
    });
    assert!(live["text_tail"].as_str().unwrap().ends_with('狐'), "{live}");
    open.open();
    client.head();
    client.rest_of_chunks();
    assert_eq!(feed.event("request.finished")["request"]["outcome"], "ok");
}

#[test]
fn a_filter_leaves_only_what_it_names() {
    let upstream = Upstream::answer(json("{}"));
    let glassway = Glassway::before(&upstream);
    let mut feed = glassway.feed();
    feed.send(&value!({"filter": {"path": "/v1/wanted"}}));
    // The filter is in force once an unwanted exchange no longer shows; one that
    // overtook it is passed over.
    glassway.client().ask(get("/v1/settle"));
    glassway.finished(1);
    glassway.client().ask(get("/v1/unwanted"));
    glassway.client().ask(get("/v1/wanted"));
    let mut seen = Vec::new();
    feed.until("the wanted one finishes", |e| {
        let path = e["request"]["path"].as_str()?.to_owned();
        seen.push(path.clone());
        (e["type"] == "request.finished" && path == "/v1/wanted").then_some(())
    });
    seen.retain(|path| path != "/v1/settle");
    assert!(seen.iter().all(|path| path == "/v1/wanted"), "{seen:?}");
}

#[test]
fn resuming_replays_what_was_missed_in_order() {
    let upstream = Upstream::answer(json("{}"));
    let glassway = Glassway::before(&upstream);
    let mut client = glassway.client();
    let mut feed = glassway.feed();
    client.ask(get("/v1/seen"));
    let cursor = feed.event("request.finished")["cursor"].as_i64().unwrap();
    drop(feed);
    for n in 0..300 {
        client.ask(get(&format!("/v1/missed/{n}")));
    }
    glassway.finished(301);

    let mut feed = glassway.feed();
    feed.send(&value!({"resume_after": cursor}));
    client.ask(get("/v1/after"));
    let mut cursors = Vec::new();
    let mut paths = Vec::new();
    feed.until("all that was missed", |e| {
        if e["type"] == "request.finished" {
            cursors.push(e["cursor"].as_i64()?);
            paths.push(e["request"]["path"].as_str()?.to_owned());
        }
        (paths.last().map(String::as_str) == Some("/v1/after")).then_some(())
    });
    let mut expected: Vec<String> = (0..300).map(|n| format!("/v1/missed/{n}")).collect();
    expected.push("/v1/after".to_owned());
    assert_eq!(paths, expected, "no gap and no repeat");
    assert!(cursors.is_sorted() && cursors[0] > cursor);
}

#[test]
fn a_feed_that_reads_nothing_holds_nobody_up_and_catches_up() {
    let upstream = Upstream::answer(json(&format!(r#"{{"text":"{}"}}"#, "x".repeat(2_000))));
    let mut glassway = Glassway::before(&upstream);
    let mut slow = glassway.feed();
    let mut client = glassway.client();
    let before = glassway.resident(Which::Monitor);
    for n in 0..3_000 {
        let path = format!("/v1/{}/{n}", "p".repeat(600));
        assert_eq!(client.ask(get(&path)).status(), 200);
    }
    glassway_tests::eventually("all are stored", || {
        (glassway.api().json("/api/stats")["calls"]["all"] == 3_000).then_some(())
    });
    assert!(glassway.resident(Which::Monitor) < before + 128 * 1024 * 1024);
    let mut seen = std::collections::BTreeSet::new();
    while seen.len() < 3_000 {
        let event = slow.receive();
        match event["type"].as_str().unwrap() {
            "resync" => slow.send(&value!({"resume_after": event["cursor"]})),
            "request.finished" => {
                let id = event["request"]["id"].as_str().unwrap().to_owned();
                assert!(seen.insert(id), "announced twice: {event}");
            }
            _ => {}
        }
    }
}

#[test]
fn the_feed_tells_when_the_proxy_goes_and_comes_back() {
    let upstream = Upstream::answer(json("{}"));
    let mut glassway = Glassway::before(&upstream);
    let mut feed = glassway.feed();
    glassway.kill9(Which::Proxy);
    let away = feed.event("proxy");
    assert_eq!(away["connected"], false);
    glassway.start(Which::Proxy);
    let back = feed.event("proxy");
    assert_eq!(back["connected"], true);
    glassway.client().ask(get("/v1/x"));
    feed.event("request.finished");
}

#[test]
fn the_feed_is_for_those_who_signed_in() {
    let upstream = Upstream::answer(json("{}"));
    let glassway = Glassway::before(&upstream);
    let upgrade = |more: &str| {
        let request = format!(
            "GET /api/feed HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{more}\r\n"
        );
        let mut client = glassway_tests::Client::connect(glassway.monitor_addr());
        client.send(request);
        client.head().status()
    };
    assert_eq!(upgrade(""), 401);
    assert_eq!(upgrade("Authorization: Bearer wrong\r\n"), 401);
    assert_eq!(upgrade(&format!("Authorization: Bearer {ADMIN_KEY}\r\n")), 101);
}

#[test]
fn nonsense_on_the_feed_is_survived() {
    let upstream = Upstream::answer(json("{}"));
    let glassway = Glassway::before(&upstream);
    for nonsense in [
        value!("text"),
        value!({"watch": 7}),
        value!({"watch": "no-such-id"}),
        value!({"filter": {"no_such": 1}}),
        value!({"resume_after": -5}),
        value!([1, 2]),
        Value::Null,
    ] {
        let mut feed = glassway.feed();
        feed.send(&nonsense);
        let mut other = glassway.feed();
        glassway.client().ask(get("/v1/x"));
        other.event("request.finished");
    }
}
