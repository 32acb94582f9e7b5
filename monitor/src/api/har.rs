//! One exchange as an entry of an HTTP archive (HAR 1.2), which browsers' developer
//! tools and other proxies read. <http://www.softwareishard.com/blog/har-12-spec/>

use base64::{Engine, engine::general_purpose::STANDARD};
use glassway_shared::{
    headers,
    store::stored::{Stored, StoredMessage},
};
use serde_json::{Value, json};

use crate::readable::Readable;

/// The archive up to its first entry.
pub(super) fn head() -> String {
    let creator = json!({"name": "Glassway", "version": glassway_shared::VERSION});
    format!("{{\"log\":{{\"version\":\"1.2\",\"creator\":{creator},\"entries\":[")
}

/// The archive's end.
pub(super) const TAIL: &str = "]}}";

/// One entry. `base` is where clients find the proxy.
pub(super) fn entry(stored: &Stored, base: &str) -> Value {
    let exchange = &stored.exchange;
    let ms = |us: Option<u64>| us.map_or(-1.0, |us| us as f64 / 1000.0);
    let duration = exchange.duration_ms.unwrap_or(0.0);
    let wait = exchange.ttfb_ms.unwrap_or(duration);
    let sent = stored.request_sent_us.map_or(0.0, |us| us as f64 / 1000.0).min(wait);
    let empty = StoredMessage {
        headers: vec![],
        trailers: vec![],
        body: vec![],
        body_bytes: 0,
        truncated: false,
        shed: false,
        expired: false,
    };
    let answer = stored.response.as_ref().unwrap_or(&empty);
    json!({
        "startedDateTime": exchange.started_at.to_string(),
        "time": duration,
        "request": {
            "method": exchange.method,
            "url": format!("{base}{}", stored.target),
            "httpVersion": stored.http_version,
            "cookies": [],
            "headers": pairs(&stored.request.headers),
            "queryString": query(&stored.target),
            "postData": post_data(&stored.request),
            "headersSize": -1,
            "bodySize": stored.request.body_bytes,
        },
        "response": {
            "status": exchange.status.unwrap_or(0),
            "statusText": exchange
                .status
                .and_then(|s| poem::http::StatusCode::from_u16(s).ok()?.canonical_reason())
                .unwrap_or(""),
            "httpVersion": stored.http_version,
            "cookies": [],
            "headers": pairs(&answer.headers),
            "content": content(answer),
            "redirectURL": "",
            "headersSize": -1,
            "bodySize": answer.body_bytes,
        },
        "cache": {},
        "timings": {
            "blocked": -1,
            "dns": -1,
            "connect": ms(stored.connect_us),
            "send": sent,
            "wait": wait - sent,
            "receive": (duration - wait).max(0.0),
            "ssl": -1,
        },
        "_glassway": exchange,
    })
}

fn pairs(block: &[u8]) -> Vec<Value> {
    let pairs = headers::pairs(block).into_iter();
    pairs.map(|(name, value)| json!({"name": name, "value": value})).collect()
}

fn query(target: &str) -> Vec<Value> {
    let query = target.split_once('?').map_or("", |(_, query)| query);
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            json!({"name": name, "value": value})
        })
        .collect()
}

fn kind(message: &StoredMessage) -> String {
    let kind = headers::find(&message.headers, "content-type");
    kind.map_or("application/octet-stream".to_owned(), |v| String::from_utf8_lossy(v).into_owned())
}

fn post_data(message: &StoredMessage) -> Value {
    if message.body.is_empty() {
        return Value::Null;
    }
    let body = Readable::of(message);
    let text = String::from_utf8_lossy(&body.bytes);
    json!({"mimeType": kind(message), "text": text, "params": []})
}

fn content(message: &StoredMessage) -> Value {
    let body = Readable::of(message);
    let size = body.bytes.len();
    match body.text(message.truncated || message.shed) {
        Some(text) => json!({"size": size, "mimeType": kind(message), "text": text}),
        None => json!({"size": size, "mimeType": kind(message), "encoding": "base64",
            "text": STANDARD.encode(&body.bytes)}),
    }
}
