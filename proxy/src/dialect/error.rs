//! Errors between the dialects, by status: what a program branches on, and the sentence
//! for people. And the headers that cross with any answer.
//!
//! <https://platform.claude.com/docs/en/api/errors>,
//! <https://developers.openai.com/api/docs/guides/error-codes>

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, StatusCode};

use super::{
    Conversion, Dialect, Invalid,
    json::{self, Node},
    write::Writer,
};

/// An error in the client's dialect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorAnswer {
    /// As the client's SDK understands it.
    pub status: StatusCode,
    /// `application/json`
    pub body: Bytes,
}

/// Converts an answer with a status of 400 or more.
pub fn convert(
    conversion: Conversion,
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
) -> ErrorAnswer {
    let problem = match json::parse(body) {
        Ok(root) => Problem::of(conversion.upstream(), Some(status.as_u16()), &root),
        Err(_) => Problem::plain(status.as_u16(), body),
    };
    let problem = problem.toward(conversion.client());
    let request_id = headers.get(their_id(conversion.upstream())).and_then(|id| id.to_str().ok());
    let mut out = BytesMut::new();
    problem.write(conversion.client(), request_id, &mut Writer::new(&mut out));
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::BAD_GATEWAY);
    ErrorAnswer { status, body: out.freeze() }
}

/// The headers of an answer that mean something to the client's SDK: SDKs obey the
/// first three. Content type and length are the caller's to set.
pub fn headers(conversion: Conversion, from: &HeaderMap) -> HeaderMap {
    let mut kept = HeaderMap::new();
    for name in ["retry-after", "retry-after-ms", "x-should-retry"] {
        if let Some(value) = from.get(name) {
            kept.insert(HeaderName::from_static(name), value.clone());
        }
    }
    let theirs = from.get(their_id(conversion.upstream()));
    if let Some(value) = theirs {
        let name = their_id(conversion.client());
        kept.insert(HeaderName::from_static(name), value.clone());
    }
    kept
}

fn their_id(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Chat | Dialect::Responses => "x-request-id",
        Dialect::Messages => "request-id",
    }
}

/// An answer that cannot be read, with the beginning of what came.
pub(super) fn unreadable(body: &[u8], why: &str) -> Invalid {
    Invalid(match beginning(body) {
        text if text.is_empty() => "the upstream's answer is empty".to_owned(),
        text => format!("the upstream's answer cannot be read ({why}): {text}"),
    })
}

fn beginning(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(800)]);
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").chars().take(200).collect()
}

/// What went wrong, in nobody's shape yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) status: u16,
    pub(super) code: Option<String>,
    pub(super) param: Option<String>,
    pub(super) message: String,
}

impl Problem {
    /// Found here, in the middle of a stream.
    pub(super) fn ours(code: &str, message: impl Into<String>) -> Self {
        Self { status: 502, code: Some(code.to_owned()), param: None, message: message.into() }
    }

    fn plain(status: u16, body: &[u8]) -> Self {
        let message = match beginning(body) {
            text if text.is_empty() => format!("the upstream answered {status} without a body"),
            text => format!("the upstream answered {status}: {text}"),
        };
        Self { status, code: None, param: None, message }
    }

    /// From an error body or an error event. Without a status, the type tells it.
    pub(super) fn of(upstream: Dialect, status: Option<u16>, root: &Node<'_>) -> Self {
        let error = root.get("error").unwrap_or(root);
        let kind = error.text_of("type").unwrap_or_default();
        let code = match error.get("code") {
            Some(code) if code.is_string() => code.text().map(Into::into),
            Some(code) => code.u64().map(|n| n.to_string()),
            None => None,
        };
        let status = status.unwrap_or_else(|| match upstream {
            Dialect::Messages => status_of(&kind),
            Dialect::Chat | Dialect::Responses => match code.as_deref() {
                Some("rate_limit_exceeded" | "insufficient_quota") => 429,
                Some("server_is_overloaded" | "slow_down") => 503,
                Some(n) if n.parse::<u16>().is_ok_and(|n| (400..600).contains(&n)) => {
                    n.parse().unwrap_or(500)
                }
                _ => status_of(&kind),
            },
        });
        let said = ["message", "detail", "error"].iter().find_map(|name| error.text_of(name));
        let message = match said.or_else(|| error.text()) {
            Some(message) if !message.trim().is_empty() => message.into_owned(),
            _ => Self::plain(status, root.raw.as_bytes()).message,
        };
        let param = error.text_of("param").map(Into::into);
        Self { status, code, param, message }
    }

    /// With the status and code that the client's dialect has for it.
    pub(super) fn toward(self, client: Dialect) -> Self {
        let code = self.code.as_deref();
        let (status, code) = match (client, self.status) {
            (Dialect::Messages, 429) if code == Some("insufficient_quota") => (402, None),
            (Dialect::Messages, 503)
                if matches!(code, Some("server_is_overloaded" | "slow_down")) =>
            {
                (529, None)
            }
            (Dialect::Messages, status) => (status, None),
            (_, 529) => (503, Some("server_is_overloaded")),
            (_, 402) => (429, Some("insufficient_quota")),
            (_, 401) => (401, Some("invalid_api_key")),
            (_, 404) => (404, Some("model_not_found")),
            (_, 429) => (429, Some("rate_limit_exceeded")),
            (_, status) => (status, None),
        };
        let kept = match client {
            // Both OpenAI dialects have codes of their own: an upstream's stays.
            Dialect::Chat | Dialect::Responses => self.code.or(code.map(str::to_owned)),
            Dialect::Messages => self.code,
        };
        Self { status, code: kept, ..self }
    }

    /// As an error body.
    pub(super) fn write(&self, client: Dialect, request_id: Option<&str>, to: &mut Writer<'_>) {
        to.open();
        if client == Dialect::Messages {
            to.key("type").text("error");
        }
        to.key("error").open();
        match client {
            Dialect::Messages => {
                to.key("type").text(self.messages_type()).key("message").text(&self.message);
                if let Some(code) = &self.code {
                    to.key("code").text(code);
                }
            }
            Dialect::Chat | Dialect::Responses => {
                to.key("message").text(&self.message).key("type").text(self.chat_type());
                to.key("param");
                nullable(self.param.as_deref(), to);
                to.key("code");
                nullable(self.code.as_deref(), to);
            }
        }
        to.close();
        if client == Dialect::Messages {
            to.key("request_id");
            nullable(request_id, to);
        }
        to.close();
    }

    fn messages_type(&self) -> &'static str {
        match self.status {
            401 => "authentication_error",
            402 => "billing_error",
            403 => "permission_error",
            404 => "not_found_error",
            408 | 504 => "timeout_error",
            413 => "request_too_large",
            429 => "rate_limit_error",
            529 => "overloaded_error",
            500.. => "api_error",
            _ => "invalid_request_error",
        }
    }

    fn chat_type(&self) -> &'static str {
        match self.status {
            401 => "authentication_error",
            403 => "permission_error",
            429 if self.code.as_deref() == Some("insufficient_quota") => "insufficient_quota",
            429 => "rate_limit_error",
            500.. => "api_error",
            _ => "invalid_request_error",
        }
    }
}

fn nullable(text: Option<&str>, to: &mut Writer<'_>) {
    match text {
        Some(text) => to.text(text),
        None => to.raw("null"),
    };
}

/// The status that goes with a type.
fn status_of(kind: &str) -> u16 {
    match kind {
        "invalid_request_error" => 400,
        "authentication_error" => 401,
        "billing_error" => 402,
        "permission_error" => 403,
        "not_found_error" => 404,
        "request_too_large" => 413,
        "rate_limit_error" => 429,
        "timeout_error" => 504,
        "overloaded_error" => 529,
        _ => 500,
    }
}
