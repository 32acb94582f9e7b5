//! Every upstream attempt, with what it said and was told where the client saw
//! something else.

use glassway_shared::{
    model,
    store::stored::{Stored, StoredAttempt, StoredMessage},
};
use poem_openapi::Object;

use super::{Message, Text, message};
use crate::{api::shape::Failure, readable::Readable};

/// One upstream attempt.
#[derive(Object)]
pub(in crate::api) struct Try {
    /// Counts from 1.
    n: u32,
    /// The provider's name.
    provider: Option<String>,
    /// The key's name.
    key: Option<String>,
    /// Why this one was chosen.
    reason: String,
    /// Where it went, credentials redacted.
    url: String,
    /// What the upstream answered.
    status: Option<u16>,
    /// Why it failed.
    error: Option<Failure>,
    /// Offset from the exchange's start.
    start_ms: f64,
    /// To have a connection; `null` on a reused one.
    connect_ms: Option<f64>,
    /// Whether the connection had served before.
    reused: bool,
    /// To the answer's head, from the attempt's start.
    ttfb_ms: Option<f64>,
    /// To its end, from the attempt's start.
    duration_ms: Option<f64>,
    /// What was sent upstream; `null` where that is what the client sent.
    request: Option<TryMessage>,
    /// What came back; `null` where that is what the client got, or nothing came.
    response: Option<TryMessage>,
}

/// One direction of an attempt.
#[derive(Object)]
struct TryMessage {
    /// Names and values; credentials are redacted.
    headers: Vec<[String; 2]>,
    /// The same, after the body.
    trailers: Vec<[String; 2]>,
    /// What was kept of the body; `null` where it is the client's.
    body: Option<String>,
    /// How `body` holds it.
    body_encoding: Text,
    /// What the body was compressed with.
    content_encoding: Option<String>,
    /// Only the body's beginning is here.
    truncated: bool,
    /// The body was dropped because memory for recording was full.
    shed: bool,
    /// The body was deleted by retention, which kept the rest.
    expired: bool,
    /// Bytes that travelled.
    body_bytes: u64,
}

/// The recorded tries, or the only one, told by the exchange itself.
pub(super) fn tries(stored: &Stored) -> Vec<Try> {
    if let Some(tries) = &stored.tries {
        let own = |n| stored.said.iter().find(|said| said.n == n);
        return tries.iter().cloned().map(|t| one(own(t.n), t, stored)).collect();
    }
    let exchange = &stored.exchange;
    if exchange.attempts == 0 {
        return vec![];
    }
    // A status that Glassway made for an error is not what the upstream answered.
    let ours = exchange.error.is_some() && exchange.ttfb_ms.is_none();
    vec![Try {
        n: 1,
        provider: exchange.provider.clone(),
        key: exchange.key.clone(),
        reason: exchange.mode.as_str().to_owned(),
        url: stored.upstream_url.clone().unwrap_or_default(),
        status: if ours { None } else { exchange.status },
        error: exchange.error.clone().map(Into::into),
        start_ms: 0.0,
        connect_ms: stored.connect_us.map(|us| us as f64 / 1000.0),
        reused: stored.reused,
        ttfb_ms: exchange.ttfb_ms,
        duration_ms: exchange.duration_ms,
        request: None,
        response: None,
    }]
}

fn one(said: Option<&StoredAttempt>, t: model::Try, stored: &Stored) -> Try {
    let request = said.and_then(|said| {
        let mut sent = side(said.request.as_ref()?);
        if said.client_body {
            let own = &stored.request;
            sent = TryMessage { body: None, body_bytes: own.body_bytes, ..sent };
        }
        Some(sent)
    });
    Try {
        n: t.n,
        provider: t.provider,
        key: t.key,
        reason: t.reason,
        url: t.url,
        status: t.status,
        error: t.error.map(Into::into),
        start_ms: t.start_ms,
        connect_ms: t.connect_ms,
        reused: t.reused,
        ttfb_ms: t.ttfb_ms,
        duration_ms: t.duration_ms,
        request,
        response: said.and_then(|said| said.response.as_ref()).map(side),
    }
}

fn side(raw: &StoredMessage) -> TryMessage {
    let Message {
        headers,
        trailers,
        body,
        body_encoding,
        content_encoding,
        truncated,
        shed,
        expired,
        body_bytes,
        ..
    } = message(&Readable::of(raw), raw);
    TryMessage {
        headers,
        trailers,
        body: Some(body),
        body_encoding,
        content_encoding,
        truncated,
        shed,
        expired,
        body_bytes,
    }
}
