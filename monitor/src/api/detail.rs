//! One exchange whole, as a person reads it: bodies decoded and as text where they
//! are text, server-sent events with the time each arrived, every try.

mod price;
mod tries;

use base64::{Engine, engine::general_purpose::STANDARD};
use glassway_shared::{
    decode::Encoding,
    headers, sse,
    store::{
        bodies::SocketMessage,
        record::Marks,
        stored::{Stored, StoredMessage},
    },
};
use poem_openapi::{Enum, Object};

use super::{
    curl,
    shape::{Exchange, Side},
};
use crate::readable::Readable;
use price::PriceUsed;
use tries::{Try, tries};

/// Events and messages shown unless all are asked for.
pub(super) const SHOWN: usize = 2_000;

/// Offsets from the start, in milliseconds.
#[derive(Object)]
pub(super) struct Timings {
    /// When the connection to the upstream was ready; `null` on a reused one.
    connect_ms: Option<f64>,
    /// When the request's last byte had been taken from the client.
    request_sent_ms: Option<f64>,
    /// When the answer's head arrived.
    ttfb_ms: Option<f64>,
    /// When the first piece of content arrived.
    first_token_ms: Option<f64>,
    /// When it ended.
    duration_ms: Option<f64>,
}

/// How a JSON string holds a body.
#[derive(Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
pub(super) enum Text {
    /// As it is.
    Utf8,
    /// Base64.
    Base64,
}

/// One direction, as the client saw it.
#[derive(Object)]
pub(super) struct Message {
    /// Names and values in the order they travelled.
    headers: Vec<[String; 2]>,
    /// The same, after the body.
    trailers: Vec<[String; 2]>,
    /// What was kept of the body.
    body: String,
    /// How `body` holds it.
    pub(super) body_encoding: Text,
    /// What the body was compressed with.
    content_encoding: Option<String>,
    /// Whether `body` is decoded; the raw bytes are at `…-body`.
    decoded: bool,
    /// Only the body's beginning is here.
    truncated: bool,
    /// The body was dropped because memory for recording was full.
    shed: bool,
    /// The body was deleted by retention, which kept the rest.
    expired: bool,
    /// Bytes that travelled.
    body_bytes: u64,
}

/// One server-sent event.
#[derive(Object)]
pub(super) struct Event {
    /// When its last byte arrived.
    offset_ms: f64,
    /// Its data lines.
    data: String,
    /// Its name, where it has one.
    event: Option<String>,
    /// Bytes of the decoded stream it took.
    bytes: u64,
}

/// What a WebSocket message is.
#[derive(Clone, Copy, Enum)]
#[oai(rename_all = "snake_case")]
pub(super) enum Kind {
    Text,
    Binary,
    Close,
    Ping,
    Pong,
}

/// One WebSocket message.
#[derive(Object)]
pub(super) struct WebSocketMessage {
    /// When it was relayed.
    offset_ms: f64,
    /// Who sent it.
    side: Side,
    /// What it is.
    kind: Kind,
    /// What it says.
    data: String,
    /// How `data` holds it.
    encoding: Text,
}

/// An exchange with everything that was said.
#[derive(Object)]
pub(super) struct Detail {
    #[oai(flatten)]
    exchange: Exchange,
    /// Such as `HTTP/1.1`.
    http_version: String,
    /// Path and query, credentials redacted.
    target: String,
    /// Where it was sent; `null` where nothing was.
    upstream_url: Option<String>,
    /// When what happened.
    timings: Timings,
    /// From the client.
    request: Message,
    /// To the client; `null` while nothing has come.
    response: Option<Message>,
    /// Every upstream attempt.
    tries: Vec<Try>,
    /// What `cost_usd` was computed by; `null` where that is.
    price: Option<PriceUsed>,
    /// Server-sent events of the answer.
    events: Vec<Event>,
    /// How many events there are.
    events_total: u64,
    /// WebSocket messages of both directions.
    messages: Vec<WebSocketMessage>,
    /// How many messages there are.
    messages_total: u64,
    /// A command that sends it again; the credential is `$OPENAI_API_KEY`.
    curl: String,
}

impl Detail {
    /// `base` is where clients find the proxy; at most `shown` events and messages.
    pub(super) fn of(stored: Stored, base: &str, shown: usize) -> Self {
        let timings = timings(&stored);
        let request = Readable::of(&stored.request);
        let response = stored.response.as_ref().map(Readable::of);
        let events = match (&stored.response, &response) {
            (Some(raw), Some(readable)) if is_event_stream(raw) => {
                events(&readable.bytes, raw.body.len(), &stored)
            }
            _ => vec![],
        };
        let curl = command(&stored, &request, base);
        let tries = tries(&stored);
        let (events_total, messages_total) = (events.len() as u64, stored.messages.len() as u64);
        Self {
            http_version: stored.http_version,
            target: stored.target,
            upstream_url: stored.upstream_url,
            timings,
            request: message(&request, &stored.request),
            response: response
                .as_ref()
                .zip(stored.response.as_ref())
                .map(|(readable, raw)| message(readable, raw)),
            tries,
            price: stored.price.map(Into::into),
            events: events.into_iter().take(shown).collect(),
            events_total,
            messages: stored.messages.into_iter().take(shown).map(Into::into).collect(),
            messages_total,
            curl,
            exchange: stored.exchange.into(),
        }
    }
}

/// `readable` is the same body, ready to be read.
fn message(readable: &Readable, raw: &StoredMessage) -> Message {
    let (body, body_encoding) = match readable.text(raw.truncated || raw.shed || raw.expired) {
        Some(text) => (text.to_owned(), Text::Utf8),
        None => (STANDARD.encode(&readable.bytes), Text::Base64),
    };
    Message {
        headers: pairs(&raw.headers),
        trailers: pairs(&raw.trailers),
        body,
        body_encoding,
        content_encoding: Encoding::of(&raw.headers).map(|e| e.as_str().to_owned()),
        decoded: readable.encoding.is_some(),
        truncated: raw.truncated || !readable.complete,
        shed: raw.shed,
        expired: raw.expired,
        body_bytes: raw.body_bytes,
    }
}

fn command(stored: &Stored, request: &Readable, base: &str) -> String {
    let whole = {
        let request = &stored.request;
        !(request.truncated || request.shed || request.expired)
    };
    let request = curl::Request {
        method: &stored.exchange.method,
        target: &stored.target,
        stream: stored.exchange.stream,
        headers: headers::pairs(&stored.request.headers),
        body: match request.text(false) {
            _ if request.bytes.is_empty() && stored.request.body_bytes == 0 => curl::Body::Empty,
            Some(text) if whole => curl::Body::Text(text),
            _ => curl::Body::Other,
        },
    };
    curl::command(&request, base)
}

fn pairs(block: &[u8]) -> Vec<[String; 2]> {
    headers::pairs(block).into_iter().map(|(name, value)| [name, value]).collect()
}

fn is_event_stream(message: &StoredMessage) -> bool {
    headers::find(&message.headers, "content-type")
        .is_some_and(|kind| kind.to_ascii_lowercase().starts_with(b"text/event-stream"))
}

fn events(decoded: &[u8], raw_len: usize, stored: &Stored) -> Vec<Event> {
    // Marks count bytes as they travelled; of a compressed stream only the share is known.
    let scale = raw_len as f64 / decoded.len().max(1) as f64;
    let at = |end: u64| {
        let last = (end as f64 * scale).ceil() as u64;
        let arrival = Marks::arrival(&stored.marks, last.saturating_sub(1));
        arrival.map(|us| us as f64 / 1000.0).or(stored.exchange.ttfb_ms).unwrap_or(0.0)
    };
    sse::events(decoded)
        .into_iter()
        .map(|event| Event {
            offset_ms: at(event.end),
            data: event.data,
            event: event.event,
            bytes: event.bytes as u64,
        })
        .collect()
}

fn timings(stored: &Stored) -> Timings {
    let ms = |us: Option<u64>| us.map(|us| us as f64 / 1000.0);
    Timings {
        connect_ms: ms(stored.connect_us),
        request_sent_ms: ms(stored.request_sent_us),
        ttfb_ms: stored.exchange.ttfb_ms,
        first_token_ms: stored.exchange.first_token_ms,
        duration_ms: stored.exchange.duration_ms,
    }
}

impl From<SocketMessage> for WebSocketMessage {
    fn from(message: SocketMessage) -> Self {
        use glassway_shared::store::bodies::MessageKind;
        let (data, encoding) = match String::from_utf8(message.data) {
            Ok(text) => (text, Text::Utf8),
            Err(e) => (STANDARD.encode(e.as_bytes()), Text::Base64),
        };
        Self {
            offset_ms: message.at_us as f64 / 1000.0,
            side: message.side.into(),
            kind: match message.kind {
                MessageKind::Text => Kind::Text,
                MessageKind::Binary => Kind::Binary,
                MessageKind::Close => Kind::Close,
                MessageKind::Ping => Kind::Ping,
                MessageKind::Pong => Kind::Pong,
            },
            data,
            encoding,
        }
    }
}
