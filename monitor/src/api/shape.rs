//! The exchange as the specification describes it. `glassway_shared::model` is what
//! travels; these mirror it field by field for `/openapi.json`, and a test holds the
//! two together.

mod several;
mod text;

use glassway_shared::model;
use poem_openapi::{Enum, Object};

pub use several::{Origins, Outcomes};
pub use text::{Id, Time};

/// How an exchange ended, or that it has not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case", remote = "model::Outcome")]
pub enum Outcome {
    /// Still running.
    InFlight,
    /// Answered below 400 and whole.
    Ok,
    /// The upstream answered 4xx.
    ClientError,
    /// The upstream answered 5xx, or could not be reached.
    UpstreamError,
    /// The client went away first.
    ClientClosed,
    /// The upstream broke off after its answer began.
    UpstreamClosed,
    /// Nothing came for longer than the configuration allows.
    Timeout,
    /// Glassway refused it.
    Rejected,
    /// Glassway died while it ran.
    Interrupted,
}

/// Who caused an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case", remote = "model::Origin")]
pub enum Origin {
    /// A client on port 8080.
    Client,
    /// The playground.
    Chat,
    /// A recorded exchange sent again.
    Replay,
    /// A key test or model refresh.
    Test,
    /// A trace.
    Trace,
    /// A recovery probe.
    Probe,
}

/// Whose credential travelled upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case", remote = "model::Mode")]
pub enum Mode {
    /// The client's own.
    Transparent,
    /// One of Glassway's keys.
    Managed,
}

/// Where token counts came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case", remote = "model::UsageSource")]
pub enum UsageSource {
    /// The upstream said so.
    Upstream,
    /// Counted here.
    Estimated,
    /// Nobody said.
    Absent,
}

/// One of an exchange's two directions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case", remote = "model::Side")]
pub enum Side {
    /// From the client.
    Request,
    /// To the client.
    Response,
}

/// Tokens of one exchange. `prompt_tokens` includes cached ones, `completion_tokens`
/// includes reasoning.
#[derive(Clone, Debug, Object)]
pub struct Usage {
    /// Tokens in.
    pub prompt_tokens: Option<u64>,
    /// Tokens out.
    pub completion_tokens: Option<u64>,
    /// Of the prompt's, read from a cache.
    pub cached_tokens: Option<u64>,
    /// Of the completion's, spent on reasoning.
    pub reasoning_tokens: Option<u64>,
    /// Where the counts came from.
    pub source: UsageSource,
}

impl From<model::Usage> for Usage {
    fn from(usage: model::Usage) -> Self {
        Self {
            prompt_tokens: usage.prompt_tokens,
            completion_tokens: usage.completion_tokens,
            cached_tokens: usage.cached_tokens,
            reasoning_tokens: usage.reasoning_tokens,
            source: usage.source.into(),
        }
    }
}

/// What went wrong, in a program's word and a person's sentence.
#[derive(Clone, Debug, Object)]
pub struct Failure {
    /// Such as `upstream_connect`.
    pub code: String,
    /// What happened, to what.
    pub message: String,
}

impl From<model::Failure> for Failure {
    fn from(failure: model::Failure) -> Self {
        Self { code: failure.code, message: failure.message }
    }
}

/// How far a running answer has come.
#[derive(Clone, Debug, Object)]
pub struct Progress {
    /// The last characters of the answer so far.
    pub text_tail: String,
    /// Pieces of content so far, which is about one per token.
    pub tokens: u64,
    /// Over the last seconds, once there are a few.
    pub tokens_per_s: Option<f64>,
    /// Offset of the newest content from the start, in milliseconds.
    pub last_token_ms: Option<f64>,
}

impl From<model::Progress> for Progress {
    fn from(live: model::Progress) -> Self {
        Self {
            text_tail: live.text_tail,
            tokens: live.tokens,
            tokens_per_s: live.tokens_per_s,
            last_token_ms: live.last_token_ms,
        }
    }
}

/// One client request and its final answer. Offsets and durations are in
/// milliseconds from `started_at`.
#[derive(Clone, Debug, Object)]
pub struct Exchange {
    /// UUIDv7: sorts by start.
    pub id: Id,
    /// When its request head had arrived.
    pub started_at: Time,
    /// As sent.
    pub method: String,
    /// Without the query.
    pub path: String,
    /// Who caused it.
    pub origin: Origin,
    /// Whose credential travelled.
    pub mode: Mode,
    /// The peer's address.
    pub client_ip: String,
    /// The client token's name.
    pub client_token: Option<String>,
    /// The provider's name, as it was.
    pub provider: Option<String>,
    /// The key's name, as it was.
    pub key: Option<String>,
    /// As the client named it.
    pub model: Option<String>,
    /// As the upstream knows it.
    pub upstream_model: Option<String>,
    /// What the client got.
    pub status: Option<u16>,
    /// How it ended.
    pub outcome: Outcome,
    /// What went wrong.
    pub error: Option<Failure>,
    /// Whether the answer is a stream.
    pub stream: bool,
    /// To the last byte.
    pub duration_ms: Option<f64>,
    /// To the answer's head.
    pub ttfb_ms: Option<f64>,
    /// To the first piece of content.
    pub first_token_ms: Option<f64>,
    /// Body bytes from the client.
    pub request_bytes: u64,
    /// Body bytes to the client.
    pub response_bytes: u64,
    /// Tokens.
    pub usage: Usage,
    /// `null` where no price is known.
    pub cost_usd: Option<f64>,
    /// Upstream tries.
    pub attempts: u32,
    /// What was dropped or guessed.
    pub warnings: Vec<String>,
    /// Kept from retention.
    pub pinned: bool,
    /// A person's remark.
    pub note: Option<String>,
    /// Only while it runs.
    #[oai(skip_serializing_if_is_none)]
    pub live: Option<Progress>,
}

impl From<model::Exchange> for Exchange {
    fn from(e: model::Exchange) -> Self {
        Self {
            id: Id(e.id),
            started_at: Time(e.started_at),
            method: e.method,
            path: e.path,
            origin: e.origin.into(),
            mode: e.mode.into(),
            client_ip: e.client_ip,
            client_token: e.client_token,
            provider: e.provider,
            key: e.key,
            model: e.model,
            upstream_model: e.upstream_model,
            status: e.status,
            outcome: e.outcome.into(),
            error: e.error.map(Into::into),
            stream: e.stream,
            duration_ms: e.duration_ms,
            ttfb_ms: e.ttfb_ms,
            first_token_ms: e.first_token_ms,
            request_bytes: e.request_bytes,
            response_bytes: e.response_bytes,
            usage: e.usage.into(),
            cost_usd: e.cost_usd,
            attempts: e.attempts,
            warnings: e.warnings,
            pinned: e.pinned,
            note: e.note,
            live: e.live.map(Into::into),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use poem_openapi::types::ToJSON;
    use serde_json::Value;

    use super::*;

    /// An exchange with every field set.
    pub(crate) fn full() -> model::Exchange {
        let json = serde_json::json!({
            "id": "01990000-0000-7000-8000-000000000001", "started_at": "2026-01-31T12:00:00.5Z",
            "method": "POST", "path": "/v1/chat/completions", "origin": "client",
            "mode": "managed", "client_ip": "127.0.0.1", "client_token": "t", "provider": "openai",
            "key": "main", "model": "gpt-4o", "upstream_model": "gpt-4o-2024", "status": 200,
            "outcome": "in_flight", "error": {"code": "c", "message": "m"}, "stream": true,
            "duration_ms": 812.4, "ttfb_ms": 203.1, "first_token_ms": 240.8, "request_bytes": 1024,
            "response_bytes": 20480, "usage": {"prompt_tokens": 10, "completion_tokens": 20,
            "cached_tokens": 0, "reasoning_tokens": null, "source": "upstream"},
            "cost_usd": 0.00012, "attempts": 1, "warnings": ["w"], "pinned": false, "note": "n",
            "live": {"text_tail": "…", "tokens": 3, "tokens_per_s": 1.5, "last_token_ms": null}
        });
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn the_mirror_shows_what_the_feed_sends() {
        let exchange = full();
        let sent = serde_json::to_value(&exchange).unwrap();
        assert_eq!(Exchange::from(exchange.clone()).to_json().unwrap(), sent);
        let ended = model::Exchange { live: None, error: None, ..exchange };
        let sent = serde_json::to_value(&ended).unwrap();
        assert_eq!(Exchange::from(ended).to_json().unwrap(), sent);
    }

    #[test]
    fn the_mirror_knows_every_name() {
        fn same<T: ToJSON, M: Copy + Into<T>>(all: &[M], name: fn(M) -> &'static str) {
            for &value in all {
                let mirror: T = value.into();
                assert_eq!(mirror.to_json().unwrap(), Value::from(name(value)));
            }
        }
        same::<Outcome, _>(model::Outcome::ALL, model::Outcome::as_str);
        same::<Origin, _>(model::Origin::ALL, model::Origin::as_str);
        same::<Mode, _>(model::Mode::ALL, model::Mode::as_str);
        same::<UsageSource, _>(model::UsageSource::ALL, model::UsageSource::as_str);
        same::<Side, _>(model::Side::ALL, model::Side::as_str);
    }
}
