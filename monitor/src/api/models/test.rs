//! Testing a model: one short question through the gateway, as a client would ask it. It is
//! recorded and paid for as any other, but counts in no statistics.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use poem::Result;
use poem_openapi::{Object, OpenApi, payload::Json};
use serde_json::{Value, json};

use crate::{
    api::{Tag, fields::label, input::Body, keys::ask::refusal},
    app::App,
    error::Problem,
    link::{Ask, LinkError},
};

pub(in crate::api) struct Operations(pub(in crate::api) Arc<App>);

/// For the whole answer; models that think take long.
const TIMEOUT: Duration = Duration::from_secs(60);
const AWAY: &str = "the proxy is not there to ask the provider";
/// What is asked. No limit of tokens goes with it: vendors disagree on its name.
const QUESTION: &str = "Reply with the word OK.";

/// What to test.
#[derive(Object)]
#[oai(deny_unknown_fields)]
struct ModelTestInput {
    /// As clients call it.
    #[oai(validator(max_length = 300))]
    model: String,
    /// Only this provider, by its name; left out: whichever the routes choose.
    #[oai(validator(max_length = 300))]
    provider: Option<String>,
}

/// What a test found.
#[derive(Object)]
struct ModelTest {
    /// Whether an answer came that is one.
    ok: bool,
    /// What the gateway answered; `null` where it did not in time.
    http_status: Option<u16>,
    latency_ms: f64,
    error: Option<String>,
    /// The exchange it was recorded as: which provider and key it went to, and what it cost.
    request_id: Option<String>,
}

#[OpenApi(tag = "Tag::Models")]
impl Operations {
    /// Test a model
    ///
    /// Asks it one short question, with the origin `test`: a chat, or an embedding where
    /// its name says that it makes those. What answers may cost a little.
    #[oai(path = "/api/test/model", method = "post", operation_id = "testModel")]
    async fn test(&self, body: Body<ModelTestInput>) -> Result<Json<ModelTest>> {
        let model = label("model", &body.0.model)?;
        if model.contains('*') {
            let message = "a pattern is not a model; test one that it matches";
            return Err(Problem::field("model", message).into());
        }
        let provider = body.0.provider.map(|name| label("provider", &name)).transpose()?;
        let mut headers = vec![("x-glassway-origin", "test"), ("content-type", "application/json")];
        if let Some(name) = &provider {
            // Names of providers are fit for a path, and so for a header; others exist nowhere.
            if !name.is_ascii() {
                return Err(Problem::field("provider", "there is no such provider").into());
            }
            headers.push(("x-glassway-provider", name));
        }
        let (path, question) = question(&model);
        let ask = Ask {
            method: "POST",
            path,
            headers: &headers,
            body: question.to_string().into(),
            timeout: TIMEOUT,
        };
        let started = Instant::now();
        let answered = self.0.link.ask(ask).await;
        let latency_ms = started.elapsed().as_secs_f64() * 1000.0;
        let answer = match answered {
            Ok(answer) => answer,
            Err(LinkError::Timeout) => {
                let error = Some("no answer within 60 seconds".to_owned());
                let (http_status, request_id) = (None, None);
                let test = ModelTest { ok: false, http_status, latency_ms, error, request_id };
                return Ok(Json(test));
            }
            Err(e) => {
                tracing::warn!(error = %e, "the proxy cannot be asked to test a model");
                return Err(Problem::unavailable(AWAY).into());
            }
        };
        let error = match answer.status.is_success() {
            true => wrong(&answer.body),
            false => Some(refusal(answer.status.as_u16(), &answer.body)),
        };
        Ok(Json(ModelTest {
            ok: error.is_none(),
            http_status: Some(answer.status.as_u16()),
            latency_ms,
            error,
            request_id: answer.id,
        }))
    }
}

/// Where it is asked, and what.
fn question(model: &str) -> (&'static str, Value) {
    if model.to_ascii_lowercase().contains("embed") {
        return ("/managed/v1/embeddings", json!({"model": model, "input": QUESTION}));
    }
    let messages = json!([{"role": "user", "content": QUESTION}]);
    ("/managed/v1/chat/completions", json!({"model": model, "messages": messages}))
}

/// Why an answer below 400 is none; relays answer 200 to anything.
fn wrong(body: &[u8]) -> Option<String> {
    let answer: Value = serde_json::from_slice(body).unwrap_or_default();
    if answer["error"].is_null() && (answer["choices"][0].is_object() || answer["data"].is_array())
    {
        return None;
    }
    Some(match &answer["error"] {
        Value::Null => "it answered 200, but with nothing that a model says".to_owned(),
        _ => refusal(200, body),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_an_answer_counts_as_one() {
        assert_eq!(wrong(br#"{"choices":[{"message":{"content":"OK"}}]}"#), None);
        assert_eq!(wrong(br#"{"data":[{"embedding":[0.5]}]}"#), None);
        assert!(wrong(b"<html>").is_some());
        let said = wrong(br#"{"choices":[{}],"error":{"message":"no such model"}}"#);
        assert_eq!(said.unwrap(), "200: no such model");
    }

    #[test]
    fn models_that_embed_are_asked_to() {
        assert_eq!(question("text-embedding-3-small").0, "/managed/v1/embeddings");
        assert_eq!(question("gpt-4o").0, "/managed/v1/chat/completions");
    }
}
