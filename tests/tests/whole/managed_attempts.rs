//! Attempts: when another is made, and what is kept of each.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use glassway_tests::{
    Glassway, Upstream,
    team::{ANSWER, ASK, change, get, key, newest, paste, post},
    upstream::{answer, json},
};
use serde_json::{Value, json as value};

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
        let answer = glassway.client().ask(post("/v1/chat/completions", ASK));
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
    let answer = glassway.client().ask(get("/v1/files"));
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
    let answer = glassway.client().ask(post("/v1/chat/completions", ASK));
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
    let answer = glassway.client().ask(post("/v1/chat/completions", ASK));
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
    let answer = glassway.client().ask(post("/v1/chat/completions", &body));
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
    assert_eq!(glassway.client().ask(post("/v1/chat/completions", &body)).status(), 200);
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
    assert_eq!(glassway.client().ask(post("/v1/chat/completions", ASK)).status(), 200);
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
    assert_eq!(glassway.client().ask(post("/v1/chat/completions", &body)).status(), 200);
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
    assert_eq!(glassway.client().ask(post("/v1/chat/completions", ASK)).status(), 503);
    let exchange = newest(&glassway, 1);
    let tries = exchange["tries"].as_array().unwrap();
    assert_eq!((tries.len(), &exchange["attempts"]), (120, &value!(120)));
    assert_eq!(tries.iter().filter(|one| !one["request"].is_null()).count(), 100);
    let kept = |one: &Value| one["response"]["body"].as_str().map_or(0, str::len);
    assert_eq!(tries.iter().map(kept).sum::<usize>(), 1000);
    let cut = tries.iter().filter(|one| one["response"]["truncated"] == true).count();
    assert_eq!(cut, 98, "two are whole");
}
