//! A running exchange in full, in the shape of the monitor's detail: what is there so
//! far, bodies decoded as far as they came.

use std::sync::Arc;

use base64::{Engine, prelude::BASE64_STANDARD};
use glassway_shared::{
    decode::{Encoding, decode},
    headers,
    model::{Side, Try},
    sse,
    store::{
        bodies::{self, SocketMessage},
        record::Marks,
    },
};
use serde_json::{Value, json};

use crate::{
    capture::Capture,
    discretion::Discretion,
    live::{Live, SentBody, State, ms},
    managed::scrub,
};

const DECODE_LIMIT: usize = 32 << 20;
const MAX_EVENTS: usize = 2000;

pub(super) fn detail(live: &Arc<Live>) -> Value {
    let mut detail = json!(live.exchange());
    let state = live.state();
    let shown = Shown { discretion: live.head.discretion, secret: state.secret() };
    let answer = state.answer.as_ref();
    let more = json!({
        "http_version": format!("{:?}", live.head.version),
        "target": live.head.target,
        "upstream_url": shown.url(state.upstream_url.as_deref()),
        "timings": {
            "connect_ms": state.connect_us.map(|us| ms(us.into())),
            "request_sent_ms": state.request_sent_us.map(ms),
            "ttfb_ms": answer.map(|a| ms(a.ttfb_us)),
            "first_token_ms": state.first_token_us.map(ms),
            "duration_ms": null,
        },
        "request":
            shown.request().message(&live.head.headers, &state.request_trailers, &state.request),
        "response": answer.map(|a| shown.message(&a.headers, &a.trailers, &a.body)),
        "tries": match &state.upstream_url {
            _ if !state.tries.is_empty() => tries(&state, shown),
            None => json!([]),
            Some(url) => json!([{
                "n": 1,
                "provider": state.provider,
                "key": null,
                "reason": live.head.mode.as_str(),
                "url": shown.url(Some(url)),
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
    if let Some(answer) = answer.filter(|a| a.stream && shown.discretion.shows_bodies()) {
        let raw = answer.body.kept();
        let text = shown.text(raw, Encoding::of(&answer.headers));
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
    let messages = state.messages.as_ref().filter(|_| shown.discretion.shows_bodies());
    let messages = messages.map(|m| bodies::packed_messages(m.kept())).unwrap_or_default();
    let packed: Vec<_> =
        messages.iter().take(MAX_EVENTS).map(|one| socket_message(one, shown.secret)).collect();
    let rest = json!({
        "events": events,
        "events_total": total,
        "messages": packed,
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
fn tries(state: &State, shown: Shown<'_>) -> Value {
    let with_said = |told: &Try| {
        let mut told_json = json!(told);
        if !shown.discretion.shows_bodies() {
            // It quotes the answer.
            if told.status.is_some() && told.error.is_some() {
                told_json["error"]["message"] = json!("withheld");
            }
            told_json["url"] = json!(shown.url(Some(&told.url)));
        }
        let said = state.said.iter().find(|said| said.n == told.n);
        let sent = said.and_then(|said| said.request.as_ref()).map(|sent| {
            let own = match &sent.body {
                SentBody::Client => None,
                SentBody::AsBefore | SentBody::Own(_) => state.own_before(told.n),
            };
            let request = shown.request();
            let mut sent = request.message(&sent.headers, b"", own.unwrap_or(&state.request));
            if own.is_none() {
                sent["body"] = Value::Null;
            }
            sent
        });
        let answer = said.and_then(|said| said.response.as_ref());
        told_json["request"] = json!(sent);
        told_json["response"] =
            json!(answer.map(|a| shown.message(&a.headers, &a.trailers, &a.body)));
        told_json
    };
    state.tries.iter().map(with_said).collect()
}

fn socket_message(message: &SocketMessage, secret: &[u8]) -> Value {
    let mut data = message.data.clone();
    if message.side == Side::Response {
        scrub::overwrite(&mut data, secret);
    }
    let (data, encoding) = match String::from_utf8(data) {
        Ok(text) => (text, "utf8"),
        Err(e) => (BASE64_STANDARD.encode(e.as_bytes()), "base64"),
    };
    json!({
        "offset_ms": ms(message.at_us),
        "side": message.side,
        "kind": message.kind.as_str(),
        "data": data,
        "encoding": encoding,
    })
}

/// How much is shown, and what is masked in it.
#[derive(Clone, Copy)]
struct Shown<'a> {
    discretion: Discretion,
    secret: &'a [u8],
}

impl Shown<'_> {
    /// What a client sent may hold anything of its own.
    fn request(self) -> Self {
        Self { secret: &[], ..self }
    }

    fn url(self, url: Option<&str>) -> Option<&str> {
        match self.discretion.is_metadata() {
            true => url?.split('?').next(),
            false => url,
        }
    }

    fn text(self, raw: &[u8], encoding: Option<Encoding>) -> Vec<u8> {
        let mut text = match encoding {
            Some(encoding) => decode(raw, encoding, DECODE_LIMIT).bytes,
            None => raw.to_vec(),
        };
        scrub::overwrite(&mut text, self.secret);
        text.truncate(text.len() - scrub::begun(&text, self.secret));
        text
    }

    fn message(self, block: &[u8], trailers: &[u8], body: &Capture) -> Value {
        if self.discretion.shows_bodies() {
            let encoding = Encoding::of(block);
            return message(block, trailers, body, &self.text(body.kept(), encoding));
        }
        let heads = if self.discretion.is_metadata() { [&b""[..]; 2] } else { [block, trailers] };
        let mut message = message(heads[0], heads[1], body, b"");
        message["shed"] = json!(body.total() > 0);
        message
    }
}

fn message(block: &[u8], trailers: &[u8], body: &Capture, bytes: &[u8]) -> Value {
    let encoding = Encoding::of(block);
    // A character may be cut at the end of what has come so far.
    let (text, kind) = match std::str::from_utf8(bytes) {
        Ok(text) => (text.to_owned(), "utf8"),
        Err(e) if e.error_len().is_none() => {
            (String::from_utf8_lossy(&bytes[..e.valid_up_to()]).into_owned(), "utf8")
        }
        Err(_) => (BASE64_STANDARD.encode(bytes), "base64"),
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
