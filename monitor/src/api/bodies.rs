//! Recorded bodies as bytes, with Range. What somebody's model or client sent must
//! never run in this page's origin: always an attachment, never sniffed, sandboxed.

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::STANDARD};
use glassway_shared::{headers, id::ExchangeId, model::Side, store::stored::StoredMessage};
use poem::{
    Request, Response, Result,
    http::{StatusCode, header},
};
use poem_openapi::{
    OpenApi,
    param::{Path, Query},
    payload::Binary,
};
use serde_json::Value;

use super::{
    Tag,
    raw::Raw,
    requests::{Found, find},
    shape::Id,
};
use crate::{app::App, error::Problem, readable::Readable};

pub(super) struct Operations(pub(super) Arc<App>);

#[OpenApi(tag = "Tag::Requests")]
impl Operations {
    /// The request's body, as it was recorded
    #[oai(path = "/api/request/:id/request-body", method = "get", operation_id = "readRequestBody")]
    async fn request_body(
        &self,
        request: &Request,
        /// The exchange.
        id: Path<Id>,
        /// Undo the content-encoding.
        decoded: Query<Option<bool>>,
    ) -> Result<Raw<Binary<Vec<u8>>>> {
        self.body(request, id.0.0, Side::Request, decoded.0 == Some(true)).await
    }

    /// The response's body, as it was recorded
    #[oai(
        path = "/api/request/:id/response-body",
        method = "get",
        operation_id = "readResponseBody"
    )]
    async fn response_body(
        &self,
        request: &Request,
        /// The exchange.
        id: Path<Id>,
        /// Undo the content-encoding.
        decoded: Query<Option<bool>>,
    ) -> Result<Raw<Binary<Vec<u8>>>> {
        self.body(request, id.0.0, Side::Response, decoded.0 == Some(true)).await
    }
}

impl Operations {
    async fn body(
        &self,
        request: &Request,
        id: ExchangeId,
        side: Side,
        decoded: bool,
    ) -> Result<Raw<Binary<Vec<u8>>>> {
        let (bytes, extension) = match find(&self.0, id).await? {
            Found::Stored(stored) => {
                let message = match side {
                    Side::Request => Some(stored.request),
                    Side::Response => stored.response,
                };
                let message = message.ok_or_else(|| no_answer(id))?;
                let extension = extension(&message);
                let bytes = match decoded {
                    true => Readable::of(&message).bytes,
                    false => message.body,
                };
                (bytes, extension)
            }
            Found::Running(detail) => {
                (so_far(&detail[side.as_str()]).ok_or_else(|| no_answer(id))?, "bin")
            }
        };
        let range = request.header(header::RANGE.as_str());
        let name = format!("{}-{id}.{extension}", side.as_str());
        Ok(attachment(bytes, &name, range)?.into())
    }
}

fn no_answer(id: ExchangeId) -> Problem {
    Problem::not_found(format!("exchange {id} has no answer"))
}

/// What the proxy shows of a running exchange's body.
fn so_far(message: &Value) -> Option<Vec<u8>> {
    let body = message.get("body")?.as_str()?;
    match message["body_encoding"] == "base64" {
        true => STANDARD.decode(body).ok(),
        false => Some(body.as_bytes().to_vec()),
    }
}

fn extension(message: &StoredMessage) -> &'static str {
    let kind = headers::find(&message.headers, "content-type").unwrap_or_default();
    let kind = String::from_utf8_lossy(kind).to_ascii_lowercase();
    match kind.split(';').next().unwrap_or_default().trim() {
        kind if kind.ends_with("json") => "json",
        "text/event-stream" | "text/plain" => "txt",
        _ => "bin",
    }
}

fn attachment(bytes: Vec<u8>, name: &str, range: Option<&str>) -> Result<Response, Problem> {
    let all = bytes.len();
    let mut builder = Response::builder()
        .content_type("application/octet-stream")
        .header(header::ACCEPT_RANGES, "bytes")
        .header(header::CONTENT_SECURITY_POLICY, "sandbox")
        .header(header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\""));
    let part = match range.map(|text| part(text, all)) {
        None | Some(Part::Whole) => {
            return Ok(builder.header(header::CONTENT_LENGTH, all).body(bytes));
        }
        Some(Part::Nowhere) => {
            return Err(Problem::new(StatusCode::RANGE_NOT_SATISFIABLE, "the body is shorter")
                .header(header::CONTENT_RANGE, &format!("bytes */{all}")));
        }
        Some(Part::Bytes(part)) => part,
    };
    let range = format!("bytes {}-{}/{all}", part.start, part.end - 1);
    builder = builder
        .status(StatusCode::PARTIAL_CONTENT)
        .header(header::CONTENT_RANGE, range)
        .header(header::CONTENT_LENGTH, part.len());
    Ok(builder.body(bytes::Bytes::from(bytes).slice(part)))
}

#[derive(Debug, PartialEq)]
enum Part {
    Whole,
    Bytes(std::ops::Range<usize>),
    Nowhere,
}

/// One range of bytes; anything else is, as RFC 9110 allows, answered whole.
fn part(header: &str, all: usize) -> Part {
    let Some(spec) = header.trim().strip_prefix("bytes=") else { return Part::Whole };
    let Some((first, last)) = spec.split_once('-') else { return Part::Whole };
    let (start, end) = match (first.trim().parse::<usize>(), last.trim().parse::<usize>()) {
        (Ok(first), Ok(last)) if first <= last => (first, last.saturating_add(1).min(all)),
        (Ok(first), Err(_)) if last.trim().is_empty() => (first, all),
        (Err(_), Ok(n)) if first.trim().is_empty() => (all.saturating_sub(n), all),
        _ => return Part::Whole,
    };
    if start < end { Part::Bytes(start..end) } else { Part::Nowhere }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("bytes=0-3", Part::Bytes(0..4))]
    #[case("bytes=5-", Part::Bytes(5..10))]
    #[case("bytes=-3", Part::Bytes(7..10))]
    #[case("bytes=-99", Part::Bytes(0..10))]
    #[case("bytes=8-99", Part::Bytes(8..10))]
    #[case("bytes=10-", Part::Nowhere)]
    #[case("bytes=-0", Part::Nowhere)]
    #[case("bytes=3-1", Part::Whole)]
    #[case("bytes=0-1,3-4", Part::Whole)]
    #[case("lines=0-1", Part::Whole)]
    fn ranges(#[case] header: &str, #[case] expected: Part) {
        assert_eq!(part(header, 10), expected);
    }
}
