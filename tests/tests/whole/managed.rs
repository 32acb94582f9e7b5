//! The managed gateway as a team meets it: keys are pasted, apps get tokens, keys die
//! and come back, and no client notices.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use glassway_tests::{
    Glassway, eventually,
    glassway::Which,
    team::{
        ANSWER, ASK, bearer, by_key, chat, error, from_clients, key, key_named as status_of, paste,
        post, token, with,
    },
    upstream::json,
};
use serde_json::json as value;

#[test]
fn an_app_with_a_token_never_holds_a_vendor_key() {
    let upstream = by_key(|_| json(ANSWER));
    let glassway = Glassway::before(&upstream);
    paste(&glassway, 20);
    let token = token(&glassway, &value!({"rpm": 100}));
    let mut client = glassway.client();
    for _ in 0..40 {
        let answer = client.ask(chat("/v1/chat/completions", &token));
        assert_eq!(answer.status(), 200, "{}", answer.text());
        assert!(answer.head.header("x-glassway-id").is_some());
        assert!(answer.head.header("x-ratelimit-remaining-requests").is_some());
    }
    let used: Vec<String> = upstream.requests().iter().map(bearer).collect();
    assert!(used.iter().all(|bearer| *bearer != token));
    for window in used.windows(20) {
        let distinct: BTreeSet<_> = window.iter().collect();
        assert_eq!(distinct.len(), 20, "round robin is even over any window");
    }
    let recorded = glassway.finished(40);
    let one = &recorded[0];
    assert_eq!(one["mode"], "managed");
    assert_eq!(one["client_token"], "app");
    assert!(one["key"].as_str().unwrap().starts_with("key"), "{one}");
    assert!(one["cost_usd"].as_f64().unwrap() > 0.0, "{one}");
    let keys = glassway.api().json("/api/keys?limit=1000");
    let requests: i64 = keys["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|k| k["total_requests"].as_i64().unwrap())
        .sum();
    assert_eq!(requests, 40);
}

#[test]
fn until_a_key_exists_everything_is_transparent_and_then_it_is_managed() {
    let upstream = by_key(|_| json(ANSWER));
    let glassway = Glassway::before(&upstream);
    let mut client = glassway.client();
    assert_eq!(client.ask(post("/v1/chat/completions", ASK)).status(), 401, "the upstream's own");
    paste(&glassway, 1);
    assert_eq!(client.ask(post("/v1/chat/completions", ASK)).status(), 200);
    let own = client.ask(chat("/v1/chat/completions", "sk-my-own"));
    assert_eq!(own.status(), 401, "a client's own key stays its own");
    let page = post("/v1/chat/completions", ASK).replacen(
        "\r\n",
        "\r\nOrigin: https://evil.example\r\n",
        1,
    );
    assert_eq!(client.ask(page).status(), 403, "no web page spends somebody's keys");
    let unknown = client.ask(chat("/v1/chat/completions", "gw-unknown"));
    assert_eq!(unknown.json()["error"]["code"], "client_token_invalid");
    let conflict = client.ask(chat("/api/proxy/openai/chat/completions", "sk-my-own"));
    assert_eq!(conflict.json()["error"]["code"], "credential_conflict");
    assert_eq!(client.ask(post("/api/proxy/openai/chat/completions", ASK)).status(), 200);
    assert_eq!(client.ask(post("/api/chat/completions?provider=openai", ASK)).status(), 200);
    let other = client.ask(post("/other", ASK));
    assert_eq!(other.json()["error"]["code"], "unknown_path");
}

/// A page that reaches port 8080 through somebody's browser, also by DNS rebinding.
#[test]
fn no_page_spends_keys_unless_it_is_named() {
    let upstream = by_key(|_| json(ANSWER));
    let setup = Glassway::setup()
        .upstream(&upstream.url())
        .set("proxy.allowed_hosts", vec!["llm.lan"])
        .set("proxy.allowed_origins", vec!["https://good.example"]);
    let glassway = setup.start();
    paste(&glassway, 1);
    let asked = |host: &str, headers: &str| {
        let request = post("/v1/chat/completions", ASK);
        let with = format!("\r\nHost: {host}\r\n{headers}");
        let answer =
            glassway.client().ask(request.replacen("\r\nHost: localhost:8080\r\n", &with, 1));
        (answer.status() == 403)
            .then(|| answer.json()["error"]["code"].as_str().unwrap().to_owned())
    };
    for host in ["localhost", "LOCALHOST:8080", "a.localhost", "127.0.0.1:8080", "[::1]", "llm.lan"]
    {
        assert_eq!(asked(host, ""), None, "{host}");
    }
    let refused = Some("origin_not_allowed".to_owned());
    for host in
        ["rebound.example", "localhost.evil.example", "llm.lan.evil.example", "127.0.0.1.nip.io"]
    {
        assert_eq!(asked(host, ""), refused, "{host}");
    }
    for headers in [
        "Origin: https://evil.example\r\n",
        "Origin: null\r\n",
        "Origin: http://localhost:8080\r\n",
        "Sec-Fetch-Site: cross-site\r\n",
        "Origin: https://evil.example\r\nSec-Fetch-Site: same-origin\r\n",
    ] {
        assert_eq!(asked("localhost", headers), refused, "{headers}");
    }
    for headers in [
        "Origin: https://good.example\r\n",
        "Origin: https://good.example\r\nSec-Fetch-Site: cross-site\r\n",
        "Sec-Fetch-Site: none\r\n",
    ] {
        assert_eq!(asked("localhost", headers), None, "{headers}");
    }
    assert_eq!(asked("rebound.example", "Origin: https://good.example\r\n"), refused);
}

#[test]
fn what_a_key_says_decides_and_the_next_key_answers() {
    let cases: &[(&str, &str, &str)] = &[
        ("401 Unauthorized", "invalid_api_key", "invalid"),
        ("401 Unauthorized", "ip_not_authorized", "active"),
        ("403 Forbidden", "unsupported_country_region_territory", "active"),
        ("403 Forbidden", "model_not_found", "active"),
        ("404 Not Found", "model_not_found", "active"),
        ("429 Too Many Requests", "insufficient_quota", "exhausted"),
        ("429 Too Many Requests", "org_spend_limit_exceeded", "exhausted"),
        ("402 Payment Required", "x", "exhausted"),
        ("429 Too Many Requests", "rate_limit_exceeded", "cooling"),
        ("503 Service Unavailable", "slow_down", "cooling"),
        ("500 Internal Server Error", "x", "active"),
        ("502 Bad Gateway", "x", "active"),
    ];
    for (status, code, expected) in cases {
        let (said, word) = ((*status).to_owned(), (*code).to_owned());
        let upstream = by_key(move |n| if n == 0 { error(&said, &word) } else { json(ANSWER) });
        let glassway = Glassway::before(&upstream);
        paste(&glassway, 2);
        let mut client = glassway.client();
        for _ in 0..2 {
            let answer = client.ask(post("/v1/chat/completions", ASK));
            assert_eq!(answer.status(), 200, "{status} {code}: {}", answer.text());
        }
        let shown = eventually(format!("{status} {code} makes the key {expected}"), || {
            Some(status_of(&glassway, "key0")).filter(|key| key["status"] == *expected)
        });
        if *expected != "active" {
            assert!(!shown["status_reason"].is_null(), "{shown}");
        }
        let tried = from_clients(&glassway, 2);
        let first = tried.last().unwrap();
        let detail = glassway.api().request(first["id"].as_str().unwrap());
        let tries = detail["tries"].as_array().unwrap();
        assert_eq!(tries.len(), 2, "{detail:#}");
        assert_eq!((&tries[0]["key"], &tries[1]["key"]), (&value!("key0"), &value!("key1")));
        assert!(!tries[0]["error"]["code"].is_null() && tries[1]["error"].is_null());
    }
}

#[test]
fn the_clients_own_mistakes_are_not_held_against_keys() {
    let upstream = by_key(|_| error("400 Bad Request", "content_filter"));
    let glassway = Glassway::before(&upstream);
    paste(&glassway, 2);
    let answer = glassway.client().ask(post("/v1/chat/completions", ASK));
    assert_eq!(answer.status(), 400);
    assert_eq!(answer.json()["error"]["code"], "content_filter");
    assert_eq!(upstream.requests().len(), 1, "no failover");
    assert_eq!(status_of(&glassway, "key0")["status"], "active");
}

#[test]
fn a_short_cooldown_is_waited_for_and_a_long_one_is_told() {
    let calls = Arc::new(AtomicUsize::new(0));
    let upstream = by_key(move |_| match calls.fetch_add(1, Relaxed) {
        0 => b"HTTP/1.1 429 Too Many Requests\r\nretry-after-ms: 300\r\nContent-Length: 0\r\n\r\n"
            .to_vec(),
        1 => json(ANSWER),
        _ => b"HTTP/1.1 429 Too Many Requests\r\nretry-after: 3000\r\nContent-Length: 0\r\n\r\n"
            .to_vec(),
    });
    let glassway = Glassway::before(&upstream);
    paste(&glassway, 1);
    let mut client = glassway.client();
    assert_eq!(client.ask(post("/v1/chat/completions", ASK)).status(), 200, "it waited");
    let told = client.ask(post("/v1/chat/completions", ASK));
    assert_eq!(told.status(), 503);
    let error = &told.json()["error"];
    assert_eq!(error["code"], "no_usable_key");
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("openai/key0 cooling"), "{message}");
    let wait: u64 = told.head.header("retry-after").unwrap().parse().unwrap();
    assert!((2900..=3000).contains(&wait), "{wait}");

    eventually("the key is shown as cooling", || {
        (status_of(&glassway, "key0")["status"] == "cooling").then_some(())
    });
    let reset = glassway.api().post("/api/keys/reset", &value!({}));
    assert_eq!(reset.json()["reset"], 1, "{}", reset.text());
    eventually("a reset key is active", || {
        (status_of(&glassway, "key0")["status"] == "active").then_some(())
    });
}

#[test]
fn why_a_key_is_out_and_what_it_spent_survive_a_restart() {
    let upstream = by_key(|n| match n {
        0 => error("429 Too Many Requests", "insufficient_quota"),
        _ => json(ANSWER),
    });
    let mut glassway = Glassway::before(&upstream);
    paste(&glassway, 2);
    let mut client = glassway.client();
    for _ in 0..3 {
        assert_eq!(client.ask(post("/v1/chat/completions", ASK)).status(), 200);
    }
    glassway.finished(3);
    let before = (status_of(&glassway, "key0"), status_of(&glassway, "key1"));
    assert!(before.1["spent_usd"].as_f64().unwrap() > 0.0);
    glassway.kill9(Which::Proxy);
    glassway.start(Which::Proxy);
    glassway.connected();
    assert_eq!(status_of(&glassway, "key0")["status"], "exhausted");
    assert_eq!(status_of(&glassway, "key1")["spent_usd"], before.1["spent_usd"]);
    let asked = upstream.requests().len();
    assert_eq!(glassway.client().ask(post("/v1/chat/completions", ASK)).status(), 200);
    let new: Vec<_> = upstream.requests()[asked..].iter().map(bearer).collect();
    assert_eq!(new, [key(1)], "an exhausted key is not asked again before its time");
}

#[test]
fn no_client_fails_while_one_key_lives() {
    let dead: Arc<Mutex<BTreeMap<usize, usize>>> = Arc::default();
    let upstream = by_key(move |n| {
        let mut states = dead.lock().unwrap();
        let calls = states.entry(n).or_default();
        *calls += 1;
        // Key 9 lives; the others die in turn, each in another way.
        match (n, *calls % 7) {
            (9, _) => json(ANSWER),
            (0 | 3, 3) => error("401 Unauthorized", "invalid_api_key"),
            (1 | 4, 3) => error("429 Too Many Requests", "insufficient_quota"),
            (2 | 5, 3) => {
                b"HTTP/1.1 429 T\r\nretry-after-ms: 50\r\nContent-Length: 0\r\n\r\n".to_vec()
            }
            (6, 3) => error("404 Not Found", "model_not_found"),
            _ => json(ANSWER),
        }
    });
    let glassway = Glassway::before(&upstream);
    paste(&glassway, 10);
    let failed = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..32 {
            scope.spawn(|| {
                let mut client = glassway.client();
                for _ in 0..25 {
                    if client.ask(post("/v1/chat/completions", ASK)).status() != 200 {
                        failed.fetch_add(1, Relaxed);
                    }
                }
            });
        }
    });
    assert_eq!(failed.load(Relaxed), 0);
    let _ = from_clients(&glassway, 32 * 25);
}

#[test]
fn limits_of_a_token_are_kept_and_told() {
    let upstream = by_key(|_| json(ANSWER));
    let glassway = Glassway::before(&upstream);
    paste(&glassway, 1);
    let narrow = token(&glassway, &value!({"rpm": 2, "allowed_models": ["gpt-*"]}));
    let mut client = glassway.client();
    let other = ASK.replace("gpt-4o", "claude");
    let refused = client.ask(with(&post("/v1/chat/completions", &other), &narrow));
    assert_eq!(refused.json()["error"]["code"], "model_not_allowed", "{}", refused.text());
    // Nor by naming it where only the upstream would look.
    let hidden = [
        ("/v1/chat/completions", r#"{"x":{"model":"gpt-4o"},"model":"claude","stream":5}"#),
        ("/v1/chat/completions", r#"{"model":"gpt-4o","model":"claude"}"#),
        ("/api/proxy/openai/openai/deployments/claude/chat/completions", r#"{"model":"gpt-4o"}"#),
    ];
    let eager = token(&glassway, &value!({"name": "eager", "allowed_models": ["gpt-*"]}));
    for (path, body) in hidden {
        let refused = client.ask(with(&post(path, body), &eager));
        assert_eq!(refused.json()["error"]["code"], "model_not_allowed", "{}", refused.text());
    }
    assert_eq!(upstream.requests().len(), 0);
    assert_eq!(client.ask(chat("/v1/chat/completions", &narrow)).status(), 200);
    let limited = client.ask(chat("/v1/chat/completions", &narrow));
    assert_eq!(limited.json()["error"]["code"], "rate_limited");
    assert!(limited.head.header("retry-after").is_some());
    assert_eq!(client.ask(with(&glassway_tests::client::get("/v1/models"), &eager)).status(), 200);
    // Whoever was refused or only looked is named in the record, too.
    let mut names: Vec<String> = from_clients(&glassway, 7)
        .iter()
        .map(|one| one["client_token"].as_str().unwrap_or("nobody").to_owned())
        .collect();
    names.sort();
    assert_eq!(names, ["app", "app", "app", "eager", "eager", "eager", "eager"]);
}

#[test]
fn routes_rename_models_and_leave_every_other_byte() {
    let upstream = by_key(|_| json(ANSWER));
    let glassway = Glassway::before(&upstream);
    paste(&glassway, 1);
    let route = value!({"model": "fast-*", "candidates": [{"provider_id": 1, "upstream_model": "gpt-4o-mini"}]});
    let reply = glassway.api().post("/api/routes", &route);
    assert!(reply.status < 300, "{}", reply.text());
    let body = "{ \"temperature\":1.0e0 , \"model\":\"fast-x\",\"zzz\":[1 ,2],\"messages\":[]}";
    assert_eq!(glassway.client().ask(post("/v1/chat/completions", body)).status(), 200);
    let sent = upstream.only_request();
    assert_eq!(String::from_utf8(sent.body.bytes).unwrap(), body.replace("fast-x", "gpt-4o-mini"));
}
