//! Chatting over the monitor, with both real processes: the answer comes as it is made,
//! whatever happens to it is kept, and the exchange is recorded with the origin `chat`.

use std::time::Duration;

use glassway_tests::{
    Client, Gate, Glassway, Upstream, eventually,
    glassway::Which,
    llm,
    team::{self, ANSWER, by_key, error, paste},
    upstream::{SSE_HEAD, json},
};
use serde_json::{Value, json as value};

const STREAM: &str =
    r#"{"model":"gpt-4o","stream":true,"messages":[{"role":"user","content":"tell me of 狐狸"}]}"#;

/// A connection to the monitor and a question sent over it.
fn asked(glassway: &Glassway, path: &str, body: &str) -> Client {
    let mut client = Client::connect(glassway.monitor_addr());
    client.send(format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        glassway_tests::glassway::ADMIN_KEY,
        body.len()
    ));
    client
}

/// The newest turn once it stands so.
fn turn(glassway: &Glassway, state: &str) -> Value {
    eventually(format!("the turn is {state}"), || {
        let turn = glassway.api().json("/api/chat/history?limit=1")["items"][0].clone();
        (turn["state"] == state).then_some(turn)
    })
}

fn settled(glassway: &Glassway) -> Value {
    eventually("the turn has its figures", || {
        let turn = glassway.api().json("/api/chat/history?limit=1")["items"][0].clone();
        (!turn["exchange"].is_null()).then_some(turn)
    })
}

fn delta(text: &str) -> String {
    format!(
        "data: {}\n\n",
        value!({"id": "c", "object": "chat.completion.chunk", "model": "gpt-4o",
        "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": null}]})
    )
}

#[test]
fn a_stream_comes_as_it_is_made_and_is_kept_with_its_figures() {
    let gate = Gate::new();
    let upstream = Upstream::script({
        let gate = gate.clone();
        move |conn| {
            conn.request();
            conn.send(SSE_HEAD);
            conn.send_chunk(delta("A fox"));
            gate.wait();
            conn.send_chunk(delta(" jumps."));
            conn.send_chunk("data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":4}}\n\ndata: [DONE]\n\n");
            conn.send("0\r\n\r\n");
        }
    });
    let glassway = Glassway::before(&upstream);
    glassway.connected();
    paste(&glassway, 1);
    let mut client = asked(&glassway, "/api/chat", STREAM);
    let head = client.head();
    assert_eq!(head.status(), 200, "{head:?}");
    assert!(head.header("content-type").unwrap().starts_with("text/event-stream"));
    let id = head.header("x-glassway-id").unwrap().to_owned();
    let first = String::from_utf8(client.chunk().unwrap()).unwrap();
    assert!(first.contains("A fox"), "before the upstream said the rest: {first}");
    assert_eq!(turn(&glassway, "running")["question"], "tell me of 狐狸");
    gate.open();
    while client.chunk().is_some_and(|chunk| !chunk.is_empty()) {}
    let turn = settled(&glassway);
    assert_eq!((&turn["state"], &turn["answer"]), (&value!("done"), &value!("A fox jumps.")));
    assert_eq!((&turn["request_id"], &turn["finish_reason"]), (&value!(id), &value!("stop")));
    let exchange = &turn["exchange"];
    assert_eq!((&exchange["origin"], &exchange["key"]), (&value!("chat"), &value!("key0")));
    assert!(exchange["cost_usd"].as_f64().unwrap() > 0.0, "{exchange}");
    assert_eq!(glassway.api().request(&id)["usage"]["completion_tokens"], 4);
    let found = glassway.api().json("/api/chat/conversations?q=%E7%8B%90%E7%8B%B8");
    assert_eq!(found["total"], 1);
    upstream.check();
}

#[test]
fn stopping_in_the_middle_keeps_what_was_said_and_stops_the_upstream() {
    let upstream = Upstream::script(|conn| {
        conn.request();
        conn.send(SSE_HEAD);
        conn.send_chunk(delta("half of"));
        while conn.try_send(format!("{:x}\r\n{}\r\n", 9, ": more..\n")).is_ok() {
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    let glassway = Glassway::before(&upstream);
    glassway.connected();
    paste(&glassway, 1);
    let mut client = asked(&glassway, "/api/chat", STREAM);
    client.head();
    client.chunk();
    drop(client);
    let turn = turn(&glassway, "stopped");
    assert_eq!((&turn["answer"], &turn["error"]), (&value!("half of"), &Value::Null));
    let recorded = eventually("it ended", || {
        let found = glassway.api().requests("?origin=chat");
        found.into_iter().find(|x| x["outcome"] != "in_flight")
    });
    assert_eq!(recorded["outcome"], "client_closed");
    assert_eq!(recorded["id"], turn["request_id"]);
}

#[test]
fn an_upstreams_error_is_passed_on_and_kept_and_so_is_a_broken_stream() {
    let upstream = Upstream::script(|conn| {
        while let Some(request) = conn.try_request() {
            if request.body.text().contains("break") {
                conn.send(SSE_HEAD);
                conn.send_chunk(delta("so far"));
                conn.reset();
                return;
            }
            conn.send(error("400 Bad Request", "unknown_parameter"));
        }
    });
    let glassway = Glassway::before(&upstream);
    glassway.connected();
    paste(&glassway, 1);
    let refused = glassway.api().post("/api/chat", &serde_json::from_str(STREAM).unwrap());
    assert_eq!(
        (refused.status, &refused.json()["error"]["code"]),
        (400, &value!("unknown_parameter"))
    );
    let failed = settled(&glassway);
    assert_eq!((&failed["state"], &failed["status"]), (&value!("failed"), &value!(400)));
    assert_eq!(failed["error"], "no");
    assert_eq!(failed["exchange"]["outcome"], "client_error");

    let mut client = asked(&glassway, "/api/chat", &STREAM.replace("tell", "break"));
    client.head();
    let (bytes, _) = client.rest();
    assert!(!bytes.ends_with(b"0\r\n\r\n"), "a broken answer must not look whole");
    let broken = turn(&glassway, "failed");
    assert_eq!(broken["answer"], "so far");
    assert!(broken["error"].as_str().unwrap().contains("broke off"), "{broken}");
    let no_model = value!({"model": "x", "messages": [{"role": "user", "content": "x"}]});
    let nowhere = glassway.api().post("/api/chat?provider=nobody", &no_model);
    assert_eq!(nowhere.status, 404);
    let nowhere = glassway.api().post("/api/chat?key=99", &no_model);
    assert!(nowhere.status >= 400, "{}", nowhere.text());
}

#[test]
fn while_the_proxy_is_away_nothing_asked_is_lost() {
    let upstream = by_key(|_| json(ANSWER));
    let mut glassway = Glassway::before(&upstream);
    glassway.connected();
    paste(&glassway, 1);
    glassway.kill9(Which::Proxy);
    let body: Value = serde_json::from_str(team::ASK).unwrap();
    let refused = glassway.api().post("/api/chat", &body);
    assert_eq!(refused.status, 503, "{}", refused.text());
    let kept = turn(&glassway, "failed");
    assert_eq!(kept["question"], "hello");
    glassway.start(Which::Proxy);
    glassway.connected();
    let path = format!("/api/chat?conversation={}", kept["conversation_id"]);
    let answer = glassway.api().post(&path, &body);
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(turn(&glassway, "done")["answer"], "hi");
}

#[test]
fn a_key_of_another_dialect_can_be_picked_and_its_answer_is_a_chats() {
    let upstream = llm::start(llm::Pace::INSTANT);
    let glassway = Glassway::before(&upstream);
    glassway.connected();
    paste(&glassway, 1);
    let other = team::provider(&glassway, "claude", "anthropic", &upstream.url());
    let key = team::paste_to(&glassway, other, 1..2)[0]["id"].clone();
    let body =
        value!({"model": "claude-sonnet-4-5", "messages": [{"role": "user", "content": "hi"}]});
    let answer = glassway.api().post(&format!("/api/chat?key={key}"), &body);
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.json()["object"], "chat.completion");
    let turn = settled(&glassway);
    assert_eq!((&turn["key_id"], &turn["exchange"]["provider"]), (&key, &value!("claude")));
    let by_name = glassway.api().post("/api/chat?provider=claude", &body);
    assert_eq!(by_name.status, 200, "{}", by_name.text());
}

#[test]
fn hostile_words_come_back_as_they_were_and_the_limit_holds() {
    let upstream = by_key(|_| json(ANSWER));
    let glassway = Glassway::before(&upstream);
    glassway.connected();
    paste(&glassway, 1);
    let hostile = "<script>alert(1)</script> \u{202e}%_\\'; DROP TABLE chats;-- \u{1b}[31m\0";
    let body = value!({"model": "gpt-4o", "messages": [{"role": "user", "content": hostile}]});
    for _ in 0..3 {
        assert_eq!(glassway.api().post("/api/chat", &body).status, 200);
    }
    let page = glassway.api().json("/api/chat/history?limit=2");
    assert_eq!((page["items"].as_array().unwrap().len(), &page["total"]), (2, &value!(3)));
    assert_eq!(page["items"][0]["question"], hostile);
    let found = glassway.api().json("/api/chat/history?q=%25_%5C");
    assert_eq!(found["total"], 3);
    assert_eq!(glassway.api().json("/api/chat/history?q=%25%25")["total"], 0);
    assert_eq!(glassway.api().get("/api/chat/history?limit=0").status, 400);
    assert_eq!(glassway.api().anonymous().get("/api/chat/history").status, 401);
    let reply = glassway.api().anonymous().post("/api/chat", &body);
    assert_eq!(reply.status, 401);
}

#[test]
fn a_turn_that_a_dead_monitor_left_running_is_told_as_interrupted() {
    let upstream = Upstream::script(|conn| {
        conn.request();
        conn.send(SSE_HEAD);
        conn.send_chunk(delta("lost"));
        while conn.try_send(format!("{:x}\r\n{}\r\n", 9, ": more..\n")).is_ok() {
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    let mut glassway = Glassway::before(&upstream);
    glassway.connected();
    paste(&glassway, 1);
    let mut client = asked(&glassway, "/api/chat", STREAM);
    client.head();
    glassway.kill9(Which::Monitor);
    glassway.start(Which::Monitor);
    let left = turn(&glassway, "interrupted");
    assert_eq!(left["question"], "tell me of 狐狸");
    assert!(left["request_id"].is_string(), "{left}");
    let found = settled(&glassway);
    assert_eq!(found["exchange"]["id"], left["request_id"]);
}

#[test]
fn retention_that_is_set_while_it_runs_is_followed() {
    let upstream = by_key(|_| json(ANSWER));
    let glassway = Glassway::before(&upstream);
    glassway.connected();
    paste(&glassway, 1);
    let body: Value = serde_json::from_str(team::ASK).unwrap();
    for _ in 0..6 {
        assert_eq!(glassway.api().post("/api/chat", &body).status, 200);
    }
    settled(&glassway);
    team::put(&glassway, "/api/settings", &value!({"max_exchanges": 2}));
    eventually("the oldest go", || {
        (glassway.api().json("/api/storage")["exchanges"] == 2).then_some(())
    });
    let turns = glassway.api().json("/api/chat/history");
    assert_eq!(turns["items"][5]["exchange"]["origin"], "chat", "known although it is gone");
    team::put(&glassway, "/api/settings", &value!({"max_exchanges": null}));
    assert_eq!(glassway.api().json("/api/settings")["max_exchanges"], Value::Null);
}
