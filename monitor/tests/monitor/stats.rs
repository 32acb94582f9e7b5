//! Statistics, health and metrics.

use glassway_shared::model::{Origin, Outcome};

use crate::start::{record, start};

#[tokio::test]
async fn success_leaves_out_those_who_left_and_origins_that_do_not_count() {
    let mut monitor = start().await;
    let mut records = vec![record(), record(), record(), record(), record()];
    records[1].outcome = Outcome::UpstreamError;
    records[1].status = Some(502);
    records[1].model = Some("gpt-4o-mini".into());
    records[2].outcome = Outcome::ClientClosed;
    records[3].origin = Origin::Test;
    records[4].outcome = Outcome::Timeout;
    monitor.append(&records);
    let stats = monitor.get("/api/stats").await.json();
    assert!((stats["success_rate"].as_f64().unwrap() - 1.0 / 3.0).abs() < 1e-9, "{stats}");
    assert_eq!(stats["calls"]["all"], 4);
    assert_eq!(stats["calls"]["1h"], 4);
    assert_eq!(stats["tokens"]["24h"], 120);
    let p50 = stats["duration_ms"]["p50"].as_f64().unwrap();
    assert!((p50 / 812.4 - 1.0).abs() < 0.1, "{p50}");
    assert!((stats["duration_ms"]["avg"].as_f64().unwrap() - 812.4).abs() < 0.01);
    assert_eq!(stats["per_minute"].as_array().unwrap().len(), 60);
    let overview = monitor.get("/api/stats/overview").await.json();
    assert_eq!(overview["total_calls"], 4);
    assert_eq!(overview["models"], 2);
    let models = monitor.get("/api/stats/models").await.json();
    assert_eq!(models["items"][0]["model"], "gpt-4o");
    assert_eq!(models["items"][0]["calls"], 3);
    let one = monitor.get("/api/stats/models?model_name=gpt-4o-mini").await.json();
    assert_eq!(one["items"].as_array().unwrap().len(), 1);
    for (path, items) in [
        ("/api/stats/usage", 24),
        ("/api/stats/usage?period=hour", 60),
        ("/api/stats/usage?period=week", 7),
        ("/api/stats/usage?period=all", 1),
        ("/api/stats/hourly?hours=3", 3),
    ] {
        let report = monitor.get(path).await.json();
        let report = report["items"].as_array().unwrap();
        assert!((items..=items + 1).contains(&report.len()), "{path} {}", report.len());
        let calls: i64 = report.iter().map(|item| item["calls"].as_i64().unwrap()).sum();
        assert_eq!(calls, 4, "{path}");
    }
    assert_eq!(monitor.get("/api/stats/keys").await.json()["items"], serde_json::json!([]));
}

#[tokio::test]
async fn without_any_call_there_is_nothing_to_judge() {
    let stats = start().await.get("/api/stats").await.json();
    assert!(stats["success_rate"].is_null());
    assert!(stats["duration_ms"]["p95"].is_null());
    assert_eq!(stats["calls"]["all"], 0);
}
