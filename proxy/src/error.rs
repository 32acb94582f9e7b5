//! What Glassway itself answers when something is wrong: a code for programs and a
//! sentence for people, in the shape of the caller's dialect. Clients read the
//! message; logs and records get the code with it.

use std::{borrow::Cow, time::Duration};

use bytes::Bytes;
use glassway_shared::model::{Failure, Outcome};
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};

/// The wire format a caller expects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// `{"error":{"message","type","param","code"}}`
    OpenAi,
    /// `{"type":"error","error":{"type","message"}}`
    Anthropic,
}

impl Dialect {
    /// From the header that every Anthropic client sends, or the path that is only
    /// Anthropic's.
    pub fn of(path: &str, headers: &HeaderMap) -> Self {
        let messages = path.strip_prefix("/api").unwrap_or(path).strip_prefix("/v1/messages");
        let own_path = messages.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        match own_path || headers.contains_key("anthropic-version") {
            true => Self::Anthropic,
            false => Self::OpenAi,
        }
    }
}

/// A failure with its place in HTTP and in the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Stable, for programs.
    pub code: &'static str,
    /// The HTTP status.
    pub status: StatusCode,
    /// How the exchange counts.
    pub outcome: Outcome,
    /// What happened, to what, what to do.
    pub message: String,
    /// Whether the connection must not be used again.
    pub close: bool,
    /// When trying again may help.
    pub retry_after: Option<Duration>,
    /// The request's field that is to blame.
    pub param: Option<Cow<'static, str>>,
}

impl Fault {
    fn new(code: &'static str, status: StatusCode, outcome: Outcome, message: String) -> Self {
        Self { code, status, outcome, message, close: false, retry_after: None, param: None }
    }

    /// The upstream could not be reached.
    pub fn connect(message: String) -> Self {
        Self::new("upstream_connect", StatusCode::BAD_GATEWAY, Outcome::UpstreamError, message)
    }

    /// It went away before it answered.
    pub fn closed(message: String) -> Self {
        Self::new("upstream_closed", StatusCode::BAD_GATEWAY, Outcome::UpstreamClosed, message)
    }

    /// It answered something that is not HTTP, or not to be relayed.
    pub fn invalid_response(message: String) -> Self {
        let status = StatusCode::BAD_GATEWAY;
        Self::new("upstream_invalid_response", status, Outcome::UpstreamError, message)
    }

    /// It did not answer in time.
    pub fn timeout(message: String) -> Self {
        Self::new("upstream_timeout", StatusCode::GATEWAY_TIMEOUT, Outcome::Timeout, message)
    }

    /// Refused by us; nothing went upstream.
    pub fn refused(code: &'static str, status: StatusCode, message: impl Into<String>) -> Self {
        Self::new(code, status, Outcome::Rejected, message.into())
    }

    /// Refused, and the connection is not to be trusted with another request.
    pub fn malformed(status: StatusCode, message: impl Into<String>) -> Self {
        Self { close: true, ..Self::refused("bad_request", status, message) }
    }

    /// As the record keeps it.
    pub fn failure(&self) -> Failure {
        Failure { code: self.code.to_owned(), message: self.message.clone() }
    }

    /// What Anthropic's SDKs read: the code, and what they may do without.
    fn details(&self) -> serde_json::Value {
        match &self.param {
            Some(param) if self.code == "thread_unsupported_request" => {
                serde_json::json!({"error_code": self.code, "unsupported": [param]})
            }
            _ => serde_json::json!({"error_code": self.code}),
        }
    }

    /// The answer in the caller's dialect.
    pub fn response(&self, dialect: Dialect) -> Response<Bytes> {
        let message = &self.message;
        let kind = kind(self.status, dialect);
        let body = match dialect {
            Dialect::OpenAi => serde_json::json!({
                "error": {"message": message, "type": kind, "param": self.param, "code": self.code},
            }),
            Dialect::Anthropic => serde_json::json!({
                "type": "error",
                "error": {
                    "type": kind,
                    "message": message,
                    "code": self.code,
                    "details": self.details(),
                },
            }),
        };
        let body = Bytes::from(body.to_string());
        let mut response = Response::new(body);
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if self.status == StatusCode::METHOD_NOT_ALLOWED {
            headers
                .insert(header::ALLOW, HeaderValue::from_static("GET, POST, PUT, PATCH, DELETE"));
        }
        if let Some(wait) = self.retry_after {
            // Whole seconds, rounded up: earlier would be too early.
            let seconds = wait.as_millis().div_ceil(1000).max(1);
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds as u64));
        }
        if self.close {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

/// The vendors' own words for a status.
/// <https://docs.anthropic.com/en/api/errors>, <https://platform.openai.com/docs/guides/error-codes>
fn kind(status: StatusCode, dialect: Dialect) -> &'static str {
    match (status.as_u16(), dialect) {
        (401, _) => "authentication_error",
        (403, _) => "permission_error",
        (404, Dialect::Anthropic) => "not_found_error",
        (413, Dialect::Anthropic) => "request_too_large",
        (429, _) => "rate_limit_error",
        (504, Dialect::Anthropic) => "timeout_error",
        (500.., _) => "api_error",
        _ => "invalid_request_error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speaks_both_dialects() {
        let fault = Fault::connect("no route".into());
        let open: serde_json::Value =
            serde_json::from_slice(fault.response(Dialect::OpenAi).body()).unwrap();
        assert_eq!(open["error"]["code"], "upstream_connect");
        assert_eq!(open["error"]["message"], "no route");
        let other = fault.response(Dialect::Anthropic);
        assert_eq!(other.status(), 502);
        let other: serde_json::Value = serde_json::from_slice(other.body()).unwrap();
        assert_eq!(other["type"], "error");
        assert_eq!(other["error"]["code"], "upstream_connect");
        assert_eq!(other["error"]["details"]["error_code"], "upstream_connect");
    }

    #[test]
    fn tells_anthropic_s_sdks_to_go_on_without_a_thread() {
        let code = "thread_unsupported_request";
        let mut fault = Fault::refused(code, StatusCode::BAD_REQUEST, "no");
        fault.param = Some("thread".into());
        let body: serde_json::Value =
            serde_json::from_slice(fault.response(Dialect::Anthropic).body()).unwrap();
        let details = serde_json::json!({"error_code": code, "unsupported": ["thread"]});
        assert_eq!(body["error"]["details"], details);
    }
}
