//! What the API says of a pool after a run whose every figure is known, and how soon a
//! changed route counts.

use std::time::{Duration, Instant};

use glassway_tests::{
    Gate, Glassway, Upstream, eventually,
    glassway::Which,
    team::{
        ANSWER, ASK, asked, bearer, by_key, error, error_with, from_clients, key, key_named, paste,
        pasted, post, put, stands, token, with,
    },
    upstream::json,
};
use serde_json::{Value, json as value};

fn ask(glassway: &Glassway, model: &str, token: Option<&str>) -> u16 {
    let mut request = post("/v1/chat/completions", &ASK.replace("gpt-4o", model));
    if let Some(token) = token {
        request = with(&request, token);
    }
    glassway.client().ask(request).status()
}

fn item<'a>(report: &'a Value, field: &str, name: &str) -> &'a Value {
    let items = report["items"].as_array().unwrap();
    let found = items.iter().find(|item| item[field] == name);
    found.unwrap_or_else(|| panic!("no {name} in {report:#}"))
}

#[test]
fn statistics_of_a_known_run_are_right() {
    let upstream = Upstream::respond(|request| match pasted(request) {
        Some(0) | None => error("401 Unauthorized", "invalid_api_key"),
        Some(1) => error("429 Too Many Requests", "insufficient_quota"),
        Some(2) => {
            error_with("429 Too Many Requests", "rate_limit_exceeded", "retry-after: 600\r\n")
        }
        _ => {
            let asked: Value = serde_json::from_slice(&request.body.bytes).unwrap();
            json(&ANSWER.replace("gpt-4o", asked["model"].as_str().unwrap()))
        }
    });
    let glassway = Glassway::before(&upstream);
    let added = paste(&glassway, 6);
    put(&glassway, "/api/keys/6/status", &value!({"status": "inactive"}));
    let token = token(&glassway, &value!({"allowed_models": ["gpt-*"]}));
    // Four and three good ones, two that Glassway refuses; keys 0 to 2 die on the way.
    for _ in 0..4 {
        assert_eq!(ask(&glassway, "gpt-4o", None), 200);
    }
    for _ in 0..3 {
        assert_eq!(ask(&glassway, "gpt-4o-mini", Some(&token)), 200);
    }
    for _ in 0..2 {
        assert_eq!(ask(&glassway, "claude", Some(&token)), 403);
    }
    stands(&glassway, "key0", "invalid");
    let api = glassway.api();
    let stats = eventually("nine exchanges are counted", || {
        Some(api.json("/api/stats")).filter(|stats| stats["calls"]["all"] == 9)
    });
    let keys = value!({"active": 2, "inactive": 1, "cooling": 1, "exhausted": 1, "invalid": 1});
    for (status, n) in keys.as_object().unwrap() {
        assert_eq!(&stats["keys"][status], n, "{status} in {stats:#}");
    }
    assert_eq!(stats["tokens"]["all"], 7 * 1100);
    assert_eq!(stats["tokens"]["1h"], 7 * 1100);
    assert_eq!(stats["calls"]["24h"], 9);
    assert!((stats["success_rate"].as_f64().unwrap() - 7.0 / 9.0).abs() < 1e-9, "{stats}");
    // gpt-4o: 2.50 and 10 dollars a million; gpt-4o-mini: 0.15 and 0.60.
    let (large, small) = (4.0 * (2.5e-3 + 1e-3), 3.0 * (0.15e-3 + 0.06e-3));
    let near = |value: &Value, dollars: f64| {
        assert!((value.as_f64().unwrap() - dollars).abs() < 1e-9, "{value} is not {dollars}");
    };
    near(&stats["cost_usd"]["all"], large + small);

    let models = api.json("/api/stats/models");
    let gpt = item(&models, "model", "gpt-4o");
    assert_eq!((&gpt["calls"], &gpt["ok"]), (&value!(4), &value!(4)));
    assert_eq!((&gpt["prompt_tokens"], &gpt["completion_tokens"]), (&value!(4000), &value!(400)));
    near(&gpt["cost_usd"], large);
    let refused = item(&models, "model", "claude");
    assert_eq!((&refused["calls"], &refused["ok"]), (&value!(2), &value!(0)));
    let only = api.json("/api/stats/models?model_name=gpt-4o-mini");
    assert_eq!(only["items"].as_array().unwrap().len(), 1);
    near(&only["items"][0]["cost_usd"], small);

    // Only keys 3 and 4 answered, each at most one more than the other.
    let by_key = api.json("/api/stats/keys");
    let calls = |name| item(&by_key, "key", name)["ok"].as_i64().unwrap();
    assert_eq!(calls("key3") + calls("key4"), 7, "{by_key:#}");
    assert!((calls("key3") - calls("key4")).abs() <= 1, "{by_key:#}");
    let id = &added[3]["id"];
    let one = api.json(&format!("/api/stats/keys?key_id={id}"));
    assert_eq!(one["items"].as_array().unwrap().len(), 1);
    assert_eq!((&one["items"][0]["key_id"], &one["items"][0]["key"]), (id, &value!("key3")));
    let spent = |name| key_named(&glassway, name)["spent_usd"].as_f64().unwrap();
    near(&value!(spent("key3") + spent("key4")), large + small);
    assert_eq!(
        item(&by_key, "key", "key3")["calls"],
        key_named(&glassway, "key3")["total_requests"]
    );
}

#[test]
fn a_route_whose_strategy_changed_counts_within_a_second() {
    let upstream = by_key(|_| json(ANSWER));
    let glassway = Glassway::before(&upstream);
    paste(&glassway, 4);
    let route =
        value!({"model": "gpt-4o", "strategy": "affinity", "candidates": [{"provider_id": 1}]});
    let added = glassway.api().post("/api/routes", &route);
    assert!(added.status < 300, "{}", added.text());
    let path = format!("/api/routes/{}", added.json()["id"]);
    let distinct = || {
        let before = upstream.requests().len();
        for _ in 0..4 {
            assert_eq!(asked(&glassway), 200);
        }
        let since = upstream.requests();
        since[before..].iter().map(bearer).collect::<std::collections::BTreeSet<_>>().len()
    };
    assert_eq!(distinct(), 1, "a conversation stays with its key");
    let start = Instant::now();
    put(&glassway, &path, &value!({"strategy": "round_robin"}));
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
    assert_eq!(distinct(), 4);
    // The default counts where the route does not say, as soon.
    put(&glassway, &path, &value!({"strategy": null}));
    put(&glassway, "/api/settings", &value!({"strategy": "affinity"}));
    assert_eq!(distinct(), 1);
}

#[test]
fn a_restart_in_the_middle_keeps_why_each_key_is_out() {
    for kill in [false, true] {
        let gate = Gate::new();
        let door = gate.clone();
        let upstream = Upstream::respond(move |request| match pasted(request) {
            Some(0) => error("429 Too Many Requests", "insufficient_quota"),
            Some(1) => {
                let wait = "retry-after: 600\r\n";
                error_with("429 Too Many Requests", "rate_limit_exceeded", wait)
            }
            Some(2) => error("401 Unauthorized", "invalid_api_key"),
            _ if String::from_utf8_lossy(&request.body.bytes).contains("slow") => {
                door.wait();
                json(ANSWER)
            }
            _ => json(ANSWER),
        });
        let mut glassway = Glassway::before(&upstream);
        paste(&glassway, 5);
        for _ in 0..5 {
            assert_eq!(asked(&glassway), 200);
        }
        // A kill leaves the fact of what was not yet written, as interrupted.
        let _ = from_clients(&glassway, 5);
        let names = ["key0", "key1", "key2", "key3"];
        let expected = ["exhausted", "cooling", "invalid", "active"];
        let before: Vec<_> = names
            .iter()
            .zip(expected)
            .map(|(name, status)| stands(&glassway, name, status))
            .collect();
        let mut running = glassway.client();
        running.send(post("/v1/chat/completions", &ASK.replace("hello", "slow")));
        eventually("it runs", || {
            (glassway.api().json("/api/stats")["in_flight"] == 1).then_some(())
        });
        if kill {
            glassway.kill9(Which::Proxy);
            gate.open();
        } else {
            let opener = std::thread::spawn(move || {
                std::thread::sleep(Duration::from_millis(300));
                gate.open();
            });
            let (status, log) = glassway.term(Which::Proxy);
            assert!(status.success(), "{log}");
            assert_eq!(running.answer().status(), 200, "what ran was let end");
            opener.join().unwrap();
        }
        glassway.start(Which::Proxy);
        glassway.connected();
        for (name, before) in names.iter().zip(&before) {
            let after = key_named(&glassway, name);
            for field in ["status", "status_reason", "status_until"] {
                assert_eq!(after[field], before[field], "{name}: {field}");
            }
        }
        let asked_before = upstream.requests().len();
        for _ in 0..6 {
            assert_eq!(asked(&glassway), 200);
        }
        for request in &upstream.requests()[asked_before..] {
            assert!([key(3), key(4)].contains(&bearer(request)), "one that is out was asked");
        }
        let outcome = if kill { "interrupted" } else { "ok" };
        eventually("what ran is recorded", || {
            let all = glassway.api().requests("?origin=client&limit=100");
            let ended = all.iter().filter(|one| one["outcome"] == outcome).count();
            (ended == if kill { 1 } else { 12 }).then_some(())
        });
    }
}
