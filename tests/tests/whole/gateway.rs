//! What the managed gateway keeps and tells beside the answers: prices, models, tokens,
//! attempts, who is out.

use std::{
    io::{Read, Write},
    os::unix::net::UnixStream,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use glassway_tests::{
    Glassway, Upstream, eventually,
    upstream::{answer, json},
};
use serde_json::{Value, json as value};

const ANSWER: &str = r#"{"id":"c","object":"chat.completion","model":"gpt-4o","choices":[],"usage":{"prompt_tokens":1000,"completion_tokens":100}}"#;
const ASK: &str = r#"{"model":"gpt-4o","messages":[{"role":"user","content":"hello"}]}"#;

fn key(n: usize) -> String {
    format!("sk-test{n:02}abcdefghijklmnopqrstuvwxyz")
}

fn paste(glassway: &Glassway, keys: usize) -> Vec<Value> {
    let text: Vec<_> = (0..keys).map(|n| format!("key{n}, {}", key(n))).collect();
    let reply = glassway.api().post("/api/keys/bulk", &value!({"text": text.join("\n")}));
    assert!(reply.status < 300, "{}", reply.text());
    reply.json()["added"].as_array().unwrap().clone()
}

fn change(glassway: &Glassway, method: &str, path: &str, body: &Value) {
    let reply = glassway.api().call(method, path, &[], Some(body));
    assert!(reply.status < 300, "{method} {path}: {}", reply.text());
}

fn token(glassway: &Glassway, body: &Value) -> String {
    let reply = glassway.api().post("/api/client-tokens", body);
    assert!(reply.status < 300, "{}", reply.text());
    reply.json()["token"].as_str().unwrap().to_owned()
}

fn request(method: &str, path: &str, credential: &str, body: &str) -> String {
    format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {credential}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn chat(body: &str) -> String {
    request("POST", "/v1/chat/completions", "none", body)
}

/// The newest exchange in full, once there are so many.
fn newest(glassway: &Glassway, n: usize) -> Value {
    let all = glassway.finished(n);
    glassway.api().request(all.last().unwrap()["id"].as_str().unwrap())
}

#[test]
fn a_price_that_somebody_sets_counts_from_the_next_exchange_on() {
    let upstream = Upstream::respond(|request| {
        let body = String::from_utf8_lossy(&request.body.bytes).into_owned();
        let model = if body.contains("no-such-model") { "no-such-model" } else { "gpt-4o" };
        json(&ANSWER.replace("gpt-4o", model))
    });
    let glassway = Glassway::before(&upstream);
    let keys = paste(&glassway, 1);
    let mut client = glassway.client();
    let mut priced = |body: &str, n: usize| {
        assert_eq!(client.ask(chat(body)).status(), 200);
        let exchange = newest(&glassway, n);
        (exchange["cost_usd"].clone(), exchange["price"].clone())
    };
    let (cost, price) = priced(ASK, 1);
    assert_eq!(cost, 0.0035, "1000 in at 2.5, 100 out at 10 dollars per million");
    assert_eq!((&price["source"], &price["input"]), (&value!("list"), &value!(2.5)));

    change(&glassway, "PUT", "/api/prices/gpt-4o", &value!({"input": 100.0, "output": 1000.0}));
    let (cost, price) = priced(ASK, 2);
    assert_eq!((cost, &price["source"]), (value!(0.2), &value!("override")));

    change(&glassway, "PUT", "/api/providers/1", &value!({"price_multiplier": 0.5}));
    let (cost, price) = priced(ASK, 3);
    assert_eq!((cost, &price["multiplier"]), (value!(0.1), &value!(0.5)));
    assert_eq!(price["input"], 50.0, "as it was paid");

    let (cost, price) = priced(&ASK.replace("gpt-4o", "no-such-model"), 4);
    assert_eq!((cost, price), (Value::Null, Value::Null), "unknown is not free");

    let path = format!("/api/keys/{}", keys[0]["id"]);
    change(&glassway, "PUT", &path, &value!({"price_per_call_usd": 0.25}));
    let (cost, price) = priced(&ASK.replace("gpt-4o", "no-such-model"), 5);
    assert_eq!((cost, &price["per_call_usd"]), (value!(0.25), &value!(0.25)));
    let spent = eventually("what the key spent", || {
        let keys = glassway.api().json("/api/keys");
        keys["items"][0]["spent_usd"].as_f64().filter(|spent| *spent > 0.5)
    });
    assert!((spent - (0.0035 + 0.2 + 0.1 + 0.25)).abs() < 1e-9, "{spent}");
}

#[test]
fn tokens_written_to_a_cache_cost_what_writing_costs() {
    let upstream = Upstream::answer(json(
        r#"{"id":"m","type":"message","model":"claude-x","content":[],"usage":{"input_tokens":100,"output_tokens":10,"cache_read_input_tokens":1000,"cache_creation_input_tokens":200}}"#,
    ));
    let glassway = Glassway::before(&upstream);
    let provider = value!({"name": "claude", "kind": "anthropic", "base_url": upstream.url()});
    let reply = glassway.api().post("/api/providers", &provider);
    assert!(reply.status < 300, "{}", reply.text());
    let key = value!({"provider_id": reply.json()["id"], "name": "k", "key_value": key(0)});
    change(&glassway, "POST", "/api/keys", &key);
    let prices = value!({"input": 3.0, "output": 15.0, "cache_read": 0.3, "cache_write": 3.75});
    change(&glassway, "PUT", "/api/prices/claude-x", &prices);
    let body = r#"{"model":"claude-x","max_tokens":9,"messages":[]}"#;
    let ask = request("POST", "/v1/messages", "none", body).replacen(
        "\r\n",
        "\r\nanthropic-version: 2026-10-21\r\n",
        1,
    );
    assert_eq!(glassway.client().ask(ask).status(), 200);
    let exchange = newest(&glassway, 1);
    let expected = (100.0 * 3.0 + 1000.0 * 0.3 + 200.0 * 3.75 + 10.0 * 15.0) / 1e6;
    assert!((exchange["cost_usd"].as_f64().unwrap() - expected).abs() < 1e-12, "{exchange:#}");
    assert_eq!(exchange["price"]["written_tokens"], 200);
}

#[test]
fn a_caller_s_list_has_the_models_that_its_keys_were_found_to_serve() {
    let models = r#"{"object":"list","data":[{"id":"found-a"},{"id":"found-b"}]}"#;
    let upstream = Upstream::answer(json(models));
    let glassway = Glassway::before(&upstream);
    let keys = paste(&glassway, 1);
    let tested = glassway.api().post(&format!("/api/keys/{}/test", keys[0]["id"]), &value!({}));
    assert_eq!(tested.json()["ok"], true, "{}", tested.text());
    let narrow = token(&glassway, &value!({"name": "narrow", "allowed_models": ["*-b"]}));
    let listed = |credential: &str| -> Vec<String> {
        let answer = glassway.client().ask(request("GET", "/v1/models", credential, ""));
        let data = answer.json()["data"].as_array().unwrap().clone();
        data.iter().map(|model| model["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(listed("none"), ["found-a", "found-b"]);
    assert_eq!(listed(&narrow), ["found-b"]);
    change(&glassway, "PUT", &format!("/api/keys/{}", keys[0]["id"]), &value!({"models": ["own"]}));
    assert_eq!(listed("none"), ["own"], "a key's own list goes before what was found");
}

#[test]
fn a_token_shows_when_it_was_last_used() {
    let upstream = Upstream::answer(json(ANSWER));
    let glassway = Glassway::before(&upstream);
    paste(&glassway, 1);
    let used = token(&glassway, &value!({"name": "used"}));
    token(&glassway, &value!({"name": "unused"}));
    let ask = request("POST", "/v1/chat/completions", &used, ASK);
    assert_eq!(glassway.client().ask(ask).status(), 200);
    let shown = eventually("the time of the last use", || {
        let all = glassway.api().json("/api/client-tokens");
        let last = |name: &str| {
            let items = all["items"].as_array().unwrap();
            items.iter().find(|token| token["name"] == name).unwrap()["last_used_at"].clone()
        };
        (!last("used").is_null()).then(|| (last("used"), last("unused")))
    });
    assert!(shown.0.as_str().unwrap().ends_with('Z') && shown.1.is_null(), "{shown:?}");
}

#[test]
fn a_feed_that_opens_is_told_who_is_out() {
    let upstream = Upstream::respond(|request| {
        match request.head.header("authorization").unwrap_or_default().contains(&key(0)) {
            true => answer(
                "429 Too Many Requests",
                "application/json",
                r#"{"error":{"code":"insufficient_quota"}}"#,
            ),
            false => answer("503 Service Unavailable", "text/plain", "overloaded"),
        }
    });
    let mut glassway = Glassway::before(&upstream);
    paste(&glassway, 2);
    let settings = value!({"request_deadline_s": 1, "cooldown_s": 600});
    change(&glassway, "PUT", "/api/settings", &settings);
    assert_eq!(glassway.client().ask(chat(ASK)).status(), 503);
    let told = |glassway: &Glassway| {
        let (mut provider, mut key) = (None, None);
        glassway.feed().until("who is out", |event| {
            match event["type"].as_str()? {
                "provider.changed" => provider = Some(event["provider"].clone()),
                "key.changed" => key = Some(event["key"].clone()),
                _ => {}
            }
            Some((provider.clone()?, key.clone()?))
        })
    };
    let (provider, key) = told(&glassway);
    assert_eq!((&provider["id"], &provider["status"]), (&value!(1), &value!("cooling")));
    assert_eq!((&key["id"], &key["status"]), (&value!(1), &value!("exhausted")));
    // A monitor that starts anew knows it too.
    glassway.kill9(glassway_tests::glassway::Which::Monitor);
    glassway.start(glassway_tests::glassway::Which::Monitor);
    glassway.connected();
    let (_, key) = told(&glassway);
    assert_eq!(key["status"], "exhausted");
}

/// One request over the link, as the monitor sends it; the answer's head and body.
fn over_link(glassway: &Glassway, request: &str) -> String {
    let mut socket = UnixStream::connect(glassway.folder().join("data/glassway.sock")).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    socket.write_all(request.as_bytes()).unwrap();
    let mut text = String::new();
    socket.read_to_string(&mut text).unwrap();
    text
}

#[test]
fn a_request_as_one_key_is_named_also_without_a_record_and_keeps_its_version() {
    let upstream = Upstream::answer(json(r#"{"data":[]}"#));
    let mut glassway = Glassway::before(&upstream);
    let provider = value!({"name": "claude", "kind": "anthropic", "base_url": upstream.url()});
    let reply = glassway.api().post("/api/providers", &provider);
    let key = value!({"provider_id": reply.json()["id"], "name": "k", "key_value": key(0)});
    let reply = glassway.api().post("/api/keys", &key);
    let id = reply.json()["id"].as_i64().unwrap();
    glassway.term(glassway_tests::glassway::Which::Proxy);
    glassway.reconfigure("record.enabled", false);
    glassway.start(glassway_tests::glassway::Which::Proxy);
    let answer = over_link(
        &glassway,
        &format!(
            "GET /as/{id}/v1/models HTTP/1.1\r\nHost: glassway\r\nConnection: close\r\n\
             anthropic-version: 2026-10-21\r\n\r\n"
        ),
    );
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains("x-glassway-id: 0"), "{answer}");
    let head = upstream.only_request().head;
    assert_eq!(head.header("anthropic-version"), Some("2026-10-21"));
    assert_eq!(head.header("x-api-key"), Some(&self::key(0)[..]));
}

/// An upstream that takes the first request and never answers it.
fn silent_once() -> (Upstream, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = asked.clone();
    let upstream = Upstream::script(move |conn| {
        while conn.try_request().is_some() {
            if counted.fetch_add(1, Relaxed) == 0 {
                return;
            }
            if conn.try_send(json(ANSWER)).is_err() {
                return;
            }
        }
    });
    (upstream, asked)
}

#[test]
fn a_post_that_may_have_been_acted_on_is_repeated_only_where_that_is_allowed() {
    for (allowed, status, tries) in [(false, 502, 1), (true, 200, 2)] {
        let (upstream, asked) = silent_once();
        let glassway = Glassway::before(&upstream);
        paste(&glassway, 2);
        assert_eq!(glassway.api().json("/api/settings")["retry_after_timeout"], false);
        change(&glassway, "PUT", "/api/settings", &value!({"retry_after_timeout": allowed}));
        let answer = glassway.client().ask(chat(ASK));
        assert_eq!((answer.status(), asked.load(Relaxed)), (status, tries), "{}", answer.text());
        if !allowed {
            assert_eq!(answer.json()["error"]["code"], "upstream_closed");
            assert!(answer.text().contains("retry_after_timeout"), "{}", answer.text());
        }
    }
    // What is safe to repeat is repeated whatever the setting.
    let (upstream, asked) = silent_once();
    let glassway = Glassway::before(&upstream);
    paste(&glassway, 2);
    let answer = glassway.client().ask(request("GET", "/v1/files", "none", ""));
    assert_eq!((answer.status(), asked.load(Relaxed)), (200, 2));
}

#[test]
fn a_timed_out_post_is_not_repeated_and_a_refused_connection_is() {
    let (upstream, asked) = {
        let asked = Arc::new(AtomicUsize::new(0));
        let counted = asked.clone();
        let upstream = Upstream::script(move |conn| {
            while conn.try_request().is_some() {
                counted.fetch_add(1, Relaxed);
                std::thread::sleep(Duration::from_secs(3));
            }
        });
        (upstream, asked)
    };
    let setup = Glassway::setup().upstream(&upstream.url()).set("proxy.first_byte_timeout", "1s");
    let glassway = setup.start();
    paste(&glassway, 2);
    let answer = glassway.client().ask(chat(ASK));
    assert_eq!((answer.status(), asked.load(Relaxed)), (504, 1), "{}", answer.text());

    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", closed.local_addr().unwrap());
    drop(closed);
    let live = Upstream::answer(json(ANSWER));
    let setup = Glassway::setup().upstream(&live.url());
    let glassway = setup.set("upstream.allow", vec!["127.0.0.0/8"]).start();
    let gone = value!({"name": "gone", "kind": "openai", "base_url": url, "priority": 9});
    let reply = glassway.api().post("/api/providers", &gone);
    assert!(reply.status < 300, "{}", reply.text());
    let body = value!({"provider_id": reply.json()["id"], "name": "gone", "key_value": key(7)});
    change(&glassway, "POST", "/api/keys", &body);
    paste(&glassway, 1);
    let answer = glassway.client().ask(chat(ASK));
    assert_eq!(answer.status(), 200, "nothing was sent to the first: {}", answer.text());
    assert_eq!(newest(&glassway, 1)["attempts"], 2);
}

#[test]
fn the_first_byte_is_waited_for_from_the_end_of_the_upload_on() {
    let upstream = Upstream::script(|conn| {
        let head = conn.try_head().unwrap();
        let mut left: usize = head.header("content-length").unwrap().parse().unwrap();
        conn.forget_received();
        while left > 0 {
            std::thread::sleep(Duration::from_millis(150));
            let piece = left.min(2 << 20);
            if conn.sized(piece).bytes.len() < piece {
                return;
            }
            left -= piece;
        }
        conn.send(json(ANSWER));
    });
    let setup = Glassway::setup().upstream(&upstream.url()).set("proxy.first_byte_timeout", "1s");
    let glassway = setup.start();
    paste(&glassway, 1);
    let text = "x".repeat(32 << 20);
    let body = format!(r#"{{"model":"gpt-4o","messages":[{{"role":"user","content":"{text}"}}]}}"#);
    let began = std::time::Instant::now();
    let answer = glassway.client().ask(chat(&body));
    assert_eq!(answer.status(), 200, "{}", answer.text());
    assert!(began.elapsed() > Duration::from_secs(2), "it was sent slowly");
}

#[test]
fn every_attempt_is_kept_with_what_it_said_and_was_told() {
    let upstream = Upstream::respond(|request| {
        match request.head.header("authorization").unwrap_or_default().contains(&key(0)) {
            true => b"HTTP/1.1 429 Too Many Requests\r\nContent-Type: application/json\r\n\
                      x-why: slow\r\nSet-Cookie: secret-cookie=1\r\nContent-Length: 46\r\n\r\n\
                      {\"error\":{\"code\":\"rate_limit_exceeded\",\"m\":1}}"
                .to_vec(),
            false => json(ANSWER),
        }
    });
    let glassway = Glassway::before(&upstream);
    paste(&glassway, 2);
    let route =
        value!({"model": "fast", "candidates": [{"provider_id": 1, "upstream_model": "gpt-4o"}]});
    change(&glassway, "POST", "/api/routes", &route);
    let body = ASK.replace("gpt-4o", "fast");
    assert_eq!(glassway.client().ask(chat(&body)).status(), 200);
    let exchange = newest(&glassway, 1);
    let tries = exchange["tries"].as_array().unwrap();
    assert_eq!(tries.len(), 2, "{exchange:#}");
    let header = |message: &Value, name: &str| -> Option<String> {
        let headers = message["headers"].as_array().unwrap();
        let found = headers.iter().find(|h| h[0].as_str().unwrap().eq_ignore_ascii_case(name))?;
        Some(found[1].as_str().unwrap().to_owned())
    };
    for (n, one) in tries.iter().enumerate() {
        assert_eq!(one["request"]["body"], ASK, "the model as it was asked there");
        let sent = header(&one["request"], "authorization").unwrap();
        assert_eq!(sent, "Bearer sk-…wxyz", "attempt {n}");
    }
    assert!(exchange["request"]["body"].as_str().unwrap().contains("\"fast\""));
    let failed = &tries[0]["response"];
    assert_eq!(failed["body"], r#"{"error":{"code":"rate_limit_exceeded","m":1}}"#, "{failed:#}");
    assert_eq!(header(failed, "x-why").as_deref(), Some("slow"));
    assert_eq!(header(failed, "set-cookie").as_deref(), Some("…"));
    assert!(tries[1]["response"].is_null(), "the client's own answer is not kept twice");

    // Not renamed: the client's body is not repeated.
    assert_eq!(glassway.client().ask(chat(ASK)).status(), 200);
    let exchange = newest(&glassway, 2);
    let last = exchange["tries"].as_array().unwrap().last().unwrap().clone();
    assert!(last["request"]["body"].is_null(), "{last:#}");
    assert_eq!(last["request"]["body_bytes"], ASK.len());
    assert!(last["response"].is_null());
}

#[test]
fn what_attempts_said_is_bounded_like_any_other_body() {
    let long = "x".repeat(100_000);
    let error = format!(r#"{{"error":{{"code":"server_error","message":"{long}"}}}}"#);
    let upstream = Upstream::respond(move |request| {
        match request.head.header("authorization").unwrap_or_default().contains(&key(0)) {
            true => answer("500 Internal Server Error", "application/json", &error),
            false => json(ANSWER),
        }
    });
    let setup = Glassway::setup().upstream(&upstream.url()).set("record.max_body_bytes", 1000);
    let glassway = setup.start();
    paste(&glassway, 2);
    let route =
        value!({"model": "fast", "candidates": [{"provider_id": 1, "upstream_model": "gpt-4o"}]});
    change(&glassway, "POST", "/api/routes", &route);
    let text = "y".repeat(50_000);
    let body = format!(r#"{{"model":"fast","messages":[{{"role":"user","content":"{text}"}}]}}"#);
    assert_eq!(glassway.client().ask(chat(&body)).status(), 200);
    let exchange = newest(&glassway, 1);
    let first = &exchange["tries"][0];
    for side in ["request", "response"] {
        let kept = &first[side];
        assert_eq!(kept["body"].as_str().unwrap().len(), 1000, "{side}");
        assert_eq!(kept["truncated"], true);
        assert!(kept["body_bytes"].as_u64().unwrap() > 50_000);
    }
}

#[test]
fn however_many_attempts_there_are_little_is_kept_of_them() {
    let body =
        format!(r#"{{"error":{{"code":"insufficient_quota","message":"{}"}}}}"#, "x".repeat(300));
    let upstream =
        Upstream::respond(move |_| answer("402 Payment Required", "application/json", &body));
    let setup = Glassway::setup().upstream(&upstream.url()).set("record.max_body_bytes", 1000);
    let glassway = setup.start();
    let text: Vec<_> = (0..120).map(|n| format!("key{n}, {}{n:03}", key(0))).collect();
    let added = glassway.api().post("/api/keys/bulk", &value!({"text": text.join("\n")}));
    assert_eq!(added.json()["added"].as_array().unwrap().len(), 120);
    assert_eq!(glassway.client().ask(chat(ASK)).status(), 503);
    let exchange = newest(&glassway, 1);
    let tries = exchange["tries"].as_array().unwrap();
    assert_eq!((tries.len(), &exchange["attempts"]), (120, &value!(120)));
    assert_eq!(tries.iter().filter(|one| !one["request"].is_null()).count(), 100);
    let kept = |one: &Value| one["response"]["body"].as_str().map_or(0, str::len);
    assert_eq!(tries.iter().map(kept).sum::<usize>(), 1000);
    let cut = tries.iter().filter(|one| one["response"]["truncated"] == true).count();
    assert_eq!(cut, 98, "two are whole");
}
