//! What `/api/settings` says of the configuration: as much as clients' setup lines and
//! the settings page need.

use crate::start::{start, start_with};

#[tokio::test]
async fn whether_clients_speak_tls_is_said() {
    let plain = start().await.get("/api/settings").await.json();
    assert_eq!(plain["instance"]["proxy_tls"], false);
    let monitor = start_with(|config| config.proxy.tls_cert = "proxy.pem".into()).await;
    let secured = monitor.get("/api/settings").await.json();
    assert_eq!(secured["instance"]["proxy_tls"], true);
}

#[tokio::test]
async fn all_that_is_redacted_is_said() {
    let monitor = start_with(|config| {
        config.record.redact_json = vec!["$.metadata.user_id".into(), "..email".into()];
        config.record.redact_patterns = vec![r"EMP-\d{6}".into()];
    })
    .await;
    let settings = monitor.get("/api/settings").await.json();
    let record = &settings["instance"]["record"];
    assert_eq!(record["redact_json"], serde_json::json!(["$.metadata.user_id", "..email"]));
    assert_eq!(record["redact_patterns"], serde_json::json!([r"EMP-\d{6}"]));
    assert!(record["redact_headers"].as_array().unwrap().contains(&"authorization".into()));
}
