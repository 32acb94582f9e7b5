//! `GET` and `PUT /log-levels`: what this process writes into its log, for the monitor to
//! ask and change.

use bytes::Bytes;
use glassway_shared::logging::{self, Filter};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use serde_json::{Value, json};

use super::json_reply;

/// No filter is longer.
const LONGEST: usize = 64 << 10;

pub(super) async fn answer(request: Request<Incoming>) -> Response<Bytes> {
    if request.method() == Method::GET {
        return say(logging::now());
    }
    if request.method() != Method::PUT {
        return json_reply(StatusCode::METHOD_NOT_ALLOWED, &json!({"error": "GET or PUT"}));
    }
    match asked(request).await {
        Ok(filter) => say(logging::set(filter)),
        Err(reason) => json_reply(StatusCode::BAD_REQUEST, &json!({"error": reason})),
    }
}

/// `{"filter": "…"}`; null is what the configuration says.
async fn asked(request: Request<Incoming>) -> Result<Option<Filter>, String> {
    let body = Limited::new(request.into_body(), LONGEST).collect().await;
    let body = body.map_err(|e| e.to_string())?.to_bytes();
    let asked: Value = serde_json::from_slice(&body).map_err(|e| e.to_string())?;
    match &asked["filter"] {
        Value::Null => Ok(None),
        Value::String(text) => Filter::parse(text).map(Some),
        _ => Err("filter: must be text".to_owned()),
    }
}

fn say(now: logging::Now) -> Response<Bytes> {
    json_reply(StatusCode::OK, &json!({"filter": now.filter, "configured": now.configured}))
}
