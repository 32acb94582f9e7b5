//! A provider that is overloaded, fails or is gone: it rests, its keys are not blamed, and
//! others answer meanwhile.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use glassway_tests::{
    Glassway, Upstream, eventually,
    team::{
        ANSWER, ASK, asked, by_key, error, error_with, from_clients, key_named, paste, paste_to,
        post, provider, put,
    },
    upstream::json,
};
use serde_json::{Value, json as value};

/// Two providers: the built-in one with keys 0 and 1, and `second` with key 2.
fn two(first: &str, second: &Upstream, more: &[(&str, toml::Value)]) -> Glassway {
    let mut setup =
        Glassway::setup().upstream(first).set("upstream.allow", vec![second.addr().to_string()]);
    for (name, set) in more {
        setup = setup.set(name, set.clone());
    }
    let glassway = setup.start();
    let id = provider(&glassway, "second", "openai", &second.url());
    put(&glassway, "/api/providers/1", &value!({"priority": 10}));
    paste(&glassway, 2);
    paste_to(&glassway, id, 2..3);
    glassway
}

fn health(glassway: &Glassway, id: i64) -> Value {
    glassway.api().json(&format!("/api/providers/{id}"))["health"].clone()
}

#[test]
fn an_overloaded_provider_rests_and_its_keys_are_not_blamed() {
    for (status, code) in [
        ("529 Overloaded", "overloaded_error"),
        ("503 Service Unavailable", "server_is_overloaded"),
    ] {
        let said = error_with(status, code, "retry-after: 2\r\n");
        let overloaded = Arc::new(AtomicUsize::new(1));
        let now = overloaded.clone();
        let first = by_key(move |_| match now.load(Relaxed) {
            0 => json(ANSWER),
            _ => said.clone(),
        });
        let second = by_key(|_| json(ANSWER));
        let glassway = two(&first.url(), &second, &[]);
        assert_eq!([asked(&glassway), asked(&glassway)], [200; 2]);
        assert_eq!(first.requests().len(), 1, "one answer speaks for the provider");
        assert_eq!(second.requests().len(), 2);
        let shown = eventually("the provider cools", || {
            Some(health(&glassway, 1)).filter(|health| health["status"] == "cooling")
        });
        assert_eq!(shown["status_reason"], code, "{shown}");
        for name in ["key0", "key1"] {
            assert_eq!(key_named(&glassway, name)["status"], "active");
        }
        overloaded.store(0, Relaxed);
        eventually("it is asked again", || {
            assert_eq!(asked(&glassway), 200);
            (first.requests().len() > 1).then_some(())
        });
        eventually("it is well", || (health(&glassway, 1)["status"] == "ok").then_some(()));
    }
}

#[test]
fn a_failing_provider_is_left_alone_and_tried_by_one_request() {
    let failing = Arc::new(AtomicUsize::new(1));
    let now = failing.clone();
    let first = by_key(move |_| match now.load(Relaxed) {
        0 => json(ANSWER),
        _ => error("500 Internal Server Error", "x"),
    });
    let second = by_key(|_| json(ANSWER));
    let glassway = two(&first.url(), &second, &[]);
    let settings = value!({"breaker_failures": 2, "breaker_open_s": 1});
    put(&glassway, "/api/settings", &settings);
    assert_eq!([asked(&glassway), asked(&glassway), asked(&glassway)], [200; 3]);
    assert_eq!(first.requests().len(), 2, "two failures open the breaker");
    eventually("it is shown", || (health(&glassway, 1)["status"] == "open").then_some(()));
    // A second later one request tries; what it hears is not the client's.
    eventually("one tries", || {
        assert_eq!(asked(&glassway), 200);
        (first.requests().len() == 3).then_some(())
    });
    assert_eq!(asked(&glassway), 200);
    assert_eq!(first.requests().len(), 3, "the others wait for its result");
    failing.store(0, Relaxed);
    eventually("it heals", || {
        assert_eq!(asked(&glassway), 200);
        (health(&glassway, 1)["status"] == "ok").then_some(())
    });
    assert_eq!(key_named(&glassway, "key0")["status"], "active");
}

#[test]
fn no_connection_no_answer_in_time_and_a_cut_are_failures_of_the_provider() {
    // Nobody listens; nobody answers; somebody hangs up before the first byte.
    let closed = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let silent = Upstream::script(|conn| {
        conn.request();
        conn.closed();
    });
    let rude = Upstream::script(|conn| drop(conn.request()));
    let more = [("proxy.first_byte_timeout", toml::Value::from("1s"))];
    let cases = [
        (closed, "upstream_connect", "502"),
        (silent.url(), "upstream_timeout", "504"),
        (rude.url(), "upstream_closed", "502"),
    ];
    for (url, code, status) in cases {
        let second = by_key(|_| json(ANSWER));
        let glassway = two(&url, &second, &more);
        // A POST that may have been acted on goes on only where that is allowed.
        put(&glassway, "/api/settings", &value!({"retry_after_timeout": true}));
        assert_eq!(asked(&glassway), 200, "{code}");
        let first = &from_clients(&glassway, 1)[0];
        let detail = glassway.api().request(first["id"].as_str().unwrap());
        let tries = detail["tries"].as_array().unwrap();
        // Both keys of the provider, then the other provider's.
        assert_eq!(tries.len(), 3, "{detail:#}");
        assert_eq!(tries[0]["error"]["code"], code, "{detail:#}");
        assert_eq!(tries[2]["key"], "key2");
        assert_eq!(key_named(&glassway, "key0")["status"], "active");
        // With nobody else to ask, the client hears what happened.
        let other = glassway.api().json("/api/providers");
        let second_id = other["items"].as_array().unwrap().iter().find(|p| p["name"] == "second");
        let path = format!("/api/providers/{}", second_id.unwrap()["id"]);
        put(&glassway, &path, &value!({"enabled": false}));
        let told = glassway.client().ask(post("/v1/chat/completions", ASK));
        assert_eq!(told.status().to_string(), status);
        assert_eq!(told.json()["error"]["code"], code, "{}", told.text());
    }
}
