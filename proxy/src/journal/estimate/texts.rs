//! The texts of a request and of an answer that count as tokens, whatever the dialect.

use std::borrow::Cow;

use glassway_shared::{content, sse};
use serde_json::Value;

use super::Text;
use crate::tokens;

/// What a message costs beside its text, in every vendor's count about the same.
const PER_MESSAGE: u64 = 3;
/// Of a request, what a model is given to read.
const READ: &[&str] =
    &["system", "instructions", "messages", "input", "prompt", "tools", "functions"];
/// Of an answer, what a model wrote.
const WRITTEN: &[&str] = &["choices", "content", "output"];
/// Strings that are no text: names of things, and bytes in another form.
const NO_TEXT: &[&str] = &[
    "id",
    "tool_call_id",
    "tool_use_id",
    "call_id",
    "type",
    "object",
    "status",
    "finish_reason",
    "signature",
    "encrypted_content",
    "data",
    "url",
    "image_url",
    "file_data",
    "file_id",
    "media_type",
    "cache_control",
];

/// Tokens of what was asked.
pub(super) fn prompt(request: &Text<'_>) -> u64 {
    let Ok(Value::Object(body)) = serde_json::from_slice(request.body) else {
        return plain(request);
    };
    let mut texts = Vec::new();
    let mut messages = 1;
    for name in READ {
        match body.get(*name) {
            // Their schemas are read as they stand.
            Some(tools) if *name == "tools" || *name == "functions" => {
                texts.push(Cow::Owned(tools.to_string()));
            }
            Some(value) => {
                messages += value.as_array().map_or(0, |all| all.len() as u64);
                walk(value, &mut texts);
            }
            None => {}
        }
    }
    tokens::count(texts.iter().map(|text| &**text)) + messages * PER_MESSAGE
}

/// Tokens of what came back.
pub(super) fn completion(answer: &Text<'_>) -> u64 {
    if let Ok(Value::Object(body)) = serde_json::from_slice(answer.body) {
        let mut texts = Vec::new();
        WRITTEN.iter().filter_map(|name| body.get(*name)).for_each(|part| walk(part, &mut texts));
        return tokens::count(texts.iter().map(|text| &**text));
    }
    let events = sse::events(answer.body);
    if events.is_empty() {
        return plain(answer);
    }
    // Words are split over frames: pieces are joined as they are.
    let pieces = events.iter().filter_map(|event| content::piece(&event.data));
    let said: String = pieces.map(|piece| piece.text().to_owned()).collect();
    tokens::count([&said[..]])
}

/// A body that is no JSON, such as one that was cut.
fn plain(text: &Text<'_>) -> u64 {
    tokens::count([&*String::from_utf8_lossy(text.body)])
}

fn walk<'a>(value: &'a Value, texts: &mut Vec<Cow<'a, str>>) {
    match value {
        Value::String(text) if !text.starts_with("data:") => texts.push(Cow::Borrowed(text)),
        Value::Array(items) => items.iter().for_each(|item| walk(item, texts)),
        Value::Object(fields) => {
            for (name, value) in fields {
                match &name[..] {
                    name if NO_TEXT.contains(&name) => {}
                    // A tool's arguments, as the model wrote them.
                    "input" if value.is_object() => texts.push(Cow::Owned(value.to_string())),
                    _ => walk(value, texts),
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(body: &str) -> Text<'_> {
        Text { body: body.as_bytes() }
    }

    #[rstest::rstest]
    #[case::chat(r#"{"model":"m","messages":[{"role":"user","content":"hello world"}]}"#, 3 + 6)]
    #[case::parts(r#"{"messages":[{"role":"user","content":[{"type":"text","text":"hello world"},{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAAAAAAAAAA"}}]}]}"#, 3 + 6)]
    #[case::messages(r#"{"system":"hello","messages":[{"role":"user","content":"hello world"}]}"#, 4 + 6)]
    #[case::responses(r#"{"input":"hello world"}"#, 2 + 3)]
    fn prompts_count_their_text(#[case] body: &str, #[case] tokens: u64) {
        assert_eq!(prompt(&text(body)), tokens);
    }

    #[test]
    fn tools_count_as_they_stand() {
        let tool =
            r#"{"type":"function","function":{"name":"now","parameters":{"type":"object"}}}"#;
        let with = format!(r#"{{"input":"hello","tools":[{tool}]}}"#);
        assert!(prompt(&text(&with)) > prompt(&text(r#"{"input":"hello"}"#)) + 10);
    }

    #[rstest::rstest]
    #[case::chat(r#"{"id":"x","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"hello world"},"finish_reason":"stop"}]}"#, 3)]
    #[case::messages(r#"{"id":"msg_x","content":[{"type":"thinking","thinking":"hello","signature":"AAAA"},{"type":"text","text":"hello world"}]}"#, 3)]
    #[case::responses(r#"{"output":[{"type":"message","content":[{"type":"output_text","text":"hello world"}]}]}"#, 2)]
    #[case::stream(
        "data: {\"choices\":[{\"delta\":{\"content\":\"hello wo\"}}]}\n\ndata: {\"choices\":[{\"delta\":{\"content\":\"rld\"}}]}\n\n",
        2
    )]
    #[case::nothing("", 0)]
    fn answers_count_their_text(#[case] body: &str, #[case] tokens: u64) {
        assert_eq!(completion(&text(body)), tokens);
    }
}
