//! What is never to be seen is seen nowhere: not while an exchange runs, not in the detail,
//! the search or the exports, and not in any byte on disk. By places in JSON, by patterns,
//! and whole, for clients of whom nothing but metadata is recorded.

use std::{fs, io::Write, path::Path, time::Duration};

use flate2::{Compression, write::GzEncoder};
use glassway_tests::{
    Glassway, Upstream, eventually,
    glassway::Which,
    relay,
    team::{chat, paste, post, token, with},
    upstream::{SSE_HEAD, answer},
    wait::Gate,
};
use serde_json::{Value, json as value};

const NUMBER: &str = "078-05-1120";
const MAIL: &str = "mallory@example.org";
const WORD: &str = "zxcvwombat";
const TYPED: &str = "sk-typed-in-0123456789abcdefghij";

fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(folder).unwrap().flatten().map(|entry| entry.path());
    let (folders, mut all): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    all.retain(|path| path.is_file() && path.file_name().unwrap() != "config.toml");
    all.extend(folders.iter().flat_map(|folder| self::files(folder)));
    all
}

fn nowhere_on_disk(glassway: &Glassway, secrets: &[&str]) {
    for file in files(glassway.folder()) {
        let bytes = fs::read(&file).unwrap_or_default();
        for secret in secrets {
            let found = bytes.windows(secret.len()).any(|part| part == secret.as_bytes());
            assert!(!found, "{} holds {secret}", file.display());
        }
    }
}

fn chunk(text: &str) -> String {
    format!("data: {}\n\n", value!({"choices": [{"index": 0, "delta": {"content": text}}]}))
}

fn gzip(text: &str) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    packed.write_all(text.as_bytes()).unwrap();
    packed.finish().unwrap()
}

fn of(glassway: &Glassway, n: usize) -> Vec<Value> {
    let api = glassway.api();
    glassway.finished(n).iter().map(|one| api.request(one["id"].as_str().unwrap())).collect()
}

/// Every answer of the API in which a body could show.
fn everything(glassway: &Glassway, id: &str) -> String {
    let api = glassway.api();
    [
        format!("/api/request/{id}"),
        format!("/api/request/{id}/request-body"),
        format!("/api/request/{id}/response-body"),
        "/api/requests".to_owned(),
        "/api/export.har".to_owned(),
        "/api/export.jsonl".to_owned(),
        "/api/export.csv".to_owned(),
        "/api/conversations".to_owned(),
    ]
    .iter()
    .map(|path| api.get(path).text())
    .collect()
}

#[test]
fn what_is_configured_never_to_be_kept_is_kept_nowhere() {
    let gate = Gate::new();
    let upstream = Upstream::script({
        let gate = gate.clone();
        move |conn| {
            let Some(request) = conn.try_request() else { return };
            match request.head.first_line.split(' ').nth(1).unwrap() {
                "/v1/chat/completions" => {
                    conn.send(SSE_HEAD);
                    for piece in ["it is 0", "78-05-1", "120 ", "ok"] {
                        conn.send_chunk(chunk(piece));
                    }
                    gate.wait();
                    conn.send_chunk("data: [DONE]\n\n");
                    conn.send("0\r\n\r\n");
                }
                "/v1/packed" => {
                    let body = gzip(&value!({"user": {"email": MAIL}, "n": NUMBER}).to_string());
                    conn.send(format!(
                        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\
                         Content-Encoding: gzip\r\nContent-Length: {}\r\n\r\n",
                        body.len()
                    ));
                    conn.send(body);
                }
                _ => {
                    let said = value!({"error": {"message": format!("no {NUMBER} here")}});
                    conn.send(answer("400 Bad Request", "application/json", &said.to_string()));
                }
            }
        }
    });
    let mut glassway = Glassway::setup()
        .upstream(&upstream.url())
        .set("record.redact_json", vec!["$.metadata.user_id", "..email"])
        .set("record.redact_patterns", vec![r"\d{3}-\d{2}-\d{4}", "zxcvwom\\w+"])
        .start();
    let mut feed = glassway.feed();
    let body = value!({"model": "gpt-4o", "stream": true, "metadata": {"user_id": MAIL},
        "messages": [{"role": "user", "content": format!("{NUMBER} {WORD}")}]});
    let mut client = glassway.client();
    client.send(with(&post("/v1/chat/completions", &body.to_string()), "sk-own"));
    let id = feed.until("it began", |event| {
        let started = event["type"] == "request.started";
        started.then(|| event["request"]["id"].as_str().unwrap().to_owned())
    });
    feed.send(&value!({"watch": id}));
    let api = glassway.api();
    eventually("its pieces have come", || {
        let live = api.json(&format!("/api/request/{id}"));
        let shown = live.to_string();
        assert!(![NUMBER, MAIL, WORD, "78-05"].iter().any(|s| shown.contains(s)), "{live:#}");
        (live["live"]["tokens"].as_u64() >= Some(4)).then(|| {
            assert_eq!(live["warnings"], value!(["bodies_withheld"]));
            assert_eq!(
                (&live["request"]["body"], &live["response"]["body"]),
                (&value!(""), &value!(""))
            );
            assert!(live["request"]["headers"].as_array().unwrap().len() > 2);
        })
    });
    gate.open();
    // The client gets every byte.
    let got = client.answer().text();
    assert!(got.contains("78-05-1") && got.contains("[DONE]"), "{got}");
    while let Some(event) = feed.try_next(Duration::from_millis(500)) {
        let text = event.to_string();
        assert!(![NUMBER, MAIL, WORD, "78-05"].iter().any(|s| text.contains(s)), "{text}");
    }
    let packed = glassway.client().ask(with(&post("/v1/packed", "{}"), "sk-own"));
    assert_eq!(packed.status(), 200);
    let refused = glassway.client().ask(with(&post("/v1/other", "{}"), "sk-own"));
    assert!(refused.text().contains(NUMBER));

    let all = of(&glassway, 3);
    let [stream, packed, refused] = &all[..] else { panic!() };
    let sent: Value = serde_json::from_str(stream["request"]["body"].as_str().unwrap()).unwrap();
    assert_eq!(sent["metadata"]["user_id"], "[redacted]");
    assert_eq!(sent["messages"][0]["content"], "[redacted] [redacted]");
    let events = stream["events"].as_array().unwrap();
    let said: String = events
        .iter()
        .filter_map(|event| serde_json::from_str::<Value>(event["data"].as_str()?).ok())
        .filter_map(|event| Some(event["choices"][0]["delta"]["content"].as_str()?.to_owned()))
        .collect();
    assert_eq!(said, "it is [redacted] ok");
    assert_eq!(stream["warnings"], value!(["redacted 4"]));
    assert_eq!(stream["model"], "gpt-4o", "figures are read before");
    assert_eq!(packed["response"]["body"], r#"{"n":"[redacted]","user":{"email":"[redacted]"}}"#);
    let was = value!(["x-glassway-content-encoding", "gzip"]);
    assert!(packed["response"]["headers"].as_array().unwrap().contains(&was));
    assert_eq!(packed["warnings"], value!(["redacted 2"]));
    assert!(refused["response"]["body"].as_str().unwrap().contains("no [redacted] here"));
    let again = format!("/api/request/{}/replay", stream["id"].as_str().unwrap());
    let refused = api.post(&again, &value!({"targets": [{"provider_id": 1}]}));
    assert_eq!((refused.status, &refused.json()["errors"][0]["field"]), (409, &value!("body")));
    for one in &all {
        let text = everything(&glassway, one["id"].as_str().unwrap());
        assert!(![NUMBER, MAIL, WORD].iter().any(|s| text.contains(s)), "{text}");
    }
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(api.requests(&format!("?q={WORD}")), Vec::<Value>::new());
    for which in [Which::Proxy, Which::Monitor] {
        let (status, log) = glassway.term(which);
        assert!(status.success() && !log.contains(NUMBER), "{log}");
    }
    nowhere_on_disk(&glassway, &[NUMBER, MAIL, WORD]);
}

#[test]
fn of_some_clients_nothing_but_metadata_is_recorded() {
    let gate = Gate::new();
    let upstream = Upstream::script({
        let gate = gate.clone();
        move |conn| {
            while let Some(request) = conn.try_request() {
                if request.head.first_line.contains("/v1/fails") {
                    let said = value!({"error": {"message": WORD}}).to_string();
                    conn.send(answer("400 Bad Request", "application/json", &said));
                    continue;
                }
                conn.send(SSE_HEAD);
                conn.send_chunk(chunk(WORD));
                gate.wait();
                let usage = value!({"model": "gpt-4o", "choices": [],
                    "usage": {"prompt_tokens": 3, "completion_tokens": 7, "total_tokens": 10}});
                conn.send_chunk(format!("data: {usage}\n\ndata: [DONE]\n\n"));
                conn.send("0\r\n\r\n");
            }
        }
    });
    let mut glassway = Glassway::setup().upstream(&upstream.url()).start();
    paste(&glassway, 1);
    let quiet = token(&glassway, &value!({"record": "metadata"}));
    let shown = glassway.api().json("/api/client-tokens");
    assert_eq!(shown["items"][0]["record"], "metadata");
    let body = value!({"model": "gpt-4o", "stream": true, "stream_options": {"include_usage": true},
        "messages": [{"role": "user", "content": WORD}]});
    let mut feed = glassway.feed();
    let mut client = glassway.client();
    let ask = with(&post(&format!("/v1/chat/completions?a={WORD}"), &body.to_string()), &quiet);
    client.send(ask.replacen("\r\n", &format!("\r\nX-Said: {WORD}\r\n"), 1));
    let id = feed.until("it began", |event| {
        let started = event["type"] == "request.started";
        started.then(|| event["request"]["id"].as_str().unwrap().to_owned())
    });
    feed.send(&value!({"watch": id}));
    let api = glassway.api();
    eventually("it answers", || {
        let live = api.json(&format!("/api/request/{id}"));
        assert!(!live.to_string().contains(WORD), "{live:#}");
        (live["live"]["tokens"].as_u64() >= Some(1)).then(|| {
            assert_eq!(live["warnings"], value!(["metadata_only"]));
            assert_eq!(live["request"]["headers"], value!([]));
        })
    });
    gate.open();
    assert!(client.answer().text().contains(WORD));
    while let Some(event) = feed.try_next(Duration::from_millis(500)) {
        assert!(!event.to_string().contains(WORD), "{event}");
    }
    let refused = glassway.client().ask(with(&post("/v1/fails", "{\"model\":\"m\"}"), &quiet));
    assert!(refused.text().contains(WORD));
    let all = of(&glassway, 2);
    let one = &all[0];
    assert_eq!(
        (&one["target"], &one["model"]),
        (&value!("/v1/chat/completions"), &value!("gpt-4o"))
    );
    assert_eq!(one["usage"]["completion_tokens"], 7);
    assert_eq!(one["client_token"], "app");
    assert!(one["request_bytes"].as_u64() > Some(50) && one["response_bytes"].as_u64() > Some(50));
    for side in ["request", "response"] {
        assert_eq!((&one[side]["headers"], &one[side]["body"]), (&value!([]), &value!("")));
        assert_eq!(one[side]["shed"], true);
    }
    assert_eq!((&one["events"], &one["messages"]), (&value!([]), &value!([])));
    assert!(one["warnings"].as_array().unwrap().contains(&value!("metadata_only")), "{one:#}");
    assert_eq!(all[1]["status"], 400);
    for one in &all {
        assert!(!everything(&glassway, one["id"].as_str().unwrap()).contains(WORD));
    }
    let again = api.post(&format!("/api/request/{id}/replay"), &value!({}));
    assert!(again.status >= 400, "there is nothing to send again: {}", again.text());
    // The token's own word is for what comes; others are recorded as ever.
    let tokens = api.json("/api/client-tokens");
    glassway_tests::team::put(
        &glassway,
        &format!("/api/client-tokens/{}", tokens["items"][0]["id"]),
        &value!({"record": "all"}),
    );
    glassway.client().ask(with(&post("/v1/fails", "{\"model\":\"m\"}"), &quiet));
    let last = of(&glassway, 3).remove(2);
    assert_eq!(last["request"]["body"], "{\"model\":\"m\"}");
    let wrong = api.post("/api/client-tokens", &value!({"name": "b", "record": "some"}));
    assert_eq!((wrong.status, &wrong.json()["errors"][0]["field"]), (400, &value!("record")));
    for which in [Which::Proxy, Which::Monitor] {
        glassway.term(which);
    }
}

#[test]
fn networks_without_tokens_can_be_left_out() {
    let upstream = Upstream::answer(answer("200 OK", "application/json", "{\"a\":\"zxcvwombat\"}"));
    let glassway = Glassway::setup()
        .upstream(&upstream.url())
        .set("record.metadata_only_clients", vec!["127.0.0.0/8"])
        .start();
    glassway.client().ask(with(&post("/v1/x?q=zxcvwombat", "{\"b\":\"zxcvwombat\"}"), "sk-own"));
    let one = glassway.only_exchange();
    assert!(!one.to_string().contains(WORD), "{one:#}");
    assert_eq!((&one["status"], &one["target"]), (&value!(200), &value!("/v1/x")));
    nowhere_on_disk(&glassway, &[WORD]);
}

#[test]
fn a_rule_that_is_none_stops_the_start_with_its_name() {
    for (key, rule) in [
        ("record.redact_json", "a[0]"),
        ("record.redact_patterns", "("),
        ("record.metadata_only_clients", "office"),
        ("proxy.allowed_clients", "office"),
        ("monitor.allowed_clients", "10.0.0.0/99"),
    ] {
        let setup = Glassway::setup().set(key, vec![rule]);
        setup.write_config();
        for which in [Which::Proxy, Which::Monitor] {
            let output = setup.command(which).output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(output.status.code(), Some(2), "{said}");
            assert!(said.contains(key) && said.contains(&format!("`{rule}`")), "{said}");
        }
    }
}

/// Of a trace whose relay repeats its key in pieces: everything that shows meanwhile.
#[test]
fn a_typed_in_key_does_not_show_while_its_trace_runs() {
    let gate = Gate::new();
    let relay = Upstream::script({
        let gate = gate.clone();
        move |conn| {
            let Some(_) = conn.try_request() else { return };
            let text = format!("your key is {TYPED}!");
            let said = String::from_utf8(relay::says(&text)).unwrap();
            let (head, body) = said.split_once("\r\n\r\n").unwrap();
            let head: String = head
                .lines()
                .filter(|line| !line.to_ascii_lowercase().starts_with("content-length"))
                .map(|line| format!("{line}\r\n"))
                .collect();
            // Packed although nobody asked for it, and in pieces.
            let body = gzip(body);
            conn.send(format!(
                "{head}Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n"
            ));
            for piece in body.chunks(30) {
                conn.send_chunk(piece);
            }
            gate.wait();
            conn.send("0\r\n\r\n");
        }
    });
    let glassway = Glassway::setup().set("upstream.allow", vec![relay.addr().to_string()]).start();
    let api = glassway.api();
    let mut feed = glassway.feed();
    let trace = api.post(
        "/api/traces",
        &value!({"base_url": relay.url(), "key_value": TYPED, "model": "gpt-4o"}),
    );
    assert_eq!(trace.status, 201, "{}", trace.text());
    let id = feed.until("it began", |event| {
        let started = event["type"] == "request.started";
        started.then(|| event["request"]["id"].as_str().unwrap().to_owned())
    });
    feed.send(&value!({"watch": id}));
    let live = eventually("its answer has come", || {
        let live = api.json(&format!("/api/request/{id}"));
        (live["response"]["body_bytes"].as_u64() > Some(100)).then_some(live)
    });
    assert!(!live.to_string().contains("sk-typed"), "{live:#}");
    assert_eq!(live["warnings"], value!(["bodies_withheld"]));
    gate.open();
    let mut last = Value::Null;
    while let Some(event) = feed.try_next(Duration::from_secs(1)) {
        assert!(!event.to_string().contains("sk-typed"), "{event}");
        last = event;
    }
    assert!(!last.is_null());
    let kept = api.request(&id);
    assert!(!kept.to_string().contains("sk-typed"), "{kept:#}");
    assert!(kept["response"]["body"].as_str().unwrap().contains("your key is *"), "{kept:#}");
}

#[test]
fn a_pooled_key_does_not_show_while_its_answer_runs_nor_in_what_is_kept_compressed() {
    let gate = Gate::new();
    let upstream = Upstream::script({
        let gate = gate.clone();
        move |conn| {
            while let Some(request) = conn.try_request() {
                let key = glassway_tests::team::bearer(&request);
                if request.head.first_line.contains("packed") {
                    let body = gzip(&value!({"said": key}).to_string());
                    conn.send(format!(
                        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\
                         Content-Encoding: gzip\r\nContent-Length: {}\r\n\r\n",
                        body.len()
                    ));
                    conn.send(body);
                    continue;
                }
                conn.send(SSE_HEAD);
                let said = chunk(&format!("it is {key}, yes"));
                let (first, second) = said.split_at(said.len() / 2);
                conn.send_chunk(first);
                std::thread::sleep(Duration::from_millis(120));
                conn.send_chunk(second);
                for byte in key.split_inclusive(|c: char| c.is_ascii_digit()) {
                    conn.send_chunk(chunk(byte));
                }
                conn.send_chunk(chunk(" over"));
                gate.wait();
                conn.send_chunk("data: [DONE]\n\n");
                conn.send("0\r\n\r\n");
            }
        }
    });
    let glassway = Glassway::setup().upstream(&upstream.url()).start();
    paste(&glassway, 1);
    let key = glassway_tests::team::key(0);
    let client_token = token(&glassway, &value!({}));
    let api = glassway.api();
    let mut feed = glassway.feed();
    let mut client = glassway.client();
    client.send(chat("/v1/chat/completions", &client_token));
    let id = feed.until("it began", |event| {
        let started = event["type"] == "request.started";
        started.then(|| event["request"]["id"].as_str().unwrap().to_owned())
    });
    feed.send(&value!({"watch": id}));
    let (mut watched, mut tail) = (String::new(), String::new());
    feed.until("all of it", |event| {
        let said = event.to_string();
        assert!(!said.contains(&key), "{said}");
        if event["type"] == "body.delta" && event["side"] == "response" {
            watched += event["data"].as_str().unwrap();
        }
        if let Some(text) = event["request"]["live"]["text_tail"].as_str() {
            tail = text.to_owned();
        }
        (watched.contains(" over") && tail.contains(" over")).then_some(())
    });
    assert!(watched.contains("it is ***") && !watched.contains(&key), "{watched}");
    assert!(tail.contains("it is ***") && !tail.contains(&key), "{tail}");
    let live = api.json(&format!("/api/request/{id}"));
    assert!(live["response"]["body"].as_str().unwrap().contains("it is ***"), "{live:#}");
    assert!(!live.to_string().contains(&key));
    gate.open();
    assert!(client.answer().text().contains(&key), "the client gets what came");
    let packed =
        glassway.client().ask(with(&post("/v1/packed", "{\"model\":\"m\"}"), &client_token));
    assert_eq!(packed.status(), 200);
    for one in of(&glassway, 2) {
        let text = everything(&glassway, one["id"].as_str().unwrap());
        assert!(!text.contains(&key), "{text}");
    }
    nowhere_on_disk(&glassway, &[&key]);
}
