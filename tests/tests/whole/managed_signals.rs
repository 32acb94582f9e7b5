//! Every line of the key-signal table, said by an upstream for real: what becomes of the
//! key, of its provider, and that the client never notices.

use std::sync::{Arc, Mutex};

use glassway_tests::{
    Glassway, Upstream,
    team::{
        ANSWER, ASK, asked, by_key, error, error_with, key_named, paste, paste_to, pasted, post,
        provider, stands,
    },
    upstream::{answer, json},
};
use serde_json::{Value, json as value};

const MESSAGE: &str = r#"{"id":"m","type":"message","role":"assistant","model":"claude","content":[{"type":"text","text":"hi"}],"stop_reason":"end_turn","usage":{"input_tokens":10,"output_tokens":5}}"#;

/// An error as Anthropic shapes it.
fn anthropic(status: &str, kind: &str, message: &str, headers: &str) -> Vec<u8> {
    let body = value!({"type": "error", "error": {"type": kind, "message": message}});
    let bytes = answer(status, "application/json", &body.to_string());
    let text = String::from_utf8(bytes).unwrap();
    text.replacen("\r\n", &format!("\r\n{headers}"), 1).into_bytes()
}

/// What key 0 says now; the others answer.
type Said = Arc<Mutex<Vec<u8>>>;

fn one_bad_key(fine: &'static str) -> (Upstream, Said) {
    let said = Said::default();
    let saying = said.clone();
    let upstream = by_key(move |n| match n {
        0 => saying.lock().unwrap().clone(),
        _ => json(fine),
    });
    (upstream, said)
}

/// Seconds from now until a key's `status_until`.
fn seconds_left(shown: &Value) -> i64 {
    let until = shown["status_until"].as_str().unwrap_or_else(|| panic!("no end: {shown}"));
    let until: jiff::Timestamp = until.parse().unwrap();
    until.duration_since(jiff::Timestamp::now()).as_secs()
}

/// Asks until key 0 was asked once more; every answer must be good.
fn until_it_was_asked(upstream: &Upstream, mut ask: impl FnMut() -> u16) {
    let times = || upstream.requests().iter().filter(|r| pasted(r) == Some(0)).count();
    let before = times();
    for _ in 0..4 {
        assert_eq!(ask(), 200, "the next key answers");
        if times() > before {
            return;
        }
    }
    panic!("key 0 was not asked");
}

#[test]
fn what_openai_says_about_a_key() {
    let (upstream, said) = one_bad_key(ANSWER);
    let glassway = Glassway::before(&upstream);
    paste(&glassway, 2);
    let many = "429 Too Many Requests";
    let exhausted_tokens = "x-ratelimit-remaining-requests: 7\r\nx-ratelimit-reset-requests: 9h\r\n\
                            x-ratelimit-remaining-tokens: 0\r\nx-ratelimit-reset-tokens: 6m0s\r\n";
    let later = "Retry-After: Fri, 01 Jan 2100 00:00:00 GMT\r\n";
    // What it says, what becomes of it, why, and for how many seconds.
    let cases: &[(Vec<u8>, &str, &str, Option<i64>)] = &[
        (
            error(many, "credit_balance_exhausted"),
            "exhausted",
            "credit_balance_exhausted",
            Some(3600),
        ),
        (error(many, "insufficient_quota"), "exhausted", "insufficient_quota", Some(3600)),
        (
            error("400 Bad Request", "enforced_spend_limit_reached"),
            "exhausted",
            "enforced_spend_limit_reached",
            Some(3600),
        ),
        (
            error("403 Forbidden", "insufficient_user_quota"),
            "exhausted",
            "insufficient_user_quota",
            Some(3600),
        ),
        (
            error_with(many, "rate_limit_exceeded", exhausted_tokens),
            "cooling",
            "rate_limit_exceeded",
            Some(360),
        ),
        (
            error_with(many, "rate_limit_exceeded", "retry-after: 77\r\n"),
            "cooling",
            "rate_limit_exceeded",
            Some(77),
        ),
        (
            error_with(many, "rate_limit_exceeded", later),
            "cooling",
            "rate_limit_exceeded",
            Some(86_400),
        ),
        (error(many, "rate_limit_exceeded"), "cooling", "rate_limit_exceeded", Some(30)),
        (
            error_with("503 Service Unavailable", "slow_down", "retry-after: 50\r\n"),
            "cooling",
            "slow_down",
            Some(50),
        ),
        (answer(many, "text/html", "<html>slow down"), "cooling", "rate_limit_exceeded", Some(30)),
        (error("401 Unauthorized", "invalid_api_key"), "invalid", "invalid_api_key", None),
        (answer("401 Unauthorized", "text/plain", "who?"), "invalid", "invalid_api_key", None),
    ];
    for (answer, status, reason, seconds) in cases {
        *said.lock().unwrap() = answer.clone();
        until_it_was_asked(&upstream, || asked(&glassway));
        let shown = stands(&glassway, "key0", status);
        assert_eq!(shown["status_reason"], *reason, "{shown}");
        match seconds {
            None => assert!(shown["status_until"].is_null(), "{shown}"),
            Some(seconds) => {
                let left = seconds_left(&shown);
                assert!((seconds - 20..=*seconds).contains(&left), "{left} of {seconds}: {shown}");
            }
        }
        let before = upstream.requests().len();
        for _ in 0..4 {
            assert_eq!(asked(&glassway), 200);
        }
        let since = &upstream.requests()[before..];
        assert!(since.iter().all(|r| pasted(r) != Some(0) || r.head.first_line.starts_with("GET")));
        let reset = glassway.api().post("/api/keys/reset", &value!({}));
        assert_eq!(reset.json()["reset"], 1, "{}", reset.text());
        stands(&glassway, "key0", "active");
    }
}

#[test]
fn what_anthropic_says_about_a_key() {
    let (upstream, said) = one_bad_key(MESSAGE);
    let glassway = Glassway::setup()
        .upstream(&upstream.url())
        .set("upstream.allow", vec![upstream.addr().to_string()])
        .start();
    let id = provider(&glassway, "claude", "anthropic", &upstream.url());
    paste_to(&glassway, id, 0..2);
    let reset = "anthropic-ratelimit-input-tokens-remaining: 0\r\n\
                 anthropic-ratelimit-input-tokens-reset: 2100-01-01T00:00:00Z\r\n";
    let cases: &[(&str, &str, &str, &str, &str)] = &[
        ("429 Too Many Requests", "rate_limit_error", "slow", reset, "cooling"),
        ("402 Payment Required", "billing_error", "no money", "", "exhausted"),
        ("400 Bad Request", "enforced_spend_limit_reached", "no money", "", "exhausted"),
        ("401 Unauthorized", "authentication_error", "invalid x-api-key", "", "invalid"),
        ("403 Forbidden", "permission_error", "not for you", "", "active"),
        ("404 Not Found", "not_found_error", "model: claude", "", "active"),
    ];
    for (n, (status, kind, message, headers, expected)) in cases.iter().enumerate() {
        *said.lock().unwrap() = anthropic(status, kind, message, headers);
        let body = format!(r#"{{"model":"claude-{n}","max_tokens":9,"messages":[]}}"#);
        let request = post("/v1/messages", &body).replacen(
            "\r\n",
            "\r\nanthropic-version: 2023-06-01\r\n",
            1,
        );
        let ask = || glassway.client().ask(request.as_bytes()).status();
        until_it_was_asked(&upstream, ask);
        let shown = stands(&glassway, "key0", expected);
        if *expected != "active" {
            assert_eq!(shown["status_reason"], *kind, "{shown}");
        }
        // This model is not asked of it again, whatever the key's standing.
        let before = upstream.requests().len();
        assert_eq!([ask(), ask(), ask(), ask()], [200; 4]);
        let since = &upstream.requests()[before..];
        assert!(since.iter().all(|r| pasted(r) != Some(0) || r.head.first_line.starts_with("GET")));
        assert!(glassway.api().post("/api/keys/reset", &value!({})).status < 300);
        stands(&glassway, "key0", "active");
    }
}

#[test]
fn the_clients_own_mistakes_reach_it_as_they_are() {
    let (upstream, said) = one_bad_key(ANSWER);
    let glassway = Glassway::before(&upstream);
    paste(&glassway, 1);
    let cases = [
        ("400 Bad Request", "content_filter"),
        ("400 Bad Request", "context_length_exceeded"),
        ("404 Not Found", "unknown_url"),
        ("413 Payload Too Large", "request_too_large"),
        ("422 Unprocessable Entity", "invalid_type"),
    ];
    for (n, (status, code)) in cases.iter().enumerate() {
        *said.lock().unwrap() = error(status, code);
        let answer = glassway.client().ask(post("/v1/chat/completions", ASK));
        assert_eq!(answer.status().to_string(), status[..3]);
        assert_eq!(answer.json()["error"]["code"], *code);
        assert_eq!(upstream.requests().len(), n + 1, "asked once");
        assert_eq!(key_named(&glassway, "key0")["status"], "active");
    }
}

#[test]
fn a_key_that_may_not_use_one_model_is_asked_for_the_next_that_the_route_names() {
    let upstream = Upstream::respond(|request| {
        let body: Value = serde_json::from_slice(&request.body.bytes).unwrap_or_default();
        match body["model"].as_str() {
            Some("new") => error("403 Forbidden", "model_not_found"),
            _ => json(ANSWER),
        }
    });
    let glassway = Glassway::before(&upstream);
    paste(&glassway, 1);
    let route = value!({"model": "best", "candidates": [
        {"provider_id": 1, "upstream_model": "new", "priority": 2},
        {"provider_id": 1, "upstream_model": "old", "priority": 1},
    ]});
    assert!(glassway.api().post("/api/routes", &route).status < 300);
    let body = ASK.replace("gpt-4o", "best");
    for _ in 0..2 {
        let answer = glassway.client().ask(post("/v1/chat/completions", &body));
        assert_eq!(answer.status(), 200, "{}", answer.text());
    }
    let models: Vec<Value> = upstream
        .requests()
        .iter()
        .map(|r| serde_json::from_slice::<Value>(&r.body.bytes).unwrap()["model"].clone())
        .collect();
    assert_eq!(models, ["new", "old", "old"]);
}

#[test]
fn what_a_compressed_error_says_is_heard() {
    use std::io::Write;
    let upstream = by_key(|n| {
        if n == 1 {
            return json(ANSWER);
        }
        let said = value!({"error": {"message": "no money", "code": "insufficient_quota"}});
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        packed.write_all(said.to_string().as_bytes()).unwrap();
        let packed = packed.finish().unwrap();
        let head = format!(
            "HTTP/1.1 429 T\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n",
            packed.len()
        );
        [head.as_bytes(), &packed].concat()
    });
    let glassway = Glassway::before(&upstream);
    paste(&glassway, 2);
    assert_eq!([asked(&glassway), asked(&glassway)], [200; 2]);
    stands(&glassway, "key0", "exhausted");
}
