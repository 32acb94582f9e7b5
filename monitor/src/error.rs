//! Every refusal as `application/problem+json` (RFC 9457): what a person reads, in
//! one place. What a log reads is written where the error is handled.

pub mod chinese;

use std::time::Duration;

use glassway_shared::store::{StoreError, read::gave_up};
use poem::{
    Response,
    http::{HeaderName, HeaderValue, StatusCode, header},
};
use serde::Serialize;

/// One refusal.
#[derive(Clone, Debug)]
pub struct Problem {
    status: StatusCode,
    detail: String,
    errors: Vec<FieldError>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// Which part of the input is to blame.
#[derive(Clone, Debug, Serialize)]
pub struct FieldError {
    /// A parameter or JSON field.
    pub field: String,
    /// What is wrong with it.
    pub message: String,
}

#[derive(Serialize)]
struct Document<'a> {
    r#type: &'static str,
    title: &'static str,
    status: u16,
    detail: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [FieldError],
}

impl Problem {
    /// A refusal with its sentence.
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into(), errors: vec![], headers: vec![] }
    }

    /// 400 that names the field.
    pub fn field(field: &str, message: impl Into<String>) -> Self {
        let message = message.into();
        let mut problem = Self::new(StatusCode::BAD_REQUEST, format!("{field}: {message}"));
        problem.errors.push(FieldError { field: field.to_owned(), message });
        problem
    }

    /// 409 that names the field.
    pub fn conflict(field: &str, message: impl Into<String>) -> Self {
        Self { status: StatusCode::CONFLICT, ..Self::field(field, message) }
    }

    /// 404.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    /// 401, with the scheme a client can use.
    pub fn unauthorized(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, detail)
            .header(header::WWW_AUTHENTICATE, "Bearer realm=\"glassway\"")
    }

    /// 503 that may pass by itself.
    pub fn unavailable(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, detail).header(header::RETRY_AFTER, "1")
    }

    /// 429 until then.
    pub fn too_many(detail: impl Into<String>, wait: Duration) -> Self {
        let seconds = wait.as_secs().max(1).to_string();
        Self::new(StatusCode::TOO_MANY_REQUESTS, detail).header(header::RETRY_AFTER, &seconds)
    }

    /// 500: what happened is in the log, not in the answer.
    pub fn internal() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "something broke here; the log says what")
    }

    /// Whether it has this status.
    pub fn is(&self, status: StatusCode) -> bool {
        self.status == status
    }

    /// Its sentence.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// Adds a header.
    pub fn header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.push((name, value));
        }
        self
    }

    /// The answer.
    pub fn response(&self) -> Response {
        let document = Document {
            r#type: "about:blank",
            title: self.status.canonical_reason().unwrap_or("Error"),
            status: self.status.as_u16(),
            detail: &self.detail,
            errors: &self.errors,
        };
        let body = serde_json::to_vec(&document).unwrap_or_default();
        let mut response = Response::builder()
            .status(self.status)
            .content_type("application/problem+json")
            .body(body);
        for (name, value) in &self.headers {
            response.headers_mut().insert(name.clone(), value.clone());
        }
        response
    }

    /// Whatever poem or an extractor refused, in our form.
    pub fn render(error: poem::Error) -> Response {
        if error.is_from_response() {
            return error.into_response();
        }
        let status = match error.status() {
            // Said by poem's WebSocket extractor where no upgrade was asked for.
            StatusCode::BAD_REQUEST if error.is::<poem::error::WebSocketError>() => {
                StatusCode::UPGRADE_REQUIRED
            }
            status => status,
        };
        if status.is_server_error() {
            tracing::error!(error = %error, "a request failed");
            return Self::internal().response();
        }
        if let Some(bad) = error.downcast_ref::<poem_openapi::error::ParseParamError>() {
            return Self::field(bad.name, reason(&bad.reason)).response();
        }
        // poem-openapi numbers the parts of an address; ours that can be wrong are ids.
        if let Some(bad) = error.downcast_ref::<poem_openapi::error::ParsePathError>() {
            return Self::field("id", id_reason(reason(&bad.reason))).response();
        }
        let detail = match status {
            StatusCode::NOT_FOUND => "there is nothing at this address".to_owned(),
            StatusCode::UPGRADE_REQUIRED => "this address speaks WebSocket only".to_owned(),
            _ => error.to_string(),
        };
        let problem = Self::new(status, detail);
        match status {
            StatusCode::UPGRADE_REQUIRED => problem.header(header::UPGRADE, "websocket"),
            _ => problem,
        }
        .response()
    }
}

/// What poem-openapi says of a parameter, without what it says of Rust.
fn reason(text: &str) -> &str {
    let text = text.split(" (occurred while parsing").next().unwrap_or(text);
    match text.strip_prefix("failed to parse \"").and_then(|rest| rest.split_once("\": ")) {
        Some((_, reason)) => reason,
        None => text,
    }
}

/// What Rust says of a number, in words.
fn id_reason(text: &str) -> &str {
    match text.contains("digit") || text.contains("integer") || text.contains("number") {
        true => "the id in the address must be a whole number",
        false => text,
    }
}

impl From<Problem> for poem::Error {
    fn from(problem: Problem) -> Self {
        Self::from_response(problem.response())
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        if gave_up(&error) {
            return Self::unavailable(
                "the question took the database longer than 2 seconds; narrow it, by time for instance",
            );
        }
        tracing::error!(error = %error, "the database did not answer");
        Self::unavailable("the database does not answer; the log says why")
    }
}
