//! A running exchange in full, in the shape of the monitor's detail: what is there so
//! far, bodies decoded as far as they came.

use std::sync::Arc;

use base64::{Engine, prelude::BASE64_STANDARD};
use glassway_shared::{
    decode::{Encoding, decode},
    headers,
    model::Try,
    sse,
    store::{
        bodies::{self, SocketMessage},
        record::Marks,
    },
};
use serde_json::{Value, json};

use crate::{
    capture::Capture,
    live::{Live, SentBody, State, ms},
};

const DECODE_LIMIT: usize = 32 << 20;
const MAX_EVENTS: usize = 2000;

pub(super) fn detail(live: &Arc<Live>) -> Value {
    let mut detail = json!(live.exchange());
    let state = live.state();
    let answer = state.answer.as_ref();
    let more = json!({
        "http_version": format!("{:?}", live.head.version),
        "target": live.head.target,
        "upstream_url": state.upstream_url,
        "timings": {
            "connect_ms": state.connect_us.map(|us| ms(us.into())),
            "request_sent_ms": state.request_sent_us.map(ms),
            "ttfb_ms": answer.map(|a| ms(a.ttfb_us)),
            "first_token_ms": state.first_token_us.map(ms),
            "duration_ms": null,
        },
        "request": message(&live.head.headers, &state.request_trailers, &state.request),
        "response": answer.map(|a| message(&a.headers, &a.trailers, &a.body)),
        "tries": match &state.upstream_url {
            _ if !state.tries.is_empty() => tries(&state),
            None => json!([]),
            Some(url) => json!([{
                "n": 1,
                "provider": state.provider,
                "key": null,
                "reason": live.head.mode.as_str(),
                "url": url,
                "status": answer.map(|a| a.status),
                "error": state.error,
                "start_ms": 0.0,
                "connect_ms": state.connect_us.map(|us| ms(us.into())),
                "reused": state.reused,
                "ttfb_ms": answer.map(|a| ms(a.ttfb_us)),
                "duration_ms": null,
            }]),
        },
    });
    let (mut events, mut total) = (Vec::new(), 0);
    if let Some(answer) = answer.filter(|a| a.stream) {
        let raw = answer.body.kept();
        let text = text_of(raw, Encoding::of(&answer.headers));
        let marks = Marks::unpack(answer.marks.packed());
        for event in sse::events(&text) {
            total += 1;
            if events.len() < MAX_EVENTS {
                let end = match text.len() == raw.len() {
                    true => event.end,
                    false => event.end * raw.len() as u64 / text.len().max(1) as u64,
                };
                let at = Marks::arrival(&marks, end.saturating_sub(1)).unwrap_or(answer.ttfb_us);
                events.push(json!({
                    "offset_ms": ms(at), "data": event.data, "event": event.event, "bytes": event.bytes,
                }));
            }
        }
    }
    let messages = state.messages.as_ref().map(|m| bodies::packed_messages(m.kept()));
    let messages = messages.unwrap_or_default();
    let shown: Vec<_> = messages.iter().take(MAX_EVENTS).map(socket_message).collect();
    let rest = json!({
        "events": events,
        "events_total": total,
        "messages": shown,
        "messages_total": messages.len(),
        "price": null,
        "curl": "",
    });
    let fields = detail.as_object_mut().expect("an exchange is an object");
    for part in [more, rest] {
        if let Value::Object(part) = part {
            fields.extend(part);
        }
    }
    detail
}

/// Those that have ended, with what they said and were told.
fn tries(state: &State) -> Value {
    let with_said = |told: &Try| {
        let mut told_json = json!(told);
        let said = state.said.iter().find(|said| said.n == told.n);
        let sent = said.and_then(|said| said.request.as_ref()).map(|sent| {
            let own = match &sent.body {
                SentBody::Client => None,
                SentBody::AsBefore | SentBody::Own(_) => state.own_before(told.n),
            };
            let mut shown = message(&sent.headers, b"", own.unwrap_or(&state.request));
            if own.is_none() {
                shown["body"] = Value::Null;
            }
            shown
        });
        let answer = said.and_then(|said| said.response.as_ref());
        told_json["request"] = json!(sent);
        told_json["response"] = json!(answer.map(|a| message(&a.headers, &a.trailers, &a.body)));
        told_json
    };
    state.tries.iter().map(with_said).collect()
}

fn socket_message(message: &SocketMessage) -> Value {
    let (data, encoding) = match std::str::from_utf8(&message.data) {
        Ok(text) => (text.to_owned(), "utf8"),
        Err(_) => (BASE64_STANDARD.encode(&message.data), "base64"),
    };
    json!({
        "offset_ms": ms(message.at_us),
        "side": message.side,
        "kind": message.kind.as_str(),
        "data": data,
        "encoding": encoding,
    })
}

fn text_of(raw: &[u8], encoding: Option<Encoding>) -> Vec<u8> {
    match encoding {
        Some(encoding) => decode(raw, encoding, DECODE_LIMIT).bytes,
        None => raw.to_vec(),
    }
}

fn message(block: &[u8], trailers: &[u8], body: &Capture) -> Value {
    let encoding = Encoding::of(block);
    let bytes = text_of(body.kept(), encoding);
    // A character may be cut at the end of what has come so far.
    let (text, kind) = match std::str::from_utf8(&bytes) {
        Ok(text) => (text.to_owned(), "utf8"),
        Err(e) if e.error_len().is_none() => {
            (String::from_utf8_lossy(&bytes[..e.valid_up_to()]).into_owned(), "utf8")
        }
        Err(_) => (BASE64_STANDARD.encode(&bytes), "base64"),
    };
    json!({
        "headers": headers::pairs(block),
        "trailers": headers::pairs(trailers),
        "body": text,
        "body_encoding": kind,
        "content_encoding": encoding.map(Encoding::as_str),
        "decoded": encoding.is_some(),
        "truncated": body.truncated(),
        "shed": body.was_shed(),
        "expired": false,
        "body_bytes": body.total(),
    })
}
