//! A recorded request as it can be sent again, or why it cannot: what was never kept is not
//! made up. Pure.

use bytes::Bytes;
use glassway_shared::{
    headers,
    model::{Mode, Outcome},
    store::stored::Stored,
};
use poem::http::StatusCode;

use super::fields;
use crate::{error::Problem, readable::Readable};

/// About the connection or the machine it came from, or set anew.
const LEFT_OUT: &[&str] = &[
    "host",
    "connection",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "content-length",
    "upgrade",
    "expect",
    "origin",
    "referer",
    "cookie",
    "authorization",
    "proxy-authorization",
    "x-api-key",
    "api-key",
    "x-goog-api-key",
];
/// Of the account whose credential travelled.
const ACCOUNT: &[&str] = &["openai-organization", "openai-project"];

/// What a credential that was not kept shows as.
const REDACTED: char = '…';

/// How what was redacted in a body begins.
const MARK: &[u8] = b"[redacted";

/// Why it cannot be sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Cannot {
    #[error("it still runs: wait until it has ended")]
    StillRunning,
    #[error("Glassway died while it ran: what it said was not kept")]
    Interrupted,
    #[error("a WebSocket is a conversation, not a request: it cannot be sent again")]
    WebSocket,
    #[error(
        "its request's body was dropped because memory for recording was full; send it with a \
         `body`"
    )]
    Shed,
    #[error("its body was deleted by retention: give one in `body`")]
    Expired,
    #[error("nothing but metadata is recorded of its client: there is nothing to send")]
    Metadata,
    #[error("parts of its request's body were redacted; send it with a `body`")]
    Redacted,
    #[error(
        "only the beginning of its request's body was kept (record.max_body_bytes); send it with \
         a `body`"
    )]
    Truncated,
    #[error(
        "it went with the client's own credential, which Glassway never keeps: name a key or a \
         provider of the pool in `targets`"
    )]
    Credential,
    #[error("its body is not a JSON object, so that no model can be put into it")]
    NoModel,
}

impl Cannot {
    /// The field that would help.
    fn field(self) -> Option<&'static str> {
        match self {
            Self::Shed | Self::Expired | Self::Truncated | Self::Redacted => Some("body"),
            Self::Credential => Some("targets"),
            Self::NoModel => Some("model"),
            Self::StillRunning | Self::Interrupted | Self::WebSocket | Self::Metadata => None,
        }
    }
}

/// What was redacted is kept as it can be read, so that the mark stands in the bytes.
fn was_redacted(stored: &Stored) -> bool {
    stored.exchange.warnings.iter().any(|warning| warning.starts_with("redacted "))
        && stored.request.body.windows(MARK.len()).any(|part| part == MARK)
}

impl From<Cannot> for Problem {
    fn from(why: Cannot) -> Self {
        match why.field() {
            Some(field) => Self::conflict(field, why.to_string()),
            None => Self::new(StatusCode::CONFLICT, format!("this cannot be sent again: {why}")),
        }
    }
}

/// A request to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Again {
    pub(super) method: String,
    /// Path and query.
    pub(super) target: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Bytes,
}

impl Again {
    /// From the record, with another body where one is given; `chosen`: somebody said
    /// where it is to go.
    pub(super) fn of(stored: &Stored, body: Option<String>, chosen: bool) -> Result<Self, Cannot> {
        let exchange = &stored.exchange;
        let request = &stored.request;
        if exchange.status == Some(101) || !stored.messages.is_empty() {
            return Err(Cannot::WebSocket);
        }
        if exchange.outcome == Outcome::Interrupted && request.headers.is_empty() {
            return Err(Cannot::Interrupted);
        }
        if exchange.warnings.iter().any(|warning| warning == "metadata_only") {
            return Err(Cannot::Metadata);
        }
        if exchange.mode == Mode::Transparent && !chosen {
            return Err(Cannot::Credential);
        }
        let encoded = body.is_none();
        let body = match body {
            Some(text) => text.into_bytes(),
            None if request.shed => return Err(Cannot::Shed),
            None if request.expired => return Err(Cannot::Expired),
            None if was_redacted(stored) => return Err(Cannot::Redacted),
            None if request.truncated || (request.body.len() as u64) < request.body_bytes => {
                return Err(Cannot::Truncated);
            }
            None => request.body.clone(),
        };
        let transparent = exchange.mode == Mode::Transparent;
        let kept = |name: &str, value: &str| {
            let account = transparent && ACCOUNT.contains(&name);
            let decoded = name == "content-encoding" && !encoded;
            let ours = name.starts_with("x-glassway-") || name.starts_with("sec-");
            // What is redacted is not ASCII either, nor may anything else of the kind travel.
            !(LEFT_OUT.contains(&name) || account || decoded || ours || !value.is_ascii())
        };
        let headers = headers::pairs(&request.headers).into_iter();
        Ok(Self {
            method: exchange.method.clone(),
            target: without_secrets(&stored.target),
            headers: headers.filter(|(n, v)| kept(&n.to_ascii_lowercase(), v)).collect(),
            body: body.into(),
        })
    }

    /// The same for one target: another model, and if it is `elsewhere` no provider in the
    /// path.
    pub(super) fn to(&self, model: Option<&str>, elsewhere: bool) -> Result<Self, Cannot> {
        let mut again = self.clone();
        if elsewhere {
            again.target = anywhere(&again.target);
        }
        let Some(model) = model else { return Ok(again) };
        again.decode();
        again.body = fields::with(&again.body, "model", model).ok_or(Cannot::NoModel)?.into();
        Ok(again)
    }

    fn decode(&mut self) {
        let encoding = |(name, _): &(String, String)| name.eq_ignore_ascii_case("content-encoding");
        if !self.headers.iter().any(encoding) {
            return;
        }
        let mut block = Vec::new();
        for (name, value) in &self.headers {
            headers::push(&mut block, name.as_bytes(), value.as_bytes());
        }
        self.body = Readable::decoded(&block, &self.body).into();
        self.headers.retain(|header| !encoding(header));
    }
}

/// Parameters that carried a credential left out.
fn without_secrets(target: &str) -> String {
    let Some((path, query)) = target.split_once('?') else { return target.to_owned() };
    let kept: Vec<&str> = query.split('&').filter(|p| !p.contains(REDACTED)).collect();
    match kept.is_empty() {
        true => path.to_owned(),
        false => format!("{path}?{}", kept.join("&")),
    }
}

/// A path that names a provider as one that any provider can answer.
fn anywhere(target: &str) -> String {
    let (path, query) = target.split_once('?').map_or((target, None), |(p, q)| (p, Some(q)));
    let named = path.strip_prefix("/api/proxy/").and_then(|rest| rest.split_once('/'));
    let path = match named {
        Some((_, rest)) => format!("/v1/{}", rest.strip_prefix("v1/").unwrap_or(rest)),
        None if path == "/api/chat/completions" => "/v1/chat/completions".to_owned(),
        None => path.to_owned(),
    };
    let kept: Vec<&str> = query
        .into_iter()
        .flat_map(|query| query.split('&'))
        .filter(|parameter| !parameter.starts_with("provider="))
        .collect();
    match kept.is_empty() {
        true => path,
        false => format!("{path}?{}", kept.join("&")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_left_out_of_the_target() {
        let check = |target: &str, expect: &str| assert_eq!(without_secrets(target), expect);
        check("/v1/models", "/v1/models");
        check("/v1/models?key=…&limit=3", "/v1/models?limit=3");
        check("/v1/models?key=sk-…wxyz", "/v1/models");
    }

    #[test]
    fn a_named_provider_gives_way_to_the_chosen_one() {
        let check = |target: &str, expect: &str| assert_eq!(anywhere(target), expect);
        check("/v1/chat/completions?a=b", "/v1/chat/completions?a=b");
        check("/api/chat/completions?provider=x&a=b", "/v1/chat/completions?a=b");
        check("/api/proxy/zhipu/v1/chat/completions", "/v1/chat/completions");
        check("/api/proxy/zhipu/embeddings?x=1", "/v1/embeddings?x=1");
    }
}
