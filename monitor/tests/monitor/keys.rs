//! Keys: sealed on arrival, never shown, refused twice, tested over the link.

use futures_util::StreamExt;
use glassway_shared::store::roster::KeyState;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::{
    gateway::{self, Gateway},
    start::{KEY, record},
};

const OPENAI: &str = "https://api.openai.com:443";
const SECRET: &str = "sk-proj-the-secret-nobody-sees-wxyz";

async fn add(gateway: &Gateway, body: Value) -> i64 {
    gateway.add("/api/keys", body).await["id"].as_i64().unwrap()
}

fn state(key_id: i64, status: &str, until: Option<i64>) -> KeyState {
    let reason = Some("as the test says".to_owned());
    KeyState {
        key_id,
        status: status.into(),
        reason,
        until,
        health: "{}".into(),
        ..KeyState::default()
    }
}

#[tokio::test]
async fn a_key_is_sealed_for_its_address_and_never_shown() {
    let gateway = gateway::start().await;
    let body = json!({"name": "main", "key_value": SECRET, "quota_usd": 2.5, "models": ["gpt-4o"], "weight": 3});
    let key = gateway.add("/api/keys", body).await;
    let id = key["id"].as_i64().unwrap();
    assert_eq!(key["masked"], "sk-…wxyz");
    assert_eq!((&key["status"], &key["provider"]), (&json!("active"), &json!("openai")));
    assert_eq!((&key["quota_usd"], &key["remaining_usd"]), (&json!(2.5), &json!(2.5)));
    assert_eq!(gateway.open(id, 1, "openai", OPENAI).as_deref(), Some(SECRET));
    assert_eq!(gateway.open(id, 1, "openai", "https://evil.example:443"), None);
    for path in [
        "/api/keys",
        "/api/keys/paginated",
        &format!("/api/keys/{id}"),
        "/api/groups",
        "/api/settings",
    ] {
        assert!(!gateway.get(path).await.to_string().contains("the-secret"), "{path}");
    }
    let again = gateway.send("POST", "/api/keys", json!({"key_value": SECRET})).await;
    let detail = again.refused(409);
    assert!(detail.contains("`main`") && !detail.contains("the-secret"), "{detail}");
    let folder = gateway.monitor.config.database.path.parent().unwrap();
    for file in std::fs::read_dir(folder).unwrap().flatten() {
        let Ok(bytes) = std::fs::read(file.path()) else { continue };
        assert!(!bytes.windows(10).any(|w| w == b"the-secret"), "{:?}", file.path());
    }
}

#[tokio::test]
async fn bad_fields_are_named_and_their_values_not_repeated() {
    let gateway = gateway::start().await;
    for (body, field) in [
        (json!({}), "key_value"),
        (json!({"key_value": ""}), "key_value"),
        (json!({"key_value": ["sk-SECRET"]}), "key_value"),
        (json!({"key_value": "sk-SECRET with space"}), "key_value"),
        (json!({"key_value": "gw-SECRET"}), "key_value"),
        (json!({"key_value": "sk-SECRET", "provider_id": 9}), "provider_id"),
        (json!({"key_value": "sk-SECRET", "weight": 0}), "weight"),
        (json!({"key_value": "sk-SECRET", "quota_usd": -1}), "quota_usd"),
        (json!({"key_value": "sk-SECRET", "status": "cooling"}), "status"),
        (json!({"key_value": "sk-SECRET", "models": [""]}), "models[0]"),
        (json!({"key_value": "sk-SECRET", "sealed": "x"}), "sealed"),
    ] {
        let answer = gateway.send("POST", "/api/keys", body.clone()).await;
        let detail = answer.refused(400);
        assert_eq!(answer.json()["errors"][0]["field"], field, "{body}: {detail}");
        assert!(!detail.contains("SECRET"), "{detail}");
    }
}

#[tokio::test]
async fn a_list_keeps_good_lines_and_explains_bad_ones() {
    let gateway = gateway::start().await;
    let text = "sk-aaaaaaaaaaaaaaaaaaaa\n\n# a remark\nteam, sk-bbbbbbbbbbbbbbbbbbbb\n\
                two words\nsk-aaaaaaaaaaaaaaaaaaaa\n";
    let bulk = gateway.send("POST", "/api/keys/bulk", json!({"text": text})).await;
    assert_eq!(bulk.status, 200, "{:?}", bulk.body);
    let bulk = bulk.json();
    assert_eq!(bulk["added"].as_array().unwrap().len(), 2);
    assert_eq!(bulk["added"][0]["name"], "key-1");
    assert_eq!(bulk["added"][1]["name"], "team");
    assert_eq!(bulk["duplicates"], 1);
    assert_eq!(bulk["rejected"][0]["line"], 5);
    let more: Vec<String> = (0..40).map(|n| format!("sk-number-{n}-0123456789")).collect();
    gateway.send("POST", "/api/keys/bulk", json!({"keys": more})).await;
    let page = gateway.get("/api/keys/paginated?page=2&page_size=20").await;
    assert_eq!((&page["total"], &page["pages"], &page["next"]), (&json!(42), &json!(3), &json!(3)));
    assert_eq!(page["items"].as_array().unwrap().len(), 20);
    assert_eq!(gateway.get("/api/keys?q=team").await["total"], 1);
    for wrong in [json!({}), json!({"keys": [], "text": ""})] {
        gateway.send("POST", "/api/keys/bulk", wrong).await.refused(400);
    }
}

#[tokio::test]
async fn status_follows_the_hand_the_proxy_and_the_clock() {
    let mut gateway = gateway::start().await;
    let mut ids = vec![];
    for n in 0..4 {
        ids.push(add(&gateway, json!({"key_value": format!("sk-number-{n}-0123456789")})).await);
    }
    let now = jiff::Timestamp::now().as_millisecond();
    let states = [
        state(ids[0], "cooling", Some(now + 60_000)),
        state(ids[1], "cooling", Some(now - 1)),
        state(ids[2], "invalid", None),
    ];
    gateway.monitor.writer.keep_states(&states, &[]).unwrap();
    let path = format!("/api/keys/{}/status", ids[3]);
    let off = gateway.send("PUT", &path, json!({"status": "inactive"})).await.json();
    assert_eq!(off["status"], "inactive");
    let keys = gateway.get("/api/stats").await["keys"].clone();
    assert_eq!(
        keys,
        json!({"active": 1, "cooling": 1, "exhausted": 0, "inactive": 1, "invalid": 1})
    );
    let cooling = gateway.get("/api/keys?status=cooling").await;
    assert_eq!(cooling["items"][0]["id"], ids[0]);
    assert_eq!(cooling["items"][0]["status_reason"], "as the test says");
    assert!(cooling["items"][0]["status_until"].is_string());
    let reset = gateway.send("POST", "/api/keys/reset", Value::Null).await;
    assert_eq!(reset.json(), json!({"reset": 2}));
    gateway.send("PUT", &path, json!({"status": "cooling"})).await.refused(400);
}

#[tokio::test]
async fn a_changed_address_invalidates_keys_until_they_are_pasted_again() {
    let gateway = gateway::start().await;
    let body = json!({"name": "relay", "base_url": "https://relay.example/v1"});
    let provider = gateway.add("/api/providers", body).await["id"].as_i64().unwrap();
    let body = json!({"provider_id": provider, "key_value": SECRET});
    let group = gateway.add("/api/groups", body).await["id"].as_i64().unwrap();
    let path = format!("/api/providers/{provider}");
    let same = gateway.send("PUT", &path, json!({"base_url": "https://relay.example/v2"})).await;
    assert_eq!(same.json()["warnings"], json!([]), "the same origin");
    let moved = gateway.send("PUT", &path, json!({"base_url": "https://other.example/v1"})).await;
    let moved = moved.json();
    assert!(moved["warnings"][0].as_str().unwrap().contains("1 key(s)"), "{moved}");
    assert_eq!(moved["keys"], json!({"invalid": 1}));
    let groups = gateway.get(&format!("/api/proxies/{provider}/groups")).await;
    assert_eq!(groups["items"][0]["status_reason"], "origin_changed");
    let test = gateway.send("POST", &format!("/api/keys/{group}/test"), Value::Null).await.json();
    assert_eq!(test["ok"], false);
    assert!(gateway.asked().iter().all(|path| !path.starts_with("/as")), "nothing was asked");
    let again =
        gateway.send("PUT", &format!("/api/groups/{group}"), json!({"key_value": SECRET})).await;
    assert_eq!(again.json()["status"], "active");
    let opened = gateway.open(group, provider, "openai", "https://other.example:443");
    assert_eq!(opened.as_deref(), Some(SECRET));
    let kind = gateway.send("PUT", &path, json!({"kind": "anthropic"})).await.json();
    assert_eq!(kind["keys"], json!({"invalid": 1}));
    let elsewhere = json!({"provider_id": 1});
    gateway.send("PUT", &format!("/api/groups/{group}"), elsewhere).await.refused(400);
}

#[tokio::test]
async fn a_key_moves_with_its_credential_wherever_the_one_before_is_known() {
    let gateway = gateway::start().await;
    let relay = json!({"name": "relay", "base_url": "https://relay.example/v1"});
    let relay = gateway.add("/api/providers", relay).await["id"].as_i64().unwrap();
    let there = json!({"name": "there", "provider_id": relay, "key_value": SECRET});
    let there = add(&gateway, there).await;
    let id = add(&gateway, json!({"name": "moving", "key_value": SECRET})).await;
    let path = format!("/api/keys/{id}");
    let alone = gateway.send("PUT", &path, json!({"provider_id": relay})).await;
    assert!(alone.refused(400).contains("send key_value too"));
    let same = json!({"provider_id": relay, "key_value": SECRET});
    let detail = gateway.send("PUT", &path, same).await.refused(409);
    assert!(detail.contains("`there`"), "{detail}");
    assert_eq!(gateway.get(&path).await["provider"], "openai", "a refusal changes nothing");
    let other =
        json!({"provider_id": relay, "key_value": "sk-another-one-0123456789", "name": "moved"});
    let moved = gateway.send("PUT", &path, other).await.json();
    assert_eq!((&moved["provider"], &moved["name"]), (&json!("relay"), &json!("moved")), "{moved}");
    // Where it was is free for the same credential again.
    add(&gateway, json!({"key_value": SECRET})).await;
    assert_eq!(gateway.get(&format!("/api/keys/{there}")).await["name"], "there");
}

#[tokio::test]
async fn a_test_asks_the_provider_and_keeps_its_models() {
    let gateway = gateway::start().await;
    let id = add(&gateway, json!({"key_value": SECRET})).await;
    let path = format!("/as/{id}/v1/models");
    gateway.answer(&path, 200, json!({"data": [{"id": "b"}, {"id": "a"}]}));
    let test = gateway.send("POST", &format!("/api/keys/{id}/test"), Value::Null).await.json();
    assert_eq!((&test["ok"], &test["status"]), (&json!(true), &json!("active")));
    assert_eq!(test["models"], json!(["a", "b"]));
    assert_eq!(test["http_status"], 200);
    assert!(test["error"].is_null() && test["request_id"].is_string());
    let detail = gateway.get(&format!("/api/keys/{id}")).await;
    assert_eq!(detail["model_list"], json!(["a", "b"]));
    assert_eq!(detail["fetched_models"], 2);
    gateway.answer(&path, 403, json!({"error": {"message": format!("no access for {SECRET}")}}));
    let test = gateway.send("POST", &format!("/api/keys/{id}/test"), Value::Null).await.json();
    assert_eq!((&test["ok"], &test["error"]), (&json!(false), &json!("403: no access for …")));
    gateway.answer(&path, 200, json!({"data": [{"id": "b"}, {"id": "c"}]}));
    let path = format!("/api/groups/{id}/refresh-models");
    let refreshed = gateway.send("POST", &path, Value::Null).await.json();
    assert_eq!(refreshed, json!({"models": ["b", "c"], "added": ["c"], "removed": ["a"]}));
    gateway.send("POST", "/api/keys/99/test", Value::Null).await.refused(404);
}

#[tokio::test]
async fn validation_tests_those_that_are_out_and_tells_the_feed() {
    let mut gateway = gateway::start().await;
    let (good, bad) = (
        add(&gateway, json!({"key_value": "sk-good-0123456789abc"})).await,
        add(&gateway, json!({"key_value": "sk-bad-0123456789abcd"})).await,
    );
    add(&gateway, json!({"key_value": "sk-fine-0123456789ab"})).await;
    let out = [state(good, "exhausted", None), state(bad, "invalid", None)];
    gateway.monitor.writer.keep_states(&out, &[]).unwrap();
    gateway.answer(&format!("/as/{good}/v1/models"), 200, json!({"data": [{"id": "a"}]}));
    gateway.answer(&format!("/as/{bad}/v1/models"), 401, json!({"error": {"message": "no"}}));
    let bearer = format!("Bearer {KEY}");
    let mut feed = gateway.monitor.feed_with(&[("authorization", &bearer)]).await.unwrap();
    let validated = gateway.send("POST", "/api/validate_keys", Value::Null).await.json();
    assert_eq!(validated.as_array().unwrap().len(), 2);
    assert_eq!(validated[0]["key_id"], good);
    assert_eq!(validated[0]["ok"], true);
    assert_eq!(validated[0]["status_before"], "exhausted");
    assert_eq!(validated[1]["status_after"], "invalid");
    assert_eq!(validated[1]["error"], "401: no");
    let mut told = String::new();
    while !told.contains("\"done\":2,\"total\":2") {
        let next = tokio::time::timeout(std::time::Duration::from_secs(5), feed.next()).await;
        if let Message::Text(text) = next.expect("progress").unwrap().unwrap() {
            told.push_str(&text);
        }
    }
}

#[tokio::test]
async fn statistics_by_key_know_its_id() {
    let mut gateway = gateway::start().await;
    let id = add(&gateway, json!({"name": "main", "key_value": SECRET})).await;
    let mut records = vec![record(), record()];
    records[0].key = Some("main".into());
    records[1].key = Some("gone".into());
    gateway.monitor.append(&records);
    let all = gateway.get("/api/stats/keys").await;
    assert_eq!(all["items"].as_array().unwrap().len(), 2);
    let one = gateway.get(&format!("/api/stats/keys?key_id={id}")).await;
    assert_eq!(one["items"].as_array().unwrap().len(), 1);
    assert_eq!(one["items"][0]["key_id"], id);
    assert_eq!(one["items"][0]["calls"], 1);
}

#[tokio::test]
async fn the_last_hour_by_key_has_sixty_minutes_and_leaves_out_the_keyless() {
    let mut gateway = gateway::start().await;
    let id = add(&gateway, json!({"name": "main", "key_value": SECRET})).await;
    let mut records = vec![record(), record(), record(), record()];
    records[0].key = Some("main".into());
    records[1].key = Some("main".into());
    records[2].key = Some("gone".into());
    records[3].key = None;
    gateway.monitor.append(&records);
    let hour = gateway.get("/api/stats/hour?by=key").await;
    assert_eq!(hour["calls"], 3);
    assert_eq!(hour["items"].as_array().unwrap().len(), 2);
    let main = &hour["items"][0];
    assert_eq!((&main["key_id"], &main["calls"]), (&json!(id), &json!(2)));
    let minutes: Vec<i64> = serde_json::from_value(main["per_minute"].clone()).unwrap();
    assert_eq!((minutes.len(), minutes.iter().sum::<i64>()), (60, 2));
    assert_eq!(hour["items"][1]["key_id"], json!(null));
    assert_eq!((&main["name"], &main["provider"]), (&json!("main"), &json!("openai")));
    // The same minutes by another name: all four had a provider and a model, none a token.
    for by in ["provider", "model"] {
        let hour = gateway.get(&format!("/api/stats/hour?by={by}")).await;
        assert_eq!((&hour["calls"], &hour["items"][0]["calls"]), (&json!(4), &json!(4)), "{by}");
        assert_eq!(hour["items"][0]["provider"], json!(null), "{by}");
    }
    assert_eq!(gateway.get("/api/stats/hour?by=client_token").await["items"], json!([]));
}
