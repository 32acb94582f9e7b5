//! Asking: an OpenAI chat body goes to the proxy as a trusted client's, its answer comes
//! back as it arrives, and both are kept in the history.

mod body;
pub(super) mod history;
mod shape;

use std::sync::Arc;

use glassway_shared::{id::ExchangeId, store::chats::Question};
use jiff::Timestamp;
use poem::{
    Body, Response, Result,
    http::{HeaderMap, HeaderName, HeaderValue, header},
};
use poem_openapi::{OpenApi, param::Query, payload::Json};
use serde_json::Value;

use super::{Tag, fields::label, input, raw::Raw};
use crate::{
    app::App,
    chat::Turn,
    error::Problem,
    link::{Ask, LinkError},
};
use body::ChatBody;

pub(super) struct Operations(pub(super) Arc<App>);

/// Headers of the proxy's answer that its client gets.
const PASSED: [&str; 7] = [
    "content-type",
    "content-encoding",
    "retry-after",
    "x-glassway-id",
    "x-glassway-warnings",
    "x-request-id",
    "openai-processing-ms",
];
/// Which conversation and turn it was kept as.
const CONVERSATION: HeaderName = HeaderName::from_static("x-glassway-conversation");
const TURN: HeaderName = HeaderName::from_static("x-glassway-turn");

#[OpenApi(tag = "Tag::Chat")]
impl Operations {
    /// Chat
    ///
    /// Takes an OpenAI chat body, also `stream`, and answers as the upstream does, status
    /// and all; recorded with the origin `chat` and kept in `/api/chat/history`. The
    /// headers `x-glassway-conversation` and `x-glassway-turn` say where, `x-glassway-id`
    /// names the exchange.
    #[oai(path = "/api/chat", method = "post", operation_id = "chat")]
    async fn chat(
        &self,
        /// Goes on with this conversation; left out: a new one.
        conversation: Query<Option<i64>>,
        /// Only this provider, by its name.
        #[oai(validator(max_length = 300))]
        provider: Query<Option<String>>,
        /// Only this key, by its id, whatever its standing.
        key: Query<Option<i64>>,
        body: input::Body<ChatBody>,
    ) -> Result<Raw<Json<Value>>> {
        let body = body.0;
        let provider = provider.0.map(|name| label("provider", &name)).transpose()?;
        let bytes = body.bytes();
        let key_header = key.0.map(|id| id.to_string());
        // Chosen here, so that a turn names its exchange whatever becomes of the answer.
        let exchange = ExchangeId::new();
        let promised = exchange.to_string();
        let question = Question {
            chat: conversation.0,
            title: body.title(),
            at: Timestamp::now().as_millisecond(),
            model: body.model().to_owned(),
            provider: provider.clone(),
            key_id: key.0,
            parameters: body.parameters(),
            words: body.last_words(),
            messages: body.into_messages(),
            exchange,
        };
        let turn = Turn::begin(&self.0, question).await?;
        let mut headers = vec![
            ("x-glassway-origin", "chat"),
            ("x-glassway-id", &promised[..]),
            ("content-type", "application/json"),
        ];
        // Names of providers are fit for a path, and so for a header; others exist nowhere.
        if let Some(name) = &provider {
            if !name.is_ascii() {
                turn.failed("there is no such provider", false);
                return Err(Problem::field("provider", "there is no such provider").into());
            }
            headers.push(("x-glassway-provider", name));
        }
        headers.extend(key_header.as_deref().map(|id| ("x-glassway-key", id)));
        let ask = Ask {
            method: "POST",
            path: "/managed/v1/chat/completions",
            headers: &headers,
            body: bytes.into(),
            ..Ask::default()
        };
        match self.0.link.stream(ask).await {
            Ok(answering) => {
                let (status, passed) = (answering.status, passed(&answering.headers));
                let mut response = Response::builder().status(status);
                for (name, value) in passed {
                    response = response.header(name, value);
                }
                let response = response
                    .header(CONVERSATION, turn.chat)
                    .header(TURN, turn.id)
                    .body(Body::from_bytes_stream(turn.answered(answering)));
                Ok(response.into())
            }
            Err(e) => {
                tracing::warn!(error = %e, "the proxy cannot be asked to chat");
                let why = "the proxy is away; the question was kept, ask it again later";
                let (chat, id) = (turn.chat.to_string(), turn.id.to_string());
                turn.failed("the proxy was away", !matches!(e, LinkError::Connect(_)));
                let problem = Problem::unavailable(why);
                Err(problem.header(CONVERSATION, &chat).header(TURN, &id).into())
            }
        }
    }
}

fn passed(headers: &HeaderMap) -> Vec<(HeaderName, HeaderValue)> {
    let named =
        |name: &'static str| Some((HeaderName::from_static(name), headers.get(name)?.clone()));
    let mut passed: Vec<_> = PASSED.into_iter().filter_map(named).collect();
    // Proxies in between must not hold a stream back.
    passed.push((HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no")));
    if !headers.contains_key(header::CONTENT_TYPE) {
        passed.push((header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream")));
    }
    passed
}
