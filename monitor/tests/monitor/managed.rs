//! Providers, models, prices, routes, client tokens, settings: what may be said of
//! them, and what is said of what may not.

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::{
    gateway::{self, Gateway, send},
    start::start,
};

/// Each of these bodies is refused, naming the field.
async fn refuses(gateway: &Gateway, method: &str, path: &str, cases: &[(Value, &str, &str)]) {
    for (body, field, part) in cases {
        let answer = gateway.send(method, path, body.clone()).await;
        let detail = answer.refused(400);
        assert_eq!(answer.json()["errors"][0]["field"], *field, "{body}: {detail}");
        assert!(detail.contains(part), "{body}: {detail}");
    }
}

#[tokio::test]
async fn providers_are_added_from_presets_judged_and_shown() {
    let gateway = gateway::start().await;
    let presets = gateway.get("/api/presets").await;
    assert!(presets["items"].as_array().unwrap().len() >= 15);
    let deepseek = gateway.add("/api/providers", json!({"preset": "deepseek"})).await;
    assert_eq!(deepseek["name"], "deepseek");
    assert_eq!(deepseek["base_url"], "https://api.deepseek.com/v1");
    assert_eq!(deepseek["origin"], "https://api.deepseek.com:443");
    assert_eq!(deepseek["health"]["status"], "ok");
    assert_eq!(deepseek["built_in"], false);
    let relay = json!({"name": "relay", "base_url": "http://10.1.2.3:8000/v1/", "priority": 5});
    let relay = gateway.add("/api/proxies", relay).await;
    assert_eq!(relay["base_url"], "http://10.1.2.3:8000/v1");
    let list = gateway.get("/api/proxies").await;
    assert_eq!(list["total"], 3);
    assert_eq!(list["items"][0]["built_in"], true);
    assert_eq!(list["items"][0]["base_url"], "https://api.openai.com");
    refuses(
        &gateway,
        "POST",
        "/api/providers",
        &[
            (json!({"base_url": "https://a.example"}), "name", "is missing"),
            (json!({"name": "a"}), "base_url", "is missing"),
            (json!({"name": "a/b", "base_url": "https://a.example"}), "name", "fit a path"),
            (json!({"name": "a", "base_url": "nonsense"}), "base_url", "is not a URL"),
            (
                json!({"name": "a", "base_url": "http://localhost:11434/v1"}),
                "base_url",
                "allow = [\"localhost:11434\"]",
            ),
            (
                json!({"name": "a", "base_url": "http://169.254.169.254/latest"}),
                "base_url",
                "no upstream is ever reached there",
            ),
            (
                json!({"name": "a", "kind": "other"}),
                "kind",
                "must be one of openai, anthropic, azure",
            ),
            (json!({"name": "a", "color": "red"}), "color", "unknown field"),
            (json!({"preset": "azure"}), "base_url", "in braces"),
            (json!({"preset": "nobody"}), "preset", "no preset"),
            (
                json!({"name": "a", "base_url": "https://a.example", "api_version": "1"}),
                "api_version",
                "azure",
            ),
            (
                json!({"name": "a", "base_url": "https://a.example", "price_multiplier": -1}),
                "price_multiplier",
                "at least 0",
            ),
        ],
    )
    .await;
    let taken = json!({"name": "Relay", "base_url": "https://a.example"});
    let taken = gateway.send("POST", "/api/providers", taken).await;
    assert!(taken.refused(409).contains("relay"));
}

#[tokio::test]
async fn the_built_in_provider_keeps_its_name_address_and_place() {
    let gateway = gateway::start().await;
    refuses(
        &gateway,
        "PUT",
        "/api/providers/1",
        &[
            (json!({"name": "other"}), "name", "cannot be changed"),
            (json!({"kind": "azure"}), "kind", "cannot be changed"),
            (json!({"base_url": "https://evil.example"}), "base_url", "upstream.base_url"),
        ],
    )
    .await;
    let changed = gateway.send("PUT", "/api/providers/1", json!({"priority": 9})).await.json();
    assert_eq!(changed["priority"], 9);
    assert!(
        gateway
            .send("DELETE", "/api/providers/1", Value::Null)
            .await
            .refused(409)
            .contains("built-in")
    );
    gateway.send("DELETE", "/api/providers/99", Value::Null).await.refused(404);
}

#[tokio::test]
async fn a_provider_in_use_says_what_uses_it() {
    let gateway = gateway::start().await;
    let body = json!({"name": "relay", "base_url": "https://relay.example/v1"});
    let id = gateway.add("/api/providers", body).await["id"].as_i64().unwrap();
    let path = format!("/api/providers/{id}");
    let key = json!({"provider_id": id, "name": "gold", "key_value": "sk-of-the-relay-0123456789"});
    let key = gateway.add("/api/keys", key).await["id"].as_i64().unwrap();
    let route =
        json!({"model": "gpt-*", "candidates": [{"provider_id": id, "upstream_model": "x"}]});
    let route = gateway.add("/api/routes", route).await["id"].as_i64().unwrap();
    let detail = gateway.send("DELETE", &path, Value::Null).await.refused(409);
    assert!(detail.contains("gold") && detail.contains("gpt-*"), "{detail}");
    for path in [format!("/api/keys/{key}"), format!("/api/routes/{route}"), path] {
        assert_eq!(gateway.send("DELETE", &path, Value::Null).await.status, 204);
    }
}

#[tokio::test]
async fn models_are_fetched_added_described_and_have_slashes() {
    let gateway = gateway::start().await;
    let key = json!({"key_value": "sk-fetches-models-0123456789"});
    let key = gateway.add("/api/keys", key).await["id"].as_i64().unwrap();
    let models = json!({"data": [{"id": "gpt-4o"}, {"id": "vendor/one"}]});
    gateway.answer(&format!("/as/{key}/v1/models"), 200, models);
    let list = gateway.get("/api/models?refresh=true").await;
    assert_eq!(list["refreshed"]["keys"], 1);
    assert_eq!(list["total"], 2);
    let gpt = &list["items"][0];
    assert_eq!(gpt["model_name"], "gpt-4o");
    assert_eq!(gpt["source"], "fetched");
    assert_eq!(gpt["providers"], json!(["openai"]));
    assert_eq!((&gpt["prices"]["input"], &gpt["price_source"]), (&json!(2.5), &json!("list")));
    assert!(list["items"][1]["prices"].is_null(), "unknown is not free");
    let body = json!({"model_name": "my/own/model", "description": "ours", "capabilities": "{\"vision\":true}"});
    let added = gateway.add("/api/models", body.clone()).await;
    assert_eq!(added["capabilities"], json!({"vision": true}));
    assert_eq!(added["source"], "added");
    gateway.send("POST", "/api/models", body).await.refused(409);
    for path in ["/api/models/my/own/model", "/api/models/my%2Fown%2Fmodel"] {
        let change = json!({"prices": {"input": 1, "output": 2}});
        let changed = gateway.send("PUT", path, change).await.json();
        assert_eq!(changed["prices"]["output"], 2.0, "{changed}");
        assert_eq!(changed["price_source"], "override");
    }
    let described =
        gateway.send("PUT", "/api/models/vendor/one", json!({"description": "d"})).await;
    assert_eq!(described.json()["source"], "fetched");
    refuses(
        &gateway,
        "POST",
        "/api/models",
        &[
            (json!({}), "model_name", "is missing"),
            (json!({"model_name": "a", "capabilities": "nonsense"}), "capabilities", "object"),
            (json!({"model_name": "a", "prices": {"input": 1}}), "prices.output", "is missing"),
        ],
    )
    .await;
    assert_eq!(gateway.send("DELETE", "/api/models/my/own/model", Value::Null).await.status, 204);
    gateway.send("GET", "/api/models/my/own/model", Value::Null).await.refused(404);
    gateway.send("PUT", "/api/models/nobody/knows", json!({})).await.refused(404);
}

#[tokio::test]
async fn prices_are_listed_set_and_taken_away() {
    let gateway = gateway::start().await;
    let list = gateway.get("/api/prices?q=gpt-4o-mini&limit=1000").await;
    let found = |list: &Value| {
        let items = list["items"].as_array().unwrap().clone();
        items.into_iter().find(|item| item["model"] == "gpt-4o-mini").unwrap()
    };
    assert_eq!(found(&list)["source"], "list");
    assert_eq!(list["imported"], false);
    let set = json!({"input": 0.01, "output": 0.02, "cache_read": 0.001});
    let set = gateway.send("PUT", "/api/prices/gpt-4o-mini", set).await.json();
    assert_eq!(set["source"], "override");
    let list = gateway.get("/api/prices?q=gpt-4o-mini").await;
    assert_eq!(found(&list)["input"], 0.01);
    assert_eq!(gateway.send("DELETE", "/api/prices/gpt-4o-mini", Value::Null).await.status, 204);
    gateway.send("DELETE", "/api/prices/gpt-4o-mini", Value::Null).await.refused(404);
    let wrong = [(json!({"input": -1, "output": 0}), "input", "at least 0")];
    refuses(&gateway, "PUT", "/api/prices/a/b", &wrong).await;
}

#[tokio::test]
async fn an_imported_price_list_takes_the_built_in_ones_place() {
    let gateway = gateway::start().await;
    let folder = gateway.monitor.config.database.path.parent().unwrap().to_owned();
    let config = folder.join("config.toml");
    std::fs::write(&config, "[database]\npath = \"glassway.db\"\n").unwrap();
    let import = |list: &str| {
        let file = folder.join("list.json");
        std::fs::write(&file, list).unwrap();
        std::process::Command::new(env!("CARGO_BIN_EXE_glassway-monitor"))
            .args([
                "import-prices".as_ref(),
                file.as_os_str(),
                "--config".as_ref(),
                config.as_os_str(),
            ])
            .output()
            .unwrap()
    };
    let refused = import("{}");
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("list.json"));
    let taken = import(r#"{"only-one": {"mode": "chat", "input_cost_per_token": 3e-6}}"#);
    assert!(taken.status.success(), "{taken:?}");
    let list = gateway.get("/api/prices").await;
    assert_eq!((&list["total"], &list["imported"]), (&json!(1), &json!(true)));
    assert_eq!(list["items"][0]["input"], 3.0);
}

#[tokio::test]
async fn a_price_list_is_imported_over_the_api_and_dropped_again() {
    let gateway = gateway::start().await;
    let before = gateway.get("/api/price-list").await;
    assert_eq!((&before["imported"], &before["imported_at"]), (&json!(false), &Value::Null));
    let list = json!({"only-one": {"mode": "chat", "input_cost_per_token": 3e-6}});
    let path = "/api/price-list?date=2026-02-03";
    let counts = gateway.send("PUT", path, list).await.json();
    assert_eq!((&counts["models"], &counts["date"]), (&json!(1), &json!("2026-02-03")));
    // A second one within the same second is another list.
    let list = json!({"a": {"input_cost_per_token": 3e-6}, "b": {"input_cost_per_token": 4e-6}});
    let counts = gateway.send("PUT", "/api/price-list", list).await.json();
    assert_eq!((&counts["models"], &counts["imported"]), (&json!(2), &json!(true)));
    assert_eq!(gateway.get("/api/prices").await["total"], 2);
    gateway.send("PUT", "/api/price-list", json!({"x": 1})).await.refused(400);
    gateway.send("PUT", "/api/price-list", json!([])).await.refused(400);
    gateway.send("PUT", "/api/price-list?date=soon", json!({})).await.refused(400);
    assert_eq!(gateway.send("DELETE", "/api/price-list", Value::Null).await.json(), before);
    gateway.send("DELETE", "/api/price-list", Value::Null).await.refused(404);
}

#[tokio::test]
async fn a_price_list_is_bounded() {
    let gateway = gateway::start().await;
    let long = "x".repeat(17 << 20);
    let answer = gateway.send("PUT", "/api/price-list", json!({"a": long})).await;
    answer.refused(413);
}

#[tokio::test]
async fn routes_lead_to_providers_that_exist() {
    let gateway = gateway::start().await;
    let body = json!({"model": "fast", "candidates": [{"upstream_model": "gpt-4o-mini"}, {"provider_id": 1, "priority": -1}]});
    let route = gateway.add("/api/routes", body.clone()).await;
    assert_eq!(route["candidates"][0]["provider"], "openai");
    assert_eq!(route["candidates"][0]["weight"], 1);
    assert!(route["strategy"].is_null());
    let path = format!("/api/routes/{}", route["id"]);
    let changed = gateway.send("PUT", &path, json!({"strategy": "affinity"})).await.json();
    assert_eq!((&changed["strategy"], &changed["model"]), (&json!("affinity"), &json!("fast")));
    let changed = gateway.send("PUT", &path, json!({"strategy": null})).await.json();
    assert!(changed["strategy"].is_null());
    gateway.send("POST", "/api/routes", body).await.refused(409);
    refuses(
        &gateway,
        "POST",
        "/api/routes",
        &[
            (json!({"candidates": [{}]}), "model", "is missing"),
            (json!({"model": "a"}), "candidates", "at least one"),
            (json!({"model": "a", "candidates": []}), "candidates", "at least one"),
            (
                json!({"model": "a", "candidates": [{}, {"provider_id": 77}]}),
                "candidates[1].provider_id",
                "77",
            ),
            (json!({"model": "a", "candidates": [{"wait": 1}]}), "candidates[0].wait", "unknown"),
            (
                json!({"model": "a", "candidates": [{}], "strategy": "luck"}),
                "strategy",
                "round_robin",
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_client_token_is_shown_once_and_stored_as_a_hash() {
    let gateway = gateway::start().await;
    let body = json!({"name": "app", "budget_usd": 5, "budget_period": "month", "rpm": 60,
        "allowed_models": ["gpt-*"], "expires_at": "2030-01-01T00:00:00Z"});
    let made = gateway.add("/api/client-tokens", body.clone()).await;
    let token = made["token"].as_str().unwrap();
    assert!(token.starts_with("gw-") && token.len() >= 35, "{token}");
    let hash: Vec<u8> = Connection::open(&gateway.monitor.config.database.path)
        .unwrap()
        .query_row("SELECT hash FROM client_tokens", [], |row| row.get(0))
        .unwrap();
    assert_eq!(hash, blake3::hash(token.as_bytes()).as_bytes());
    let list = gateway.get("/api/client-tokens").await;
    assert!(!list.to_string().contains(token));
    assert_eq!(list["items"][0]["budget_usd"], 5.0);
    assert_eq!(list["items"][0]["expires_at"], "2030-01-01T00:00:00Z");
    let path = format!("/api/client-tokens/{}", made["id"]);
    let change = json!({"enabled": false, "budget_usd": null, "rpm": null, "expires_at": null});
    let changed = gateway.send("PUT", &path, change).await.json();
    assert_eq!(changed["enabled"], false);
    assert!(changed["budget_usd"].is_null() && changed["rpm"].is_null());
    gateway.send("POST", "/api/client-tokens", body).await.refused(409);
    refuses(
        &gateway,
        "POST",
        "/api/client-tokens",
        &[
            (json!({}), "name", "is missing"),
            (json!({"name": " "}), "name", "empty"),
            (json!({"name": "a", "rpm": 0}), "rpm", "at least 1"),
            (json!({"name": "a", "budget_usd": -1}), "budget_usd", "at least 0"),
            (json!({"name": "a", "budget_period": "week"}), "budget_period", "day, month, total"),
            (json!({"name": "a", "expires_at": "soon"}), "expires_at", "2026-01-31"),
            (json!({"name": "a", "expires_at": "2020-01-01T00:00:00Z"}), "expires_at", "past"),
            (json!({"name": "a", "token": "gw-x"}), "token", "unknown"),
        ],
    )
    .await;
    assert_eq!(gateway.send("DELETE", &path, Value::Null).await.status, 204);
}

#[tokio::test]
async fn settings_have_defaults_limits_and_are_taken_in() {
    let gateway = gateway::start().await;
    let settings = gateway.get("/api/settings").await;
    for (name, value) in [
        ("cooldown_s", 30),
        ("breaker_failures", 5),
        ("breaker_window_s", 60),
        ("breaker_open_s", 30),
        ("request_deadline_s", 600),
        ("max_attempts", 3),
    ] {
        assert_eq!(settings[name], value, "{name}");
    }
    let answer = gateway.send("PUT", "/api/settings", json!({"cooldown_s": 5})).await;
    assert_eq!(answer.header("x-glassway-warnings"), "");
    assert_eq!(answer.json()["cooldown_s"], 5);
    let wrong = [
        (json!({"cooldown_s": 0}), "cooldown_s", "at least 1"),
        (json!({"strategy": null}), "strategy", "null"),
        (json!({"strategy": "luck"}), "strategy", "round_robin"),
    ];
    refuses(&gateway, "PUT", "/api/settings", &wrong).await;
}

#[tokio::test]
async fn without_the_proxy_writes_are_kept_and_say_so() {
    let monitor = start().await;
    let body = json!({"model": "a", "candidates": [{}]});
    let answer = send(&monitor, "POST", "/api/routes", body).await;
    assert_eq!((answer.status, answer.header("x-glassway-warnings")), (201, "proxy_away"));
    let refused = send(&monitor, "POST", "/api/keys", json!({"key_value": "sk-x"})).await;
    assert!(refused.refused(503).contains("glassway-proxy must run once"));
}
