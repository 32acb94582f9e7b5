//! The list, the detail, bodies and the archive.

use glassway_shared::{
    id::ExchangeId,
    model::{Failure, Outcome, Side},
    store::{
        bodies::{MessageKind, SocketMessage, pack_message},
        record::Message,
        tend::{Limits, Tender},
    },
};
use serde_json::{Value, json};

use crate::start::{Running, record, start};

fn ids(page: &Value) -> Vec<String> {
    let items = page["items"].as_array().unwrap().iter();
    items.map(|item| item["id"].as_str().unwrap().to_owned()).collect()
}

async fn found(monitor: &Running, query: &str) -> usize {
    let answer = monitor.get(&format!("/api/requests?{query}")).await;
    assert_eq!(answer.status, 200, "{query}: {:?}", answer.body);
    let page = answer.json();
    assert_eq!(page["total"], page["items"].as_array().unwrap().len(), "{query}");
    ids(&page).len()
}

#[tokio::test]
async fn pages_go_on_where_the_one_before_ended() {
    let mut monitor = start().await;
    let records: Vec<_> = (0..45).map(|_| record()).collect();
    // Commit order is not the order of starting.
    let mut shuffled = records.clone();
    shuffled.reverse();
    monitor.append(&shuffled);
    let mut seen = Vec::new();
    let mut path = "/api/requests".to_owned();
    loop {
        let page = monitor.get(&path).await.json();
        assert_eq!(page["total"], 45);
        seen.extend(ids(&page));
        match page["next"].as_str() {
            Some(cursor) => path = format!("/api/requests?cursor={cursor}"),
            None => break,
        }
    }
    let mut newest_first: Vec<_> = records.iter().map(|r| r.id.to_string()).collect();
    newest_first.reverse();
    assert_eq!(seen, newest_first);
    assert_eq!(ids(&monitor.get("/api/requests?limit=1000").await.json()).len(), 45);
    monitor.get("/api/requests?limit=1001").await.refused(400);
    monitor.get("/api/requests?cursor=abc").await.refused(400);
}

#[tokio::test]
async fn each_filter_finds_its_own() {
    let mut monitor = start().await;
    let plain = record();
    let mut odd = record();
    odd.method = "GET".into();
    odd.path = "/v1/models".into();
    odd.model = None;
    odd.upstream_model = None;
    odd.status = Some(404);
    odd.outcome = Outcome::ClientError;
    odd.stream = true;
    odd.times.duration_us = Some(5_000_000);
    odd.started_at_us -= 3_600_000_000;
    odd.provider = Some("azure".into());
    // Its id says the same as its start, as the proxy's do.
    let mut bytes = *odd.id.as_bytes();
    let ms = (odd.started_at_us / 1000) as u64;
    bytes[..6].copy_from_slice(&ms.to_be_bytes()[2..]);
    odd.id = ExchangeId::from_bytes(bytes);
    monitor.append(&[plain, odd]);
    let half_an_hour_ago = jiff::Timestamp::now() - jiff::SignedDuration::from_mins(30);
    for (query, expected) in [
        ("path=/v1/models", 1),
        ("path=/v1/*", 2),
        ("method=get", 1),
        ("status=404", 1),
        ("status=4xx", 1),
        ("status=5xx", 0),
        ("outcome=ok", 1),
        ("outcome=client_error", 1),
        ("outcome=in_flight", 0),
        ("outcome=client_error,ok", 2),
        ("outcome=client_error%2Ctimeout", 1),
        ("outcome=client_error&outcome=ok", 2),
        ("status=5xx,404", 1),
        ("origin=client", 2),
        ("model=gpt-4o", 1),
        ("model=gpt-4", 0),
        ("model=gpt-*", 1),
        ("provider=azure", 1),
        ("key=main", 0),
        ("client_token=t", 0),
        ("mode=transparent", 2),
        ("stream=true", 1),
        ("min_duration_ms=1000", 1),
        (&format!("since={half_an_hour_ago}")[..], 1),
        (&format!("until={half_an_hour_ago}")[..], 1),
        ("status=404&outcome=client_error&stream=true", 1),
        ("status=404&outcome=timeout", 0),
    ] {
        assert_eq!(found(&monitor, query).await, expected, "{query}");
    }
    monitor.get("/api/requests?outcome=fine").await.refused(400);
    monitor.get("/api/requests?status=6xx").await.refused(400);
    let unknown = monitor.get("/api/requests?modell=x").await;
    assert!(unknown.refused(400).contains("modell"));
}

#[tokio::test]
async fn words_are_found_in_what_was_said_in_chinese_too() {
    let mut monitor = start().await;
    let mut fox = record();
    fox.request.body =
        json!({"model": "gpt-4o", "messages": [{"role": "user", "content": "敏捷的棕色狐狸跳过懒狗"}]})
            .to_string()
            .into_bytes();
    monitor.append(&[fox, record()]);
    let limits = Limits::NONE;
    let mut tender = Tender::default();
    while tender.slice(&mut monitor.writer, limits, 0).unwrap() {}
    assert_eq!(found(&monitor, "q=%E7%8B%90%E7%8B%B8").await, 1);
    assert_eq!(found(&monitor, "q=%E8%80%81%E8%99%8E").await, 0);
    assert_eq!(found(&monitor, "q=gpt-4o").await, 2);
    assert_eq!(found(&monitor, "q=%2F%22%27").await, 0);
}

#[tokio::test]
async fn a_detail_shows_frames_with_the_time_they_came() {
    let mut monitor = start().await;
    let mut stream = record();
    let frames = ["data: {\"a\":1}\n\n", "event: done\ndata: [DONE]\n\n"];
    let mut answer = Message {
        headers: b"Content-Type: text/event-stream\r\nX-A: 1\r\nX-A: 2\r\n".to_vec(),
        ..Message::default()
    };
    for (n, frame) in frames.iter().enumerate() {
        answer.body.extend_from_slice(frame.as_bytes());
        stream.marks.push(frame.len(), 240_800 + n as u64 * 100_000);
    }
    answer.body_bytes = answer.body.len() as u64;
    stream.response = Some(answer);
    stream.request.headers =
        b"Authorization: sk-\xe2\x80\xa6wxyz\r\nContent-Type: application/json\r\n".to_vec();
    stream.stream = true;
    let id = stream.id;
    monitor.append(&[stream]);
    let detail = monitor.get(&format!("/api/request/{id}")).await.json();
    assert_eq!(detail["id"], id.to_string());
    assert_eq!(detail["target"], "/v1/chat/completions?x=y");
    assert_eq!(detail["timings"]["ttfb_ms"], 203.1);
    assert_eq!(detail["events_total"], 2);
    assert_eq!(
        detail["events"],
        json!([
            {"offset_ms": 240.8, "data": "{\"a\":1}", "event": null, "bytes": frames[0].len()},
            {"offset_ms": 340.8, "data": "[DONE]", "event": "done", "bytes": frames[1].len()},
        ])
    );
    assert_eq!(detail["response"]["headers"][2], json!(["X-A", "2"]));
    assert_eq!(detail["request"]["body"], r#"{"model":"gpt-4o"}"#);
    assert_eq!(detail["request"]["decoded"], false);
    assert_eq!(detail["tries"][0]["n"], 1);
    assert_eq!(detail["tries"][0]["status"], 200);
    let curl = detail["curl"].as_str().unwrap();
    assert!(curl.contains("http://127.0.0.1:8080/v1/chat/completions?x=y"), "{curl}");
    assert!(curl.contains("Bearer $OPENAI_API_KEY") && !curl.contains("wxyz"), "{curl}");
    assert!(curl.contains(r#"--data-raw '{"model":"gpt-4o"}'"#), "{curl}");
    monitor.get(&format!("/api/request/{}", ExchangeId::new())).await.refused(404);
    monitor.get("/api/request/abc").await.refused(400);
}

#[tokio::test]
async fn compressed_binary_and_failed_ones_are_shown_as_what_they_are() {
    use std::io::Write;
    let mut monitor = start().await;
    let mut packed = record();
    let mut gzip = flate2::write::GzEncoder::new(vec![], flate2::Compression::default());
    gzip.write_all("{\"hello\":\"世界\"}".as_bytes()).unwrap();
    let raw = gzip.finish().unwrap();
    packed.response = Some(Message {
        headers: b"content-encoding: gzip\r\ncontent-type: application/json\r\n".to_vec(),
        body_bytes: raw.len() as u64,
        body: raw.clone(),
        ..Message::default()
    });
    packed.request.body = vec![0xff, 0xfe, 0];
    let mut failed = record();
    failed.response = None;
    failed.status = Some(502);
    failed.outcome = Outcome::UpstreamError;
    failed.error = Some(Failure { code: "upstream_connect".into(), message: "refused".into() });
    failed.times.ttfb_us = None;
    let mut socket = record();
    for (side, kind, data) in [
        (Side::Request, MessageKind::Text, &b"hi"[..]),
        (Side::Response, MessageKind::Binary, &[0xff][..]),
    ] {
        let data = data.to_vec();
        pack_message(&mut socket.messages, &SocketMessage { at_us: 1_000, side, kind, data });
    }
    let (a, b, c) = (packed.id, failed.id, socket.id);
    monitor.append(&[packed, failed, socket]);

    let shown = monitor.get(&format!("/api/request/{a}")).await.json();
    assert_eq!(shown["response"]["body"], "{\"hello\":\"世界\"}");
    assert_eq!(shown["response"]["decoded"], true);
    assert_eq!(shown["response"]["content_encoding"], "gzip");
    assert_eq!(shown["request"]["body_encoding"], "base64");
    assert_eq!(shown["request"]["body"], "//4A");
    let body = monitor.get(&format!("/api/request/{a}/response-body")).await;
    assert_eq!(body.body, raw);
    assert!(body.header("content-disposition").starts_with("attachment"));
    assert_eq!(body.header("x-content-type-options"), "nosniff");
    assert_eq!(body.header("content-security-policy"), "sandbox");
    let decoded = monitor.get(&format!("/api/request/{a}/response-body?decoded=true")).await;
    assert_eq!(decoded.body, "{\"hello\":\"世界\"}");

    let shown = monitor.get(&format!("/api/request/{b}")).await.json();
    assert!(shown["response"].is_null());
    assert_eq!(shown["error"]["code"], "upstream_connect");
    assert!(shown["tries"][0]["status"].is_null());
    monitor.get(&format!("/api/request/{b}/response-body")).await.refused(404);

    let shown = monitor.get(&format!("/api/request/{c}")).await.json();
    assert_eq!(
        shown["messages"],
        json!([
            {"offset_ms": 1.0, "side": "request", "kind": "text", "data": "hi", "encoding": "utf8"},
            {"offset_ms": 1.0, "side": "response", "kind": "binary", "data": "/w==", "encoding": "base64"},
        ])
    );
}

#[tokio::test]
async fn bodies_come_in_ranges_and_by_head() {
    let mut monitor = start().await;
    let record = record();
    let path = format!("/api/request/{}/request-body", record.id);
    monitor.append(&[record]);
    let bearer = format!("Bearer {}", crate::start::KEY);
    let ask = async |method: &str, range: &str| {
        let headers = [("authorization", &bearer[..]), ("range", range)];
        monitor.ask(method, &path, &headers, "").await
    };
    let part = ask("GET", "bytes=2-6").await;
    assert_eq!((part.status, &part.body[..]), (206, &b"model"[..]));
    assert_eq!(part.header("content-range"), "bytes 2-6/18");
    let beyond = ask("GET", "bytes=99-").await;
    beyond.refused(416);
    assert_eq!(beyond.header("content-range"), "bytes */18");
    let head = monitor.ask("HEAD", &path, &[("authorization", &bearer)], "").await;
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(head.header("content-length"), "18");
}

#[tokio::test]
async fn the_archive_holds_what_matches() {
    let mut monitor = start().await;
    let records = [record(), record(), record()];
    let id = records[1].id;
    monitor.append(&records);
    let all = monitor.get("/api/export.har").await;
    assert!(all.header("content-disposition").contains("glassway.har"));
    let har = all.json();
    assert_eq!(har["log"]["version"], "1.2");
    assert_eq!(har["log"]["entries"].as_array().unwrap().len(), 3);
    let entry = &har["log"]["entries"][0];
    assert_eq!(entry["request"]["postData"]["text"], r#"{"model":"gpt-4o"}"#);
    assert_eq!(entry["request"]["queryString"], json!([{"name": "x", "value": "y"}]));
    assert_eq!(entry["response"]["content"]["text"], r#"{"choices":[]}"#);
    let one = monitor.get(&format!("/api/export.har?id={id}")).await.json();
    assert_eq!(one["log"]["entries"].as_array().unwrap().len(), 1);
    assert_eq!(one["log"]["entries"][0]["_glassway"]["id"], id.to_string());
    let none = monitor.get("/api/export.har?status=5xx").await.json();
    assert_eq!(none["log"]["entries"], json!([]));
    monitor.get(&format!("/api/export.har?id={}", ExchangeId::new())).await.refused(404);
}

#[tokio::test]
async fn lines_and_tables_hold_what_matches_over_many_pages() {
    let mut monitor = start().await;
    let records: Vec<_> = (0..1203).map(|_| record()).collect();
    monitor.append(&records);
    let table = monitor.get("/api/export.csv?limit=5000&model=gpt-4o").await;
    assert!(table.header("content-disposition").contains("glassway.csv"));
    let text = String::from_utf8(table.body.to_vec()).unwrap();
    let rows: Vec<&str> = text.split_terminator("\r\n").collect();
    assert_eq!(rows.len(), 1 + records.len());
    assert!(rows[0].starts_with("id,started_at,method,path"));
    let columns = rows[0].split(',').count();
    assert!(rows.iter().all(|row| row.split(',').count() == columns));
    let mut ids: Vec<&str> = rows[1..].iter().filter_map(|row| row.split(',').next()).collect();
    ids.dedup();
    assert_eq!(ids.len(), records.len(), "each once");
    let lines = monitor.get("/api/export.jsonl?limit=2&since=2020-01-01T00:00:00Z").await;
    let lines: Vec<Value> = lines
        .body
        .split(|b| *b == b'\n')
        .filter(|l| !l.is_empty())
        .map(|l| serde_json::from_slice(l).unwrap())
        .collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0]["request"]["body"], r#"{"model":"gpt-4o"}"#);
    assert_eq!(lines[0]["id"], ids[0]);
    let none =
        monitor.get("/api/export.csv?outcome=timeout&outcome=client_closed,interrupted").await;
    assert_eq!(none.body.iter().filter(|b| **b == b'\n').count(), 1);
    monitor.get("/api/export.jsonl?status=9xx").await.refused(400);
    monitor.get("/api/export.csv?colour=red").await.refused(400);
}

#[tokio::test]
async fn long_lists_are_packed_for_those_who_can_unpack() {
    use std::io::Read;
    let mut monitor = start().await;
    monitor.append(&(0..20).map(|_| record()).collect::<Vec<_>>());
    let bearer = format!("Bearer {}", crate::start::KEY);
    let headers = [("authorization", &bearer[..]), ("accept-encoding", "gzip, br")];
    let packed = monitor.ask("GET", "/api/requests", &headers, "").await;
    assert_eq!(packed.header("content-encoding"), "gzip");
    let mut text = String::new();
    flate2::read::GzDecoder::new(&packed.body[..]).read_to_string(&mut text).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap()["total"], 20);
    let plain = monitor.get("/api/requests").await;
    assert_eq!(plain.header("content-encoding"), "");
    let har = monitor.ask("GET", "/api/export.har", &headers, "").await;
    assert_eq!(har.header("content-encoding"), "");
}
