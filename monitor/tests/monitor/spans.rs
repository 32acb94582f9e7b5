//! Statistics over a span, against known traffic: what charts and tables say is what the
//! list says, whatever the span is cut into.

use glassway_shared::{
    feed::Losses,
    id::ExchangeId,
    model::{Failure, Origin, Outcome},
    store::record::Record,
};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::start::{Running, record, start};

/// Started so long ago; ids carry the time too, as those of the proxy do.
fn ago(minutes: i64) -> Record {
    let at = Timestamp::now() - SignedDuration::from_mins(minutes);
    let mut record = record();
    let mut id = ExchangeId::lowest_at(at.as_millisecond() as u64);
    id[8..].copy_from_slice(&ExchangeId::new().as_bytes()[8..]);
    record.id = ExchangeId::from_bytes(id);
    record.started_at_us = at.as_microsecond();
    record
}

/// Forty exchanges over two hours and forty over fifty days: four models, three
/// providers, two keys, a client token, five ways to end, one of ten that does not count.
fn traffic() -> Vec<Record> {
    let each = |n: i64| {
        let mut record = ago(if n < 40 { n * 3 } else { 200 + (n - 40) * 1800 });
        record.model = Some(format!("model-{}", n % 4));
        record.provider = Some(["openai", "anthropic", "relay"][n as usize % 3].to_owned());
        record.key = (n % 5 > 0).then(|| ["main", "spare"][n as usize % 2].to_owned());
        record.client_token = (n % 2 > 0).then(|| "ci".to_owned());
        record.cost_nano = Some(n * 1_000_000);
        record.times.duration_us = Some(100_000 * (n as u64 + 1));
        record.times.first_token_us = Some(10_000 * (n as u64 + 1));
        (record.outcome, record.status) = match n % 8 {
            5 => (Outcome::ClientError, Some(429)),
            6 => (Outcome::Rejected, Some(503)),
            7 => (Outcome::ClientClosed, Some(200)),
            _ => (Outcome::Ok, Some(200)),
        };
        if record.outcome == Outcome::Rejected {
            record.error =
                Some(Failure { code: "no_usable_key".into(), message: format!("all {n} are out") });
        }
        if n % 10 == 9 {
            record.origin = Origin::Test;
        }
        record
    };
    (0..80).map(each).collect()
}

async fn busy() -> Running {
    let mut monitor = start().await;
    monitor.append(&traffic());
    monitor
}

/// What the list counts of the same names and span.
async fn listed(monitor: &Running, span: &Value, filter: &str) -> i64 {
    // The list goes by when exchanges started, the totals by when they ended: here the
    // same minute, save at the edges of a span, which lie well apart.
    let path = format!(
        "/api/requests?origin=client,chat,replay&since={}{filter}",
        span["since"].as_str().unwrap()
    );
    monitor.get(&path).await.json()["total"].as_i64().unwrap()
}

fn sum(of: &Value) -> i64 {
    of.as_array().unwrap().iter().map(|n| n.as_i64().unwrap()).sum()
}

fn since(days: i64) -> String {
    (Timestamp::now() - SignedDuration::from_hours(24 * days)).to_string()
}

#[tokio::test]
async fn every_line_adds_up_to_what_the_list_counts() {
    let monitor = busy().await;
    for days in [1, 7, 30, 90] {
        for (by, name) in [
            ("outcome", "outcome"),
            ("model", "model"),
            ("provider", "provider"),
            ("key", "key"),
            ("client_token", "client_token"),
        ] {
            let path = format!("/api/stats/series?by={by}&since={}&top=2", since(days));
            let report = monitor.get(&path).await.json();
            let span = &report["span"];
            assert_eq!(report["total"]["calls"], listed(&monitor, span, "").await, "{path}");
            let mut calls = 0;
            for line in report["items"].as_array().unwrap() {
                assert_eq!(line["calls"].as_array().unwrap().len() as i64, span["count"]);
                assert_eq!(sum(&line["calls"]), line["total"]["calls"].as_i64().unwrap());
                calls += sum(&line["calls"]);
                let of = match line["provider"].as_str() {
                    Some(provider) => format!("&provider={provider}"),
                    None => String::new(),
                };
                match line["name"].as_str() {
                    Some("") | None => {}
                    Some(value) => {
                        let filter = format!("&{name}={value}{of}");
                        let expected = listed(&monitor, span, &filter).await;
                        assert_eq!(line["total"]["calls"], expected, "{path} {filter}");
                    }
                }
            }
            assert_eq!(report["total"]["calls"], calls, "{path}: the others are one line");
        }
    }
}

#[tokio::test]
async fn fine_and_coarse_slots_say_the_same() {
    let monitor = busy().await;
    let from = (Timestamp::now() - SignedDuration::from_hours(20)).as_second() / 3_600 * 3_600;
    let from = Timestamp::from_second(from).unwrap();
    let mut reports = Vec::new();
    for width in [1, 15, 60] {
        let path = format!("/api/stats/series?by=model&since={from}&width={width}");
        let report = monitor.get(&path).await.json();
        assert_eq!(report["span"]["width_minutes"], width);
        reports.push(report["total"].clone());
        let latency =
            monitor.get(&format!("/api/stats/latency?since={from}&width={width}")).await.json();
        let duration = &latency["duration_ms"];
        assert_eq!(duration["whole"]["calls"], report["total"]["calls"]);
        assert_eq!(sum(&duration["calls"]), duration["whole"]["calls"].as_i64().unwrap());
        let p95 = duration["whole"]["p95"].as_f64().unwrap();
        assert!((p95 / 3_900.0 - 1.0).abs() < 0.2, "{p95}");
    }
    assert_eq!(reports[0], reports[1]);
    assert_eq!(reports[0], reports[2]);
    assert!(reports[0]["calls"].as_i64().unwrap() > 0);
}

#[tokio::test]
async fn top_lists_are_in_order_and_whole() {
    let monitor = busy().await;
    let since = since(90);
    for order in ["calls", "cost", "tokens", "failed"] {
        let path = format!("/api/stats/top?by=model&since={since}&order={order}&limit=3");
        let top = monitor.get(&path).await.json();
        let items = top["items"].as_array().unwrap();
        assert_eq!((items.len(), &top["others"]), (3, &1.into()), "{path}");
        let figure = |of: &Value| match order {
            "cost" => of["total"]["cost_usd"].as_f64().unwrap(),
            "tokens" => sum_of(of, &["prompt_tokens", "completion_tokens"]),
            _ => of["total"][order].as_f64().unwrap(),
        };
        assert!(items.windows(2).all(|w| figure(&w[0]) >= figure(&w[1])), "{path}");
        let listed: i64 = items.iter().map(|item| item["total"]["calls"].as_i64().unwrap()).sum();
        assert_eq!(listed + top["rest"]["calls"].as_i64().unwrap(), top["total"]["calls"]);
        assert!(items[0]["p95_ms"].as_f64() >= items[0]["p50_ms"].as_f64());
    }
    let narrow = format!("/api/stats/top?by=key&since={since}&model=model-1&client_token=c*");
    let narrow = monitor.get(&narrow).await.json();
    let expected = listed(&monitor, &narrow["span"], "&model=model-1&client_token=ci").await;
    assert_eq!(narrow["total"]["calls"], expected);
    assert!(expected > 0);
}

fn sum_of(of: &Value, names: &[&str]) -> f64 {
    names.iter().map(|name| of["total"][name].as_f64().unwrap()).sum()
}

#[tokio::test]
async fn failures_are_counted_by_kind_with_the_newest_at_hand() {
    let monitor = busy().await;
    let report = monitor.get(&format!("/api/stats/errors?since={}", since(90))).await.json();
    let kinds = report["items"].as_array().unwrap();
    assert_eq!(kinds.len(), 3, "{report}");
    for kind in kinds {
        let code = kind["code"].as_str().unwrap_or("none");
        let (outcome, status) = (kind["outcome"].as_str().unwrap(), &kind["status"]);
        let filter = format!("&outcome={outcome}&status={status}&error={code}");
        let path = format!(
            "/api/requests?origin=client,chat,replay&limit=1&since={}{filter}",
            report["span"]["since"].as_str().unwrap()
        );
        let list = monitor.get(&path).await.json();
        assert_eq!(kind["calls"], list["total"], "{filter}");
        assert_eq!(kind["newest"]["id"], list["items"][0]["id"], "{filter}");
        assert_eq!(kind["newest"]["message"].is_string(), code == "no_usable_key");
    }
}

#[tokio::test]
async fn now_is_the_last_minutes_and_losses_have_their_time() {
    // What is about to end must not end in the next minute.
    let second = jiff::Timestamp::now().as_second().rem_euclid(60);
    if second >= 56 {
        tokio::time::sleep(std::time::Duration::from_secs((60 - second).unsigned_abs())).await;
    }
    let mut monitor = start().await;
    monitor.append(&[ago(0), ago(0), ago(30)]);
    let losses = Losses { bodies_shed: 2, records_lost: 1 };
    monitor.writer.append(&[], losses).unwrap();
    let now = monitor.get("/api/stats/now").await.json();
    assert_eq!(sum(&now["hour"]["calls"]), 3, "{now}");
    assert_eq!(now["recent"]["calls"], 2);
    assert_eq!(now["error_rate"], 0.0);
    let rate = now["requests_per_second"].as_f64().unwrap();
    assert!((2.0 / 120.0..=2.0 / 60.0).contains(&rate), "{rate}");
    assert_eq!(now["hour"]["first_token_p95_ms"].as_array().unwrap().len(), 60);
    let lost = monitor.get("/api/stats/losses").await.json();
    assert_eq!(lost["total"], serde_json::json!({"bodies_shed": 2, "records_lost": 1}));
    assert_eq!(sum(&lost["bodies_shed"]), 2);

    let quiet = start().await.get("/api/stats/now").await.json();
    assert!(quiet["error_rate"].is_null() && quiet["duration_ms"]["p95"].is_null());
}

#[tokio::test]
async fn tables_come_as_csv_that_no_spreadsheet_runs() {
    let mut monitor = busy().await;
    let mut hostile = ago(1);
    hostile.model = Some("=HYPERLINK(\"http://x\",\"y\")".into());
    monitor.append(&[hostile]);
    for (table, rows) in
        [("models", 5), ("providers", 3), ("keys", 9), ("client_tokens", 2), ("errors", 3)]
    {
        let path = format!("/api/stats/export.csv?table={table}&since={}", since(90));
        let answer = monitor.get(&path).await;
        assert_eq!(answer.header("content-type"), "text/csv; charset=utf-8");
        assert!(answer.header("content-disposition").ends_with(".csv\""));
        let text = String::from_utf8(answer.body.to_vec()).unwrap();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), rows + 1, "{table}\n{text}");
        if table == "models" {
            assert!(text.contains("\"'=HYPERLINK(\"\"http://x\"\",\"\"y\"\")\",1,1,0"), "{text}");
        }
    }
    let hours = "/api/stats/export.csv?table=time&width=60&bom=true";
    let text = monitor.get(hours).await.body;
    let text = std::str::from_utf8(&text).unwrap().strip_prefix('\u{feff}').unwrap().to_owned();
    let calls = |line: &str| line.split(',').nth(1).unwrap().parse::<i64>().unwrap();
    let within_a_day = 36 + 1 + 1;
    assert_eq!(text.lines().skip(1).map(calls).sum::<i64>(), within_a_day);
}

#[tokio::test]
async fn nonsense_is_refused_with_the_parameter_to_blame() {
    let monitor = start().await;
    for (query, blame) in [
        ("by=weather", "by"),
        ("by=model&since=yesterday", "since"),
        ("by=model&since=2020-01-01T00:00:00Z", "since"),
        ("by=model&since=2026-01-02T00:00:00Z&until=2026-01-01T00:00:00Z", "until"),
        ("by=model&width=7", "width"),
        ("by=model&top=0", "top"),
        ("by=model&utc_offset=900", "utc_offset"),
        ("by=model&colour=red", "colour"),
    ] {
        let said = monitor.get(&format!("/api/stats/series?{query}")).await.refused(400);
        assert!(said.contains(blame), "{query}: {said}");
    }
}
