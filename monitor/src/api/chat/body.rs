//! An OpenAI chat body: what this needs of it is judged here, the rest is the upstream's
//! to judge and goes through as it is.

use std::borrow::Cow;

use poem_openapi::{
    registry::{MetaSchema, MetaSchemaRef, Registry},
    types::{ParseError, ParseFromJSON, ParseResult, Type},
};
use serde_json::{Map, Value};

const MOST_MESSAGES: usize = 2_000;
const MOST_MODEL: usize = 300;
const TITLE: usize = 80;

/// The body of a chat.
pub(super) struct ChatBody {
    model: String,
    messages: Vec<Value>,
    /// Without model and messages.
    parameters: Map<String, Value>,
}

impl ChatBody {
    fn of(value: Value) -> Result<Self, String> {
        let Value::Object(mut body) = value else { return Err("must be an object".to_owned()) };
        let model = match body.remove("model") {
            Some(Value::String(model))
                if !model.trim().is_empty()
                    && model.len() <= MOST_MODEL
                    && !model.chars().any(char::is_control) =>
            {
                model
            }
            _ => return Err("field `model` must be a model's name".to_owned()),
        };
        let messages = match body.remove("messages") {
            Some(Value::Array(messages)) => messages,
            _ => return Err("field `messages` must be a list".to_owned()),
        };
        if messages.is_empty() || messages.len() > MOST_MESSAGES {
            return Err("field `messages` must hold 1 to 2,000 messages".to_owned());
        }
        if messages.iter().any(|message| !message["role"].is_string()) {
            return Err("field `messages` must hold messages, each with a role".to_owned());
        }
        Ok(Self { model, messages, parameters: body })
    }

    pub(super) fn model(&self) -> &str {
        &self.model
    }

    pub(super) fn parameters(&self) -> Value {
        self.parameters.clone().into()
    }

    pub(super) fn into_messages(self) -> Vec<Value> {
        self.messages
    }

    /// As it goes to the proxy.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut body = self.parameters.clone();
        body.insert("model".to_owned(), self.model.clone().into());
        body.insert("messages".to_owned(), self.messages.clone().into());
        Value::Object(body).to_string().into_bytes()
    }

    /// The last message's.
    pub(super) fn last_words(&self) -> String {
        self.messages.last().map(words).unwrap_or_default()
    }

    /// The first question's beginning, else the model's name.
    pub(super) fn title(&self) -> String {
        let users = self.messages.iter().filter(|message| message["role"] == "user").map(words);
        let first = users.map(|words| words.split_whitespace().collect::<Vec<_>>().join(" "));
        match first.into_iter().find(|words| !words.is_empty()) {
            Some(words) if words.chars().count() > TITLE => {
                words.chars().take(TITLE - 1).chain(['…']).collect()
            }
            Some(words) => words,
            None => self.model.clone(),
        }
    }
}

/// The text of a message, whether it is one or in parts.
fn words(message: &Value) -> String {
    match &message["content"] {
        Value::String(text) => text.clone(),
        Value::Array(parts) => {
            let texts = parts.iter().filter_map(|part| part["text"].as_str());
            texts.collect::<Vec<_>>().join("\n")
        }
        _ => String::new(),
    }
}

impl Type for ChatBody {
    const IS_REQUIRED: bool = true;
    type RawValueType = Self;
    type RawElementValueType = Self;

    fn name() -> Cow<'static, str> {
        "ChatBody".into()
    }

    fn schema_ref() -> MetaSchemaRef {
        MetaSchemaRef::Reference("ChatBody".to_owned())
    }

    fn register(registry: &mut Registry) {
        registry.create_schema::<Self, _>("ChatBody".to_owned(), |_| {
            let described = |kind: &'static str, said: &'static str| {
                let schema = MetaSchema { description: Some(said), ..MetaSchema::new(kind) };
                MetaSchemaRef::Inline(Box::new(schema))
            };
            let message = MetaSchema {
                required: vec!["role"],
                properties: vec![("role", described("string", "Who says it."))],
                additional_properties: Some(Box::new(any())),
                ..MetaSchema::new("object")
            };
            let messages = MetaSchema {
                description: Some("The conversation so far and the question."),
                items: Some(Box::new(MetaSchemaRef::Inline(Box::new(message)))),
                min_items: Some(1),
                max_items: Some(MOST_MESSAGES),
                ..MetaSchema::new("array")
            };
            MetaSchema {
                description: Some(
                    "An OpenAI chat body; what is not named here goes to the upstream as it is.",
                ),
                required: vec!["model", "messages"],
                properties: vec![
                    ("model", described("string", "As clients call it.")),
                    ("messages", MetaSchemaRef::Inline(Box::new(messages))),
                    (
                        "stream",
                        described("boolean", "Answer as it is made, in server-sent events."),
                    ),
                ],
                additional_properties: Some(Box::new(any())),
                ..MetaSchema::new("object")
            }
        });
    }

    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }

    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
        Box::new(std::iter::once(self))
    }
}

fn any() -> MetaSchemaRef {
    MetaSchemaRef::Inline(Box::new(MetaSchema::ANY))
}

impl ParseFromJSON for ChatBody {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        Self::of(value.unwrap_or_default()).map_err(ParseError::custom)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_not_known_here_goes_through() {
        let sent = json!({"model": "m", "messages": [{"role": "user", "content": "hi"}], "seed": 7, "x": {"y": [1.5]}});
        let body = ChatBody::of(sent.clone()).ok().unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&body.bytes()).unwrap(), sent);
        assert_eq!(body.parameters(), json!({"seed": 7, "x": {"y": [1.5]}}));
    }

    #[test]
    fn titles_are_the_first_question_in_one_line() {
        let title = |messages: Value| {
            ChatBody::of(json!({"model": "m", "messages": messages})).ok().unwrap().title()
        };
        assert_eq!(
            title(
                json!([{"role": "system", "content": "s"}, {"role": "user", "content": " a\n\tb "}])
            ),
            "a b"
        );
        assert_eq!(
            title(
                json!([{"role": "user", "content": [{"type": "image_url"}, {"type": "text", "text": "see"}]}])
            ),
            "see"
        );
        assert_eq!(title(json!([{"role": "user", "content": null}])), "m");
        assert_eq!(
            title(json!([{"role": "user", "content": "狐".repeat(200)}])).chars().count(),
            TITLE
        );
    }

    #[rstest::rstest]
    #[case(json!([]))]
    #[case(json!({"messages": [{"role": "user"}]}))]
    #[case(json!({"model": "", "messages": [{"role": "user"}]}))]
    #[case(json!({"model": "a\nb", "messages": [{"role": "user"}]}))]
    #[case(json!({"model": "m", "messages": []}))]
    #[case(json!({"model": "m", "messages": ["hi"]}))]
    #[case(json!({"model": "m", "messages": [{"role": 7}]}))]
    fn what_is_no_chat_is_refused(#[case] body: Value) {
        assert!(ChatBody::of(body).is_err());
    }
}
