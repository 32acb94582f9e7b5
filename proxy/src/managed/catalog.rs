//! `GET /v1/models`: what this caller may use, in its dialect's shape. Answered here;
//! no upstream is asked.

use std::sync::Arc;

use bytes::Bytes;
use glassway_shared::{model::Outcome, wildcard::matches};
use http::{HeaderValue, Response, StatusCode, header};
use serde_json::{Value, json};

use super::destination::Destination;
use crate::{
    app::App,
    error::{Dialect, Fault},
    exchange::settle,
    live::Recording,
    snapshot::Snapshot,
    tee::Reply,
};

/// The list, or the one model that the path names.
pub(super) fn list(
    snapshot: &Snapshot,
    destination: &Destination,
    dialect: Dialect,
    allowed: &[String],
) -> Result<Value, Fault> {
    let may =
        |name: &&str| allowed.is_empty() || allowed.iter().any(|pattern| matches(pattern, name));
    let names: Vec<&str> = snapshot.names().into_iter().filter(may).collect();
    if let Some(one) = destination.operation.strip_prefix("/models/") {
        let one = percent_encoding::percent_decode_str(one).decode_utf8_lossy();
        return match names.iter().find(|name| **name == one) {
            Some(name) => Ok(entry(name, dialect)),
            None => Err(Fault::refused(
                "unknown_model",
                StatusCode::NOT_FOUND,
                format!("no key here lists the model `{one}`"),
            )),
        };
    }
    let data: Vec<Value> = names.iter().map(|name| entry(name, dialect)).collect();
    Ok(match dialect {
        Dialect::OpenAi => json!({"object": "list", "data": data}),
        Dialect::Anthropic => json!({
            "data": data,
            "first_id": names.first(),
            "last_id": names.last(),
            "has_more": false,
        }),
    })
}

fn entry(name: &str, dialect: Dialect) -> Value {
    match dialect {
        Dialect::OpenAi => {
            json!({"id": name, "object": "model", "created": 0, "owned_by": "glassway"})
        }
        Dialect::Anthropic => json!({
            "type": "model",
            "id": name,
            "display_name": name,
            "created_at": "1970-01-01T00:00:00Z",
        }),
    }
}

/// Answers with it, recorded as the client gets it.
pub(super) async fn record(
    app: &Arc<App>,
    recording: Option<Recording>,
    body: Value,
) -> Response<Reply> {
    let body = Bytes::from(body.to_string());
    let mut response = Response::new(Reply::from(body.clone()));
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    match recording {
        Some(recording) => {
            let ttfb = recording.live().elapsed_us();
            let mut answer = recording.recorder().answer(200, response.headers(), ttfb, false);
            answer.body.push(&body, Some(body.len() as u64));
            recording.answered(answer);
            settle(Some(recording), Outcome::Ok).await;
        }
        None => app.metrics.ended(Outcome::Ok),
    }
    response
}
