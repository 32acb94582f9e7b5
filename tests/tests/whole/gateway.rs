//! What the managed gateway keeps and tells beside the answers: prices, models, tokens, who
//! is out.

use std::{
    io::{Read, Write},
    os::unix::net::UnixStream,
    time::Duration,
};

use glassway_tests::{
    Glassway, Upstream, eventually,
    team::{self, ANSWER, ASK, change, chat, get, key, newest, paste, post, token, with},
    upstream::{answer, json},
};
use serde_json::{Value, json as value};

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
        assert_eq!(client.ask(post("/v1/chat/completions", body)).status(), 200);
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
    let ask =
        post("/v1/messages", body).replacen("\r\n", "\r\nanthropic-version: 2026-10-21\r\n", 1);
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
        let answer = glassway.client().ask(with(&get("/v1/models"), credential));
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
    let _ = token(&glassway, &value!({"name": "unused"}));
    let ask = chat("/v1/chat/completions", &used);
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
    assert_eq!(glassway.client().ask(post("/v1/chat/completions", ASK)).status(), 503);
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
    assert_eq!(head.header("x-api-key"), Some(&team::key(0)[..]));
}
