//! The admin key is changed by whoever knows it, and sessions are seen and ended.

use serde_json::{Value, json};

use crate::start::{Answer, KEY, Running, start, start_with_made_key};

const JSON: (&str, &str) = ("content-type", "application/json");
const NEW: &str = "another-key-of-the-tests";

async fn signed_in(monitor: &Running, key: &str, agent: &str) -> String {
    let body = json!({"api_key": key}).to_string();
    let answer = monitor.ask("POST", "/token", &[JSON, ("user-agent", agent)], &body).await;
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    format!("Bearer {}", answer.json()["access_token"].as_str().unwrap())
}

async fn send(monitor: &Running, bearer: &str, method: &str, path: &str, body: Value) -> Answer {
    let headers = [("authorization", bearer), JSON];
    let body = if body.is_null() { String::new() } else { body.to_string() };
    monitor.ask(method, path, &headers, &body).await
}

#[tokio::test]
async fn a_new_admin_key_ends_every_session_but_the_one_that_set_it() {
    let (monitor, key) = start_with_made_key().await;
    let own = signed_in(&monitor, &key, "browser").await;
    let other = signed_in(&monitor, &key, "phone").await;
    let change = |current: &str, new: &str| json!({"current_key": current, "new_key": new});
    let put = async |body| send(&monitor, &own, "PUT", "/api/admin-key", body).await;
    assert!(put(change("wrong", NEW)).await.refused(400).contains("current_key"));
    assert!(put(change(&key, "short")).await.refused(400).contains("12"));
    assert!(put(change(&key, "with spaces in between")).await.refused(400).contains("spaces"));
    put(json!({"current_key": key, "new_key": NEW, "x": 1})).await.refused(400);
    let old = send(&monitor, &other, "GET", "/api/session", Value::Null).await;
    assert_eq!(old.status, 200, "nothing has changed yet");

    let changed = put(change(&key, NEW)).await;
    assert_eq!((changed.status, &changed.json()), (200, &json!({"sessions_ended": 1})));
    let still = send(&monitor, &own, "GET", "/api/session", Value::Null).await;
    assert_eq!(still.status, 200);
    send(&monitor, &other, "GET", "/api/session", Value::Null).await.refused(401);
    let bearer = format!("Bearer {key}");
    send(&monitor, &bearer, "GET", "/api/stats", Value::Null).await.refused(401);
    signed_in(&monitor, NEW, "again").await;
    for _ in 0..12 {
        put(change("guess", NEW)).await;
    }
    put(change("guess", NEW)).await.refused(429);
}

#[tokio::test]
async fn a_key_that_is_set_from_outside_is_changed_there() {
    let monitor = start().await;
    let bearer = format!("Bearer {KEY}");
    let body = json!({"current_key": KEY, "new_key": NEW});
    let refused = send(&monitor, &bearer, "PUT", "/api/admin-key", body).await.refused(409);
    assert!(refused.contains("GLASSWAY_ADMIN_KEY"), "{refused}");
    let about = monitor.get("/api/about").await.json();
    assert_eq!(
        (&about["admin_key_configured"], &about["proxy_version"]),
        (&json!(true), &Value::Null)
    );
    assert_eq!((&about["license"], about["version"].is_string()), (&json!("MIT"), true));
}

#[tokio::test]
async fn sessions_say_where_they_come_from_and_can_be_ended() {
    let monitor = start().await;
    let own = signed_in(&monitor, KEY, "Mozilla/5.0 (X11; Linux)").await;
    let phone = signed_in(&monitor, KEY, "phone").await;
    let third = signed_in(&monitor, KEY, "third").await;
    let list = send(&monitor, &own, "GET", "/api/sessions", Value::Null).await.json();
    assert_eq!(list["total"], 3);
    let items = list["items"].as_array().unwrap();
    let current: Vec<_> = items.iter().filter(|item| item["current"] == true).collect();
    assert_eq!(current.len(), 1);
    assert_eq!(current[0]["user_agent"], "Mozilla/5.0 (X11; Linux)");
    assert_eq!(current[0]["address"], "127.0.0.1");
    let of_phone = items.iter().find(|item| item["user_agent"] == "phone").unwrap();
    let path = format!("/api/sessions/{}", of_phone["id"]);
    assert_eq!(send(&monitor, &own, "DELETE", &path, Value::Null).await.status, 204);
    send(&monitor, &own, "DELETE", &path, Value::Null).await.refused(404);
    send(&monitor, &phone, "GET", "/api/session", Value::Null).await.refused(401);
    assert_eq!(send(&monitor, &own, "DELETE", "/api/sessions", Value::Null).await.status, 204);
    send(&monitor, &third, "GET", "/api/session", Value::Null).await.refused(401);
    let left = send(&monitor, &own, "GET", "/api/sessions", Value::Null).await.json();
    assert_eq!(left["total"], 1);
}

#[tokio::test]
async fn what_the_record_costs_is_told() {
    let monitor = start().await;
    let storage = monitor.get("/api/storage").await.json();
    assert!(storage["database_bytes"].as_u64().unwrap() > 0, "{storage}");
    assert!(storage["parts"]["search"].as_u64().unwrap() > 0, "{storage}");
    assert_eq!((&storage["exchanges"], &storage["oldest_at"]), (&json!(0), &Value::Null));
}
